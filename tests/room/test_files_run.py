"""run.open and run.save: streams in, files out, nothing lost and nothing piled up."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app import File, Run
from app.room.file_uses import FILES
from app.room.files import FILE_ID
from app.room.shelf import Wish
from app.testing import Testing

ME = "local"
Declare = Callable[..., Any]


def contents(lab: Testing, file: dict[str, Any]) -> bytes:
    record = lab.room.shelf.ready(file["file"], ME)
    with lab.room.ports.files.open(record.body["keys"][-1]) as stream:
        return stream.read()


def stored(lab: Testing) -> list[str]:
    """The names of what lies in the folder of files, whole or half."""
    folder: Path = lab.room.ports.files._folder  # type: ignore[attr-defined]
    found = [
        path
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".key", ".lock")
    ]
    return [path.name for path in found if path.suffix not in (".key", ".lock")]


def upload(lab: Testing, content: bytes, name: str = "a.txt") -> str:
    made, _ = lab.room.shelf.create(Wish(name, "text/plain"), ME)
    lab.room.ports.files.put(made.id, io.BytesIO(content), type="text/plain")
    return made.id


def test_a_file_param_is_opened(lab: Testing, declare: Declare) -> None:
    """It arrives with all that is known of it, and its bytes are a stream that seeks."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("inside.txt", "hello")

    def tried(run: Run, pic: File) -> list[Any]:
        with run.open(pic) as stream, zipfile.ZipFile(stream) as archive:  # type: ignore[call-overload]
            return [pic.name, pic.type, pic.size, archive.read("inside.txt").decode()]

    declare(tried)
    job = lab.submit("tried", pic=upload(lab, packed.getvalue(), "a.zip"))
    lab.run()
    assert lab.result(job) == ["a.zip", "text/plain", len(packed.getvalue()), "hello"]


@pytest.mark.parametrize("form", ["path", "text", "bytes", "stream"])
def test_whatever_is_saved(lab: Testing, declare: Declare, tmp_path: Path, form: str) -> None:
    """A path, bytes or a stream; name and type are guessed where they are not given."""
    path = tmp_path / "sheet.png"
    path.write_bytes(b"picture")

    def tried(run: Run) -> File:
        match form:
            case "path":
                return run.save(path)
            case "text":
                return run.save(str(path))
            case "bytes":
                return run.save(b"picture", name="sheet.png")
        with path.open("rb") as stream:
            return run.save(stream, name="sheet.png")

    declare(tried)
    job = lab.submit("tried")
    lab.run()
    result = lab.result(job)
    assert (result["name"], result["type"], result["size"]) == ("sheet.png", "image/png", 7)
    assert contents(lab, result) == b"picture"
    assert result["url"].startswith("/v1/files/")


def test_no_url_is_stored(lab: Testing, declare: Declare) -> None:
    """It is made for each reader; what is kept is the file's name, size and hash."""

    def tried(run: Run) -> dict[str, Any]:
        return {"sheets": [run.save(b"x", name="a")], "own": {"file": "of mine"}}

    declare(tried)
    job = lab.submit("tried")
    lab.run()
    kept = lab.room.ports.records.get("jobs", job)
    assert kept is not None
    assert "url" not in kept.body["result"]["sheets"][0]
    assert "url" in lab.job(job)["result"]["sheets"][0]
    assert lab.result(job)["own"] == {"file": "of mine"}


@pytest.mark.parametrize("where", ["outside", "step", "each"])
def test_a_repeated_run_writes_the_same_file(lab: Testing, declare: Declare, where: str) -> None:
    """However often its process dies, one file is left, of the last try; none of its bytes else."""
    tries = []

    def draw(run: Run, n: int = 0) -> File:
        tries.append(n)
        return run.save(f"{n} of try {len(tries)}".encode(), name="sheet.txt")

    def tried(run: Run) -> list[Any]:
        if where == "step":
            return [run.step("draw", draw, run)]
        if where == "each":
            return [draw(run, n) for n in run.each([0, 1], every=1, note="draw")]
        made = draw(run)
        run.step("after", lambda: None)
        return [made]

    declare(tried)
    lab.crash_at("after" if where == "outside" else "draw", times=2)
    job = lab.submit("tried")
    lab.run()
    assert lab.crashes == 2
    found = lab.room.ports.records.list(FILES, owner=ME).items
    assert len(found) == (2 if where == "each" else 1)
    assert sorted(stored(lab)) == sorted(record.body["keys"][-1] for record in found)
    result = lab.result(job)
    assert contents(lab, result[-1]).endswith(b"of try %d" % len(tries))


def test_many_repeats(lab: Testing, declare: Declare) -> None:
    """However many: the record stays small, and one file's bytes are kept."""

    def tried(run: Run) -> File:
        made = run.save(b"x", name="a")
        run.step("after", lambda: None)
        return made

    declare(tried, retries=40)
    lab.crash_at("after", times=30)
    job = lab.submit("tried")
    lab.run()
    assert lab.crashes == 30
    (record,) = lab.room.ports.records.list(FILES, owner=ME).items
    assert len(record.body["keys"]) < 25
    assert stored(lab) == record.body["keys"][-1:]
    assert contents(lab, lab.result(job)) == b"x"


