"""Every way in that a document of JSON has, and what each makes of one: the kind of the problem, or
nothing for what it takes. The rest of a request is right, so what is wrong is the document."""

import json
from base64 import b64encode
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from app.doors.http import JSON, PROBLEM_JSON
from handlers.ask import NotDone
from tests.handlers.gateways import FORMS
from tests.handlers.home import sqs
from tests.hostile.events import by_form, through_json
from tests.hostile.oracle import strictly, wrong
from tests.hostile.place import Asked, Got, Place, post

Door = Callable[[Place, bytes], str]

AROUND = b'"operation": "later", "params": '
TOPIC = "arn:aws:sns:eu-central-1:210987654321:"


class NoSuchForm(Exception):
    """A door that brings text, or what a platform has read already, cannot bring these bytes."""


def whole(path: str, method: str = "POST") -> Door:
    """The document is the body."""

    def door(place: Place, body: bytes) -> str:
        name = path.format(job=place.names.jobs[1])
        return judged(place, post(name, body, method=method))

    return door


def inside(path: str, before: bytes, behind: bytes, method: str = "POST") -> Door:
    """It stands in another one."""
    return lambda place, body: whole(path, method)(place, before + body + behind)


def judged(place: Place, asked: Asked, answer: Callable[[Asked], Got] | None = None) -> str:
    """The kind of the problem, or nothing; the answer must be one that is promised."""
    got = (answer or place.ask)(asked)
    bad = wrong(asked, got)
    assert not bad, f"{bad} for {asked}"
    if not got.body or got.header("Content-Type") not in (JSON, PROBLEM_JSON):
        return ""
    told = strictly(got.body)
    if asked.target in (b"/rpc", b"/mcp"):
        told = told[0] if isinstance(told, list) else told
        if "error" in told:
            return str(told["error"]["data"]["kind"])
        if asked.target == b"/mcp" and "isError" in told["result"]:
            return str(strictly(told["result"]["content"][0]["text"].encode())["kind"])
        return ""
    return str(told["type"]).removeprefix("/problems/") if got.status >= 400 else ""


HTTP: Mapping[str, Door] = {
    "a call": whole("/v1/operations/echo.text"),
    "a call of a long one": whole("/v1/operations/later"),
    "an own path": whole("/pairs/x"),
    "an own path by PUT": whole("/kinds/1", "PUT"),
    "a job": whole("/v1/jobs"),
    "a batch": whole("/v1/jobs/batch"),
    "retrying many": whole("/v1/jobs/retry"),
    "cancel": whole("/v1/jobs/{job}/cancel"),
    "retry": whole("/v1/jobs/{job}/retry"),
    "a signal": whole("/v1/jobs/{job}/signals/go"),
    "a schedule": whole("/v1/schedules/s", "PUT"),
    "running a schedule": whole("/v1/schedules/each-hour/run"),
    "a file": whole("/v1/files"),
    "a key": whole("/v1/keys"),
    "rotating a key": whole("/v1/keys/NONE/rotate"),
    "rotating the secret": whole("/v1/webhooks/secret/rotate"),
    "trying a webhook": whole("/v1/webhooks/test"),
    "a topic": whole("/v1/topics/nobody"),
    "a topic that is taken": whole("/v1/topics/news"),
    "a queue": whole("/v1/queues/nobody"),
    "a queue that is taken": whole("/v1/queues/orders"),
    "RPC": whole("/rpc"),
    "MCP": whole("/mcp"),
}
MAY_BE_EMPTY = {"cancel", "retry", "a signal", "running a schedule", "rotating a key",
                "rotating the secret"}  # fmt: skip
"""These need no body."""

INSIDE: Mapping[str, Door] = {
    "params of a job": inside("/v1/jobs", b"{" + AROUND, b"}"),
    "params in a batch": inside("/v1/jobs/batch", b'{"jobs": [{' + AROUND, b"}]}"),
    "params of a schedule": inside(
        "/v1/schedules/s", b'{"every": "1h", ' + AROUND, b"}", method="PUT"
    ),
    "params of RPC": inside(
        "/rpc", b'{"jsonrpc": "2.0", "id": 1, "method": "echo.text", "params": ', b"}"
    ),
    "params in a batch of RPC": inside(
        "/rpc", b'[{"jsonrpc": "2.0", "id": 1, "method": "echo.text", "params": ', b"}]"
    ),
    "the id of RPC": inside("/rpc", b'{"jsonrpc": "2.0", "method": "echo.text", "id": ', b"}"),
    "arguments of a tool": inside(
        "/mcp",
        b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": '
        b'{"name": "echo.text", "arguments": ',
        b"}}",
    ),
    "the id of MCP": inside("/mcp", b'{"jsonrpc": "2.0", "method": "ping", "id": ', b"}"),
    "a deep list": inside("/v1/operations/echo.anything", b'{"message": [[[0, ', b"]]]}"),
    "a message for an operation": inside("/v1/topics/news", b"{" + AROUND, b"}"),
    "data of a CloudEvent": inside(
        "/v1/queues/nobody",
        b'{"specversion": "1.0", "id": "1", "source": "a", "type": "echo.text", "data": ',
        b"}",
    ),
}


