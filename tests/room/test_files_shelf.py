"""A service's files: asked for, arrived, counted, kept while jobs name them, swept when over."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app import File, Run
from app.ports import FileLimits, Put
from app.ports.files import Grant
from app.ports.local.files import LocalFiles
from app.room.errors import Conflict, Invalid, TooLarge, Unknown
from app.room.file_uses import FILES, SOON, USES, note_uses
from app.room.job import JOBS
from app.room.shelf import GRACE, GRAVES, UPLOAD, Shelf, Wish, is_ready
from app.testing import Testing

DAY = 86400.0
ME = "local"

Declare = Callable[..., Any]


def put(lab: Testing, id: str, content: bytes) -> None:
    """The bytes as a signed URL would bring them to the store."""
    lab.room.ports.files.put(id, io.BytesIO(content), type="text/plain")


def file(lab: Testing, content: bytes = b"hello", name: str = "a.txt", owner: str = ME) -> str:
    made, _ = lab.room.shelf.create(Wish(name, "text/plain"), owner)
    put(lab, made.id, content)
    return made.id


def limited(lab: Testing, **limits: Any) -> Shelf:
    ports = replace(lab.room.ports, file_limits=FileLimits(**limits))
    lab.room.shelf = Shelf(ports, lab.room.shelf._listeners)
    return lab.room.shelf


def graves(lab: Testing) -> int:
    return lab.room.ports.records.count(GRAVES)


def test_a_file_is_ready_once_its_bytes_are_there(lab: Testing) -> None:
    """Whoever looks then sees its size and hash; nobody has to say that it came."""
    made, _ = lab.room.shelf.create(Wish("a.txt", "text/plain", 5), ME)
    assert not is_ready(lab.room.shelf.look(made.id, ME))
    put(lab, made.id, b"hello")
    found = lab.room.shelf.look(made.id, ME)
    assert found.body["size"] == 5
    assert found.body["sha256"] == hashlib.sha256(b"hello").hexdigest()


def test_another_owners_file_is_unknown(lab: Testing) -> None:
    """To look at, to delete, to pass on."""
    id = file(lab, owner="somebody")
    for ask in (lab.room.shelf.look, lab.room.shelf.delete, lab.room.shelf.ready):
        with pytest.raises(Unknown):
            ask(id, ME)
    assert lab.room.shelf.finder(ME)(id) == "unknown"
    assert isinstance(lab.room.shelf.finder("somebody")(id), File)


def test_what_is_not_as_was_said_goes_again(lab: Testing) -> None:
    """Another size or hash than was asked for leaves no file, and no bytes."""
    for wish in (Wish("a", "a/b", 4), Wish("a", "a/b", None, "0" * 64)):
        made, _ = lab.room.shelf.create(wish, ME)
        put(lab, made.id, b"hello")
        with pytest.raises(Invalid):
            lab.room.shelf.look(made.id, ME)
        with pytest.raises(Unknown):
            lab.room.shelf.look(made.id, ME)
        assert lab.room.ports.files.stat(made.id) is None


def test_the_largest(lab: Testing) -> None:
    """A file over the bound is refused when it is asked for, and when it has come unannounced."""
    shelf = limited(lab, most=10)
    with pytest.raises(TooLarge):
        shelf.create(Wish("a", "a/b", 11), ME)
    made, _ = shelf.create(Wish("a", "a/b"), ME)
    put(lab, made.id, b"x" * 11)
    with pytest.raises(TooLarge):
        shelf.look(made.id, ME)
    assert lab.room.ports.files.stat(made.id) is None


def test_the_quota(lab: Testing) -> None:
    """All of an owner's files count, whether announced or come; deleted ones no more; others'
    never."""
    shelf = limited(lab, quota=100)
    first, _ = shelf.create(Wish("a", "a/b", 60), ME)
    with pytest.raises(TooLarge):
        shelf.create(Wish("a", "a/b", 41), ME)
    shelf.create(Wish("a", "a/b", 90), "somebody")
    unsaid, _ = shelf.create(Wish("a", "a/b"), ME)
    put(lab, unsaid.id, b"x" * 41)
    with pytest.raises(TooLarge):
        shelf.look(unsaid.id, ME)
    shelf.delete(first.id, ME)
    last, _ = shelf.create(Wish("a", "a/b", 100), ME)
    shelf.delete(last.id, ME)
    shelf.create(Wish("a", "a/b", 100), ME)


def test_a_file_that_a_job_names_stays(lab: Testing, declare: Declare) -> None:
    """From acceptance until the job is kept no more; then it can be deleted."""

    def tried(pic: File) -> str:
        return pic.name or ""

    declare(tried, keep="2d")
    id = file(lab)
    job = lab.submit("tried", pic=id)
    with pytest.raises(Conflict, match=job):
        lab.room.shelf.delete(id, ME)
    lab.run()
    assert lab.result(job) == "a.txt"
    with pytest.raises(Conflict, match=job):
        lab.room.shelf.delete(id, ME)
    lab.advance(2.1 * DAY)
    lab.room.shelf.delete(id, ME)
    with pytest.raises(Unknown):
        lab.room.shelf.look(id, ME)
    assert lab.room.ports.files.stat(id) is None
    assert lab.room.ports.records.count(USES) == 0


def test_a_use_that_comes_in_between(lab: Testing, declare: Declare) -> None:
    """A job accepted while its file is being deleted: either it is told, or the file stays."""

    def tried(pic: File) -> None:
        """Take it."""

    declare(tried)
    id = file(lab)
    records = lab.room.ports.records
    commit = records.commit
    jobs: list[str] = []

    def late(*writes: Any) -> Any:
        if not jobs and any(getattr(write, "collection", "") == FILES for write in writes):
            jobs.append("begun")
            jobs.append(lab.submit("tried", pic=id))
        return commit(*writes)

    records.commit = late  # type: ignore[method-assign]
    with pytest.raises(Conflict):
        lab.room.shelf.delete(id, ME)
    records.commit = commit  # type: ignore[method-assign]
    lab.run()
    assert lab.job(jobs[1])["status"] == "succeeded"


def test_a_use_is_there_before_its_job(lab: Testing, declare: Declare) -> None:
    """Else who dies in between leaves an accepted job whose file is swept away under it."""

    def tried(pic: File) -> None:
        """Take it."""

    declare(tried)
    id = file(lab)
    uses: list[int] = []
    records = lab.room.ports.records
    commit = records.commit

    def watched(*writes: Any) -> Any:
        if any(isinstance(each, Put) and each.record.collection == JOBS for each in writes):
            uses.append(records.count(USES))
        return commit(*writes)

    records.commit = watched  # type: ignore[method-assign]
    lab.submit("tried", pic=id)
    assert uses == [1]


def test_a_use_counts_before_its_job_is_there(lab: Testing) -> None:
    """For as long as the job may be on its way; then the file goes as any other."""
    id = file(lab)
    lab.room.shelf.look(id, ME)
    note_uses(lab.room.ports, ME, [("job_on_its_way", [id])])
    lab.advance(SOON - 1)
    with pytest.raises(Conflict):
        lab.room.shelf.delete(id, ME)
    lab.advance(2)
    lab.room.shelf.delete(id, ME)


def test_no_record_says_more_than_there_is(lab: Testing) -> None:
    """The bytes are in their place before the record says so: who dies in between has no file."""
    there: list[bool] = []
    ports = lab.room.ports
    commit = ports.records.commit

    def watched(*writes: Any) -> Any:
        puts = [write.record for write in writes if isinstance(write, Put)]
        ready = [each for each in puts if each.collection == FILES and is_ready(each)]
        there.extend(ports.files.stat(each.body["keys"][-1]) is not None for each in ready)
        return commit(*writes)

    ports.records.commit = watched  # type: ignore[method-assign]
    lab.room.shelf.keep(Wish("a.txt", "text/plain"), io.BytesIO(b"hello"), ME)
    assert there == [True]


def test_files_of_many_jobs(lab: Testing, declare: Declare) -> None:
    """Each of a large batch, and each child, keeps its file."""

    def child(pic: File) -> int:
        return pic.size or 0

    def parent(run: Run, pics: list[File]) -> int:
        return sum(run.map("child", [{"pic": pic.id} for pic in pics]))

    declare(child, "child")
    declare(parent, "parent")
    ids = [file(lab, b"x" * n) for n in range(1, 4)]
    job = lab.submit("parent", pics=ids)
    lab.run()
    assert lab.result(job) == 6
    for id in ids:
        users = {use.body["job"] for use in lab.room.ports.records.list(USES, label=id).items}
        children = {each["id"] for each in lab.jobs("child") if each["params"]["pic"] == id}
        assert users == {job} | children


def test_a_file_is_over(lab: Testing) -> None:
    """After its time it goes by itself, bytes and all; not before."""
    shelf = limited(lab, keep=3 * DAY)
    id = file(lab)
    shelf.look(id, ME)
    lab.advance(2.9 * DAY)
    shelf.sweep()
    shelf.look(id, ME)
    lab.advance(0.2 * DAY)
    shelf.sweep()
    with pytest.raises(Unknown):
        shelf.look(id, ME)
    assert lab.room.ports.files.stat(id) is None
    shelf.sweep()
    assert graves(lab) == 0


def test_a_file_that_is_needed_is_not_over(lab: Testing, declare: Declare) -> None:
    """The sweep leaves what a kept job names, as it was, and comes back when the job is over."""

    def tried(run: Run, pic: File) -> None:
        run.sleep("10d")

    declare(tried, keep="5d")
    shelf = limited(lab, keep=3 * DAY)
    id = file(lab)
    job = lab.submit("tried", pic=id)
    lab.run_next()
    lab.advance(3.1 * DAY)
    shelf.sweep()
    assert shelf.look(id, ME).label == "ready"
    lab.run()
    assert lab.job(job)["status"] == "succeeded"
    lab.advance(4.9 * DAY)
    shelf.sweep()
    shelf.look(id, ME)
    for _ in range(3):
        lab.advance(1 * DAY)
        shelf.sweep()
    with pytest.raises(Unknown):
        shelf.look(id, ME)


def test_an_upload_that_never_came(lab: Testing) -> None:
    """What was asked for and not sent is forgotten, with its charge; what came and nobody looked
    at is a file."""
    shelf = limited(lab, quota=100)
    lost, _ = shelf.create(Wish("a", "a/b", 50), ME)
    came, _ = shelf.create(Wish("a", "a/b", 50), ME)
    put(lab, came.id, b"x" * 50)
    lab.advance(UPLOAD + GRACE + 1)
    shelf.sweep()
    with pytest.raises(Unknown):
        shelf.look(lost.id, ME)
    assert shelf.look(came.id, ME).body["size"] == 50
    shelf.create(Wish("a", "a/b", 50), ME)


def test_bytes_that_come_after_all(lab: Testing) -> None:
    """A signed URL outlives its deleted file: what it still brings goes too, in the end."""
    made, _ = lab.room.shelf.create(Wish("a", "a/b"), ME)
    lab.room.shelf.delete(made.id, ME)
    put(lab, made.id, b"late")
    lab.room.shelf.sweep()
    assert lab.room.ports.files.stat(made.id) is not None
    lab.advance(UPLOAD + GRACE + 1)
    lab.room.shelf.sweep()
    assert lab.room.ports.files.stat(made.id) is None
    assert graves(lab) == 0


def test_a_params_file_is_checked(lab: Testing, declare: Declare) -> None:
    """One that is not there, or whose bytes are not, is invalid where it stands."""

    def tried(pics: list[File]) -> int:
        return len(pics)

    declare(tried, long=False)
    good = file(lab)
    waiting, _ = lab.room.shelf.create(Wish("a", "a/b"), ME)
    for bad in ("file_01ARZ3NDEKTSV4RRFFQ69G5FAV", waiting.id, file(lab, owner="somebody")):
        with pytest.raises(Invalid) as told:
            lab.call("tried", pics=[good, bad])
        assert [wrong.pointer for wrong in told.value.errors] == ["/pics/1"]
    assert lab.call("tried", pics=[good]) == 1


def test_a_file_that_went_meanwhile_ends_its_job(lab: Testing, declare: Declare) -> None:
    """The job says which, and is not tried again in vain."""

    def tried(pic: File) -> None:
        """Take it."""

    declare(tried)
    id = file(lab)
    job = lab.submit("tried", pic=id)
    found = lab.room.ports.records.get(FILES, id)
    assert found is not None
    lab.room.ports.records.commit(Put(replace(found, owner="somebody")))
    lab.run()
    assert lab.job(job)["attempt"] == 1
    assert lab.error(job)["kind"] == "invalid"
    assert lab.error(job)["errors"][0]["pointer"] == "/pic"


def test_links_are_the_same_for_a_while(lab: Testing) -> None:
    """So that a job's page does not change with each look; and they are good for minutes."""
    record = lab.room.shelf.look(file(lab), ME)
    first = lab.room.shelf.link(record)
    lab.advance(60)
    assert lab.room.shelf.link(record) == first
    lab.advance(899)
    assert lab.room.shelf.link(record) != first


def test_an_upload_url_is_no_download_url(lab: Testing) -> None:
    """Each is signed for what it does."""
    files = lab.room.ports.files
    assert isinstance(files, LocalFiles)
    made, way = lab.room.shelf.create(Wish("a", "a/b", 5), ME)
    query = dict(pair.split("=", 1) for pair in way.url.partition("?")[2].split("&"))
    query["type"] = "a/b"
    granted: Grant = files.admit(made.id, query, lab.clock.now())
    assert (granted.method, granted.content.size) == ("PUT", 5)
