"""Keys: whoever shows one is known by it, until it ends; nothing that is kept tells the key."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.ports import Ports
from app.ports.local.records import LocalRecords
from app.room.access import LONGEST, Access
from app.room.call import LOCAL, Caller
from app.room.errors import Forbidden, Invalid, Unauthenticated, Unavailable, Unknown
from app.room.key import KEYS, read
from app.room.keyring import Keyring
from app.room.session import SESSIONS, form_token
from app.testing import Testing


class Away:
    """A store that can be out of reach."""

    def __init__(self, records: LocalRecords) -> None:
        self._records = records
        self.is_away = False
        self.commits = 0

    def __getattr__(self, verb: str) -> Any:
        if self.is_away:
            raise Unavailable("The store is away.")
        self.commits += verb == "commit"
        return getattr(self._records, verb)


class Shouted:
    """Tidings that reach everybody who has this."""

    told = 0

    def latest(self) -> bytes:
        return bytes(self.told)

    def tell(self) -> None:
        self.told += 1


class Process:
    """One of several on the same store and clock; what it does beside its calls waits in a list."""

    def __init__(self, ports: Ports, admin_key: str = "") -> None:
        self.beside: list[Callable[[], object]] = []
        self.store = Away(ports.records)  # type: ignore[arg-type]
        self.ports = replace(ports, records=self.store)  # type: ignore[arg-type]
        self.access = Access(self.ports, admin_key, self.beside.append)
        self.ring = Keyring(self.ports, self.access, LOCAL)

    def knows(self, shown: str) -> Caller | None:
        try:
            return self.access.of_key(shown)
        except Unauthenticated:
            return None

    def catch_up(self) -> int:
        """Does what was put off; gives how much."""
        works, self.beside[:] = [*self.beside], []
        for work in works:
            work()
        return len(works)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Testing]:
    records = LocalRecords(tmp_path / "lab.db", floor=1)
    with Testing(records=records) as made:
        yield made
    records.close()


@pytest.fixture
def here(lab: Testing) -> Process:
    return Process(lab.room.ports)


@pytest.fixture
def there(lab: Testing) -> Process:
    return Process(lab.room.ports)


def make(process: Process, *scopes: str, owner: str | None = None, expires: Any = None) -> str:
    made = process.ring.create("a key", scopes or ("run",), owner, expires)
    return str(made["key"])


def id_of(shown: str) -> str:
    found = read(shown)
    assert found
    return found[0]


def test_whoever_shows_a_key_is_its_owner_with_its_greatest_scope(here):
    """Of several scopes the greatest includes the others; without an owner it is its maker's."""
    shown = make(here, "read", "admin", owner="ada")
    assert here.knows(shown) == Caller("ada", "admin", id_of(shown))
    other = make(here, "read")
    assert here.knows(other) == Caller("local", "read", id_of(other))


def test_what_is_no_key_is_unknown(here):
    """Whatever somebody shows, it is told the same way, and no store is asked for what is none."""
    shown = make(here)
    id, secret = id_of(shown), shown[-64:]
    before = here.store.commits
    for wrong in (
        "", "md", "md__", "md_a_b", shown[:-1], shown + "0", shown.upper(), f" {shown}",
        f"md_{id}_{'0' * 64}", f"md_other_{secret}", f"md_{id}x_{secret}", f"{id}_{secret}",
        f"md_{id}/_{secret}", f"md_{id}_{secret}\n", "md_" + "a" * 9000, "é" * 80,
    ):  # fmt: skip
        assert here.knows(wrong) is None, wrong
    assert here.store.commits == before


def test_nothing_that_is_kept_tells_a_key(here):
    """Neither the record nor what is shown of it holds the secret, which has 256 bits."""
    shown = make(here, "admin")
    cookie = here.access.sign_in(shown)
    again = here.ring.rotate(id_of(shown))["key"]
    kept = [
        json.dumps(record.body)
        for collection in (KEYS, SESSIONS)
        for record in here.ports.records.list(collection).items
    ]
    told = json.dumps(here.ring.list())
    for text in (shown, str(again), cookie):
        assert int(text[-64:], 16).bit_length() > 200
        assert all(text[-64:] not in each for each in [*kept, told])


def test_the_first_key_is_noticed(lab, here, there):
    """At once by who makes it, within a second by who cannot hear of it, and for good."""
    assert not here.access.asks()
    assert not there.access.asks()
    shown = make(here)
    assert here.access.asks()
    lab.clock.sleep(1)
    assert there.access.asks()
    here.ring.revoke(id_of(shown))
    assert Process(lab.room.ports).access.asks()


def test_who_has_never_seen_the_store_does_not_guess(lab, here):
    """Whether a key is asked for is not known then; what was known stays so while it is away."""
    here.store.is_away = True
    with pytest.raises(Unavailable):
        here.access.asks()
    here.store.is_away = False
    assert not here.access.asks()
    here.store.is_away = True
    lab.clock.sleep(10)
    assert not here.access.asks()


