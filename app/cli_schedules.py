"""The commands for schedules, here or on a service elsewhere."""

import argparse
from collections.abc import Callable, Iterator
from typing import Any

from app.cli_params import read_params
from app.cli_trouble import DONE, helped
from app.client import Service
from app.client.schedules import Schedule, Wanted
from app.logs import escaped
from app.room.errors import UnknownOperation
from app.room.schedule import Plan
from app.terminal.text import as_json, dated, moment, span, width_of

HEADINGS = ("NAME", "OPERATION", "WHEN", "NEXT", "IN")


def schedules(given: argparse.Namespace, service: Service) -> int:
    """Lists the schedules, and when each comes due next."""
    found = service.schedules.list()
    if given.json:
        print(as_json({"items": found}))
        return DONE
    for line in _table(found, service.clock.now()):
        print(line)
    return DONE


def show(given: argparse.Namespace, service: Service) -> int:
    """Shows all of a schedule."""
    return _say(given, service.schedules.get(given.name))


def put(given: argparse.Namespace, service: Service) -> int:
    """Makes a schedule, or gives it another plan."""
    params, texts = read_params(given.params)
    plan = Plan(
        given.operation,
        params,
        cron=given.cron,
        every=given.every,
        tz=given.tz,
        enabled=not given.paused,
        catch_up=given.catch_up,
    )
    try:
        made = service.schedules.put(Wanted(given.name, plan, texts), preview=given.preview)
    except UnknownOperation as problem:
        raise helped(problem, service) from None
    return _say(given, made)


def pause(given: argparse.Namespace, service: Service) -> int:
    """From now on it makes no jobs."""
    return _say(given, service.schedules.enable(given.name, False))


def resume(given: argparse.Namespace, service: Service) -> int:
    """It goes on; what would have come meanwhile does not."""
    return _say(given, service.schedules.enable(given.name, True))


def run(given: argparse.Namespace, service: Service) -> int:
    """Makes a job of it now, and prints its id."""
    made = service.schedules.run(given.name)
    print(as_json(made) if given.json else escaped(made["id"]))
    return DONE


def delete(given: argparse.Namespace, service: Service) -> int:
    """Takes it away; jobs that it has made stay."""
    service.schedules.delete(given.name)
    print(as_json({"name": given.name}) if given.json else escaped(f"{given.name} is gone"))
    return DONE


def add_to(commands: Any, asking: argparse.ArgumentParser) -> None:
    """Their options; `asking` has those of every command that asks a service."""
    help = "list schedules, and make, show, pause, run or delete one"
    top = commands.add_parser("schedules", help=help, parents=[asking])
    top.set_defaults(ask=schedules, makes=False)
    inner = top.add_subparsers(metavar="WHAT")

    def add(name: str, ask: Callable[..., int], help: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = inner.add_parser(name, help=help, parents=[asking])
        parser.set_defaults(ask=ask, makes=ask is put)  # a store: in a new one are no schedules
        parser.add_argument("name", metavar="NAME")
        return parser

    _add_set(add("set", put, "make a schedule, or give it another plan"))
    add("show", show, "show all of a schedule")
    add("pause", pause, "make no jobs of it until it is resumed")
    add("resume", resume, "go on with it")
    add("run", run, "make a job of it now")
    add("delete", delete, "take a schedule away")


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("operation", metavar="OPERATION", help="as `operations` lists it")
    parser.add_argument(
        "params", nargs="*", metavar="name=value", help="a parameter; name=@file.json for JSON"
    )
    when = parser.add_mutually_exclusive_group(required=True)
    when.add_argument("--cron", help="five fields: '0 3 * * *'")
    when.add_argument("--every", help="an interval: 90s, 15m, 2h, 7d")
    parser.add_argument("--tz", help="the zone of the cron line (default UTC): Europe/Berlin")
    parser.add_argument(
        "--catch-up",
        choices=("none", "one", "all"),
        default="one",
        help="of due times that were missed (default one, the latest)",
    )
    parser.add_argument("--paused", action="store_true", help="make no jobs until it is resumed")
    parser.add_argument(
        "--preview", action="store_true", help="only show when it would come due; write nothing"
    )


def _say(given: argparse.Namespace, schedule: Schedule) -> int:
    if given.json:
        print(as_json(schedule))
        return DONE
    for line in _page(schedule):
        print(line)
    return DONE


def _page(schedule: Schedule) -> Iterator[str]:
    paused = "" if schedule["enabled"] else "  paused"
    yield escaped(f"{schedule['name']}  {schedule['operation']}  {_when(schedule)}{paused}")
    facts = {
        "params": as_json(schedule["params"]) if schedule["params"] else None,
        "catch up": schedule["catch_up"],
        "from": "the code" if schedule["source"] == "code" else schedule["source"],
        "created": dated(schedule["created_at"]),
        "changed": dated(schedule["updated_at"]),
        "last job": schedule["last_job"],
    }
    for name, text in facts.items():
        if text is not None:
            yield escaped(f"{name:10} {text}")
    for place, due in enumerate(schedule["upcoming"]):
        yield f"{'' if place else 'next':10} {dated(due)}"


def _table(found: Any, now: float) -> Iterator[str]:
    rows = [_row(each, now) for each in found]
    if not rows:
        return
    widths = [max(map(width_of, column)) for column in zip(HEADINGS, *rows, strict=True)]
    for row in (HEADINGS, *rows):
        cells = (cell + " " * (w - width_of(cell)) for cell, w in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _row(schedule: Schedule, now: float) -> tuple[str, ...]:
    due = schedule["next_due"]
    left = "" if due is None else span(max(0.0, (moment(due) or now) - now))
    coming = "paused" if not schedule["enabled"] else dated(due) if due else "–"
    told = (schedule["name"], schedule["operation"], _when(schedule), coming, left)
    return tuple(map(escaped, told))


def _when(schedule: Schedule) -> str:
    if schedule["cron"] is None:
        return f"every {schedule['every']}"
    return f"{schedule['cron']} ({schedule['tz']})"
