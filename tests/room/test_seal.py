"""What is sealed is opened by its keys, for its place, and by nothing else."""

import json
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from threading import Thread
from typing import Annotated, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from marshmallow import ValidationError

from app import Refused, Secret
from app.room import hush as hush_module
from app.room.acceptance import UsedKey
from app.room.boundary import Control
from app.room.call import LOCAL, Call
from app.room.enter import Room
from app.room.errors import Invalid, Unavailable
from app.room.hush import hush, hushed, hushed_line
from app.room.job import QUEUED, SUCCEEDED
from app.room.operation import Operation, Registry
from app.room.schema.secret import MASK
from app.room.seal import MARK, Seal
from app.testing import Testing

OLD, NEW = b"o" * 32, b"n" * 32
TEXTS = st.text(st.characters())
UTF8 = partial(json.dumps, ensure_ascii=False)


def seal(*keys: bytes) -> Seal:
    return Seal(lambda: keys)


@given(TEXTS, TEXTS, TEXTS)
def test_what_is_closed_opens_for_its_place_alone(text: str, place: str, other: str) -> None:
    closed = seal(NEW).close(text, place)
    assert closed.startswith(MARK)
    assert len(text) < 4 or text not in closed
    assert seal(NEW).open(closed, place) == text
    assert seal(OLD).open(closed, place) is None
    assert other == place or seal(NEW).open(closed, other) is None


@given(TEXTS, st.data())
def test_what_was_changed_opens_for_nobody(text: str, data: st.DataObject) -> None:
    closed = seal(NEW).close(text, "place")
    at = data.draw(st.integers(len(MARK), len(closed) - 5))
    changed = closed[:at] + ("B" if closed[at] == "A" else "A") + closed[at + 1 :]
    assert seal(NEW).open(changed, "place") is None


@pytest.mark.parametrize("text", ["", "sealed", MARK, f"{MARK}x", f"{MARK}AAAA", f"{MARK}ü"])
def test_what_is_not_sealed_is_told_apart(text: str) -> None:
    """And closed as any text is."""
    house = seal(NEW)
    assert house.open(text, "place") is None
    assert house.open(house.close(text, "place"), "place") == text


def test_a_key_is_changed_while_the_former_opens() -> None:
    closed = seal(OLD).close("word", "place")
    both = seal(NEW, OLD)
    assert both.open(closed, "place") == "word"
    assert seal(NEW).open(both.close("word", "place"), "place") == "word"


def test_the_same_text_is_closed_differently_each_time_and_once() -> None:
    house = seal(NEW)
    first, second = house.close("word", "place"), house.close("word", "place")
    assert first != second
    assert house.close(first, "place") == first


def test_lengths_tell_little() -> None:
    assert len({len(seal(NEW).close("x" * length, "place")) for length in range(28)}) == 1


def test_without_a_key_nothing_is_taken_that_needs_one() -> None:
    with pytest.raises(Unavailable, match="MANYDOORS_SEAL_KEYS"):
        seal().close("word", "place")


# Whole: in a room


@pytest.fixture
def declared(lab: Testing) -> Callable[..., Any]:
    def tried(word: Annotated[str, Secret]) -> str:
        return word

    return lab.room.registry.operation("tried", long=True)(tried)


def keyed(lab: Testing, *keys: bytes) -> Room:
    return Room(lab.room.registry, replace(lab.room.ports, seal_keys=lambda: keys))


@pytest.mark.usefixtures("declared")
def test_a_job_waits_for_the_key_that_opens_its_secret(lab: Testing) -> None:
    """It never runs on what is closed; retried, it is closed with the newest key."""
    lab.room = keyed(lab, OLD)
    id = lab.submit("tried", word="swordfish")
    lab.room = keyed(lab, NEW)
    (job,) = lab.room.engine.claim()
    lab.room.engine.settle([(job, lab.room.engine.execute(job, Control()))])
    kept = lab.room.engine.get(id, LOCAL)
    assert (kept.label, kept.body["error"]["kind"]) == (QUEUED, "unavailable")
    lab.room = keyed(lab, NEW, OLD)
    lab.run()
    assert lab.result(id) == "swordfish"
    again = lab.room.engine.retry(id, LOCAL)
    lab.room = keyed(lab, NEW)
    lab.run()
    assert lab.room.engine.get(again.id, LOCAL).label == SUCCEEDED


