"""The documents: valid, complete, and right under any prefix."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from flask.testing import FlaskClient
from openapi_spec_validator import validate
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from app import wiring
from app.config import Settings
from app.doors.http import STATUS
from app.room.enter import Room
from app.wsgi import create_app

ROOT = Path(__file__).parents[2]


@pytest.fixture(params=["declared here", "shipped"])
def any_client(request: pytest.FixtureRequest, room: Room, tmp_path: Path) -> FlaskClient:
    if request.param == "shipped":
        settings = Settings(data=tmp_path / "shipped")
        room = Room(wiring.load_operations(settings), wiring.make_ports(settings))
    return create_app(room, Settings(open="loopback")).test_client()


@pytest.mark.parametrize("path", ["/openapi.json", "/swagger.json"])
def test_a_document_is_valid(any_client: FlaskClient, path: str) -> None:
    """By the specification that it names, 3.1 or 2.0."""
    document = any_client.get(path).json
    assert document is not None
    assert document.get("openapi", "").startswith("3.1") or document["swagger"] == "2.0"
    validate(copy.deepcopy(document))


@pytest.mark.parametrize("path", ["/openapi.json", "/swagger.json"])
def test_every_operation_is_a_typed_path(client: FlaskClient, room: Room, path: str) -> None:
    """The generic path and the own one, with summary, and the own one's parameters."""
    paths = client.get(path).json["paths"]  # type: ignore[index]
    for operation in room.registry:
        generic = paths[f"/v1/operations/{operation.name}"]["post"]
        assert generic["summary"] == operation.summary
        if operation.route:
            own = paths[operation.route.template][operation.route.method.lower()]
            named = {each["name"] for each in own.get("parameters", [])}
            assert set(operation.route.names) <= named
    own = paths["/echo/{text}"]["get"]
    places = {each["name"]: each["in"] for each in own["parameters"]}
    headers = {"Idempotency-Key": "header", "Prefer": "header"}
    assert places == {"text": "path", "times": "query", "loud": "query"} | headers


def test_every_problem_is_described(client: FlaskClient) -> None:
    """Each kind is a response, and each operation names those that it can give."""
    document = client.get("/openapi.json").json
    assert document is not None
    assert document["components"]["responses"].keys() == STATUS.keys()
    told = document["paths"]["/v1/operations/echo.text"]["post"]["responses"]
    assert {"200", "400", "404", "406", "413", "415", "422", "429", "500", "503", "504"} <= set(
        told
    )
    for path, method in (("/echo/{text}", "get"), ("/pairs/{left}", "delete")):
        assert {"400", "413", "415", "422"} <= set(document["paths"][path][method]["responses"])
    assert {"400", "422"} <= set(
        document["paths"]["/v1/operations/echo.text"]["get"]["responses"]
    )  # a query, or a body, where none belongs


def test_examples_are_shown(client: FlaskClient) -> None:
    """An operation's examples stand at its body."""
    document: Any = client.get("/openapi.json").json
    body = document["paths"]["/v1/operations/echo.text"]["post"]["requestBody"]
    (example,) = body["content"]["application/json"]["examples"].values()
    assert example == {"value": {"text": "hi"}}


@pytest.mark.parametrize("order", [("/dev", "/prod", ""), ("", "/prod", "/dev")])
def test_prefixes_do_not_mix(room: Room, order: tuple[str, ...]) -> None:
    """One process under several prefixes: each caller reads its own, whoever asked first."""
    app = create_app(room, Settings(open="loopback"))
    client = Client(DispatcherMiddleware(app, {"/dev": app, "/prod": app}))
    for prefix in order:
        assert client.get(f"{prefix}/swagger.json").json["basePath"] == (prefix or "/")
        server = client.get(f"{prefix}/openapi.json").json["servers"][0]["url"]
        assert server == "./"  # beside the document, wherever that is
        assert client.get(f"{prefix}/echo/a").json == "a"


def test_documents_are_strict_json(client: FlaskClient) -> None:
    """No NaN, and the same bytes each time, so that an ETag holds."""
    for path in ("/openapi.json", "/swagger.json"):
        first, second = client.get(path), client.get(path)
        assert first.data == second.data
        json.loads(first.data, parse_constant=pytest.fail)


def test_documents_do_not_hang_on_the_process() -> None:
    """Every worker writes the same bytes, whatever its hashes, so that an ETag holds for all."""
    program = (
        "import sys; sys.stderr = None; from app.wsgi import app; client = app.test_client();"
        "print([client.get(path).headers['ETag'] for path in ('/openapi.json', '/swagger.json')])"
    )
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed, "MANYDOORS_LOG_LEVEL": "ERROR",
                 "MANYDOORS_OPEN": "loopback"},
            cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
        ).stdout
        for seed in ("1", "2", "3")
    }  # fmt: skip
    assert len(told) == 1


@pytest.mark.parametrize("path", ["/openapi.json", "/swagger.json"])
def test_every_endpoint_of_jobs_is_described(client: FlaskClient, path: str) -> None:
    """Each with a summary and every parameter of its path; nothing is left out."""
    paths: Any = client.get(path).json["paths"]  # type: ignore[index]
    told = {
        (method, path)
        for path, methods in paths.items()
        for method in methods
        if path.startswith(("/v1/jobs", "/v1/stats"))
    }
    assert told == {
        ("get", "/v1/jobs"),
        ("post", "/v1/jobs"),
        ("post", "/v1/jobs/batch"),
        ("post", "/v1/jobs/retry"),
        ("get", "/v1/jobs/{id}"),
        ("get", "/v1/jobs/{id}/result"),
        ("get", "/v1/jobs/{id}/events"),
        ("post", "/v1/jobs/{id}/cancel"),
        ("post", "/v1/jobs/{id}/retry"),
        ("post", "/v1/jobs/{id}/signals/{name}"),
        ("get", "/v1/stats"),
    }
    for method, path in told:
        assert paths[path][method]["summary"]
        places = {each["name"] for each in paths[path][method].get("parameters", [])}
        assert {name for name in ("id", "name") if f"{{{name}}}" in path} <= places


def test_what_may_become_a_job_says_so(client: FlaskClient) -> None:
    """By its generic and its own path: 202, the job, and the headers that ask for it."""
    paths: Any = client.get("/openapi.json").json["paths"]  # type: ignore[index]
    for path, method in (("/v1/operations/echo.text", "post"), ("/echo/{text}", "get")):
        told = paths[path][method]
        job = told["responses"]["202"]["content"]["application/json"]["schema"]
        assert job == {"$ref": "#/components/schemas/Job"}
        headers = {each["name"] for each in told["parameters"] if each["in"] == "header"}
        assert headers == {"Idempotency-Key", "Prefer"}


def test_a_job_is_what_its_schema_says(client: FlaskClient) -> None:
    """Each member, and no other."""
    job: Any = client.post("/v1/jobs", json={"operation": "later", "params": {"text": "a"}}).json
    document: Any = client.get("/openapi.json").json
    schema = document["components"]["schemas"]["Job"]
    jsonschema.validate(job, schema)
    assert list(job) == list(schema["properties"]) == schema["required"]


def test_a_submission_is_typed(client: FlaskClient) -> None:
    """What POST /v1/jobs takes is described for each operation, with its own params."""
    document: Any = client.get("/openapi.json").json
    each = document["components"]["schemas"]["Submission"]["oneOf"]
    named = {one["properties"]["operation"]["const"]: one["properties"]["params"] for one in each}
    assert set(named["echo.text"]["properties"]) == {"text", "times", "loud"}
