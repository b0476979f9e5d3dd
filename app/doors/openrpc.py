"""The JSON-RPC door described: OpenRPC of the registry, and of what is asked of jobs."""

import inspect
from collections.abc import Callable
from typing import Any

from app.doors.job_schema import job_schema, page
from app.doors.jobs import METHODS
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
    methods += [_of_jobs(name, ask, takes) for name, (ask, takes) in METHODS.items()]
    return {
        "openrpc": OPENRPC,
        "info": {"title": "Manydoors", "version": VERSION},
        "methods": methods,
        "components": {"schemas": {"Job": job_schema(), **book.definitions}},
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


def _of_jobs(name: str, ask: Callable[..., Any], takes: Params) -> Document:
    schema, _ = describe(takes.schema)
    job = {"$ref": f"{SCHEMAS}Job"}
    summary, _, description = (inspect.getdoc(ask) or "").partition("\n")
    method: Document = {
        "name": name,
        "summary": summary,
        **_params(schema, list(takes.names)),
        "result": {"name": "result", "schema": page(job) if name == "jobs.list" else job},
    }
    return method | ({"description": description.strip()} if description else {})


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