@pytest.mark.usefixtures("declared")
def test_a_used_key_knows_its_call_though_it_is_sealed(lab: Testing) -> None:
    """By a digest that nobody can try words on."""
    first = lab.room.enter(Call("tried", {"word": "swordfish"}, key="k"))
    again = lab.room.enter(Call("tried", {"word": "swordfish"}, key="k"))
    other = lab.room.enter(Call("tried", {"word": "catfish"}, key="k"))
    assert first.job == again.job
    assert other.problem is not None
    assert other.problem.kind == "invalid"


@pytest.mark.usefixtures("declared")
def test_a_used_key_knows_its_call_when_there_is_a_newer_key_to_seal_with(lab: Testing) -> None:
    """Who asks again, for the answer was lost, is no other call since."""
    call = Call("tried", {"word": "swordfish"}, key="k", asynchronous=True)
    first = keyed(lab, OLD).enter(call)
    again = keyed(lab, NEW, OLD).enter(call)
    assert first.job is not None
    assert again.job == first.job
    other = Call("tried", {"word": "catfish"}, key="k", asynchronous=True)
    assert isinstance(keyed(lab, NEW, OLD).enter(other).problem, UsedKey)


def test_what_is_at_hand_is_not_said() -> None:
    """Whole, line by line and escaped; what is too short stays, or nothing could be read."""
    registry = Registry()

    def tried(word: Annotated[str, Secret], pin: Annotated[str, Secret]) -> None:
        """Take two."""

    registry.operation("tried")(tried)
    hush({"word": "sword\nfish", "pin": "12"}, registry.get("tried"))
    assert hushed("sword\nfish, 'sword\\nfish', fish, 12") == "********, '********', ********, 12"
    hush({}, registry.get("tried"))
    assert hushed("fish") == "fish"


@pytest.mark.parametrize("word", ['swo"rd\\fish', "schwertfïsch", "sword/fish +1", 'it\'s "so"'])
@pytest.mark.parametrize(
    "write", [repr, json.dumps, lambda word: repr(word.encode()), quote, quote_plus, UTF8]
)
def test_a_secret_is_not_said_as_programs_write_it(write: Callable[[str], str], word: str) -> None:
    """In JSON, in an address, as bytes: so that a log line of what was sent does not tell it."""
    registry = Registry()

    def tried(word: Annotated[str, Secret]) -> None:
        """Take one."""

    registry.operation("tried")(tried)
    hush({"word": word}, registry.get("tried"))
    told = write(word)
    said = hushed(f"sent {told} there")
    assert said.replace("b'", "'").replace('"', "").replace("'", "") == f"sent {MASK} there"
    hush({}, registry.get("tried"))


@pytest.fixture
def taker() -> Iterator[Operation]:
    """An operation with a secret; afterwards none is at hand."""
    registry = Registry()

    def tried(word: Annotated[str, Secret]) -> None:
        """Take one."""

    registry.operation("tried")(tried)
    yield registry.get("tried")
    hush({}, registry.get("tried"))


