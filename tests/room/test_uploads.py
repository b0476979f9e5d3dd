"""on=[Upload(glob)] at home: one job for each file and operation, whatever dies meanwhile."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from app import File, Run, Unavailable, Upload
from app.room.call import LOCAL
from app.room.file_uses import FILES
from app.room.files import safe_name, safe_path
from app.room.shelf import SOON, Shelf, Wish, is_ready
from app.testing import Testing

DAY = 86400.0
Declare = Callable[..., Any]


def upload(lab: Testing, name: str = "cat.jpg", path: str = "", owner: str = LOCAL.owner) -> str:
    made, _ = lab.room.shelf.create(Wish(name, "image/jpeg", path=path), owner)
    lab.room.ports.files.put(made.id, io.BytesIO(b"cat"), type="image/jpeg")
    return made.id


@pytest.fixture
def look(declare: Declare) -> list[Any]:
    seen: list[Any] = []

    def look(run: Run, pic: File, size: int, key: str) -> str:
        with run.open(pic) as stream:
            seen.append([pic.id, key, size, stream.read()])
        return key

    declare(look, "look", on=[Upload("*.jpg"), Upload("pics/**")])
    return seen


def test_a_file_that_has_come_is_a_job(lab: Testing, look: list[Any]) -> None:
    """Of each operation that waits for such a name, once; the one that takes a file gets it."""
    id = upload(lab)
    for _ in range(3):
        lab.room.shelf.look(id, LOCAL.owner)
    (job,) = lab.jobs("look")
    assert (job["key"], job["source"], job["params"]["pic"]) == (f"upload:{id}", "upload", id)
    lab.run()
    assert look == [[id, "cat.jpg", 3, b"cat"]]


def test_another_name_is_nobodys(lab: Testing, look: list[Any]) -> None:
    """A folder counts; nothing is written for what nobody waits for."""
    for name, path in (("cat.png", ""), ("cat.jpg", "old/cat.jpg")):
        id = upload(lab, name, path)
        found = lab.room.shelf.look(id, LOCAL.owner)
        assert "untold" not in found.body
    assert lab.jobs() == []
    upload_in = upload(lab, "cat.png", "pics/old/cat.png")
    lab.room.shelf.look(upload_in, LOCAL.owner)
    assert lab.jobs("look")[0]["params"]["key"] == "pics/old/cat.png"


@pytest.mark.parametrize("when", ["before the jobs", "after the jobs"])
def test_a_death_loses_and_doubles_nothing(
    lab: Testing, look: list[Any], monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """The sweep finds that a file was not told, and telling twice makes one job."""
    listeners: Any = lab.room.shelf._listeners
    tell = listeners.tell

    def dying(record: Any) -> None:
        if when == "after the jobs":
            tell(record)
        raise Unavailable("Dead.")

    monkeypatch.setattr(listeners, "tell", dying)
    id = upload(lab)
    lab.room.shelf.look(id, LOCAL.owner)
    monkeypatch.setattr(listeners, "tell", tell)
    lab.advance(SOON + 1)
    lab.room.shelf.sweep()
    assert len(lab.jobs("look")) == 1
    lab.run()
    assert len(look) == 1
    found = lab.room.ports.records.get(FILES, id)
    assert found is not None
    assert ("untold" in found.body, found.label) == (False, "ready")
    assert found.due == pytest.approx(lab.clock.now() + 30 * DAY, abs=60)


def test_who_does_not_know_the_listeners_leaves_it_to_the_sweep(
    lab: Testing, look: list[Any]
) -> None:
    """As a run that finds an upload whole."""
    id = upload(lab)
    assert is_ready(Shelf(lab.room.ports).look(id, LOCAL.owner))
    assert lab.jobs("look") == []
    lab.advance(SOON + 1)
    lab.room.shelf.sweep()
    assert len(lab.jobs("look")) == 1


def test_an_upload_that_nobody_looked_at_is_noticed(lab: Testing, look: list[Any]) -> None:
    """By the hint of a bucket; another's object is none of ours."""
    id = upload(lab)
    assert lab.room.shelf.notice(id)
    assert not lab.room.shelf.notice("file_00000000000000000000000000")
    assert len(lab.jobs("look")) == 1


def test_the_jobs_are_the_owners(lab: Testing, look: list[Any]) -> None:
    """Else their function could not open the file."""
    lab.room.shelf.look(upload(lab, owner="mia"), "mia")
    record = lab.room.engine.claim()[0]
    assert record.owner == "mia"
    lab.run_once(record)
    assert len(look) == 1


def test_params_are_those_of_a_bucket(lab: Testing, declare: Declare) -> None:
    """By name, or all as the message."""
    seen: list[Any] = []

    def named(bucket: str, key: str, name: str, size: int, version: str | None) -> None:
        seen.append([bucket, key, name, size, version])

    def whole(message: object) -> None:
        seen.append(message)

    declare(named, "named", on=[Upload("*")])
    declare(whole, "whole", on=[Upload("*")])
    id = upload(lab)
    lab.room.shelf.look(id, LOCAL.owner)
    lab.run()
    told = next(each for each in seen if isinstance(each, dict))
    assert ["", "cat.jpg", "cat.jpg", 3, id] in seen
    assert set(told) == {"bucket", "key", "name", "type", "size", "etag", "version", "time"}


def test_what_does_not_fit_leaves_a_trace(lab: Testing, declare: Declare) -> None:
    """A failed job that says why, once."""

    def odd(colour: str) -> None:
        """Nothing of a file is called so."""

    declare(odd, "odd", on=[Upload("*")])
    lab.room.shelf.look(upload(lab), LOCAL.owner)
    (job,) = lab.jobs("inbox.unreadable")
    assert (job["status"], job["params"]["operation"]) == ("failed", "odd")
    assert job["error"]["kind"] == "invalid"


def test_what_a_job_saves_is_no_upload(lab: Testing, declare: Declare) -> None:
    """Nor is what was too large for a record: no circle comes of it."""

    def save(run: Run, text: str = "") -> str:
        run.save(b"x", name="a.txt")
        return "x" * 200_000

    declare(save, "save", on=[Upload("*")])
    lab.submit("save", text="x" * 200_000)
    lab.run()
    assert len(lab.jobs()) == 1


@pytest.mark.parametrize(
    ("name", "path"),
    [("cat.jpg", ""), ("pics/cat.jpg", "pics/cat.jpg"), ("../../etc/x", "etc/x"),
     ("C:\\pics\\cat.jpg", "C/pics/cat.jpg"), ("/a//b/", "a/b"), ("..", "")],
)  # fmt: skip
def test_a_path_leads_nowhere_else(name: str, path: str) -> None:
    assert safe_path(name) == path


def test_a_long_name_that_comes_by_itself_is_cut() -> None:
    """Its ending stays, by which its type is known."""
    assert safe_name("x" * 300 + ".jpeg") == "x" * 123 + ".jpeg"
    assert safe_path("pics/" + "x" * 300) == "pics/" + "x" * 128
