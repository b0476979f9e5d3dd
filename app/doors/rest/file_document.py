"""The file endpoints described, and what a file reads."""

from collections.abc import Callable, Mapping

from app.doors.files import CREATE, LIST
from app.doors.http import ANY, JSON
from app.doors.job_schema import closed, page
from app.doors.rest.description import (
    ALWAYS,
    SCHEMAS,
    TEXT,
    WITH_BODY,
    WITH_KEYS,
    Document,
    body,
    in_path,
    query,
    responses,
    service,
)
from app.room.schema.json_schema import describe

TAG = "files"
KINDS = (*ALWAYS, *WITH_KEYS)
FILE: Document = {"$ref": f"{SCHEMAS}File"}
BYTES: Document = {"type": "string", "format": "binary"}
SIGNED = ("forbidden", "unknown", "malformed", "invalid", *ALWAYS)
_ID = in_path("id", TEXT)
_WHERE = {"description": "The signed URL.", "schema": TEXT}


def paths() -> Mapping[str, Callable[[], Document]]:
    """A description of each, by what it is."""
    return {
        "files.create": _create,
        "files.list": _list,
        "files.get": lambda: _of_one("Tell of a file.", "get", "too_large"),
        "files.delete": _delete,
        "files.content": _content,
        "files.upload": _upload,
        "files.download": _download,
    }


def components() -> Document:
    """What the descriptions refer to."""
    moment = {"type": "string", "format": "date-time"}
    file = {
        "id": TEXT,
        "name": TEXT,
        "type": TEXT,
        "size": {"type": ["integer", "null"]},
        "sha256": {"type": ["string", "null"]},
        "status": {"type": "string", "enum": ["waiting", "ready"]},
        "job": {"type": ["string", "null"]},
        "owner": TEXT,
        "created_at": moment,
        "expires_at": {**moment, "type": ["string", "null"]},
        "links": closed({"self": TEXT, "content": TEXT}),
    }
    number: Document = {"type": "integer"}
    part = closed({"number": number, "url": TEXT, "start": number, "size": number})
    upload = {
        "method": TEXT,
        "url": {"type": ["string", "null"]},
        "headers": {"type": "object", "additionalProperties": TEXT},
        "parts": {"type": "array", "items": part},
    }
    asked = {**file, "upload": closed(upload, "method", "url", "headers"), "expires": moment}
    return {"File": closed(file), "Upload": closed(asked)}


def _service(summary: str, id: str) -> Document:
    return service(summary, f"files.{id}", TAG)


def _create() -> Document:
    schema, _ = describe(CREATE.schema)
    made = {
        "description": "The file, which waits for its bytes.",
        "headers": {"Location": {"description": "The file's URL.", "schema": TEXT}},
        "content": {JSON: {"schema": {"$ref": f"{SCHEMAS}Upload"}}},
    }
    return {
        **_service("Ask for a file: its bytes then go to a signed URL.", "create"),
        "description": "Send the bytes to `upload.url` with `upload.method` and `upload.headers`, "
        "or each of `upload.parts` to its own URL; they need no key. With `size` and `sha256`, "
        "other bytes are refused.",
        "requestBody": body(schema, [{"name": "cat.jpg", "type": "image/jpeg"}]),
        "responses": {"201": made, **responses(None, *KINDS, *WITH_BODY)},
    }


def _list() -> Document:
    schema, _ = describe(LIST.schema)
    return {
        **_service("List the files, the newest first.", "list"),
        "parameters": [query(name, each) for name, each in schema["properties"].items()],
        "responses": responses(page(FILE), *KINDS, "malformed", "invalid"),
    }


def _of_one(summary: str, id: str, *kinds: str) -> Document:
    kinds = (*KINDS, "malformed", "unknown", "invalid", *kinds)
    told = responses(FILE, *kinds)
    return {**_service(summary, id), "parameters": [_ID], "responses": told}


def _delete() -> Document:
    told = _of_one("Delete a file that no job needs.", "delete", "conflict", "too_large")
    told["responses"]["204"] = {"description": "It is gone."}
    del told["responses"]["200"]
    return told


def _content() -> Document:
    told = _of_one("Go to a file's bytes.", "content", "conflict", "too_large")
    told["responses"]["303"] = {
        "description": "They are at a signed URL.", "headers": {"Location": _WHERE},
    }  # fmt: skip
    del told["responses"]["200"]
    return told


def _signed(summary: str, id: str) -> Document:
    return {
        **_service(summary, id),
        "description": "Only by a URL that was signed for this.",
        "parameters": [_ID, query("signature", TEXT, required=True)],
        "security": [],
    }


def _upload() -> Document:
    span = {"name": "Content-Range", "in": "header", "required": False, "schema": TEXT}
    number: Document = {"type": "integer"}
    told = closed({"id": TEXT, "status": TEXT, "offset": number})
    document = _signed("Send a file's bytes.", "upload")
    document["description"] += (
        " After a break, a HEAD of the same URL tells how much has come, in `Upload-Offset`; go on "
        "there with a `Content-Range`, or begin anew without."
    )
    document["parameters"].append(span)
    kinds = ("precondition", "too_large", "unsupported", "range", *SIGNED)
    return {
        **document,
        "requestBody": {"required": True, "content": {ANY: {"schema": BYTES}}},
        "responses": responses(told, *kinds),
    }


def _download() -> Document:
    document = _signed("Get a file's bytes.", "download")
    span = {"name": "Range", "in": "header", "required": False, "schema": TEXT}
    document["parameters"].append(span)
    content = {ANY: {"schema": BYTES}}
    return {
        **document,
        "responses": {
            "200": {"description": "The bytes.", "content": content},
            "206": {"description": "Those of the Range.", "content": content},
            "304": {"description": "You have them."},
            **responses(None, "range", *SIGNED),
        },
    }
