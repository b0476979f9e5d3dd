"""A job on a page, and many in a table. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from app.client import Job
from app.logs import escaped
from app.terminal.bar import progressed
from app.terminal.text import as_json, dated, moment, span, width_of

HEADINGS = ("ID", "OPERATION", "STATUS", "PROGRESS", "AGE", "DURATION")
LEAST = (30, 12, 9, 8, 8, 8)  # columns
INDENT = " " * 11


def table(jobs: Iterable[Job], now: float) -> Iterator[str]:
    """A line each, under its headings; columns grow with what they meet."""
    widths = list(LEAST)
    heading = True
    for job in jobs:
        row = _row(job, now)
        widths = [max(pair) for pair in zip(widths, map(width_of, row), strict=True)]
        if heading:
            yield _padded(HEADINGS, widths)
            heading = False
        yield _padded(row, widths)


def page(job: Job, log: Sequence[Mapping[str, Any]], now: float) -> Iterator[str]:
    """All of a job, to be read."""
    yield f"{escaped(job['id'])}  {escaped(job['operation'])}  {escaped(job['status'])}"
    for name, text in _facts(job, now):
        yield f"{name:{len(INDENT)}}{escaped(text)}"
    if (error := job["error"]) is not None:
        yield from _error(error)
    if log:
        yield "log"
        yield from (f"  {line}" for line in map(log_line, log))


def log_line(line: Mapping[str, Any]) -> str:
    """One line of a job's log, on one line whatever is in it."""
    time, level = str(line.get("time") or ""), str(line.get("level", ""))
    text = str(line.get("text", ""))
    loud = f"{level.lower()}: " if level not in ("", "INFO") else ""
    return escaped(f"{time[11:19]} {loud}{text}".strip())


def ended(job: Job) -> str:
    """How a job stands, in one line: `job_… failed after 12 s: refused: no such leaf`."""
    took = _duration(job, None)
    line = f"{job['id']} {job['status']}" + (f" after {took}" if took else "")
    error = job["error"]
    if job["status"] == "succeeded" or not error:
        return escaped(line)
    return escaped(f"{line}: {error.get('kind')}: {error.get('detail')}")


def _row(job: Job, now: float) -> tuple[str, ...]:
    created = moment(job["created_at"]) or now
    told = (
        job["id"],
        job["operation"],
        job["status"],
        progressed(job["progress"]),
        span(now - created),
        _duration(job, now),
    )
    return tuple(map(escaped, told))


def _duration(job: Job, now: float | None) -> str:
    """From its first start to its end, or to now if it runs."""
    started, finished = moment(job["started_at"]), moment(job["finished_at"])
    until = finished if finished is not None else now
    running = finished is not None or job["status"] == "running"
    return "" if started is None or until is None or not running else span(until - started)


def _padded(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = (cell + " " * (width - width_of(cell)) for cell, width in zip(row, widths, strict=True))
    return "  ".join(cells).rstrip()


def _facts(job: Job, now: float) -> Iterator[tuple[str, str]]:
    source = f" by {job['source']}" if job["source"] else ""
    yield "created", f"{_ago(job['created_at'], now)}{source}"
    if job["status"] in ("queued", "waiting") and job["due_at"] != job["created_at"]:
        yield "due", dated(job["due_at"])
    if waits := job.get("waiting_for"):
        yield "waits for", f"{waits['reason']}  {waits['name'] or ''}".rstrip()
    if job["started_at"]:
        yield "started", _ago(job["started_at"], now)
    if job["finished_at"]:
        took = _duration(job, now)
        yield "finished", _ago(job["finished_at"], now) + (f", after {took}" if took else "")
    yield "attempt", f"{job['attempt']} of {job['retries'] + 1}"
    if job["progress"]:
        note = job["progress"].get("note") or ""
        yield "progress", f"{progressed(job['progress'])}  {note}".rstrip()
    for name in ("priority", "key", "parent", "retry_of", "callback_url"):
        if job[name]:
            yield name, str(job[name])
    yield "params", as_json(job["params"])
    if job["status"] == "succeeded":
        yield "result", as_json(job["result"])


def _ago(text: str, now: float) -> str:
    return f"{dated(text)} ({span(now - (moment(text) or now))} ago)"


def _error(error: Mapping[str, Any]) -> Iterator[str]:
    yield f"{'error':{len(INDENT)}}{escaped(str(error.get('kind')))}"
    yield from (f"  {escaped(line)}" for line in str(error.get("detail", "")).splitlines())
    members = {k: v for k, v in error.items() if k not in ("kind", "detail", "traceback")}
    if members:
        yield f"  {as_json(members)}"
    if traceback := error.get("traceback"):
        yield "traceback"
        yield from (f"  {escaped(line)}" for line in str(traceback).rstrip().split("\n"))
