"""Valid requests for every route that the application has, and what a fuzzer makes of them."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from random import Random
from typing import Any
from urllib.parse import quote

from tests.doors.mcp_words import TAKES_TASKS, before, newest
from tests.hostile.corpus import MALFORMED, TEXTS, WELL_FORMED
from tests.hostile.place import JSON, Asked, Names, Place

Mutation = Callable[[Random, Asked, Names], Asked]

FORM = "application/x-www-form-urlencoded"
HTML = "text/html,application/xhtml+xml"
NONE = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SMALL = 20_000  # bytes; of larger documents a fuzzer sends few
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get",
           "PROPFIND", "BREW", "M-SEARCH", "X" * 100)  # fmt: skip
TYPES = (JSON, "", "text/plain", FORM, "multipart/form-data; boundary=x", "application/cbor",
         "application/problem+json", f"{JSON}; charset=utf-16", f"{JSON}; charset=latin-1",
         f"{JSON};;;charset", f'{JSON}; charset="utf-8"', "application/ld+json; a=b")  # fmt: skip
HEADERS = ("Idempotency-Key", "Prefer", "If-Match", "If-None-Match", "Range", "If-Range",
           "Last-Event-ID", "Authorization", "Host", "Content-Type", "Accept", "Accept-Encoding",
           "Accept-Language", "Cookie", "Origin", "Referer", "X-Request-Id", "X-Forwarded-For",
           "X-Forwarded-Host", "X-Forwarded-Proto", "X-HTTP-Method-Override", "Content-Length",
           "Content-Range", "Content-Encoding", "Transfer-Encoding", "Expect", "Upgrade",
           "Connection", "Date", "If-Modified-Since", "If-Unmodified-Since",
           "MCP-Protocol-Version", "Mcp-Method", "Mcp-Name")  # fmt: skip
VALUES = {
    "Prefer": ("wait=1", "wait=25", "wait=0", "wait=99999999999", "respond-async", "wait=-1",
               "respond-async, wait=2", "wait=1e9", 'wait="3"', "return=minimal"),
    "Range": ("bytes=0-1", "bytes=-1", "bytes=1-0", "bytes=0-0,1-1", "bytes=999-", "bytes=-0",
              "lines=1-2", "bytes=999999999999999999-", "bytes=--1", "bytes=0-99999999999999999"),
    "Content-Range": ("bytes 0-1/3", "bytes 0-2/3", "bytes */3", "bytes 2-1/3", "bytes 0-0/0"),
    "Accept": ("*/*", "text/html", "text/csv", "application/json;q=0", "*/*;q=nan", "text/*",
               "application/json;q=1e400", "text/event-stream", ";;q", "a/b;q=0.5,*/*;q=0.1"),
    "Last-Event-ID": ("0-0", "1-0", "-1--1", "999999999999999-1", "1"),
    "If-None-Match": ("*", '"a"', 'W/"a"', ',,"'), "If-Match": ("*", '"1"', '"1.abc"', 'W/"1"'),
    "Content-Length": ("0", "1", "99999999999999999999", "-1", "1e3", "²", "007", " 1"),
    "Host": ("evil.example", "127.0.0.1:99999", "[::1]", "[", "localhost.", "127.0.0.1@evil", ""),
    "Origin": ("null", "http://127.0.0.1", "http://evil.example", "http://127.0.0.1:80"),
    "MCP-Protocol-Version": ("2026-07-28", "2025-11-25", "2025-03-26", "2099-01-01", "", "1, 2"),
    "Mcp-Method": ("tools/call", "tasks/get", ""), "Mcp-Name": ("later", "=?base64?bGF0ZXI=?=",
                   "=?base64??=", "=?base64?*?=", "=?base64?/w==?="),
    "Cookie": ("manydoors_session=", "manydoors_session=a.b.c", "manydoors_session", "a=b; c"),
}  # fmt: skip
"""By a header's name: what is meant by it, and nearly so."""

_PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


def valid(place: Place, method: str, rule: str) -> list[Asked]:
    """Requests that are right for that route, as the guide tells people to write them."""
    names = place.names
    target = _target(names, method, rule)
    if rule == "/rpc" and method == "POST":
        return [_sent(method, target, each) for each in rpc(names)]
    if rule == "/mcp" and method == "POST":
        return list(mcp(names))
    if rule.startswith("/console") and method == "POST":
        return [Asked(method, target, (("Content-Type", FORM),), form(names, rule))]
    if rule.endswith("/bytes"):
        url = _signed(place, method)
        headers = (("Content-Type", "text/plain"),) if method == "PUT" else ()
        return [Asked(method, url, headers, b"abc" if method == "PUT" else b"")]
    if rule.endswith("/events"):
        return [Asked(method, target, (("Accept", "text/event-stream"),))]
    if method in ("POST", "PUT"):
        return [_sent(method, target, each) for each in bodies(names, rule)]
    return [Asked(method, target + query) for query in queries(rule)]


