"""One request in the form of each gateway, and a gateway's answer as a client gets it."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl, unquote

from app.ports import Put, Record, Records
from app.room import key
from app.room.access import ACCESS, ASKED

HOST = "doors.example.com"
SECRET = "5ec2e7" * 10 + "5ec2"
KEY = f"md_TEST_{SECRET}"
SHOWN = {"Authorization": f"Bearer {KEY}"}
Headers = Mapping[str, str]


def keyed(event: Any) -> Any:
    """An event that shows the key, if it has headers."""
    made = dict(event)
    for name, shown in (
        ("headers", SHOWN),
        ("multiValueHeaders", {n: [v] for n, v in SHOWN.items()}),
    ):
        if isinstance(made.get(name), dict):
            made[name] = made[name] | shown
    return made


def let_in(records: Records) -> None:
    """What every request here shows, Lambda's doors being closed to who shows no key."""
    record, _ = key.new("TEST", name="test", scopes=["admin"], owner="local", expires=None, now=0)
    body = record.body | {"digest": key.digest(SECRET)}
    records.commit(Put(replace(record, body=body)), Put(Record(ACCESS, ASKED, {})))


@dataclass(frozen=True)
class Asked:
    method: str
    path: str  # percent-encoded, as a client sends it
    query: str = ""
    headers: Headers | None = None
    body: bytes = b""

    def all_headers(self, proto: str = "https") -> dict[str, str]:
        given = {"Host": HOST, "X-Forwarded-Proto": proto, "X-Request-Id": "same"}
        given |= SHOWN | dict(self.headers or {})
        return given | ({"Content-Length": str(len(self.body))} if self.body else {})


@dataclass(frozen=True)
class Got:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


def rest(asked: Asked, stage: str = "dev") -> Any:
    many: dict[str, list[str]] = {}
    for name, value in parse_qsl(asked.query, keep_blank_values=True):
        many.setdefault(name, []).append(value)
    headers = asked.all_headers()
    return {
        "resource": "/{proxy+}",
        "path": asked.path,
        "httpMethod": asked.method,
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": {name: values[-1] for name, values in many.items()} or None,
        "multiValueQueryStringParameters": many or None,
        "pathParameters": {"proxy": unquote(asked.path)[1:]},
        "requestContext": {"path": f"/{stage}{asked.path}", "stage": stage, "identity": {}},
        **_binary(asked.body),
    }


def http(asked: Asked, *, decodes: bool = True, stage: str = "dev") -> Any:
    domain = "a1.execute-api.eu-central-1.amazonaws.com" if decodes else "a1.lambda-url.x.on.aws"
    path = f"/{stage}{unquote(asked.path)}" if decodes else asked.path
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": asked.query,
        "headers": {name.lower(): value for name, value in asked.all_headers().items()},
        "requestContext": {
            "http": {"method": asked.method, "path": path, "sourceIp": "198.51.100.7"},
            "domainName": domain,
            "stage": stage if decodes else "$default",
        },
        **_binary(asked.body),
    }


def function_url(asked: Asked) -> Any:
    return http(asked, decodes=False)


def balancer(asked: Asked, *, many: bool = False) -> Any:
    pairs = [pair.partition("=")[::2] for pair in asked.query.split("&") if pair]
    headers = {name.lower(): value for name, value in asked.all_headers().items()}
    event = {
        "requestContext": {"elb": {"targetGroupArn": "arn:aws:elasticloadbalancing:x"}},
        "httpMethod": asked.method,
        "path": asked.path,
        **_binary(asked.body),
    }
    if not many:
        return event | {"headers": headers, "queryStringParameters": dict(pairs)}
    texts: dict[str, list[str]] = {}
    for name, value in pairs:
        texts.setdefault(name, []).append(value)
    return event | {
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "multiValueQueryStringParameters": texts,
    }


def balancer_many(asked: Asked) -> Any:
    return balancer(asked, many=True)


def _binary(body: bytes) -> dict[str, Any]:
    return {"body": b64encode(body).decode() if body else None, "isBase64Encoded": bool(body)}


FORMS: dict[str, tuple[Callable[[Asked], Any], str]] = {
    "rest": (rest, "/dev"),
    "http": (http, "/dev"),
    "function_url": (function_url, ""),
    "balancer": (balancer, ""),
    "balancer_many": (balancer_many, ""),
}
"""How each writes a request, and what stands before the service's paths there."""


def got(answer: Any) -> Got:
    """What each gateway makes of an answer; anything that it would refuse is an error."""
    allowed = {"statusCode", "statusDescription", "headers", "multiValueHeaders", "cookies"}
    assert set(answer) <= allowed | {"body", "isBase64Encoded"}
    assert isinstance(answer["statusCode"], int)
    headers = [*answer.get("headers", {}).items()]
    headers += [(n, v) for n, values in answer.get("multiValueHeaders", {}).items() for v in values]
    headers += [("Set-Cookie", cookie) for cookie in answer.get("cookies", ())]
    assert all(isinstance(value, str) for _, value in headers)
    body = answer["body"]
    raw = b64decode(body, validate=True) if answer["isBase64Encoded"] else body.encode()
    return Got(answer["statusCode"], sorted((n.title(), v) for n, v in headers), raw)
