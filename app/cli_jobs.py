"""The commands that call operations and look after jobs, here or on a service elsewhere."""

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any

from app import cli_files, cli_keys, cli_webhooks
from app.cli_files import attaching
from app.cli_params import duration, read_params, read_value, time, whole
from app.cli_trouble import DONE, FAILED, code_of, helped, sentences
from app.client import Job, Service, Wish
from app.logs import escaped
from app.room.call import Outcome
from app.room.errors import Problem, UnknownOperation
from app.room.job import FAILED as JOB_FAILED
from app.room.job import STATUSES, SUCCEEDED, TERMINAL
from app.room.listing import NO_PARENT
from app.terminal.page import ended, page, table
from app.terminal.screens import JsonLines, Lines, Live, Screen, Silent, columns_of, follow
from app.terminal.text import as_json, harmless

PAGE = 200
MOST = 10**9


def operations(given: argparse.Namespace, service: Service) -> int:
    """Lists what can be called."""
    listed = service.operations()
    if given.json:
        print(as_json({"items": listed}))
        return DONE
    width = max((len(each["name"]) for each in listed), default=0)
    for each in listed:
        print(escaped(f"{each['name']:{width}}  {each['summary']}".rstrip()))
    return DONE


def call(given: argparse.Namespace, service: Service) -> int:
    """Calls an operation, and prints its result or its problem as JSON."""
    try:
        params, texts = read_params(given.params, attaching(service, given.name))
        outcome = service.call(Wish(given.name, params, texts, key=given.key))
        if outcome.problem:
            raise outcome.problem
        if outcome.pending:
            return _await(given, service, outcome)
    except Problem as problem:
        if isinstance(problem, UnknownOperation):
            problem = helped(problem, service)
        told = {"kind": problem.kind, "detail": problem.detail, **problem.members}
        print(as_json(told), file=sys.stderr)
        return code_of(problem)
    print(harmless(outcome.json.decode()))
    return DONE


def _await(given: argparse.Namespace, service: Service, outcome: Outcome) -> int:
    """A long operation: its job's end, and the result of that."""
    at_terminal = sys.stderr.isatty()
    id = str(outcome.job)
    _tell_if_deserted(service, id)
    screen: Screen = Live(sys.stderr, closing=False) if at_terminal else Silent()
    try:
        job = follow(service, id, screen, given.timeout)
    except KeyboardInterrupt:
        if at_terminal:
            print(f"{id} goes on: `watch` it, or `cancel` it.", file=sys.stderr)
        raise
    if job["status"] == SUCCEEDED:
        print(as_json(job["result"]))
        return DONE
    error = job["error"] or {"kind": "conflict", "detail": "The job was cancelled."}
    shown = {name: each for name, each in error.items() if name != "traceback"}
    print(as_json({**shown, "job": job["id"]}), file=sys.stderr)
    return FAILED


def submit(given: argparse.Namespace, service: Service) -> int:
    """Makes a job, and prints its id."""
    try:
        params, texts = read_params(given.params, attaching(service, given.name))
        wish = Wish(
            given.name,
            params,
            texts,
            key=given.key,
            delay=given.delay,
            due=given.due,
            priority=given.priority,
            callback_url=given.callback,
        )
        job = service.submit(wish)
    except UnknownOperation as problem:
        raise helped(problem, service) from None
    print(as_json(job) if given.json else escaped(job["id"]))
    sys.stdout.flush()
    _tell_if_deserted(service, job["id"])
    return DONE


def _tell_if_deserted(service: Service, id: str) -> None:
    if service.is_deserted():
        told = f"No worker runs: {id} is kept, and runs once `python -m app up` (or `work`) does."
        print(escaped(told), file=sys.stderr)


def _tell_if_left(service: Service, job: Job) -> None:
    """Of a job that is under way, and has nobody to go on with it."""
    if job["status"] not in TERMINAL:
        _tell_if_deserted(service, job["id"])


def watch(given: argparse.Namespace, service: Service) -> int:
    """Follows a job to its end."""
    if service.is_deserted():
        _tell_if_left(service, service.get(given.id))
    screen: Screen
    if given.json:
        screen = JsonLines(sys.stdout)
    else:
        screen = Live(sys.stdout, paint=given.paint) if sys.stdout.isatty() else Lines(sys.stdout)
    job = follow(service, given.id, screen, given.timeout)
    return DONE if job["status"] == SUCCEEDED else FAILED