def test_a_revoked_key_ends(lab, here, there):
    """Where it is revoked at once, where that cannot be heard within a minute."""
    shown = make(here)
    assert here.knows(shown)
    assert there.knows(shown)
    here.ring.revoke(id_of(shown))
    assert here.knows(shown) is None
    lab.clock.sleep(60)
    assert there.knows(shown) is None
    with pytest.raises(Unknown):
        here.ring.revoke(id_of(shown))


def test_processes_that_hear_of_each_other_forget_at_once(lab):
    """The first key, one that was revoked or rotated, a visit that was ended: no second later."""
    ports = replace(lab.room.ports, tidings=Shouted())
    here, there = Process(ports), Process(ports)
    assert not there.access.asks()
    shown, other = make(here), make(here)
    assert there.access.asks()
    cookie = here.access.sign_in(other)
    assert there.knows(shown)
    assert there.knows(other)
    assert there.access.of_session(cookie)
    here.ring.revoke(id_of(shown))
    assert there.knows(shown) is None
    here.access.sign_out(cookie)
    with pytest.raises(Unauthenticated):
        there.access.of_session(cookie)
    here.ring.rotate(id_of(other), 0)
    assert there.knows(other) is None


def test_a_look_that_a_revocation_overtakes_is_not_believed(lab):
    """What was read before it was told is looked up again."""
    ports = replace(lab.room.ports, tidings=Shouted())
    here, there = Process(ports), Process(ports)
    shown = make(here)
    get = there.store.get

    def overtaken(collection: str, id: str) -> Any:
        found = get(collection, id)
        there.store.__dict__.pop("get", None)
        here.ring.revoke(id)
        return found

    there.store.get = overtaken
    assert there.knows(shown)
    assert there.knows(shown) is None


def test_a_key_is_not_believed_for_ever_without_its_record(lab, here):
    """While the store is away a known key goes on for less than a minute; a new one does not."""
    shown, other = make(here), make(here)
    assert here.knows(shown)
    here.store.is_away = True
    lab.clock.sleep(LONGEST - 1)
    assert here.knows(shown)
    with pytest.raises(Unavailable):
        here.knows(other)
    lab.clock.sleep(2)
    with pytest.raises(Unavailable):
        here.knows(shown)


def test_a_known_key_costs_the_store_nothing(here):
    """It is looked up once in half a minute."""
    shown = make(here)
    assert here.knows(shown)
    here.store.is_away = True
    for _ in range(1000):
        assert here.knows(shown)


def test_a_key_expires_to_the_second(lab, here):
    """Also while it is believed."""
    shown = make(here, expires=lab.clock.now() + 10)
    lab.clock.sleep(9.9)
    assert here.knows(shown)
    lab.clock.sleep(0.1)
    assert here.knows(shown) is None


def test_a_rotated_key_overlaps(lab, here, there):
    """Two are good until the overlap ends, wherever they are shown; of an older one nothing is."""
    first = make(here, "admin", owner="ada")
    id = id_of(first)
    second = str(here.ring.rotate(id, 100)["key"])
    assert here.knows(first) == here.knows(second) == there.knows(first) == Caller(
        "ada", "admin", id
    )  # fmt: skip
    lab.clock.sleep(99)
    assert there.knows(first)
    lab.clock.sleep(1)
    assert there.knows(first) is None
    assert there.knows(second)
    third, fourth = (str(here.ring.rotate(id, 100)["key"]) for _ in range(2))
    assert [bool(here.knows(each)) for each in (second, third, fourth)] == [False, True, True]
    fifth = str(here.ring.rotate(id, 0)["key"])
    assert [bool(here.knows(each)) for each in (fourth, fifth)] == [False, True]


def test_an_overlap_does_not_outlast_the_key(lab, here):
    """Its expiry holds for the former secret too."""
    first = make(here, expires=lab.clock.now() + 10)
    here.ring.rotate(id_of(first), 100)
    lab.clock.sleep(10)
    assert here.knows(first) is None


def last_use(process: Process, shown: str) -> Any:
    listed = process.ring.list()["items"]
    return next(each["last_used_at"] for each in listed if each["id"] == id_of(shown))


def test_the_last_use_is_written_beside_the_calls(lab, here):
    """No call waits for it, and a minute of use is one write."""
    shown = make(here)
    assert last_use(here, shown) is None
    before = here.store.commits
    for _ in range(59):
        here.knows(shown)
        lab.clock.sleep(1)
        here.catch_up()
    assert here.store.commits == before + 1
    assert last_use(here, shown) == "2026-01-01T00:00:00.000Z"
    lab.clock.sleep(60)
    here.knows(shown)
    assert last_use(here, shown) == "2026-01-01T00:00:00.000Z"
    assert here.catch_up() == 1
    assert last_use(here, shown) == "2026-01-01T00:01:59.000Z"


