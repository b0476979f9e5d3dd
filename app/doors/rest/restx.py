"""flask-restx routes to the endpoints, and writes Swagger 2.0 of them."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from flask import Flask, Response
from flask_restx import Api, Resource
from werkzeug.routing import BaseConverter

from app.doors.flask_forms import asked, response
from app.doors.http import json_answer
from app.doors.rest import operations
from app.doors.rest.endpoint import NO_IDS, Endpoint
from app.room.enter import Room
from app.room.strict_json import write_json

SWAGGER2 = "/swagger.json"


class RestApi(Api):  # type: ignore[misc]  # flask-restx comes without types
    """flask-restx for routes and Swagger alone: errors, data and pages are not its matter."""

    def error_router(self, original_handler: Callable[[Any], Any], error: Any) -> Any:
        """Its own leaks exceptions' texts and picks handlers by the order of registration."""
        return original_handler(error)

    @property
    def base_path(self) -> str:
        """Set for each request, where the document is answered."""
        return "/"

    def _register_doc(self, app: Flask) -> None:
        """Its page is an old one; /docs is ours."""

    def _register_specs(self, app: Flask) -> None:
        """Its document keeps the first caller's prefix; ours is below."""

    def _register_apidoc(self, app: Flask) -> None:
        """Nor its assets."""


class JobId(BaseConverter):
    """A segment that is no path beside those of the jobs."""

    regex = rf"(?!(?:{'|'.join(NO_IDS)})\Z)[^/]+"
    part_isolating = True


def mount(app: Flask, room: Room, everything: list[Endpoint]) -> None:
    """Puts every endpoint under its path."""
    app.url_map.converters["job"] = JobId
    app.config.update(RESTX_MASK_SWAGGER=False, RESTX_INCLUDE_ALL_MODELS=True)
    api = RestApi(app, title="Manydoors", validate=False)
    for rule, methods in _by_rule(everything).items():
        api.add_resource(_resource(rule, methods), rule, endpoint=_name(rule))
    _add_swagger2(app, room, everything)


def free(everything: list[Endpoint]) -> list[str]:
    """Flask's names of those that are open to who shows no key."""
    return [_name(endpoint.rule) for endpoint in everything if endpoint.open]


def _name(rule: str) -> str:
    return f"rest:{rule}"


def _by_rule(endpoints: list[Endpoint]) -> Mapping[str, dict[str, Endpoint]]:
    """Those that Flask must route; the generic rule stands for each operation's generic path."""
    rules: dict[str, dict[str, Endpoint]] = {}
    for endpoint in endpoints:
        if endpoint.rule == operations.GENERIC or not endpoint.rule.startswith(operations.EACH):
            rules.setdefault(endpoint.rule, {})[endpoint.method.lower()] = endpoint
    return rules


def _resource(rule: str, methods: Mapping[str, Endpoint]) -> type[Resource]:
    views = {method: _view(endpoint) for method, endpoint in methods.items()}
    return type(f"Resource {rule}", (Resource,), views)


def _view(endpoint: Endpoint) -> Callable[..., Response]:
    def view(self: Resource, **path: str) -> Response:
        return response(endpoint.answer(asked(), path))

    return view


def _add_swagger2(app: Flask, room: Room, everything: list[Endpoint]) -> None:
    """flask-restx's document, with the prefix of whoever asks."""

    @cache
    def written() -> dict[str, Any]:
        from app.doors.rest import document, swagger2  # most processes are never asked

        return swagger2.written(
            RestApi(title="Manydoors"), document.openapi(room.registry, everything)
        )

    def swagger2() -> Response:
        request = asked()
        base = {"basePath": request.headers.get("SCRIPT_NAME") or "/"}
        return response(json_answer(request, write_json(written() | base)))

    app.add_url_rule(SWAGGER2, "swagger2", swagger2)