def jobs(given: argparse.Namespace, service: Service) -> int:
    """Lists jobs, the newest first. Children stand with their parent, unless they are asked for."""
    parent = given.parent
    if not (parent or given.children or given.status or given.operation):
        parent = NO_PARENT
    walk = _Walk(service, given.status, given.operation, parent, given.cursor)
    most = None if given.all else given.limit
    found = walk.jobs(most)
    if given.json:
        items = list(found)
        print(as_json({"items": items, "next": walk.next}))
        return DONE
    width = columns_of(sys.stdout) if sys.stdout.isatty() else None
    for line in table(found, service.clock.now(), width, given.paint):
        print(line)
    return DONE


def job(given: argparse.Namespace, service: Service) -> int:
    """Shows all of a job."""
    found = service.get(given.id)
    log = service.log(given.id)
    if given.json:
        print(as_json({**found, "log": log}))
        return DONE
    for line in page(found, log, service.clock.now(), given.paint):
        print(line)
    sys.stdout.flush()
    _tell_if_left(service, found)
    return DONE


def cancel(given: argparse.Namespace, service: Service) -> int:
    """Cancels jobs."""

    def say(id: str, cancelled: Job) -> str:
        running = cancelled["status"] == "running"
        return f"{id} is asked to stop at its next boundary" if running else ended(cancelled)

    return _each(given, given.ids, service.cancel, say)


def retry(given: argparse.Namespace, service: Service) -> int:
    """Makes new jobs like those that have ended. A child among all that failed is its parent's."""

    def say(id: str, again: Job) -> str:
        return f"{again['id']} is {id} again"

    if not given.failed:
        return _each(given, given.ids, service.retry, say)
    walk = _Walk(service, JOB_FAILED, given.operation, NO_PARENT)
    ids = (str(each["id"]) for each in walk.jobs(None))

    def again(id: str) -> Job | None:
        made = service.retry(id, f"retry:{id}")  # the key: however often this is said, but once
        return made if made["status"] == "queued" else None

    return _each(given, ids, again, say)


def signal(given: argparse.Namespace, service: Service) -> int:
    """Brings a value to a job that waits for it."""
    found = service.signal(given.id, given.name, read_value(given.value))
    print(as_json(found) if given.json else ended(found))
    sys.stdout.flush()
    awaited = found.get("waiting_for") or {}
    if awaited.get("reason") == "signal" and awaited["name"] != given.name:
        told = f"It waits for {awaited['name']!r}: {given.name!r} is kept until it is asked for."
        print(escaped(told), file=sys.stderr)
    return DONE


def add_to(commands: Any, url: Callable[[str], str]) -> argparse.ArgumentParser:
    """Their options; the global ones may stand behind a command, too, and are given back for
    others. `url` reads an address."""
    asking = argparse.ArgumentParser(add_help=False)
    asking.add_argument(
        "--url", type=url, default=argparse.SUPPRESS, help="ask the service at this address"
    )
    asking.add_argument("--data", default=argparse.SUPPRESS, help="use the store in this folder")
    asking.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print for machines"
    )

    def add(
        name: str, ask: Callable[..., int] | None, help: str, below: Any = commands
    ) -> argparse.ArgumentParser:
        parents = [asking] if ask else []
        parser: argparse.ArgumentParser = below.add_parser(name, help=help, parents=parents)
        if ask:
            parser.set_defaults(ask=ask)
        return parser

    add("operations", operations, "list what can be called")
    _add_calls(add)
    cli_files.add_to(add)
    for parser in (*_add_looks(add), *_add_changes(add), *cli_keys.add_to(add)):
        parser.set_defaults(makes=False)  # a store: in a new one are no jobs
    cli_webhooks.add_to(add)
    return asking


Add = Callable[..., argparse.ArgumentParser]


