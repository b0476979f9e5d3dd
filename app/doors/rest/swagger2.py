"""The same description as Swagger 2.0: OpenAPI's words in the form that flask-restx writes."""

from collections.abc import Mapping
from typing import Any

from flask_restx.swagger import Swagger

from app.doors.http import JSON, Answer, Request, json_answer
from app.doors.rest import document
from app.doors.rest.endpoint import Endpoint
from app.room.enter import Room
from app.room.strict_json import write_json

Document = dict[str, Any]

# What Swagger 2.0's own JSON Schema has: of the rest, what it cannot say is left out.
_KEPT = frozenset(
    "title description default maximum minimum multipleOf maxLength minLength pattern maxItems"
    " minItems uniqueItems maxProperties minProperties required enum type items properties"
    " additionalProperties format allOf".split()
)
_UP, _DOWN = "exclusiveMaximum", "exclusiveMinimum"


def answer(api: Any, room: Room, endpoints: list[Endpoint], request: Request) -> Answer:
    """flask-restx's document, under the prefix of whoever asks: it would keep the first one's."""
    if "restx" not in api.__dict__:
        api.restx = _annotated(api, room, endpoints)
    prefix = request.headers.get("SCRIPT_NAME", "")
    return json_answer(request, write_json({**api.restx, "basePath": prefix or "/"}))


def _annotated(api: Any, room: Room, endpoints: list[Endpoint]) -> Document:
    """Tells flask-restx's resources what OpenAPI says of them, and lets it write."""
    whole = document.openapi(room.registry, endpoints)
    for name, schema in whole["components"]["schemas"].items():
        api.schema_model(name, schema2(schema))
    for resource, (rule, *_), _, _ in api.default_namespace.resources:
        path = whole["paths"].get(rule.replace("<path:", "{").replace("<", "{").replace(">", "}"))
        if path is None:
            resource.__apidoc__ = False  # hidden
            continue
        for method, described in path.items():
            getattr(resource, method).__apidoc__ = restx_doc(described, api)
    written = dict(Swagger(api).as_dict())
    for path, methods in whole["paths"].items():
        for method, described in methods.items():  # it would take a docstring, up to its first dot
            written["paths"][path][method]["summary"] = described["summary"]
    return written


def restx_doc(operation: Mapping[str, Any], api: Any) -> Document:
    """An OpenAPI operation as the `__apidoc__` that flask-restx reads."""

    def model(part: str, schema: Any) -> Any:
        return api.schema_model(f"{operation['operationId']}.{part}", schema2(schema))

    params = {each["name"]: _parameter(each) for each in operation.get("parameters", [])}
    doc: Document = {
        "id": operation.get("operationId"),
        "description": operation.get("description", ""),
        "params": params,
        "responses": {
            status: _response(response, model)
            for status, response in operation["responses"].items()
        },
        "produces": [JSON, "application/problem+json"],
    }
    if "requestBody" in operation:
        doc["expect"] = [model("body", operation["requestBody"]["content"][JSON]["schema"])]
    return {name: value for name, value in doc.items() if value is not None}


def schema2(schema: Any) -> Any:
    """JSON Schema 2020-12 as Swagger 2.0 can say it; what it cannot is left open, never wrong."""
    if not isinstance(schema, Mapping):
        return schema
    if "$ref" in schema:
        return {"$ref": schema["$ref"].replace("#/components/schemas/", "#/definitions/")}
    out: Document = {}
    for name, value in schema.items():
        if name in ("properties",):
            out[name] = {key: schema2(item) for key, item in value.items()}
        elif name in ("items", "additionalProperties"):
            out[name] = schema2(value)
        elif name == "allOf":
            out[name] = [schema2(item) for item in value]
        elif name in _KEPT:
            out[name] = value
    return _limits(schema, _types(schema, out))


def _types(schema: Mapping[str, Any], out: Document) -> Document:
    if isinstance(out.get("type"), list):
        types = [name for name in out.pop("type") if name != "null"]
        out["x-nullable"] = True
        if len(types) == 1:
            out["type"] = types[0]
    if "enum" in out:
        out["enum"] = [value for value in out["enum"] if value is not None]
    if "default" in out and out["default"] is None:
        del out["default"]
    if "const" in schema:
        out["enum"] = [schema["const"]]
    if out.get("type") == "array":
        out.setdefault("items", {})
    if not out.get("required", True):
        del out["required"]
    return out


def _limits(schema: Mapping[str, Any], out: Document) -> Document:
    for exclusive, plain in ((_UP, "maximum"), (_DOWN, "minimum")):
        if exclusive in schema:
            out[plain], out[exclusive] = schema[exclusive], True
    return out


def _parameter(parameter: Mapping[str, Any]) -> Document:
    if "content" in parameter:  # JSON in a query: Swagger 2.0 knows text only
        schema: Document = {"type": "string"}
    else:
        schema = schema2(parameter["schema"])
    for name in ("title", "properties", "additionalProperties", "allOf", "$ref", "x-nullable"):
        schema.pop(name, None)
    schema.setdefault("type", "string")
    if schema["type"] == "array":
        schema["collectionFormat"] = "multi"
        if "type" not in schema["items"]:
            schema["items"] = {"type": "string"}
    about = {"in": parameter["in"], "required": parameter["required"]}
    if description := parameter.get("description", schema.get("description")):
        about["description"] = description
    return {**schema, **about}


def _response(response: Mapping[str, Any], model: Any) -> tuple[str, Any]:
    if "$ref" in response:
        return response["$ref"].rpartition("/")[2], "Problem"
    return response["description"], model("result", response["content"][JSON]["schema"])