def rpc(names: Names) -> Iterator[Any]:
    job, plan = names.jobs[1], {"operation": "later", "params": {"text": "a"}, "cron": "0 3 * * *"}
    asked: tuple[tuple[str, Any], ...] = (
        ("echo.text", {"text": "a"}), ("echo.text", ["a", 2]), ("echo.kinds", KINDS),
        ("later", {"text": "a"}), ("rpc.discover", {}), ("jobs.get", {"id": job, "wait": 1}),
        ("jobs.list", {"limit": 2, "status": "queued"}), ("jobs.cancel", {"id": job}),
        ("jobs.retry", {"id": names.jobs[0]}), ("schedules.list", {}),
        ("jobs.signal", {"id": job, "name": "go", "value": {"a": [1]}}),
        ("jobs.submit", {"operation": "later", "params": {"text": "a"}, "delay": "1h"}),
        ("schedules.put", {"name": "other", **plan}), ("schedules.get", {"name": names.schedule}),
        ("schedules.run", {"name": names.schedule}), ("schedules.delete", {"name": "other"}),
    )  # fmt: skip
    one = [{"jsonrpc": "2.0", "method": name, "params": params, "id": 1} for name, params in asked]
    yield from one
    yield [one[0], {"jsonrpc": "2.0", "method": "echo.text", "params": ["a"]}, one[6]]


def mcp(names: Names) -> Iterator[Asked]:
    """In the newest revision and in the last with a handshake, with progress and without."""
    task = {"taskId": names.jobs[1]}
    long = {"name": "later", "arguments": {"text": "a"}}
    asked: tuple[tuple[str, Any], ...] = (
        ("initialize", {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {}}),
        ("server/discover", {}), ("ping", {}), ("tools/list", {"cursor": "echo_text"}),
        ("tools/call", {"name": "echo.text", "arguments": {"text": "a"}}),
        ("tools/call", {"name": "echo_kinds", "arguments": KINDS}),
        ("tools/call", {**long, "task": {"ttl": 1}}), ("tools/call", long),
        ("tools/call", {**long, "_meta": {"progressToken": 1}}),
        ("tools/call", {"name": "jobs_get", "arguments": {"id": names.jobs[1], "wait": 1}}),
        ("tasks/get", task), ("tasks/result", {"taskId": names.jobs[0]}), ("tasks/list", {}),
        ("tasks/update", {**task, "inputResponses": {}}), ("tasks/cancel", task),
    )  # fmt: skip
    for method, params in asked:
        for say in (before, partial(newest, capabilities=TAKES_TASKS)):
            message, headers = say(method, params)
            given = (("Content-Type", JSON), *headers.items())
            yield Asked("POST", b"/mcp", given, json.dumps(message).encode())
    begun = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    yield _sent("POST", b"/mcp", begun)
    yield _sent("POST", b"/mcp", [begun, before("ping")[0], before("tools/call", long)[0]])


def form(names: Names, rule: str) -> bytes:
    if "schedules" in rule:
        return b"name=" + names.schedule.encode()
    if rule == "/console/rpc":
        return b"request=" + quote(json.dumps(next(rpc(names)))).encode()
    if rule == "/console/sign-in":
        return b"key=" + (names.shown.get("admin") or "md_a_b").encode()
    if rule.endswith("/signal"):
        return b"name=go&value=%7B%22a%22%3A1%7D"
    return b"text=a&times=2"


KINDS = {
    "whole": 1, "number": 1.5, "exact": 2.5, "day": "2026-01-31", "colour": "blue", "size": 3,
    "moment": "2026-01-31T03:00:00Z", "id": "12345678-1234-5678-1234-567812345678",
    "address": {"street": "a", "number": 2}, "cats": [{"name": "Tom", "lives": 9}],
    "named": {"a": 1}, "either": "a", "anything": [None, {"a": 1.5}], "pin": "1234",
}  # fmt: skip


