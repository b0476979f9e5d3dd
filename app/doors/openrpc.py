"""The JSON-RPC door described: an OpenRPC document of the registry."""

from typing import Any

from app.room.enter import Room
from app.room.operation import Operation
from app.room.schema.json_schema import Book, describe
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
    return {
        "openrpc": OPENRPC,
        "info": {"title": "Manydoors", "version": VERSION},
        "methods": methods,
        "components": {"schemas": book.definitions},
    }


def _method(operation: Operation, book: Book) -> Document:
    schema, _ = describe(operation.params.schema, base=SCHEMAS, book=book)
    required = schema.get("required", [])
    names = list(operation.params.names)
    ordered = sorted(names, key=lambda name: name not in required)  # as OpenRPC wants them
    result: Document = {}
    if operation.result.shape is not None:
        result, _ = describe(operation.result.shape, base=SCHEMAS, direction="dump", book=book)
    method: Document = {
        "name": operation.name,
        "summary": operation.summary or operation.name,
        "paramStructure": "either" if names == ordered else "by-name",
        "params": [
            {"name": name, "required": name in required, "schema": schema["properties"][name]}
            for name in ordered
        ],
        "result": {"name": "result", "schema": result},
    }
    return method | ({"description": operation.description} if operation.description else {})
