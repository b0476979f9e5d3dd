"""A job on a page, and many in a table. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from app.client import Job
from app.logs import escaped
from app.terminal.bar import progressed
from app.terminal.text import Paint, as_json, dated, fitted, moment, span, unpainted, width_of

HEADINGS = ("ID", "OPERATION", "STATUS", "PROGRESS", "AGE", "DURATION")
NAME, STATUS, PROGRESS, AGE, DURATION = range(1, 6)
SPARED = (DURATION, AGE, PROGRESS)  # columns that a narrow terminal does without, one by one
LEAST_NAME = 12  # columns of an operation's name, before others are spared
MEASURED = 200  # rows that the columns are fitted to
GAP = 2
INDENT = " " * 11


def table(
    jobs: Iterable[Job], now: float, width: int | None = None, paint: Paint = unpainted
) -> Iterator[str]:
    """A line each, under its headings, in no more than `width` columns if that can be: names are
    cut and columns spared for it, and ids never."""
    rows = (_row(job, now) for job in jobs)
    first = list(islice(rows, MEASURED))
    if not first:
        return
    measured = [HEADINGS, *first]
    widths = [max(width_of(row[column]) for row in measured) for column in range(len(HEADINGS))]
    columns = list(range(len(HEADINGS)))
    if width is not None:
        is_empty = not any(row[PROGRESS] for row in first)
        columns = _fitting(widths, width, (PROGRESS, *SPARED) if is_empty else SPARED)
    yield _padded(HEADINGS, widths, columns, unpainted)
    for row in chain(first, rows):
        if width is not None:
            row = (row[0], fitted(row[NAME], widths[NAME]), *row[NAME + 1 :])
        yield _padded(row, widths, columns, paint)


def _fitting(widths: list[int], width: int, spared: Sequence[int]) -> list[int]:
    """The columns that fit; a name's own width is changed to what is left for it."""
    columns, full = list(range(len(widths))), widths[NAME]
    for column in (None, *spared):
        if column in columns:
            columns.remove(column)
        rest = sum(widths[each] + GAP for each in columns if each != NAME)
        widths[NAME] = max(min(full, LEAST_NAME), min(full, width - rest))
        if rest + widths[NAME] <= width:
            break
    return columns


def page(
    job: Job, log: Sequence[Mapping[str, Any]], now: float, paint: Paint = unpainted
) -> Iterator[str]:
    """All of a job, to be read."""
    status = paint(job["status"], escaped(job["status"]))
    yield f"{escaped(job['id'])}  {escaped(job['operation'])}  {status}"
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


def _padded(row: Sequence[str], widths: Sequence[int], columns: Sequence[int], paint: Paint) -> str:
    cells = []
    for column in columns:
        cell = row[column]
        gap = " " * (widths[column] - width_of(cell))
        cells.append((paint(cell, cell) if column == STATUS else cell) + gap)
    return (" " * GAP).join(cells).rstrip()


def _facts(job: Job, now: float) -> Iterator[tuple[str, str]]:
    source = f" by {job['source']}" if job["source"] else ""
    yield "created", f"{_ago(job['created_at'], now)}{source}"
    if job["status"] in ("queued", "waiting") and job["due_at"] != job["created_at"]:
        yield "due", dated(job["due_at"])
    if job.get("waiting_for"):
        yield "waits for", _awaited(job["waiting_for"])
    if job.get("signals"):
        yield "signals", f"{', '.join(job['signals'])}, kept until it asks for them"
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


def _awaited(wait: Mapping[str, Any]) -> str:
    match wait["reason"]:
        case "sleep":
            return "the end of its sleep"
        case "signal":
            return f"the signal {wait['name']}"
        case "operation":
            return f"its operation, which is not declared: {wait['name']}"
        case "concurrency":
            return f"others to end: as many of {wait['name']} run as may at once"
        case "rate":
            return f"its turn: as many of {wait['name']} have begun as may"
        case reason:
            return f"its {reason}"


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
