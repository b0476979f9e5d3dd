"""The REST door: what goes in, what comes out, and every problem on the way."""

import json
import logging
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.doors.http import STATUS
from tests.doors.conftest import SECRET

TEXT = "/v1/operations/echo.text"
JSON = "application/json"


def post(client: FlaskClient, path: str, body: Any, **headers: str) -> TestResponse:
    return client.post(path, data=json.dumps(body), content_type=JSON, headers=headers)


def problem(answer: TestResponse) -> str:
    """The kind; every problem has the members that RFC 9457 and the contract name."""
    assert answer.content_type == "application/problem+json"
    told = answer.json
    assert told is not None
    assert {"type", "title", "status", "detail", "instance"} <= told.keys()
    kind = told["type"].removeprefix("/problems/")
    assert answer.status_code == told["status"] == STATUS[kind]
    return str(kind)


@pytest.mark.parametrize(
    ("method", "path", "body", "value"),
    [
        ("POST", TEXT, {"text": "a"}, "a"),
        ("POST", TEXT, {"text": "a", "times": 2.0, "loud": True}, "AA"),
        ("GET", "/echo/a", None, "a"),
        ("GET", "/echo/a?times=3&loud=true", None, "AAA"),
        ("GET", "/echo/%C3%A4%20b?times=2", None, "ä bä b"),
        ("POST", "/pairs/x", {"right": [1, 2]}, {"left": "x", "right": [1, 2]}),
        ("DELETE", "/pairs/x?tags=a&tags=b", None, ["x", "a", "b"]),
        ("DELETE", "/pairs/x", None, ["x"]),
        ("GET", "/files/a/b/c.txt", None, "a/b/c.txt"),
    ],
)
def test_a_call_answers(client: FlaskClient, method: str, path: str, body: Any, value: Any) -> None:
    """Parameters come from path, query and body, each read as its type."""
    sent = {} if body is None else {"data": json.dumps(body), "content_type": JSON}
    answer = client.open(path, method=method, **sent)
    assert (answer.status_code, answer.json) == (200, value)
    assert answer.content_type == JSON


@pytest.mark.parametrize(
    ("path", "pointers"),
    [
        ("/echo/a?times=x", ["/times"]),
        ("/echo/a?times=2.5", ["/times"]),
        ("/echo/a?times=%202", ["/times"]),
        ("/echo/a?times=", ["/times"]),
        ("/echo/a?times=0&loud=yes", ["/times", "/loud"]),
        ("/echo/a?times=1&times=2", ["/times"]),
        ("/echo/a?more=1", ["/more"]),
        ("/echo/a?a~b%2Fc=1", ["/a~0b~1c"]),
    ],
)
def test_text_is_read_strictly(client: FlaskClient, path: str, pointers: list[str]) -> None:
    """Text of a query that is not exactly of its type is invalid, and each field is named."""
    answer = client.get(path)
    assert problem(answer) == "invalid"
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == pointers  # type: ignore[index]


@pytest.mark.parametrize(
    ("path", "body", "pointers"),
    [
        (TEXT, {"text": 1, "times": "2", "loud": 1, "more": 0},
         ["/text", "/times", "/loud", "/more"]),
        (TEXT, {"text": "a", "times": 1.5}, ["/times"]),
        (TEXT, {"text": "a", "times": True}, ["/times"]),
        (TEXT, {}, ["/text"]),
        ("/pairs/x", {"right": [1, "2", 3]}, ["/right/1"]),
        ("/pairs/x", {"right": [], "left": "y"}, ["/left"]),
    ],
)  # fmt: skip
def test_every_wrong_field_is_named(
    client: FlaskClient, path: str, body: Any, pointers: list[str]
) -> None:
    """A body that the schema refuses is invalid, with a JSON pointer to each wrong field."""
    answer = post(client, path, body)
    assert problem(answer) == "invalid"
    assert [wrong["pointer"] for wrong in answer.json["errors"]] == pointers  # type: ignore[index]
    assert all(wrong["detail"] for wrong in answer.json["errors"])  # type: ignore[index]