def bodies(names: Names, rule: str) -> list[Any]:
    text = {"text": "a"}
    job = {"operation": "later", "params": text}
    plan = {**job, "every": "15m", "tz": "Europe/Berlin", "enabled": True, "catch_up": "all"}
    known: dict[str, list[Any]] = {
        "/v1/operations/<name>": [text, {**text, "times": 2, "loud": True}],
        "/pairs/<left>": [{"right": [1, 2]}],
        "/kinds/<whole>": [{name: value for name, value in KINDS.items() if name != "whole"}],
        "/v1/jobs": [{**job, "key": "k", "delay": "90s", "priority": 5}, {**job, "due": MOMENT}],
        "/v1/jobs/batch": [{"jobs": [job, {**job, "params": {"text": "b"}}]}],
        "/v1/jobs/retry": [{"status": "cancelled", "operation": "later"}],
        "/v1/jobs/<job:id>/signals/<name>": [{"a": [1, None]}, "text"],
        "/v1/keys": [{"name": "a", "scopes": ["read"], "owner": "b", "expires_at": MOMENT}],
        "/v1/keys/<id>/rotate": [{"overlap": "1h"}],
        "/v1/webhooks/secret/rotate": [{"overlap": "1h"}],
        "/v1/webhooks/test": [{"url": "https://example.com/hook"}],
        "/v1/files": [{"name": "a.txt", "type": "text/plain", "size": 3}],
        "/v1/schedules/<name>": [plan, {**job, "cron": "0 3 * * *", "catch_up": "none"}],
        "/v1/topics/<name>": [text, {"operation": "echo.text", "params": text}],
        "/v1/queues/<name>": [{"specversion": "1.0", "id": "1", "source": "s", "type": "echo.text",
                               "datacontenttype": JSON, "data": text}],
    }  # fmt: skip
    return known.get(rule, [{}])


MOMENT = "2027-01-31T03:00:00Z"


def queries(rule: str) -> tuple[bytes, ...]:
    if rule in ("/v1/jobs", "/jobs"):
        return b"", b"?status=queued&operation=later&limit=2", b"?parent=none"
    if rule == "/v1/jobs/<job:id>":
        return b"", b"?wait=1"
    if rule.startswith("/echo"):
        return b"?times=2&loud=true", b""
    if rule.startswith("/days"):
        return (b"?whole=3",)
    return (b"?limit=2", b"") if rule in ("/v1/operations", "/v1/keys", "/v1/files") else (b"",)


def _sent(method: str, target: bytes, value: Any) -> Asked:
    return Asked(method, target, (("Content-Type", JSON),), json.dumps(value).encode())


def _target(names: Names, method: str, rule: str) -> bytes:
    """The path, with the name of something that is there."""

    def known(found: re.Match[str]) -> str:
        if found[1] == "id":
            if "/keys/" in rule:
                return names.key or "NONE"
            if "/files/" in rule:
                return names.file
            return names.jobs[0 if rule.endswith(("/retry", "/result", "/events")) else 1]
        if found[1] == "name" and "/topics/" in rule:
            return "news"
        if found[1] == "name" and "/queues/" in rule:
            return "orders"
        named = {"kind": "busy", "whole": "3", "day": "2026-01-31", "where": "a/b"}
        if found[1] == "name":
            if "static" in rule:
                return "frame.css"
            if "schedules" in rule:
                return names.schedule
            return "go" if "signals" in rule else "echo.text"
        return named.get(found[1], "a")

    return quote(_PARAMETER.sub(known, rule)).encode()


def _signed(place: Place, method: str) -> bytes:
    """As the ticket of a file says."""
    names = place.names
    if method == "PUT":
        ask = _sent("POST", b"/v1/files", {"name": "a.txt", "type": "text/plain", "size": 3})
        shown = (("Authorization", f"Bearer {names.shown['admin']}"),) if names.shown else ()
        told = json.loads(place.ask(replace(ask, headers=ask.headers + shown)).body)
        assert "upload" in told, told
        return _of(told["upload"]["url"])
    if (record := place.room.ports.records.get("files", names.file)) is None:
        place.fill()  # it was deleted
        return _signed(place, method)
    return _of(place.room.shelf.link(record))


def _of(url: str) -> bytes:
    return url.partition("127.0.0.1")[2].encode() if "://" in url else url.encode()


def hostile_text(random: Random) -> str:
    if random.random() < 0.1:
        return "".join(chr(random.choice((random.randrange(256), random.randrange(0x11000))))
                       for _ in range(random.randrange(1, 20)))  # fmt: skip
    return random.choice(TEXTS_LIST)


TEXTS_LIST = [text for text in TEXTS.values() if len(text) <= SMALL]
DOCUMENTS = [body for body in (*MALFORMED.values(), *WELL_FORMED.values()) if len(body) <= SMALL]
LARGE = [body for body in (*MALFORMED.values(), *WELL_FORMED.values()) if len(body) > SMALL]
