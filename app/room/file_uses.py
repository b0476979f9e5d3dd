"""Which jobs and schedules name a file: it stays as long as one of them is kept.

What is too large for a job's record is a file itself, which may name others: it stands for its job.

A use is a record of its own, written before its job is accepted: so a job never stands there
whose file may be taken away. One whose job was never accepted, or is gone, counts no more; that
the job is kept is asked of the job itself, for only its record knows. And each use touches its
file's record: whoever deletes that, having found no use, is refused if one came meanwhile. A
store's list may be some moments behind: so the newest use has a name of its own, and that of the
job which saved the file is known by the file.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress

from app.ports import MOST_WRITES, Add, Delete, Ports, Put, Record, Write
from app.room.errors import Problem, Stale
from app.room.files import ids_in
from app.room.job import JOBS
from app.room.schedule import SCHEDULES, plan_of
from app.room.strict_json import write_json

FILES = "files"
USES = "file_uses"
NEWEST = "file_newest_use"
SCHEDULE = "schedule "  # before the id of a user that is one
SOON = 600.0  # seconds in which the job of a use is accepted, or never
TRIES = 10
MOST_NOTED = MOST_WRITES - 2  # in one commit, beside the file and what names the newest


def use_of(file: str, job: str, owner: str, now: float) -> Record:
    return Record(USES, f"{file}/{job}", {"job": job, "made": now}, owner=owner, label=file)


def note_jobs(ports: Ports, owner: str, made: Iterable[Record]) -> None:
    """Before they are stored: the files that the parameters of jobs name."""
    named = [(job.id, ids_in(write_json(job.body["params"]))) for job in made]
    note_uses(ports, owner, named)


def note_schedule(ports: Ports, schedule: Record) -> None:
    """Before it is stored: the files that the parameters of its plan name."""
    named = ids_in(write_json(plan_of(schedule).params))
    note_uses(ports, schedule.owner, [(SCHEDULE + schedule.id, named)])


def note_scheduled(ports: Ports, schedule: Record, jobs: Iterable[Record]) -> None:
    """Before they are stored: the same of its jobs."""
    named = ids_in(write_json(plan_of(schedule).params))
    if named:
        note_uses(ports, schedule.owner, [(job.id, named) for job in jobs])


def note_uses(ports: Ports, owner: str, named: Iterable[tuple[str, Sequence[str]]]) -> None:
    """Each job, and the ids that its document names. Those of no file of the owner's are passed
    over: what must be a file, its schema has seen to."""
    jobs: dict[str, list[str]] = {}
    for job, files in named:
        for file in files:
            jobs.setdefault(file, []).append(job)
    for file, users in jobs.items():
        for start in range(0, len(users), MOST_NOTED):
            _note(ports, owner, file, users[start : start + MOST_NOTED])


def _note(ports: Ports, owner: str, file: str, users: Sequence[str]) -> None:
    now = ports.clock.now()
    for _ in range(TRIES):
        found = ports.records.get(FILES, file)
        if found is None or found.owner != owner:
            return
        puts = [
            Put(use, expect=known.version if known else 0)
            for use in (use_of(file, user, owner, now) for user in users)
            if (known := ports.records.get(USES, use.id)) is None or _is_old(known, now)
        ]
        if not puts:
            return
        touch = Add(FILES, file, {"uses": len(puts)})
        last = {"use": puts[-1].record.id}
        newest = Put(Record(NEWEST, file, last, owner=owner, expires=now + SOON))
        with suppress(Stale):  # it has just gone, or another run of the job has noted it
            ports.records.commit(touch, *puts, newest)
            return


def _is_old(use: Record, now: float) -> bool:
    """So that somebody may take it away before what it stands for is stored: a user that named the
    file before, and not since."""
    return bool(now > use.body["made"] + SOON / 2)


def kept_until(ports: Ports, file: str) -> tuple[str, float | None] | None:
    """A job that is kept and names the file, and until when; None for as long as it is under way.
    Or a schedule, which stays until somebody changes it.

    Uses that count no more are taken away on the walk.
    """
    found = ports.records.get(FILES, file)
    is_params = found is not None and "brief" in found.body and "job" not in found.body
    for use in _uses(ports, file, found):
        if (held := _held_by(ports, use, is_params)) is not None:
            return held
        over: Write = Delete(USES, use.id, expect=use.version)
        with suppress(Problem):  # it is looked at again
            ports.records.commit(over)
    return None


def _held_by(ports: Ports, use: Record, is_params: bool) -> tuple[str, float | None] | None:
    """`is_params`: of a job, which may have got others since."""
    now, user = ports.clock.now(), use.body["job"]
    held: tuple[str, float | None] | None = None
    if user.startswith("file_"):
        held = kept_until(ports, user) if ports.records.get(FILES, user) else None
        is_gone = held is None
    elif user.startswith(SCHEDULE):
        schedule = ports.records.get(SCHEDULES, user.removeprefix(SCHEDULE))
        is_gone = schedule is None or use.label not in ids_in(write_json(plan_of(schedule).params))
        if schedule is not None and not is_gone:
            held = f"{SCHEDULE}{schedule.body['name']}", None
    else:
        job = ports.records.get(JOBS, user)
        is_gone = job is None or (is_params and job.body["params"] != use.label)
        is_kept = job is not None and (job.expires is None or now < job.expires)
        held = (user, job.expires) if job is not None and is_kept and not is_gone else None
    if is_gone and now < use.body["made"] + SOON:
        return user, use.body["made"] + SOON
    return held


def _uses(ports: Ports, file: str, found: Record | None) -> Iterator[Record]:
    last = ports.records.get(NEWEST, file)
    saved = found.body.get("job") if found else None
    known = {last.body["use"]} if last else set()
    known |= {f"{file}/{saved}"} if saved else set()
    yield from filter(None, (ports.records.get(USES, id) for id in sorted(known)))
    cursor: str | None = None
    while True:
        page = ports.records.list(USES, label=file, cursor=cursor, limit=100)
        yield from (use for use in page.items if use.id not in known)
        if (cursor := page.next) is None:
            return
