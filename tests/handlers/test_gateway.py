"""What is read of a gateway's event, and how its answer is written."""

import json
from base64 import b64encode
from typing import Any

import pytest

from handlers import gateway_answer
from handlers.ask import Gateway, Told, Visit
from handlers.gateway import (
    API,
    BALANCER,
    BALANCER_MANY,
    FUNCTION_URL,
    MOST_KEYS,
    REST,
    _keys,
    read,
)
from tests.handlers.home import event


def environ(given: Any) -> dict[str, Any]:
    visit = read(given)
    assert visit is not None
    return visit.environ


@pytest.mark.parametrize(
    ("name", "prefix", "path"),
    [
        ("http_rest", "/dev", "/v1/operations/hello"),
        ("http_rest_base_path", "/cats", "/hello/Jürgen & Co"),
        ("http_rest_binary", "/dev", "/v1/operations/hello"),
        ("http_api", "/dev", "/v1/operations/hello"),
        ("http_function_url", "", "/hello/Jürgen & Co"),
        ("http_balancer", "", "/cats/Tom/speech"),
        ("http_balancer_many", "", "/cats/Tom/speech"),
    ],
)
def test_a_path_stands_below_its_prefix(name: str, prefix: str, path: str) -> None:
    """A stage, or a base path mapping; decoded as WSGI has it."""
    made = environ(event(name))
    assert made["SCRIPT_NAME"] == prefix
    assert made["PATH_INFO"].encode("latin-1").decode() == path


def test_a_stage_alone_is_the_root() -> None:
    """/dev and /dev/ are the service's own /."""
    for whole in ("/dev", "/dev/"):
        given = event("http_rest") | {"path": "/", "resource": "/", "pathParameters": None}
        given["requestContext"]["path"] = whole
        made = environ(given)
        assert (made["SCRIPT_NAME"], made["PATH_INFO"]) == ("/dev", "/")
    given = event("http_api") | {"rawPath": "/dev"}
    assert (environ(given)["SCRIPT_NAME"], environ(given)["PATH_INFO"]) == ("/dev", "/")


def test_a_path_that_begins_like_the_stage_is_no_stage() -> None:
    """Segments count, not letters; nor on a domain of one's own."""
    given = event("http_api") | {"rawPath": "/device/1"}
    assert environ(given)["PATH_INFO"] == "/device/1"
    given = event("http_api") | {"rawPath": "/dev/1"}
    given["requestContext"]["domainName"] = "api.example.com"
    assert (environ(given)["SCRIPT_NAME"], environ(given)["PATH_INFO"]) == ("", "/dev/1")


def test_what_comes_several_times_is_joined() -> None:
    """Headers by a comma, cookies as a browser writes them, queries as they were."""
    made = environ(event("http_rest_binary"))
    assert made["HTTP_COOKIE"] == "a=1; b=2"
    assert made["QUERY_STRING"] == "tag=a%26b&tag=b+c&empty="
    assert made["wsgi.input"].read() == b'{"name": "Ada"}'
    assert made["CONTENT_LENGTH"] == "15"
    assert environ(event("http_api"))["HTTP_COOKIE"] == "a=1; b=2"


def test_a_header_with_underscores_is_not_that_with_dashes() -> None:
    given = event("http_api")
    given["headers"]["x_forwarded_proto"] = given["headers"]["content_length"] = "7"
    made = environ(given)
    assert (made["HTTP_X_FORWARDED_PROTO"], made["CONTENT_LENGTH"]) == ("https", "15")


def test_names_of_headers_are_not_remembered_without_end() -> None:
    """Whoever asks can make up as many as he likes."""
    given = event("http_api")
    for number in range(MOST_KEYS * 2):
        given["headers"] = {f"x-{number}": "a", "x-other_": "b"}
        assert environ(given)[f"HTTP_X_{number}"] == "a"
    assert len(_keys) <= MOST_KEYS


