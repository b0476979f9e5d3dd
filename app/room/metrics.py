"""What a store's jobs look like from outside, as Prometheus reads it: numbers of all owners.

All are gauges: they are counted anew for each look, of what the store keeps. So whichever process
is asked says the same, and none of it is lost with a process.
"""

from collections.abc import Iterator, Mapping

from app.ports import Record
from app.room.access import check_scope
from app.room.call import Caller
from app.room.engine import Engine
from app.room.file_uses import FILES
from app.room.job import JOBS, QUEUED, TERMINAL
from app.room.schedule import SCHEDULES
from app.room.stats import by_status, last_day, totals
from app.room.tally import percentile

LOOKED = 1000  # of the queued jobs, the oldest
QUANTILES = (0.5, 0.95, 0.99)

Row = tuple[Mapping[str, str], float]


def metrics(engine: Engine, caller: Caller) -> str:
    """In the text format 0.0.4. For admins, since it tells of every owner."""
    check_scope(caller, "admin")
    return "".join(_lines(engine))


def _lines(engine: Engine) -> Iterator[str]:
    records = engine.ports.records
    counts = totals(engine, None)
    yield from _gauge(
        "manydoors_jobs",
        "Jobs that the store keeps, by status.",
        (({"status": status}, number) for status, number in counts.items()),
    )
    due = _due(engine)
    yield from _gauge(
        "manydoors_jobs_due",
        f"Queued jobs that might run now, of the oldest {LOOKED:,}.",
        [({}, len(due))],
    )
    now = engine.ports.clock.now()
    oldest = max((now - (each.due or now) for each in due), default=0.0)
    yield from _gauge(
        "manydoors_oldest_due_job_age_seconds",
        "How long the one of these waits that has been due longest.",
        [({}, oldest)],
    )
    yield from _by_operation(engine)
    for name, collection in (("schedules", SCHEDULES), ("files", FILES)):
        told = f"The {name} of all owners."
        yield from _gauge(f"manydoors_{name}", told, [({}, records.count(collection))])


def _by_operation(engine: Engine) -> Iterator[str]:
    day = last_day(engine, None)
    by_name = {name: by_status(counts) for name, counts in sorted(day.operations.items())}
    yield from _gauge(
        "manydoors_operation_jobs",
        "Jobs that have not ended, by operation; of each status the newest thousand.",
        (
            ({"operation": name, "status": status}, number)
            for name, counts in by_name.items()
            for status, number in counts.items()
            if status not in TERMINAL
        ),
    )
    yield from _gauge(
        "manydoors_operation_ended_last_day",
        "Jobs that have ended within the last day, by operation.",
        (
            ({"operation": name, "status": status}, number)
            for name, counts in by_name.items()
            for status, number in counts.items()
            if status in TERMINAL
        ),
    )
    yield from _gauge(
        "manydoors_operation_duration_seconds",
        "How long the jobs of the last day ran: no more than this, for this share of them.",
        (
            ({"operation": name, "quantile": f"{share:g}"}, seconds)
            for name, durations in sorted(day.durations.items())
            for share in QUANTILES
            if (seconds := percentile(durations, share)) is not None
        ),
    )


def _due(engine: Engine) -> list[Record]:
    now, cursor, found, looked = engine.ports.clock.now(), None, list[Record](), 0
    while looked < LOOKED:
        page = engine.ports.records.list(
            JOBS, label=QUEUED, newest_first=False, cursor=cursor, limit=200
        )
        found += [each for each in page.items if each.due is not None and each.due <= now]
        looked += len(page.items)
        if (cursor := page.next) is None:
            break
    return found


def _gauge(name: str, told: str, rows: "Iterator[Row] | list[Row]") -> Iterator[str]:
    yield f"# HELP {name} {told}\n# TYPE {name} gauge\n"
    for labels, number in rows:
        said = ",".join(f'{label}="{_escaped(text)}"' for label, text in labels.items())
        yield f"{name}{{{said}}} {number:.17g}\n" if said else f"{name} {number:.17g}\n"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