def _add_calls(add: Add) -> None:
    calling = add("call", call, "call an operation, and print its result")
    submitting = add("submit", submit, "make a job of a call, and print its id")
    for parser in (calling, submitting):
        parser.add_argument("name", help="as `operations` lists it")
        parser.add_argument(
            "params",
            nargs="*",
            metavar="name=value",
            help="a parameter; name=@path for a file or JSON",
        )
        parser.add_argument("--key", help="accepted once, however often it is sent")
    calling.add_argument("--timeout", type=duration, help="how long to wait for a long one: 90s")
    start = submitting.add_mutually_exclusive_group()
    start.add_argument("--delay", type=duration, help="start in so long: 90s, 15m, 2h")
    start.add_argument("--due", type=time, help="start at this time: 2030-01-31T03:00")
    submitting.add_argument("--callback", metavar="URL", help="tell its end to this address")
    submitting.add_argument("--priority", type=whole(-100, 100), help="-100 to 100, higher first")


def _add_looks(add: Add) -> Sequence[argparse.ArgumentParser]:
    watching = add("watch", watch, "follow a job to its end")
    watching.add_argument("id", metavar="JOB")
    watching.add_argument("--timeout", type=duration, help="how long to wait: 90s, 15m, 2h")
    listing = add("jobs", jobs, "list jobs, the newest first")
    listing.add_argument("--status", choices=STATUSES)
    listing.add_argument("--operation", metavar="NAME")
    family = listing.add_mutually_exclusive_group()
    family.add_argument("--parent", metavar="JOB", help="the children of that job")
    family.add_argument("--children", action="store_true", help="children too, whosever they are")
    listing.add_argument("--cursor", help="go on where a list ended: its `next`")
    many = listing.add_mutually_exclusive_group()
    many.add_argument("--limit", type=whole(1, MOST), default=50, help="at most (default 50)")
    many.add_argument("--all", action="store_true", help="every one")
    showing = add("job", job, "show all of a job, its log and its error too")
    showing.add_argument("id", metavar="JOB")
    return watching, listing, showing


def _add_changes(add: Add) -> Sequence[argparse.ArgumentParser]:
    cancelling = add("cancel", cancel, "cancel jobs")
    cancelling.add_argument("ids", nargs="+", metavar="JOB")
    retrying = add("retry", retry, "run jobs that have ended once more, as new jobs")
    retrying.add_argument("ids", nargs="*", metavar="JOB")
    retrying.add_argument("--failed", action="store_true", help="all that failed")
    retrying.add_argument("--operation", metavar="NAME", help="of those, one operation's")
    retrying.set_defaults(check=_check_retry)
    signalling = add("signal", signal, "bring a value to a job's run.wait_for")
    signalling.add_argument("id", metavar="JOB")
    signalling.add_argument("name", metavar="NAME")
    signalling.add_argument("value", nargs="?", default="null", help="JSON, or @file.json")
    return cancelling, retrying, signalling


def _check_retry(given: argparse.Namespace) -> str | None:
    if given.failed == bool(given.ids):
        return "name the jobs, or give --failed"
    if given.operation and not given.failed:
        return "--operation goes with --failed"
    return None


class _Walk:
    """Through the pages of a list."""

    def __init__(
        self,
        service: Service,
        status: str | None,
        operation: str | None,
        parent: str | None = None,
        cursor: str | None = None,
    ) -> None:
        self._service, self._status, self._operation = service, status, operation
        self._parent = parent
        self.next = cursor  # where to go on, once the jobs were walked through

    def jobs(self, most: int | None) -> Iterator[Job]:
        left = MOST if most is None else most
        while left > 0:
            items, self.next = self._service.list(
                status=self._status,
                operation=self._operation,
                parent=self._parent,
                cursor=self.next,
                limit=min(left, PAGE),
            )
            left -= len(items)
            yield from islice(items, PAGE)
            if self.next is None:
                return


def _each(
    given: argparse.Namespace,
    ids: Sequence[str] | Iterator[str],
    change: Callable[[str], Job | None],
    say: Callable[[str, Job], str],
) -> int:
    """One after another; what is wrong with one does not keep the next from its turn."""
    changed: list[Job] = []
    problems: list[dict[str, Any]] = []
    code = DONE
    for id in ids:
        try:
            made = change(id)
        except Problem as problem:
            code = max(code, code_of(problem))
            problems.append({"id": id, "kind": problem.kind, "detail": problem.detail})
            if not given.json:
                print(escaped(f"{id}: "), sentences(problem), sep="", file=sys.stderr)
            continue
        if made is None:
            continue
        changed.append(made)
        if not given.json:
            print(escaped(say(id, made)))
    if given.json:
        print(as_json({"items": changed, "problems": problems}))
    return code
