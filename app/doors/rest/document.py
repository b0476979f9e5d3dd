"""The REST door described: OpenAPI 3.1, from the same schemas that load and dump."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from app.doors.http import JSON, PROBLEM_JSON, STATUS
from app.doors.rest.endpoint import Endpoint
from app.room import errors, trigger
from app.room.operation import Operation, Registry
from app.room.route import Route
from app.room.schema.json_schema import Book, describe

Document = dict[str, Any]

SCHEMAS = "#/components/schemas/"
VERSION = "0.1.0"
ABOUT = """Each operation is a Python function. Call it by its own path, or by the generic one.
A problem is `application/problem+json` (RFC 9457); its `type` ends in the kind of problem."""

ALWAYS = ("not_acceptable", "busy", "internal", "unavailable")
WITH_KEYS = ("unauthenticated", "forbidden")
WITH_BODY = ("malformed", "too_large", "unsupported", "invalid")


def openapi(registry: Registry, endpoints: Iterable[Endpoint]) -> Document:
    """The whole document. Its server is relative, so that it holds under any prefix."""
    book = Book()
    paths: dict[str, Document] = {}
    for endpoint in endpoints:
        if endpoint.what:
            described = _endpoint(endpoint, book)
            paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Manydoors", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "./"}],
        "tags": [
            *({"name": name} for name in sorted({_tag(each) for each in registry} - {"service"})),
            {"name": "service", "description": "The service itself, and what it says of each"},
        ],
        "paths": paths,
        "components": {
            "schemas": {**_components(), **book.definitions},
            "responses": {kind: _problem(kind) for kind in STATUS},
            "headers": {"X-Request-Id": _REQUEST_ID},
        },
    }


def described(operation: Operation) -> Document:
    """An operation as a caller may know it, with its JSON Schemas."""
    route = operation.route
    return {
        "name": operation.name,
        "summary": operation.summary,
        "description": operation.description,
        "params": params_schema(operation),
        "result": result_schema(operation),
        "long": operation.long,
        "http": f"{route.method} {route.path}" if route else None,
        "policy": operation.policy.described(),
        "triggers": [trigger.described(each) for each in operation.triggers],
        "examples": [dict(example) for example in operation.examples],
    }


def params_schema(operation: Operation) -> Document:
    """On its own: what it refers to stands inside."""
    schema, definitions = describe(operation.params.schema)
    return {**schema, "$defs": definitions} if definitions else schema


def result_schema(operation: Operation) -> Document:
    if operation.result.shape is None:
        return {}
    schema, definitions = describe(operation.result.shape, direction="dump")
    return {**schema, "$defs": definitions} if definitions else schema


def _endpoint(endpoint: Endpoint, book: Book) -> Document:
    operation = endpoint.operation
    if operation is None:
        return _SERVICE[endpoint.what]()
    if endpoint.what == "show":
        return _showing(operation)
    if operation.route and endpoint.rule == operation.route.path:
        return _calling_own(operation, operation.route, book)
    return _calling(operation, book)


def _calling(operation: Operation, book: Book) -> Document:
    """`POST /v1/operations/{name}`: all parameters in the body."""
    schema, _ = describe(operation.params.schema, base=SCHEMAS, book=book)
    return {
        **_heading(operation, f"call {operation.name}"),
        "requestBody": _body(schema, operation.examples),
        "responses": _responses(_result(operation, book), *_kinds(operation), *WITH_BODY),
    }


def _calling_own(operation: Operation, route: Route, book: Book) -> Document:
    """An operation's own path: parameters in the path, and in the query or the body."""
    schema, _ = describe(operation.params.schema, base=SCHEMAS, book=book)
    rest = {name: each for name, each in schema["properties"].items() if name not in route.names}
    required = [name for name in schema.get("required", []) if name in rest]
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": schema["properties"][name]}
        for name in route.names
    ]
    document = _heading(operation, operation.name)
    kinds = [*_kinds(operation), "malformed", "invalid"]
    if route.has_body:
        kinds += WITH_BODY
        inside = {**schema, "properties": rest, "required": required}
        examples = [{n: v for n, v in each.items() if n in rest} for each in operation.examples]
        document["requestBody"] = _body(inside, examples)
    else:
        parameters += [_query(name, each, name in required) for name, each in rest.items()]
    return {
        **document,
        "parameters": parameters,
        "responses": _responses(_result(operation, book), *kinds),
    }


