"""The JSON-RPC door described: OpenRPC of the operations, and of what jobs and schedules take."""

import inspect
from collections.abc import Callable
from typing import Any

from app.doors.job_schema import job_schema, page
from app.doors.jobs import METHODS as OF_JOBS
from app.doors.schedule_schema import schedule_schema
from app.doors.schedules import METHODS as OF_SCHEDULES
from app.room.enter import Room
from app.room.operation import Operation
from app.room.schema.json_schema import Book, describe
from app.room.schema.params import Params
from app.room.strict_json import write_json

Document = dict[str, Any]

SCHEMAS = "#/components/schemas/"
OPENRPC = "1.3.2"
VERSION = "0.1.0"


def written(room: Room) -> bytes:
    return write_json(document(room))


def document(room: Room) -> Document:
    book = Book()
    methods = [_method(operation, book) for operation in room.registry]
    for name, (ask, takes) in {**OF_JOBS, **OF_SCHEDULES}.items():
        methods.append(_of_service(name, ask, takes))
    return {
        "openrpc": OPENRPC,
        "info": {"title": "Manydoors", "version": VERSION},
        "methods": methods,
        "components": {
            "schemas": {"Job": job_schema(), "Schedule": schedule_schema(), **book.definitions}
        },
    }


def _method(operation: Operation, book: Book) -> Document:
    schema, _ = describe(operation.params.schema, base=SCHEMAS, book=book)
    result: Document = {}
    if operation.result.shape is not None:
        result, _ = describe(operation.result.shape, base=SCHEMAS, direction="dump", book=book)
    method: Document = {
        "name": operation.name,
        "summary": operation.summary or operation.name,
        **_params(schema, list(operation.params.names)),
        "result": {"name": "result", "schema": result},
    }
    return method | ({"description": operation.description} if operation.description else {})


def _of_service(name: str, ask: Callable[..., Any], takes: Params) -> Document:
    schema, _ = describe(takes.schema)
    summary, _, description = (inspect.getdoc(ask) or "").partition("\n")
    method: Document = {
        "name": name,
        "summary": summary,
        **_params(schema, list(takes.names)),
        "result": {"name": "result", "schema": _result(name)},
    }
    return method | ({"description": description.strip()} if description else {})


def _result(name: str) -> Document:
    job, schedule = {"$ref": f"{SCHEMAS}Job"}, {"$ref": f"{SCHEMAS}Schedule"}
    others: Document = {
        "jobs.list": page(job),
        "schedules.list": page(schedule),
        "schedules.get": schedule,
        "schedules.put": schedule,
        "schedules.delete": {"type": "null"},
    }
    result: Document = others.get(name, job)
    return result


def _params(schema: Document, names: list[str]) -> Document:
    required = schema.get("required", [])
    ordered = sorted(names, key=lambda name: name not in required)  # as OpenRPC wants them
    return {
        "paramStructure": "either" if names == ordered else "by-name",
        "params": [
            {"name": name, "required": name in required, "schema": schema["properties"][name]}
            for name in ordered
        ],
    }