@given(
    word=st.text(st.characters(codec="utf-8", exclude_characters="\r\n"), min_size=6, max_size=40),
    before=st.binary(max_size=5),
    after=st.binary(max_size=5),
    encode=st.sampled_from([b64encode, urlsafe_b64encode]),
    is_padded=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_secret_is_not_said_in_base64(
    taker: Operation,
    word: str,
    before: bytes,
    after: bytes,
    encode: Callable[[bytes], bytes],
    is_padded: bool,
) -> None:
    """Wherever it stands in what is encoded: what is left of it are the bits that it shares with
    its neighbours."""
    hush({"word": word}, taker)
    told = encode(before + word.encode() + after).decode()
    told = told if is_padded else told.rstrip("=")
    said = hushed(told)
    assert MASK in said
    start, end = len(before) * 8, (len(before) + len(word.encode())) * 8
    inside = told[-(-start // 6) : end // 6]  # characters of it alone
    assert inside not in said
    rest = said.replace("=", "").split(MASK)
    assert len(rest[0]) <= -(-start // 6)
    assert len(rest[-1]) <= -(-(len(after) * 8) // 6) + 1


def test_authorization_by_a_password_is_not_said(taker: Operation) -> None:
    """As a client that logs its headers has it."""
    hush({"word": "swordfish"}, taker)
    said = hushed("Authorization: Basic " + b64encode(b"ada:swordfish").decode())
    assert said == f"Authorization: Basic YWRhOn{MASK}=="


def test_a_thread_that_a_function_starts_says_no_secret(taker: Operation) -> None:
    """It inherits nothing, so that it says none that was at hand of late; others say what they
    know to be no secret of theirs."""
    hush({"word": "swordfish"}, taker)
    said: list[str] = []

    def say() -> None:
        said.append(hushed_line("a swordfish"))

    def say_own() -> None:
        hush({"word": "schwertfisch"}, taker)
        said.append(hushed_line("a swordfish and a schwertfisch"))

    for work in (say, say_own):
        thread = Thread(target=work)
        thread.start()
        thread.join()
    assert said == [f"a {MASK}", f"a swordfish and a {MASK}"]
    assert hushed_line("a swordfish, a haddock", ("haddock",)) == f"a {MASK}, a {MASK}"


def test_so_many_secrets_are_remembered(taker: Operation, monkeypatch: pytest.MonkeyPatch) -> None:
    """The latest, by number and by size; and always one."""

    def known() -> list[int]:
        return [n for n in range(12) if f"secret {n:02}" in recent.all()]

    recent = hush_module._Recent()
    monkeypatch.setattr(hush_module, "_recent", recent)
    monkeypatch.setattr(hush_module, "MOST_RECENT", 3)
    for n in (0, 1, 2, 0, 3):
        hush({"word": f"secret {n:02}"}, taker)
    assert known() == [0, 2, 3]
    monkeypatch.setattr(hush_module, "LARGEST_RECENT", 100)
    hush({"word": "secret 04"}, taker)
    assert known() == [4]


@pytest.mark.parametrize("long", [False, True])
def test_a_problem_says_no_secret(lab: Testing, long: bool) -> None:
    """Neither its members nor what it says of a field, to the caller and of the job."""

    def fits(word: str) -> None:
        if "x" in word:
            raise ValidationError(f"{word!r} has an x")

    def tried(word: Annotated[str, Secret, fits]) -> None:
        """Take one."""
        raise Refused("It was refused.", sent={"words": [word]})

    lab.room.registry.operation("tried", long=long)(tried)
    bad = [lab.room.enter(Call("tried", {"word": "swordfisx"})).problem]
    if long:
        id = lab.room.enter(Call("tried", {"word": "swordfish"})).job
        assert id
        lab.run()
        told = json.dumps(lab.job(id)["error"])
        with pytest.raises(Invalid) as caught:
            lab.room.enter_all([Call("tried", {"word": "swordfisx"}, asynchronous=True)])
        bad.append(caught.value)
    else:
        refused = lab.room.enter(Call("tried", {"word": "swordfish"})).problem
        assert refused
        told = json.dumps(dict(refused.members))
    assert "words" in told
    for each in bad:
        assert isinstance(each, Invalid)
        told += json.dumps(dict(each.members)) + repr(each.errors)
    assert "swordfis" not in told
    assert told.count(MASK) >= 3