def _listing() -> Document:
    items = {"type": "array", "items": {"$ref": f"{SCHEMAS}Operation"}}
    page = {
        "type": "object",
        "properties": {"items": items, "next": {"type": ["string", "null"]}},
        "required": ["items", "next"],
    }
    limit = {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    return {
        **_service("List the operations.", "operations"),
        "parameters": [
            _query("limit", limit, False),
            _query("cursor", {"type": "string"}, False),
        ],
        "responses": _responses(page, *ALWAYS, *WITH_KEYS, "malformed", "invalid"),
    }


def _showing(operation: Operation) -> Document:
    return {
        "summary": f"Describe {operation.name}.",
        "operationId": f"describe.{operation.name}",
        "tags": ["service"],
        "responses": _responses({"$ref": f"{SCHEMAS}Operation"}, *ALWAYS, *WITH_KEYS),
    }


def _health(word: str, summary: str) -> Document:
    shape = {
        "type": "object",
        "properties": {"status": {"const": word, "type": "string"}},
        "required": ["status"],
    }
    return {**_service(summary, word), "responses": _responses(shape, *ALWAYS)}


_SERVICE: Mapping[str, Callable[[], Document]] = {
    "list": _listing,
    "alive": lambda: _health("ok", "Is the service alive?"),
    "ready": lambda: _health("ready", "Can it reach its store?"),
}
_REQUEST_ID = {
    "description": "The id of this request, taken from it or made; every log line has it.",
    "schema": {"type": "string"},
}


def _service(summary: str, id: str) -> Document:
    return {"summary": summary, "operationId": f"service.{id}", "tags": ["service"]}


def _tag(operation: Operation) -> str:
    return operation.name.partition(".")[0]


def _heading(operation: Operation, id: str) -> Document:
    heading = {
        "summary": operation.summary or operation.name,
        "operationId": id.replace(" ", "."),
        "tags": [_tag(operation)],
    }
    return {**heading, "description": operation.description} if operation.description else heading


def _kinds(operation: Operation) -> tuple[str, ...]:
    return (*ALWAYS, *WITH_KEYS, "unknown", "conflict", "refused", "timeout")


def _query(name: str, schema: Document, required: bool) -> Document:
    shown = {"name": name, "in": "query", "required": required}
    if schema.get("type") == "object" or "$ref" in schema:
        return {**shown, "content": {JSON: {"schema": schema}}}
    return {**shown, "schema": schema}


def _body(schema: Document, examples: Iterable[Any]) -> Document:
    content: Document = {"schema": schema}
    named = {f"example {n}": {"value": dict(each)} for n, each in enumerate(examples, 1)}
    return {"required": True, "content": {JSON: content | ({"examples": named} if named else {})}}


def _result(operation: Operation, book: Book) -> Document:
    if operation.result.shape is None:
        return {}
    return describe(operation.result.shape, base=SCHEMAS, direction="dump", book=book)[0]


def _responses(result: Document | None, *kinds: str) -> Document:
    """200, and each status that these kinds of problems have."""
    responses: Document = {}
    if result is not None:
        responses["200"] = {
            "description": "The result.",
            "headers": {"X-Request-Id": {"$ref": "#/components/headers/X-Request-Id"}},
            "content": {JSON: {"schema": result}},
        }
    for kind in sorted(set(kinds), key=lambda kind: (STATUS[kind], kind)):
        responses.setdefault(str(STATUS[kind]), {"$ref": f"#/components/responses/{kind}"})
    return responses


def _problem(kind: str) -> Document:
    return {
        "description": errors.kinds()[kind].title,
        "content": {PROBLEM_JSON: {"schema": {"$ref": f"{SCHEMAS}Problem"}}},
    }


def _components() -> Document:
    text = {"type": "string"}
    wrong = {"type": "object", "properties": {"pointer": text, "detail": text}}
    problem = {
        "type": {"type": "string", "format": "uri-reference"},
        "title": text,
        "status": {"type": "integer"},
        "detail": text,
        "instance": {"type": "string", "format": "uri-reference"},
        "errors": {"type": "array", "items": wrong},
        "error_id": text,
    }
    operation = {
        "name": text,
        "summary": text,
        "description": text,
        "params": {"type": "object"},
        "result": {"type": "object"},
        "long": {"type": "boolean"},
        "http": {"type": ["string", "null"]},
        "policy": {"type": "object"},
        "triggers": {"type": "array", "items": {"type": "object"}},
        "examples": {"type": "array", "items": {"type": "object"}},
    }
    return {
        "Operation": {"type": "object", "properties": operation, "required": list(operation)},
        "Problem": {
            "type": "object",
            "properties": problem,
            "required": ["type", "title", "status", "detail"],
        },
    }
