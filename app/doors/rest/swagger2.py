"""The same description as Swagger 2.0: OpenAPI's words in the form that flask-restx writes."""

from collections.abc import Mapping
from typing import Any

from flask_restx import Resource
from flask_restx.swagger import Swagger

from app.doors.http import JSON, PROBLEM_JSON
from app.room import errors

Document = dict[str, Any]

# What Swagger 2.0's own JSON Schema has: of the rest, what it cannot say is left out.
_KEPT = frozenset(
    "title description default maximum minimum multipleOf maxLength minLength pattern maxItems"
    " minItems uniqueItems maxProperties minProperties required enum type items properties"
    " additionalProperties format allOf".split()
)
_UP, _DOWN = "exclusiveMaximum", "exclusiveMinimum"


def written(api: Any, openapi: Document) -> Document:
    """What flask-restx writes, on an Api that routes nothing, told what OpenAPI says."""
    for name, schema in openapi["components"]["schemas"].items():
        api.schema_model(name, schema2(schema))
    for path, methods in openapi["paths"].items():
        rule = path.replace("{", "<").replace("}", ">")
        views = {method: _view(described, api) for method, described in methods.items()}
        api.add_resource(type(f"Resource {rule}", (Resource,), views), rule, endpoint=rule)
    document = dict(Swagger(api).as_dict())
    for path, methods in openapi["paths"].items():
        told = document["paths"][path]
        for method, described in methods.items():  # it takes a docstring's, up to its first dot
            told[method]["summary"] = described["summary"]
        document["paths"][path] = dict(sorted(told.items()))  # flask-restx goes by a set
    document["definitions"] = dict(sorted(document["definitions"].items()))
    return document


def _view(described: Document, api: Any) -> Any:
    def view(self: Resource) -> None:
        """"""

    view.__dict__["__apidoc__"] = _restx_doc(described, api)
    return view


def _restx_doc(operation: Mapping[str, Any], api: Any) -> Document:
    """An OpenAPI operation as the `__apidoc__` that flask-restx reads."""

    def model(part: str, schema: Any) -> Any:
        if "$ref" in schema:
            return schema["$ref"].rpartition("/")[2]
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
        "produces": [*_forms(operation), PROBLEM_JSON],
    }
    if "requestBody" in operation:
        (content,) = operation["requestBody"]["content"].items()
        if content[0] == JSON:
            doc["expect"] = [model("body", content[1]["schema"])]
        else:
            doc["consumes"] = [content[0]]
            params["body"] = {
                "in": "body",
                "required": True,
                "schema": schema2(content[1]["schema"]),
            }
    return {name: value for name, value in doc.items() if value is not None}


def _forms(operation: Mapping[str, Any]) -> list[str]:
    contents = [each.get("content", {}) for each in operation["responses"].values()]
    return list(dict.fromkeys(form for content in contents for form in content)) or [JSON]


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
        return errors.kinds()[response["$ref"].rpartition("/")[2]].title, "Problem"
    if "content" not in response:
        return response["description"], None
    (content,) = response["content"].values()
    part = "result" if JSON in response["content"] else "text"
    return response["description"], model(part, content["schema"])