@pytest.mark.parametrize(
    ("how", "kind", "after"),
    [
        ("refused", "refused", None),
        ("retry", "unavailable", "7"),
        ("busy", "busy", "2"),
        ("unknown", "unknown", None),
        ("conflict", "conflict", None),
        ("bug", "internal", None),
        ("nan", "internal", None),
        ("exit", "internal", None),
    ],
)
def test_what_an_operation_raises(
    client: FlaskClient, how: str, kind: str, after: str | None
) -> None:
    """A problem is told as it is; anything else as an id alone."""
    answer = post(client, "/v1/operations/fail", {"how": how})
    assert problem(answer) == kind
    assert answer.headers.get("Retry-After") == after
    assert SECRET not in answer.text


def test_a_bug_is_an_id_to_the_caller_and_a_traceback_to_the_log(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The same id stands in both."""
    with caplog.at_level(logging.ERROR, "manydoors"):
        answer = post(client, "/v1/operations/fail", {"how": "bug"}, **{"X-Request-Id": "mine"})
    (line,) = caplog.records
    assert line.error_id == answer.json["error_id"]  # type: ignore[attr-defined,index]
    assert line.request_id == "mine"  # type: ignore[attr-defined]
    assert SECRET in caplog.text


def test_members_of_a_problem_are_shown(client: FlaskClient) -> None:
    """What an operation puts beside its text reaches the caller."""
    answer = post(client, "/v1/operations/fail", {"how": "refused"})
    assert answer.json == {
        "type": "/problems/refused",
        "title": "The operation refused.",
        "status": 422,
        "detail": "No.",
        "instance": "/v1/operations/fail",
        "why": "because",
    }


def test_a_call_over_its_time_ends(client: FlaskClient) -> None:
    """An endless loop is a timeout with advice, not a hung request."""
    answer = post(client, "/v1/operations/fail.slow", {})
    assert problem(answer) == "timeout"
    assert "long=True" in answer.json["detail"]  # type: ignore[index]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ("text/plain", "unsupported"),
        ("application/x-www-form-urlencoded", "unsupported"),
        ("application/json; charset=latin-1", "unsupported"),
        ("application/jsonp", "unsupported"),
        (None, "unsupported"),
        ("application/json; charset=UTF-8", None),
        ('APPLICATION/JSON;charset="utf-8"', None),
        ("application/vnd.cat+json", None),
    ],
)
def test_the_body_must_say_that_it_is_json(
    client: FlaskClient, given: str | None, kind: str | None
) -> None:
    """Anything but JSON in UTF-8 is unsupported, so no page elsewhere can post a form here."""
    answer = client.post(TEXT, data=b'{"text": "a"}', content_type=given)
    assert (problem(answer) if kind else answer.status_code) == (kind or 200)


@pytest.mark.parametrize(("coding", "kind"), [("gzip", "unsupported"), ("identity", None)])
def test_a_body_that_is_packed_is_unsupported(
    client: FlaskClient, coding: str, kind: str | None
) -> None:
    answer = client.post(TEXT, json={"text": "a"}, headers={"Content-Encoding": coding})
    assert (problem(answer) if kind else answer.status_code) == (kind or 200)


@pytest.mark.parametrize(
    ("accept", "fits"),
    [
        ("application/json", True),
        ("*/*", True),
        ("application/*;q=0.1", True),
        ("text/html, application/json;q=0.9", True),
        ("text/html, */*;q=0.1", True),
        ("text/html", False),
        ("application/json;q=0", False),
        ("*/*, application/json;q=0", False),
        ("application/json;q=nonsense", False),
        ("", True),
    ],
)
def test_the_answer_must_be_acceptable(client: FlaskClient, accept: str, fits: bool) -> None:
    """The most specific range of Accept decides; a client that takes no JSON gets 406."""
    for path in ("/v1/operations", "/echo/a"):
        answer = client.get(path, headers={"Accept": accept})
        assert (answer.status_code == 200) if fits else (problem(answer) == "not_acceptable")


@pytest.mark.parametrize(
    ("method", "path", "kind", "allow"),
    [
        ("GET", "/nothing", "unknown", None),
        ("GET", "/echo/a/", "unknown", None),
        ("POST", "/v1/operations/nothing", "unknown", None),
        ("GET", "/v1/operations/nothing", "unknown", None),
        ("POST", "/v1/operations/os.system", "unknown", None),
        ("PUT", "/v1/operations/fail", "not_allowed", "GET, HEAD, OPTIONS, POST"),
        ("GET", "/pairs/x", "not_allowed", "DELETE, OPTIONS, POST"),
        ("PATCH", "/healthz", "not_allowed", "GET, HEAD, OPTIONS"),
    ],
)
def test_paths_and_methods(
    client: FlaskClient, method: str, path: str, kind: str, allow: str | None
) -> None:
    """An unknown path is a problem, never a page; a wrong method names the right ones."""
    answer = client.open(path, method=method, data=b"{}", content_type=JSON)
    assert problem(answer) == kind
    if allow:
        assert sorted(answer.headers["Allow"].split(", ")) == allow.split(", ")


def test_options_and_head(client: FlaskClient) -> None:
    """OPTIONS names the methods; HEAD is GET without the body."""
    assert set(client.options("/pairs/x").headers["Allow"].split(", ")) == {
        "DELETE", "OPTIONS", "POST",
    }  # fmt: skip
    for path in ("/echo/a", "/v1/operations", "/healthz"):
        head, get = client.head(path), client.get(path)
        assert head.data == b""
        assert head.status_code == get.status_code == 200
        for name in ("Content-Type", "ETag", "Content-Length"):
            assert head.headers[name] == get.headers[name]


@pytest.mark.parametrize("path", ["/v1/operations", "/openapi.json", "/swagger.json", "/echo/a"])
def test_an_etag_saves_the_body(client: FlaskClient, path: str) -> None:
    """Who has the newest already gets 304 and nothing else."""
    tag = client.get(path).headers["ETag"]
    for given in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        again = client.get(path, headers={"If-None-Match": given})
        assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert client.get(path, headers={"If-None-Match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("given", "kept"),
    [("abc-1.2_3:x/y+z=", True), ("a b", False), ("x" * 129, False), ("é", False), ("", False)],
)
def test_request_ids(client: FlaskClient, given: str, kept: bool) -> None:
    """A sane X-Request-Id is kept, any other replaced; every answer has one."""
    for path in ("/healthz", "/echo/a", "/nothing"):
        answer = client.get(path, headers={"X-Request-Id": given})
        assert (answer.headers["X-Request-Id"] == given) is kept
        assert answer.headers["X-Request-Id"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("path", [TEXT, "/pairs/x"])
def test_a_body_over_the_cap_is_too_large(client: FlaskClient, path: str) -> None:
    """Whether it names its length or comes in chunks; at the cap itself it is read."""
    long = json.dumps({"text": "a" * 2000}).encode()
    assert problem(client.post(path, data=long, content_type=JSON)) == "too_large"
    chunks = {"wsgi.input_terminated": True, "CONTENT_LENGTH": ""}
    answer = client.post(path, data=long, content_type=JSON, environ_overrides=chunks)
    assert problem(answer) == "too_large"
    fits = json.dumps({"text": ""}).encode().replace(b'""', b'"%s"' % (b"a" * (1000 - 12)))
    assert len(fits) == 1000
    assert client.post(TEXT, data=fits, content_type=JSON).status_code == 200
    answer = client.post(TEXT, data=fits, content_type=JSON, environ_overrides=chunks)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("length", "kind"),
    [("20", "malformed"), ("x", "malformed"), ("-1", "malformed"), ("9" * 5000, "too_large")],
)
def test_a_content_length_that_lies(client: FlaskClient, length: str, kind: str) -> None:
    """A body that ends early, or a length that is none, is told and not waited for."""
    for path in (TEXT, "/pairs/x"):
        answer = client.post(
            path, data=b"{}", content_type=JSON, environ_overrides={"CONTENT_LENGTH": length}
        )
        assert problem(answer) == kind


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (f"{TEXT}?text=a", "invalid"),
        ("/pairs/x?right=1", "invalid"),
        ("/echo/a?%FF=1", "malformed"),
        ("/echo/a?" + "&".join(f"a{n}=1" for n in range(1001)), "malformed"),
    ],
)
def test_queries_that_do_not_belong(client: FlaskClient, path: str, kind: str) -> None:
    """A body's parameters do not come from the query, and a query is UTF-8 and short."""
    send = client.get if path.startswith("/echo") else client.post
    answer = send(path, data=b"{}", content_type=JSON)
    assert problem(answer) == kind


@pytest.mark.parametrize("path", ["/v1/operations", "/v1/operations/fail", "/v1/stats"])
def test_what_a_query_must_not_say(client: FlaskClient, path: str) -> None:
    """What is asked for and does not exist is refused, wherever it is asked."""
    answer = client.get(f"{path}?stray=1")
    assert problem(answer) == "invalid"
    assert answer.json is not None
    assert answer.json["errors"][0]["pointer"] == "/stray"


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_a_body_that_does_not_belong(client: FlaskClient, method: str) -> None:
    """Its parameters are not dropped in silence; an empty object, which some clients send, is."""
    path = "/echo/a" if method == "GET" else "/pairs/x"
    assert client.open(path, method=method, json={}).status_code == 200
    refused = client.open(path, method=method, json={"tags": ["a"]})
    assert problem(refused) == "invalid"
    assert refused.json is not None
    assert [each["pointer"] for each in refused.json["errors"]] == ["/tags"]
    assert problem(client.open(path, method=method, data="tags=a")) == "unsupported"


def test_a_long_operation_is_accepted_as_a_job(client: FlaskClient) -> None:
    """202, the job, and where to find it."""
    answer = post(client, "/v1/operations/later", {"text": "a"})
    assert answer.status_code == 202
    assert answer.headers["Location"] == f"/v1/jobs/{answer.json['id']}"
    assert answer.json["status"] == "queued"


def test_the_list_of_operations_has_pages(client: FlaskClient) -> None:
    """By name, none skipped or shown twice; a limit out of bounds is invalid."""
    names, cursor = [], ""
    while cursor is not None:
        page = client.get(f"/v1/operations?limit=2&cursor={cursor}").json
        assert page is not None
        names += [each["name"] for each in page["items"]]
        cursor = page["next"]
    everything = client.get("/v1/operations").json
    assert everything is not None
    assert names == sorted(names) == [each["name"] for each in everything["items"]]
    assert len(names) == 7
    for limit in ("0", "201", "x", "-1", "1.0"):
        assert problem(client.get(f"/v1/operations?limit={limit}")) == "invalid"


def test_an_operation_is_described(client: FlaskClient) -> None:
    """With all that the contract names, and JSON Schemas that stand alone."""
    told = client.get(TEXT).json
    assert told == {
        "name": "echo.text",
        "summary": "Say a text.",
        "description": "",
        "params": {
            "type": "object",
            "properties": {
                "text": {"type": "string"},
                "times": {"type": "integer", "minimum": 1, "maximum": 9, "default": 1},
                "loud": {"type": "boolean", "default": False},
            },
            "required": ["text"],
            "additionalProperties": False,
        },
        "result": {"type": "string"},
        "long": False,
        "http": "GET /echo/<text>",
        "policy": {
            "retries": 3, "backoff": 1.0, "timeout": 30.0, "concurrency": None, "priority": 0,
            "keep": 2592000.0, "scope": "run", "offload": None,
        },
        "triggers": [],
        "examples": [{"text": "hi"}],
    }  # fmt: skip