def test_files_of_one_name(lab: Testing, declare: Declare) -> None:
    """Each place in a run has a file of its own, whatever it is called, and finds it again."""

    def tried(run: Run) -> list[Any]:
        made = [run.save(b"1", name="a"), run.save(b"2", name="a"), run.save(b"3", name="b")]
        made += [run.step("one", lambda: run.save(b"4", name="a"))]
        made += [run.step("two", lambda: run.save(b"5", name="a"))]
        for n in run.each(range(2), every=1, note="loop"):
            made += [run.save(f"6 {n}".encode(), name="a")]
        made += [run.save(b"7", name="a")]
        run.step("last", lambda: None)
        return made

    declare(tried)
    lab.crash_at("last")
    lab.crash_at("two")
    job = lab.submit("tried")
    lab.run()
    assert lab.crashes == 2
    assert len(lab.room.ports.records.list(FILES, owner=ME).items) == 8
    assert len(stored(lab)) == 8
    said = [contents(lab, each) for each in lab.result(job)]
    assert said == [b"1", b"2", b"3", b"4", b"5", b"7"]  # the loop was over before the last try


def test_ids_are_of_the_place(lab: Testing, declare: Declare) -> None:
    """A saved file's id is a file id, and differs from job to job."""
    import re

    def tried(run: Run) -> File:
        return run.save(b"x", name="a")

    declare(tried)
    jobs = [lab.submit("tried") for _ in range(3)]
    lab.run()
    ids = {lab.result(job)["file"] for job in jobs}
    assert len(ids) == 3
    assert all(re.fullmatch(FILE_ID.strip("^$"), id) for id in ids)


def test_a_saved_file_stays_with_its_job(lab: Testing, declare: Declare) -> None:
    """As long as the job is kept; then it goes."""

    def tried(run: Run) -> File:
        return run.save(b"x", name="a")

    declare(tried, keep="40d")
    job = lab.submit("tried")
    lab.run()
    id = lab.result(job)["file"]
    for _ in range(39):
        lab.advance("1d")
        lab.room.shelf.sweep()
    lab.room.shelf.ready(id, ME)
    for _ in range(3):
        lab.advance("1d")
        lab.room.shelf.sweep()
    assert stored(lab) == []


def test_what_could_not_be_saved(lab: Testing, declare: Declare) -> None:
    """A source that fails fails the run, and leaves no bytes."""

    class Bad(io.RawIOBase):
        def read(self, size: int = -1, /) -> bytes:
            raise ConnectionError("gone")

    def tried(run: Run) -> File:
        return run.save(Bad(), name="a")  # type: ignore[arg-type]

    declare(tried, retries=0)
    job = lab.submit("tried")
    lab.run()
    assert "gone" in lab.error(job)["detail"]
    assert stored(lab) == []


def test_what_is_no_content(lab: Testing, declare: Declare) -> None:
    """It is told with what is wanted."""

    def tried(run: Run) -> File:
        return run.save(12)  # type: ignore[arg-type]

    declare(tried, retries=0)
    job = lab.submit("tried")
    lab.run()
    assert "path, bytes or a readable stream" in lab.error(job)["detail"]


def test_an_overtaken_run_changes_no_file(lab: Testing, declare: Declare) -> None:
    """A worker stopped past its lease that comes back saves nothing over what the other saved."""
    turn = []

    def tried(run: Run) -> File:
        turn.append(run)
        mine = len(turn)
        if mine == 1:  # its lease runs out here, and another runs the job meanwhile
            lab.advance(60)
            lab.run_next()
        return run.save(f"turn {mine}".encode(), name="a")

    declare(tried)
    job = lab.submit("tried")
    lab.run_next()
    result = lab.result(job)
    assert contents(lab, result) == b"turn 2"
    assert len(stored(lab)) == 1


def test_results_keep_files_of_others(lab: Testing, declare: Declare) -> None:
    """A parent that gives a child's file keeps it, however soon the child is over."""

    def child(run: Run) -> File:
        return run.save(b"from below", name="a")

    def parent(run: Run) -> dict[str, Any]:
        (file,) = run.map("child", [{}])
        with run.open(file) as stream:
            return {"file": file, "said": stream.read().decode()}

    declare(child, "child", keep="1d")
    declare(parent, "parent", keep="9d")
    job = lab.submit("parent")
    lab.run()
    result = lab.result(job)
    assert result["said"] == "from below"
    lab.advance("5d")
    lab.room.shelf.sweep()
    with pytest.raises(Exception, match=job):
        lab.room.shelf.delete(result["file"]["file"], ME)


def test_a_plain_call_links_to_its_files_too(lab: Testing, declare: Declare) -> None:
    """As a job's result does; what is somebody else's has no link."""
    mine = upload(lab, b"mine")
    lab.room.shelf.look(mine, ME)
    record, _ = lab.room.shelf.create(Wish("b.txt", "text/plain"), "somebody")
    lab.room.ports.files.put(record.id, io.BytesIO(b"theirs"), type="text/plain")

    def look(ids: list[str]) -> list[File]:
        return [File(id) for id in ids]

    declare(look, "look", long=False)
    first, second = lab.call("look", ids=[mine, record.id])
    assert f"/{mine}/bytes?" in first["url"]
    assert second == {"file": record.id}
