"""The operations as tools: what a model is told of each, from the schemas that all doors have."""

import inspect
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from app.doors.mcp.names import OF_JOBS, has_jobs, names
from app.doors.methods import METHODS
from app.doors.rest.document import params_schema, result_schema
from app.room.enter import Room
from app.room.operation import Operation
from app.room.route import Route
from app.room.schema.json_schema import describe
from app.room.schema.result import Result

Document = dict[str, Any]

BRIEF = ("id", "operation", "status", "progress")

_TEXT: Document = {"type": "string"}
_JOB: Document = {
    "type": "object",
    "description": "What it has become, if it takes longer: it is to be asked for by its id.",
    "properties": {
        "id": _TEXT,
        "operation": _TEXT,
        "status": _TEXT,
        "progress": {"type": ["object", "null"]},
        "url": _TEXT,
    },
    "required": [*BRIEF, "url"],
}


def tools(room: Room, tasks: bool) -> Iterator[tuple[str, Document]]:
    """Each with the scope that it asks for, in the order of their names. `tasks`: with what the
    revision that has this says of them."""
    named = names(room.registry).tools
    for operation in sorted(room.registry, key=lambda each: each.name):
        execution: Document = {"execution": {"taskSupport": "optional"}} if tasks else {}
        about = {"name": named[operation.name], **tool(operation), **execution}
        yield operation.policy.scope, about
    if has_jobs(room.registry):
        for name, scope in OF_JOBS.items():
            yield scope, {"name": named[name], **_of_service(name)}


def tool(operation: Operation) -> Document:
    told: Document = {}
    if operation.summary:
        told["title"] = operation.summary.removesuffix(".")
    if about := "\n\n".join(filter(None, (operation.summary, operation.description))):
        told["description"] = about
    takes = params_schema(operation)
    if operation.examples:
        takes = {**takes, "examples": [dict(example) for example in operation.examples]}
    told["inputSchema"] = takes
    told["outputSchema"] = output_schema(operation)
    hints = _hints(operation.route)
    return told | ({"annotations": hints} if hints else {})


def output_schema(operation: Operation) -> Document:
    """Of the structured content, which is an object in every revision."""
    schema = result_schema(operation)
    if is_bare(operation):
        return {**schema, "type": "object"}
    definitions = schema.pop("$defs", None)
    whole: Document = {"type": "object", "properties": {"result": schema}, "required": ["result"]}
    if operation.long:
        whole = {
            "type": "object",
            "properties": {"result": schema, "job": _JOB},
            "oneOf": [{"required": ["result"]}, {"required": ["job"]}],
        }
    return {**whole, "$defs": definitions} if definitions else whole


def is_bare(operation: Operation) -> bool:
    """Does its result stand for itself? One that is no object stands in one, as `result`, and so
    does that of a long one, which may be a job instead."""
    return not operation.long and _is_object(operation.result)


@lru_cache(maxsize=1000)  # each call asks
def _is_object(result: Result) -> bool:
    if result.shape is None:
        return False
    schema, definitions = describe(result.shape, direction="dump")
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    return schema.get("type") == "object"


def _hints(route: Route | None) -> Document:
    """What the method of its own path promises."""
    if route is None:
        return {}
    if route.method == "GET":
        return {"readOnlyHint": True}
    return {"idempotentHint": True} if route.method in ("PUT", "DELETE") else {}


def _of_service(name: str) -> Document:
    act, takes = METHODS[name]
    about = inspect.getdoc(act) or ""
    hints = {"readOnlyHint": True} if OF_JOBS[name] == "read" else {"idempotentHint": True}
    return {
        "title": about.partition("\n")[0].removesuffix("."),
        "description": about,
        "inputSchema": describe(takes.schema)[0],
        "annotations": hints,
    }