def test_a_late_note_of_use_undoes_nothing(here, there):
    """A rotation or a revocation that came meanwhile stays."""
    shown, other = make(here), make(here)
    assert there.knows(shown)
    assert there.knows(other)
    again = str(here.ring.rotate(id_of(shown), 0)["key"])
    here.ring.revoke(id_of(other))
    assert there.catch_up() == 2
    assert [bool(here.knows(each)) for each in (shown, again, other)] == [False, True, False]


def test_a_rotation_outlives_a_note_of_use(here, there, monkeypatch):
    """It is decided anew on what was written meanwhile."""
    shown = make(here)
    there.knows(shown)
    found = here.ring._found

    def found_just_before_the_note(id: str) -> Any:
        record = found(id)
        there.catch_up()
        return record

    monkeypatch.setattr(here.ring, "_found", found_just_before_the_note)
    again = here.ring.rotate(id_of(shown), 0)["key"]
    assert here.knows(str(again))


def test_a_key_of_the_environment_needs_no_store(lab, here):
    """It is an admin's, beside the store's; keys are asked for as long as it is set."""
    shown = make(Process(Testing().room.ports), "admin")
    assert here.knows(shown) is None
    set_up = Process(lab.room.ports, shown)
    assert set_up.access.asks()
    assert set_up.knows(shown) == Caller("local", "admin", id_of(shown))
    assert set_up.knows(shown[:-4] + "0000") is None
    assert set_up.access.of_session(set_up.access.sign_in(shown)).scope == "admin"
    assert set_up.catch_up() == 0
    assert here.ring.list()["items"] == []


def test_admins_alone_look_after_keys(here):
    """Whatever else a key lets do; and nothing is told of which there are."""
    id = id_of(make(here))
    for scope in ("read", "run"):
        ring = Keyring(here.ports, here.access, Caller("local", scope))
        for ask, given in (
            (ring.create, ("a", ["read"])),
            (ring.list, ()),
            (ring.rotate, (id,)),
            (ring.revoke, (id,)),
            (ring.revoke, ("none",)),
        ):
            with pytest.raises(Forbidden):
                ask(*given)


@pytest.mark.parametrize(
    ("wrong", "pointers"),
    [
        ({"name": ""}, ["/name"]),
        ({"name": "a" * 129, "owner": ""}, ["/name", "/owner"]),
        ({"name": "a\nb", "owner": "\x1b[31m"}, ["/name", "/owner"]),
        ({"scopes": []}, ["/scopes"]),
        ({"scopes": ["root"]}, ["/scopes"]),
        ({"expires": 0.0}, ["/expires_at"]),
    ],
)
def test_what_is_wrong_with_a_key_is_named(here, wrong, pointers):
    """Each field of it; and no key is made."""
    with pytest.raises(Invalid) as told:
        here.ring.create(**{"name": "a", "scopes": ["run"], **wrong})
    assert [each.pointer for each in told.value.errors] == pointers
    assert not here.access.asks()


def test_a_visit_begins_with_a_key_and_ends(lab, here, there):
    """By signing out, after half a day, with its key: in the store, not only in a browser."""
    shown = make(here, "run", owner="ada")
    cookie = here.access.sign_in(shown)
    assert here.access.of_session(cookie) == there.access.of_session(cookie) == here.knows(shown)
    here.access.sign_out(cookie)
    lab.clock.sleep(60)
    for process in (here, there):
        with pytest.raises(Unauthenticated):
            process.access.of_session(cookie)
    cookie = here.access.sign_in(shown)
    lab.clock.sleep(12 * 3600)
    with pytest.raises(Unauthenticated):
        here.access.of_session(cookie)
    cookie = here.access.sign_in(shown)
    here.ring.revoke(id_of(shown))
    with pytest.raises(Unauthenticated):
        here.access.of_session(cookie)


def test_a_visit_ends_with_the_secret_that_began_it(lab, here):
    """So that who rotates a stolen key is rid of the thief."""
    shown = make(here)
    old = here.access.sign_in(shown)
    new = here.access.sign_in(str(here.ring.rotate(id_of(shown), 100)["key"]))
    assert here.access.of_session(old)
    lab.clock.sleep(100)
    assert here.access.of_session(new)
    with pytest.raises(Unauthenticated):
        here.access.of_session(old)


def test_a_visit_is_not_forged(here):
    """Neither a key is a cookie nor a cookie a key, nor does another's end one."""
    shown = make(here)
    cookie = here.access.sign_in(shown)
    id, _, secret = cookie.partition("_")
    for wrong in (shown, shown[3:], f"{id}_{'0' * 64}", f"x{id}_{secret}", "", "é"):
        with pytest.raises(Unauthenticated):
            here.access.of_session(wrong)
        here.access.sign_out(wrong)
    assert here.knows(f"md_{cookie}") is None
    assert here.access.of_session(cookie)
    assert form_token(cookie) != form_token(here.access.sign_in(shown))
    for wrong in (shown[:-1], "", cookie):
        with pytest.raises(Unauthenticated):
            here.access.sign_in(wrong)
