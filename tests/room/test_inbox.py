"""The inbox: whole files become files of ours and jobs, once each, whoever dies meanwhile."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app import File, Run, Unavailable, Upload
from app.ports import FileLimits
from app.ports.local.inbox import QUIET, LocalInbox
from app.room.enter import Room
from app.room.file_uses import FILES
from app.room.inbox import has_takers, take_in
from app.testing import Testing

Declare = Callable[..., Any]


class Dies(BaseException):
    pass


@pytest.fixture
def inbox(lab: Testing, declare: Declare, tmp_path: Path) -> Path:
    """A folder whose files have been at rest for long; `look` waits for pictures in it."""

    def look(run: Run, pic: File, key: str) -> list[object]:
        with run.open(pic) as stream:
            return [key, stream.read().decode()]

    declare(look, "look", on=[Upload("pics/**.jpg"), Upload("*.jpg")])
    folder = tmp_path / "inbox"
    with_inbox(lab, LocalInbox(folder, lambda: time.time() + QUIET))
    lab.room.ports.inbox.make()  # type: ignore[union-attr]
    return folder


def with_inbox(lab: Testing, inbox: LocalInbox, **limits: int) -> None:
    given = FileLimits(**limits)
    ports = replace(lab.room.ports, inbox=inbox, file_limits=given)
    lab.room = Room(lab.room.registry, ports)


def drop(folder: Path, name: str, text: str = "cat") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def left(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file() and path.name != ".lock"]
    return sorted(str(path.relative_to(folder)) for path in found)


def results(lab: Testing) -> list[Any]:
    lab.run()
    return sorted(lab.result(job["id"]) for job in lab.jobs("look"))


def test_what_is_dropped_is_a_job_once(lab: Testing, inbox: Path) -> None:
    """With the path in the folder as its key; the folder is empty then."""
    drop(inbox, "cat.jpg", "1")
    drop(inbox, "pics/of/cat.jpg", "2")
    assert [take_in(lab.room), take_in(lab.room)] == [2, 0]
    assert results(lab) == [["cat.jpg", "1"], ["pics/of/cat.jpg", "2"]]
    assert left(inbox) == []


@pytest.mark.parametrize(
    "name", ["cat.png", ".cat.jpg", "cat.jpg.part", ".new/cat.jpg", "old/cat.jpg", "cat.jpg~"]
)
def test_what_is_not_wanted_stays(lab: Testing, inbox: Path, name: str) -> None:
    """Nobody waits for it, or its name says that it is not whole."""
    drop(inbox, name)
    assert (take_in(lab.room), left(inbox)) == (0, [name])


def test_what_still_changes_is_not_whole(lab: Testing, inbox: Path) -> None:
    """It has to rest for a while; the time that a copy sets for it says nothing."""
    with_inbox(lab, LocalInbox(inbox))
    path = drop(inbox, "cat.jpg")
    os.utime(path, (1, 1))
    assert take_in(lab.room) == 0
    with_inbox(lab, LocalInbox(inbox, lambda: time.time() + QUIET))
    assert take_in(lab.room) == 1


def test_what_came_before_the_clock_was_set_back_is_taken(lab: Testing, inbox: Path) -> None:
    """It is at rest, though it was changed an hour ahead."""
    drop(inbox, "cat.jpg")
    with_inbox(lab, LocalInbox(inbox, lambda: time.time() - 3600))
    assert take_in(lab.room) == 1


def test_links_are_left(lab: Testing, inbox: Path, tmp_path: Path) -> None:
    """They may lead to what nobody meant to give."""
    (inbox / "cat.jpg").symlink_to(drop(tmp_path, "secret.jpg"))
    assert take_in(lab.room) == 0


def test_the_same_file_again_is_another(lab: Testing, inbox: Path) -> None:
    """Of the same name, time and size too: it was put there twice."""
    for _ in range(2):
        os.utime(drop(inbox, "cat.jpg"), (1, 1))
        assert take_in(lab.room) == 1
    assert len(results(lab)) == 2


@pytest.mark.parametrize("at", ["taken", "half stored", "stored", "told", "done"])
def test_a_death_at_any_place(
    lab: Testing, inbox: Path, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Whoever looks next goes on with it: one file, one job, nothing left."""
    drop(inbox, "cat.jpg")
    shelf, box = lab.room.shelf, lab.room.ports.inbox
    target, name = {
        "taken": (shelf, "keep"), "half stored": (lab.room.ports.files, "put"),
        "stored": (shelf, "arrived"), "told": (shelf, "_tell"), "done": (box, "done"),
    }[at]  # fmt: skip

    def die(*_: object, **__: object) -> None:
        raise Dies

    with monkeypatch.context() as patch:
        patch.setattr(target, name, die)
        with pytest.raises(Dies):
            take_in(lab.room)
    assert take_in(lab.room) == 1
    lab.advance(61)
    lab.room.shelf.sweep()
    assert results(lab) == [["cat.jpg", "cat"]]
    assert left(inbox) == []
    assert lab.room.ports.records.count(FILES) == 1


def test_a_store_that_is_away_is_tried_again(
    lab: Testing, inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file stays taken meanwhile."""
    drop(inbox, "cat.jpg")

    def away(*_: object, **__: object) -> None:
        raise Unavailable("The store is away.")

    with monkeypatch.context() as patch:
        patch.setattr(lab.room.shelf, "keep", away)
        assert take_in(lab.room) == 0
    assert take_in(lab.room) == 1
    assert len(results(lab)) == 1


def test_what_is_too_large_is_put_aside(lab: Testing, inbox: Path) -> None:
    """Where people find it, with a failed job that says why; it does not come again."""
    with_inbox(lab, LocalInbox(inbox, lambda: time.time() + QUIET), most=2)
    drop(inbox, "cat.jpg")
    assert [take_in(lab.room), take_in(lab.room)] == [0, 0]
    (path,) = left(inbox)
    assert (path.startswith(".refused/"), path.endswith("/cat.jpg")) == (True, True)
    (job,) = lab.jobs("inbox.unreadable")
    assert job["error"]["kind"] == "too_large"


def test_one_at_a_time(lab: Testing, inbox: Path) -> None:
    """Of several clocks on one folder, one looks."""
    drop(inbox, "cat.jpg")
    box = lab.room.ports.inbox
    assert box is not None
    with LocalInbox(inbox)._alone():
        assert take_in(lab.room) == 0
    assert take_in(lab.room) == 1


def test_nobody_waits(lab: Testing) -> None:
    """Then nobody need look."""
    assert not has_takers(lab.room)
    assert take_in(lab.room) == 0
