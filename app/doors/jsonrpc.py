"""JSON-RPC 2.0's messages, whatever is asked by them: checked as they come, written as they go."""

from collections.abc import Callable
from typing import Any

from app.doors.wishes import Wishes
from app.room.errors import NotARequest, Problem, TooLarge
from app.room.strict_json import write_json

BATCH = 100

_MEMBERS = frozenset(("jsonrpc", "method", "params", "id"))


def check(message: Any, *, is_full: bool = False) -> None:
    """Raises `NotARequest` for what is neither a request nor a notification; `TooLarge` for a
    request whose batch has no place for one more answer."""
    if not isinstance(message, dict):
        raise NotARequest("A request is an object.")
    if message.get("jsonrpc") != "2.0":
        raise NotARequest('"jsonrpc" must be "2.0".')
    if not isinstance(message.get("method"), str):
        raise NotARequest('"method" must be a string.')
    if not isinstance(message.get("params", {}), dict | list):
        raise NotARequest('"params" must be an object or an array.')
    if "id" in message and not _is_id(message["id"]):
        raise NotARequest('"id" must be a string, a number or null.')
    if stray := message.keys() - _MEMBERS:
        raise NotARequest(f"A request has no member {min(stray)!r}.")
    if is_full and "id" in message:
        raise TooLarge("The answers before it fill the batch: ask it in another.")


def check_batch(messages: list[Any], wishes: Wishes) -> None:
    """A batch shares no key."""
    if not messages:
        raise NotARequest("A batch holds at least one request.")
    if len(messages) > BATCH:
        raise TooLarge(f"A batch holds at most {BATCH} requests.", limit=BATCH)
    if wishes.key is not None:
        raise NotARequest("An Idempotency-Key is for one request, not for a batch.")


def known_id(message: Any) -> Any:
    """The id of a bad request, where it can be told."""
    id = message.get("id") if isinstance(message, dict) else None
    return id if _is_id(id) else None


def told(problem: Problem) -> dict[str, Any]:
    """A problem as programs read it."""
    data = {"kind": problem.kind, "detail": problem.detail, **problem.members}
    if problem.after is not None:
        data["retry_after"] = problem.after
    return data


def result(json: bytes, id: Any) -> bytes:
    return b'{"jsonrpc":"2.0","result":' + json + b',"id":' + write_json(id) + b"}"


def error(code: int, message: str, problem: Problem, **id: Any) -> bytes:
    """`id`: that of the request, if the protocol wants one to be told."""
    said = {"code": code, "message": message, "data": told(problem)}
    return write_json({"jsonrpc": "2.0", "error": said, **id})


def together(messages: list[Any], most: int, answer: Callable[[Any, int, bool], bytes]) -> bytes:
    """The answers to a batch; nothing, where nothing is to be said. As many are asked for as an
    answer of `most` bytes holds: `answer` is told the place of each, and whether all is full."""
    said: list[bytes] = []
    left = most // 2  # the one that is over it has a place, too
    for place, message in enumerate(messages):
        if one := answer(message, place, left <= 0):
            said.append(one)
            left -= len(one)
    return b"[" + b",".join(said) + b"]" if said else b""


def _is_id(value: Any) -> bool:
    return value is None or (isinstance(value, str | int | float) and not isinstance(value, bool))