def by_gateway(place: Place, body: bytes, *, form: str, encoded: bool, path: str) -> str:
    """A request as an event, its body in base64 or as it is."""
    if not encoded:
        as_text(body)
    return judged(place, post(path, body), partial(by_form, place, form, encoded))


GATEWAYS: Mapping[str, Door] = {
    f"{form}, {'base64' if encoded else 'text'}, {path}": partial(
        by_gateway, form=form, encoded=encoded, path=path
    )
    for form in FORMS
    for encoded in (True, False)
    for path in ("/v1/operations/echo.text", "/rpc", "/mcp")
}


def as_text(body: bytes) -> str:
    """As an event says it, half characters too; two halves become one on the way."""
    try:
        text = body.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        raise NoSuchForm from None
    if through_json(text) != text:
        raise NoSuchForm
    return text


def as_value(body: bytes) -> Any:
    """As a platform has read it, not strictly."""
    try:
        return through_json(json.loads(as_text(body)))
    except (ValueError, RecursionError):
        raise NoSuchForm from None


def by_event(make: Callable[[bytes], Any], place: Place, body: bytes) -> str:
    """What is kept of an event that could not become a job; nothing, if it could."""
    event = make(body)
    before = {job["id"] for job in place.kept()}
    try:
        answer = place.bring(event)
    except NotDone as error:
        return f"brought again for ever: {error}"
    if isinstance(answer, dict) and answer.get("batchItemFailures"):
        return f"brought again for ever: {answer}"
    kept = [job for job in place.kept() if job["id"] not in before]
    return str(kept[0]["error"]["kind"]) if kept else ""


_number = iter(range(10**9))


def _queue(body: bytes) -> Any:
    return fresh(sqs(as_text(body), queue="nobody"))


def _topic(body: bytes) -> Any:
    sns = {"MessageId": "m", "Message": as_text(body), "TopicArn": f"{TOPIC}nobody"}
    return fresh({"Records": [{"EventSource": "aws:sns", "Sns": sns}]})


def _queue_of_topic(body: bytes) -> Any:
    told = {"Type": "Notification", "MessageId": "m", "TopicArn": TOPIC, "Message": as_text(body)}
    return fresh(sqs(told, queue="nobody"))


def _params(body: bytes) -> Any:
    return fresh(sqs(f"{{{AROUND.decode()}{as_text(body)}}}", queue="nobody"))


def _kinesis(body: bytes) -> Any:
    data = {"sequenceNumber": "m", "data": b64encode(body).decode()}
    arn = "arn:aws:kinesis:eu-central-1:210987654321:stream/nobody"
    return fresh({"Records": [
        {"eventSource": "aws:kinesis", "eventSourceARN": arn, "kinesis": data}]})  # fmt: skip


def _base64(body: bytes) -> Any:
    told = {"specversion": "1.0", "id": "m", "source": "a", "type": "later",
            "data_base64": b64encode(body).decode()}  # fmt: skip
    return fresh(sqs(told, queue="nobody"))


def _detail(body: bytes) -> Any:
    return fresh({"version": "0", "id": "m", "detail-type": "echo.anything", "source": "a",
                  "detail": as_value(body)})  # fmt: skip


def fresh(event: Any) -> Any:
    """With ids of its own, for what comes again is the same."""
    return through_json(_renamed(event, f"m{next(_number)}"))


def _renamed(event: Any, id: str) -> Any:
    if isinstance(event, dict):
        names = ("messageId", "MessageId", "sequenceNumber", "id")
        renamed = {name: id for name in names if event.get(name) == "m"}
        return {
            n: renamed.get(n) or (_renamed(each, id) if n != "detail" else each)
            for n, each in event.items()
        }
    return [_renamed(each, id) for each in event] if isinstance(event, list) else event


MESSAGES: Mapping[str, Door] = {
    "SQS": partial(by_event, _queue),
    "SQS, params": partial(by_event, _params),
    "SQS, by a topic": partial(by_event, _queue_of_topic),
    "SQS, CloudEvent in base64": partial(by_event, _base64),
    "SNS": partial(by_event, _topic),
    "Kinesis": partial(by_event, _kinesis),
}
READ_ALREADY: Mapping[str, Door] = {"EventBridge": partial(by_event, _detail)}
