"""The REST door described: OpenAPI 3.1, from the same schemas that load and dump."""

from collections.abc import Callable, Iterable, Mapping

from app.doors.http import METRICS, PROBLEM_JSON, STATUS
from app.doors.job_schema import page
from app.doors.rest import (
    file_document,
    job_document,
    key_document,
    schedule_document,
    topic_document,
    webhook_document,
)
from app.doors.rest.description import (
    ALWAYS,
    IDEMPOTENCY_KEY,
    JOB,
    PREFER,
    REQUEST_ID,
    SCHEMAS,
    WITH_BODY,
    WITH_KEYS,
    Document,
    body,
    query,
    responses,
    service,
)
from app.doors.rest.endpoint import Endpoint
from app.room import errors, trigger
from app.room.operation import Operation, Registry
from app.room.route import Route
from app.room.schema.json_schema import Book, describe

Services = Mapping[str, Callable[[], Document]]

VERSION = "0.1.0"
OWN_TAGS = {
    "jobs": "Calls that are kept until they have ended",
    "webhooks": "Callbacks that tell of a job's end",
    "files": "Bytes that are too large for a message",
    "schedules": "What makes a job at each of its due times",
    "messages": "What else comes by queues and topics",
    "keys": "What callers show; for admins",
    "service": "The service itself, and what it says of each",
}
_OTHERS = (
    job_document,
    file_document,
    webhook_document,
    schedule_document,
    key_document,
    topic_document,
)
SECURITY: list[Document] = [{"key": []}, {}]  # on its own machine a service may ask for none
ABOUT = """Each operation is a Python function. Call it by its own path, or by the generic one.
A problem is `application/problem+json` (RFC 9457); its `type` ends in the kind of problem."""


def openapi(registry: Registry, endpoints: Iterable[Endpoint]) -> Document:
    """The whole document. Its server is relative, so that it holds under any prefix."""
    book = Book()
    services = dict(_SERVICE)
    for each in _OTHERS:
        services.update(each.paths())
    paths: dict[str, Document] = {}
    for endpoint in endpoints:
        if endpoint.what:
            described = _endpoint(endpoint, book, services)
            paths.setdefault(endpoint.template, {})[endpoint.method.lower()] = described
    return {
        "openapi": "3.1.0",
        "info": {"title": "Manydoors", "version": VERSION, "description": ABOUT},
        "servers": [{"url": "./"}],
        "tags": [
            *({"name": name} for name in sorted({_tag(each) for each in registry} - set(OWN_TAGS))),
            *({"name": name, "description": told} for name, told in OWN_TAGS.items()),
        ],
        "paths": paths,
        "components": {
            "schemas": {
                **_components(),
                **job_document.components(registry, book),
                **file_document.components(),
                **schedule_document.components(registry, book),
                **key_document.components(),
                **book.definitions,
            },
            "responses": {kind: _problem(kind) for kind in STATUS},
            "headers": {"X-Request-Id": REQUEST_ID},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": SECURITY,
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


def _endpoint(endpoint: Endpoint, book: Book, services: Services) -> Document:
    operation = endpoint.operation
    if operation is None:
        return services[endpoint.what]()
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
        "parameters": [IDEMPOTENCY_KEY, PREFER],
        "requestBody": body(schema, operation.examples),
        "responses": responses(
            _result(operation, book), *_kinds(operation), *WITH_BODY, accepted=JOB
        ),
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
    kinds = [*_kinds(operation), *WITH_BODY]  # a body where none belongs is refused
    if route.has_body:
        inside = {**schema, "properties": rest, "required": required}
        examples = [{n: v for n, v in each.items() if n in rest} for each in operation.examples]
        document["requestBody"] = body(inside, examples)
    else:
        parameters += [query(name, each, name in required) for name, each in rest.items()]
    return {
        **document,
        "parameters": [*parameters, IDEMPOTENCY_KEY, PREFER],
        "responses": responses(_result(operation, book), *kinds, accepted=JOB),
    }


def _listing() -> Document:
    limit = {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
    return {
        **service("List the operations.", "operations"),
        "parameters": [
            query("limit", limit),
            query("cursor", {"type": "string"}),
        ],
        "responses": responses(
            page({"$ref": f"{SCHEMAS}Operation"}), *ALWAYS, *WITH_KEYS, "malformed", "invalid"
        ),
    }


def _showing(operation: Operation) -> Document:
    return {
        "summary": f"Describe {operation.name}.",
        "operationId": f"describe.{operation.name}",
        "tags": ["service"],
        "responses": responses(
            {"$ref": f"{SCHEMAS}Operation"}, *ALWAYS, *WITH_KEYS, "malformed", "invalid"
        ),
    }


def _health(word: str, summary: str) -> Document:
    shape = {
        "type": "object",
        "properties": {"status": {"const": word, "type": "string"}},
        "required": ["status"],
    }
    return {**service(summary, word), "responses": responses(shape, *ALWAYS)}


_SERVICE: Services = {
    "list": _listing,
    "alive": lambda: _health("ok", "Is the service alive?"),
    "ready": lambda: _health("ready", "Can it reach its store?"),
    "metrics": lambda: _metrics(),
}


def _metrics() -> Document:
    told = responses({}, *ALWAYS, *WITH_KEYS, "malformed", "invalid")
    told["200"]["content"] = {METRICS: {"schema": {"type": "string"}}}
    return {
        **service("Numbers of all owners' jobs, for Prometheus.", "metrics"),
        "description": "The text format 0.0.4; asks for a key with the scope `admin`.",
        "responses": told,
    }


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


def _result(operation: Operation, book: Book) -> Document:
    if operation.result.shape is None:
        return {}
    return describe(operation.result.shape, base=SCHEMAS, direction="dump", book=book)[0]


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
