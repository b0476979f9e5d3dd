"""The methods of the protocol, as the newest revision has them, and as those before it."""

from collections.abc import Callable, Mapping
from typing import Any

from app.doors import methods
from app.doors.mcp import tasks
from app.doors.mcp.names import OF_JOBS, has_jobs, names
from app.doors.mcp.progress import Following
from app.doors.mcp.results import of_outcome
from app.doors.mcp.revision import HANDSHAKE, SUPPORTED, TASKS, meta_of
from app.doors.mcp.tools import tools
from app.doors.mcp.visit import SERVER_INFO, SOURCE, Visit, object_of, text_of
from app.room.call import LONGEST_WAIT, Call, Outcome
from app.room.errors import Invalid, Wrong
from app.room.operation import Operation

Params = Mapping[str, Any]
Result = dict[str, Any]
Method = Callable[[Visit, Params], Result | Following]

PAGE = 100  # tools
FRESH = 60_000  # milliseconds that a client may keep a list

OF_ALL = (
    "Each tool is a function of this service. A file in a result is a link; one is passed by its "
    "id. A call that went wrong tells what to mend."
)
OF_LONG = (
    " What takes longer than an answer may goes on as a job: the result names it, and the tool "
    "{} tells how far it is and, when it has ended, what it gave."
)


def initialize(visit: Visit, params: Params) -> Result:
    """The revision that the client offers, if it is one with a handshake, or else the last such."""
    offered = SUPPORTED.get(text_of(params, "protocolVersion"))
    agreed = offered if offered in HANDSHAKE else HANDSHAKE[0]
    of_tasks: Result = {"list": {}, "cancel": {}, "requests": {"tools": {"call": {}}}}
    return {
        "protocolVersion": agreed.name,
        "capabilities": {"tools": {}, **({"tasks": of_tasks} if agreed.tasks else {})},
        "serverInfo": SERVER_INFO,
        "instructions": _instructions(visit),
    }


def discover(visit: Visit, params: Params) -> Result:
    return {
        "supportedVersions": list(SUPPORTED),
        "capabilities": {"tools": {}, "extensions": {TASKS: {}}},
        "instructions": _instructions(visit),
        **_kept(visit, "public"),
    }


def _instructions(visit: Visit) -> str:
    registry = visit.room.registry
    if not has_jobs(registry):
        return OF_ALL
    return OF_ALL + OF_LONG.format(names(registry).tools["jobs.get"])


def ping(visit: Visit, params: Params) -> Result:
    return {}


def listed(visit: Visit, params: Params) -> Result:
    """The tools that this key may call. The cursor is the name of the last that was told."""
    everything = tools(visit.room, visit.revision.tasks)
    mine = [tool for scope, tool in everything if visit.caller.may(scope)]
    start = 0
    if params.get("cursor") is not None:
        names = [tool["name"] for tool in mine]
        if (cursor := text_of(params, "cursor")) not in names:
            raise Invalid(errors=[Wrong("/params/cursor", "Not a valid cursor.")])
        start = names.index(cursor) + 1
    shown = mine[start : start + PAGE]
    more = {"nextCursor": shown[-1]["name"]} if start + PAGE < len(mine) else {}
    return {"tools": shown, **more, **_kept(visit, "private")}


def call(visit: Visit, params: Params) -> Result | Following:
    """By the tool's name, or by the operation's."""
    registry, arguments = visit.room.registry, object_of(params, "arguments")
    name = text_of(params, "name")
    name = names(registry).called.get(name, name)
    if name in OF_JOBS and has_jobs(registry):
        sender = methods.Sender(visit.caller, visit.request.request_id, visit.base, source=SOURCE)
        return of_outcome(visit, methods.ask(visit.room, name, arguments, sender))
    operation = registry.get(name)
    if visit.revision.tasks and params.get("task") is not None:
        object_of(params, "task")
        outcome = _entered(visit, name, arguments, asynchronous=True)
        if outcome.problem:  # who asks for a task takes nothing else
            raise outcome.problem
        return tasks.created(visit, outcome.value)
    if not operation.long:
        wish = visit.wishes
        outcome = _entered(visit, name, arguments, wish.asynchronous, wish.wait)
        return of_outcome(visit, outcome, operation)
    return _long(visit, operation, arguments, params)


def _long(
    visit: Visit, operation: Operation, arguments: Params, params: Params
) -> Result | Following:
    """A task for who takes them; for who wants progress, events until the end; for others what it
    gives within the time of an answer, or else the job that it is."""
    if visit.spoken.takes_tasks:
        outcome = _entered(visit, operation.name, arguments)
        if outcome.pending:
            return tasks.created(visit, outcome.value)
        return of_outcome(visit, outcome, operation)
    token = meta_of({"params": params}).get("progressToken")
    if visit.may_stream and isinstance(token, str | int) and not isinstance(token, bool):
        outcome = _entered(visit, operation.name, arguments)
        if outcome.job is not None:
            record = visit.jobs.record(outcome.job)
            return Following(visit, record, lambda end: of_outcome(visit, end, operation), token)
        return of_outcome(visit, outcome, operation)
    wait = visit.wishes.wait
    if wait is None and not visit.wishes.asynchronous:
        wait = LONGEST_WAIT
    outcome = _entered(visit, operation.name, arguments, wait=wait)
    return of_outcome(visit, outcome, operation)


def _entered(
    visit: Visit,
    name: str,
    arguments: Params,
    asynchronous: bool = False,
    wait: float | None = None,
) -> Outcome:
    return visit.room.enter(
        Call(
            name,
            arguments,
            caller=visit.caller,
            source=SOURCE,
            request_id=visit.request.request_id,
            key=visit.wishes.key,
            asynchronous=asynchronous,
            wait=wait,
            prefix=visit.base,
        )
    )


def _kept(visit: Visit, scope: str) -> Result:
    """How long, and for whom, a client may keep an answer, in the revision that asks for it."""
    return {"ttlMs": FRESH, "cacheScope": scope} if visit.revision.modern else {}


OF_BOTH: Mapping[str, Method] = {
    "tools/list": listed,
    "tools/call": call,
    "tasks/get": tasks.get,
    "tasks/cancel": tasks.cancel,
}
MODERN_METHODS: Mapping[str, Method] = {
    **OF_BOTH,
    "server/discover": discover,
    "tasks/update": tasks.update,
}
HANDSHAKE_METHODS: Mapping[str, Method] = {
    **OF_BOTH,
    "initialize": initialize,
    "ping": ping,
    "tasks/result": tasks.result,
    "tasks/list": tasks.listed,
}