@pytest.mark.parametrize(
    ("name", "torn"),
    [
        ("http_rest", {"multiValueHeaders": {"Host": "a"}}),
        ("http_rest", {"multiValueHeaders": {"Host": [1]}}),
        ("http_rest", {"multiValueHeaders": {"Host": ["a", 1]}}),
        ("http_rest", {"multiValueHeaders": []}),
        ("http_rest", {"multiValueHeaders": None, "headers": "a"}),
        ("http_rest", {"multiValueQueryStringParameters": {"a": "b"}}),
        ("http_rest", {"queryStringParameters": {"a": ["b"]}}),
        ("http_rest", {"httpMethod": "GET /"}),
        ("http_rest", {"isBase64Encoded": True, "body": "{}"}),
        ("http_rest_base_path", {"pathParameters": {"proxy": 1}}),
        ("http_api", {"headers": {"Host": ["a"]}}),
        ("http_api", {"headers": {1: "a"}}),
        ("http_api", {"cookies": "a=1"}),
        ("http_api", {"version": "3.0"}),
        ("http_balancer", {"headers": {"Host": None}}),
    ],
)
def test_a_request_that_is_not_whole_is_none(name: str, torn: dict[str, Any]) -> None:
    """Each thing that is read is looked at."""
    assert read(event(name)) is not None
    assert read(event(name) | torn) is None


def test_the_sender_is_who_the_gateway_says() -> None:
    """Not who the request says."""
    for name in ("http_rest", "http_api", "http_function_url", "http_balancer"):
        given = event(name)
        for headers in (given["headers"], given.get("multiValueHeaders") or {}):
            headers.pop("X-Forwarded-For", None)
        if name == "http_balancer":
            given["headers"]["x-forwarded-for"] = "10.0.0.1, 198.51.100.7"
        assert environ(given)["REMOTE_ADDR"] == "198.51.100.7"


def answered(told: Told, by: Gateway) -> dict[str, Any]:
    return gateway_answer.answered(Visit({}, by), told)


TOLD = Told(
    200,
    "OK",
    [("Content-Type", "image/png"), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("Vary", "A"),
     ("vary", "B")],
    b"\x89PNG",
)  # fmt: skip


def test_each_cookie_arrives() -> None:
    """In the form's own way of saying a header twice."""
    assert answered(TOLD, REST)["multiValueHeaders"]["Set-Cookie"] == ["a=1", "b=2"]
    assert answered(TOLD, API)["cookies"] == ["a=1", "b=2"]
    single = answered(TOLD, BALANCER)["headers"]
    assert [v for n, v in single.items() if n.lower() == "set-cookie"] == ["a=1", "b=2"]
    assert single["Vary"] == "A, B"


@pytest.mark.parametrize(
    ("form", "encoding", "body", "is_binary"),
    [
        ("image/png", None, b"\x89PNG", True),
        ("application/json", None, b"{}", False),
        ("application/problem+json", None, b"{}", False),
        ("application/json", "gzip", b"\x1f\x8b", True),
        ("text/plain; charset=latin-1", None, b"\xe4", True),
        ("text/html; charset=utf-8", None, "ä".encode(), False),
        ("image/svg+xml", None, b"<svg/>", False),
        ("application/octet-stream", None, b"abc", True),
        ("", None, b"", False),
    ],
)
def test_what_is_no_text_goes_as_base64(
    form: str, encoding: str | None, body: bytes, is_binary: bool
) -> None:
    headers = [("Content-Type", form)] + ([("Content-Encoding", encoding)] if encoding else [])
    made = answered(Told(200, "OK", headers, body), REST)
    assert made["isBase64Encoded"] is is_binary
    assert made["body"] == (b64encode(body).decode() if is_binary else body.decode())


@pytest.mark.parametrize(("by", "size"), [(REST, 6_300_000), (BALANCER_MANY, 1_100_000)])
def test_an_answer_that_no_gateway_sends_is_a_problem(by: Gateway, size: int) -> None:
    """413, which says how much can be sent; not a broken gateway's 502."""
    told = Told(200, "OK", [("Content-Type", "application/json"), ("X-A", "b")], b'"' * size)
    made = answered(told, by)
    assert (made["statusCode"], json.loads(made["body"])["type"]) == (413, "/problems/too_large")
    assert made["multiValueHeaders"]["X-A"] == ["b"]
    fits = answered(Told(200, "OK", told.headers, b"a" * 900_000), by)
    assert fits["statusCode"] == 200


@pytest.mark.parametrize(
    ("name", "by", "within"),
    [
        ("http_rest", REST, 28),
        ("http_api", API, 28),
        ("http_function_url", FUNCTION_URL, float("inf")),
        ("http_balancer", BALANCER, 58),
        ("http_balancer_many", BALANCER_MANY, 58),
    ],
)
def test_each_gateway_waits_for_a_time_of_its_own(name: str, by: Gateway, within: float) -> None:
    visit = read(event(name))
    assert visit is not None
    assert visit.by == by
    assert by.within == within
