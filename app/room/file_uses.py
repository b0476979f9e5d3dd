"""Which jobs name a file: it stays as long as one of them is kept.

A use is a record of its own, written before its job is accepted: so a job never stands there
whose file may be taken away. One whose job was never accepted, or is gone, counts no more; that
the job is kept is asked of the job itself, for only its record knows. And each use touches its
file's record: whoever deletes that, having found no use, is refused if one came meanwhile.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from app.ports import MOST_WRITES, Add, Delete, Ports, Put, Record, Write
from app.room.errors import Problem, Stale
from app.room.files import ids_in
from app.room.job import JOBS
from app.room.strict_json import write_json

FILES = "files"
USES = "file_uses"
SOON = 600.0  # seconds in which the job of a use is accepted, or never
TRIES = 10


def use_of(file: str, job: str, owner: str, now: float) -> Record:
    return Record(USES, f"{file}/{job}", {"job": job, "made": now}, owner=owner, label=file)


def note_jobs(ports: Ports, owner: str, made: Iterable[Record]) -> None:
    """Before they are stored: the files that the parameters of new jobs name."""
    named = [(job.id, ids_in(write_json(job.body["params"]))) for job in made if not job.version]
    note_uses(ports, owner, named)


def note_uses(ports: Ports, owner: str, named: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Each job, and the ids that its document names. Those of no file of the owner's are passed
    over: what must be a file, its schema has seen to."""
    jobs: dict[str, list[str]] = {}
    for job, files in named:
        for file in files:
            jobs.setdefault(file, []).append(job)
    for file, users in jobs.items():
        for start in range(0, len(users), MOST_WRITES - 1):
            _note(ports, owner, file, users[start : start + MOST_WRITES - 1])


def _note(ports: Ports, owner: str, file: str, users: Sequence[str]) -> None:
    now = ports.clock.now()
    uses = [use_of(file, user, owner, now) for user in users]
    for _ in range(TRIES):
        found = ports.records.get(FILES, file)
        if found is None or found.owner != owner:
            return
        uses = [use for use in uses if ports.records.get(USES, use.id) is None]
        if not uses:
            return
        touch = Add(FILES, file, {"uses": len(uses)})
        with suppress(Stale):  # it has just gone, or another run of the job has noted it
            ports.records.commit(touch, *(Put(use, expect=0) for use in uses))
            return


def kept_until(ports: Ports, file: str) -> tuple[str, float | None] | None:
    """A job that is kept and names the file, and until when; None for as long as it is under way.

    Uses that count no more are taken away on the walk.
    """
    now = ports.clock.now()
    for use in _uses(ports, file):
        job = ports.records.get(JOBS, use.body["job"])
        if job is None and now < use.body["made"] + SOON:
            return use.body["job"], use.body["made"] + SOON
        if job is not None and (job.expires is None or now < job.expires):
            return job.id, job.expires
        over: Write = Delete(USES, use.id, expect=use.version)
        with suppress(Problem):  # it is looked at again
            ports.records.commit(over)
    return None


def _uses(ports: Ports, file: str) -> Iterator[Record]:
    cursor: str | None = None
    while True:
        page = ports.records.list(USES, label=file, cursor=cursor, limit=100)
        yield from page.items
        if (cursor := page.next) is None:
            return
