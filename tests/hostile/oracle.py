"""What an answer may look like, whatever was asked: the judge of every door over HTTP."""

import json
import re
from typing import Any
from urllib.parse import unquote_to_bytes, urlsplit

from app.doors.http import HTML, JSON, PROBLEM_JSON, STATUS
from app.doors.mcp import message as mcp
from app.doors.rpc import CODES, NARROWER
from app.room.errors import kinds
from tests.handlers import gateways
from tests.hostile.place import HOST, Asked, Got

OF_THE_SERVER = (400, 408, 411, 431, 501)  # what the web server answers by itself
CODES_OF_RPC = {*CODES.values(), *NARROWER.values()}
CODES_OF_MCP = {*mcp.CODES.values(), *mcp.NARROWER.values()}
LEAKS = (b"Traceback (most recent", b'File "/', b"werkzeug", b"sqlite3", b"marshmallow")
SECONDS = 5.0  # for one request

_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


def wrong(asked: Asked, got: Got) -> str:
    """What is wrong with an answer; nothing, if it is one that is promised."""
    if got.status >= 500 and not (got.status == 503 and got.header("Retry-After")):
        return f"status {got.status}: {got.body[:300]!r}"
    if bad := _wrong_headers(asked, got):
        return bad
    if asked.method == "HEAD" or got.status in (204, 304):
        return "a body where none may be" if got.body else ""
    if any(leak in got.body for leak in LEAKS) and not _is_page_of_ours(asked):
        return f"it tells of its inside: {got.body[:300]!r}"
    form = got.header("Content-Type").partition(";")[0]
    if got.status in OF_THE_SERVER and not got.body:
        return ""
    if form == PROBLEM_JSON:
        return _wrong_problem(got)
    if got.status >= 400 and form not in (HTML, JSON):
        return f"a {got.status} as {form!r}"
    if form == JSON:
        return _wrong_json(asked, got)
    return ""


def _is_page_of_ours(asked: Asked) -> bool:
    """Files and pages may name whom they come from; no answer to data does."""
    return asked.method == "GET"


def _wrong_headers(asked: Asked, got: Got) -> str:
    for name, text in got.headers:
        if _CONTROL.search(name + text):
            return f"a header breaks out: {name}: {text!r}"
        if any(ord(character) > 255 for character in name + text):
            return f"a header that no server sends: {name}: {text!r}"
    where = got.header("Location")
    if 300 <= got.status < 400 and got.status != 304:
        if not where:
            return f"a {got.status} to nowhere"
        own = {"", HOST, gateways.HOST, *(text for name, text in asked.headers if name == "Host")}
        if urlsplit(where).netloc not in own or where.startswith(("//", "/\\")):
            return f"it sends elsewhere: {where!r}"
    return ""


def _wrong_problem(got: Got) -> str:
    try:
        told = strictly(got.body)
    except ValueError as error:
        return f"a problem that is no JSON ({error}): {got.body[:300]!r}"
    kind = str(told.get("type", "")).removeprefix("/problems/")
    if told.get("type") == "about:blank" and got.status in OF_THE_SERVER:
        return ""
    if kind not in kinds() or not told.keys() >= {"title", "status", "detail", "instance"}:
        return f"no problem of ours: {got.body[:300]!r}"
    if told["status"] != got.status or STATUS[kind] != got.status:
        return f"a {kind} as {got.status}"
    return ""


def _wrong_json(asked: Asked, got: Got) -> str:
    try:
        told = strictly(got.body)
    except ValueError as error:
        return f"no JSON ({error}): {got.body[:300]!r}"
    path = unquote_to_bytes(asked.target.partition(b"?")[0])
    if path.lstrip(b"/") == b"rpc" and asked.method.upper() == "POST":
        return _wrong_rpc(told)
    if path.lstrip(b"/") == b"mcp" and asked.method.upper() == "POST":
        return _wrong_mcp(told, got.status)
    return f"a {got.status} that is no problem" if got.status >= 400 else ""


def _wrong_mcp(told: Any, status: int) -> str:
    for each in told if isinstance(told, list) and told else [told]:
        if not isinstance(each, dict) or each.get("jsonrpc") != "2.0" or each.get("id", 1) is None:
            return f"no answer of MCP: {each!r}"[:300]
        if ("result" in each) == ("error" in each):
            return f"neither result nor error, or both: {each!r}"[:300]
        if "error" in each and (error := _wrong_error(each["error"], CODES_OF_MCP)):
            return error
        if "result" in each and status != 200:
            return f"a result as {status}"
    return ""


def _wrong_rpc(told: Any) -> str:
    for each in told if isinstance(told, list) and told else [told]:
        if not isinstance(each, dict) or each.get("jsonrpc") != "2.0" or "id" not in each:
            return f"no answer of JSON-RPC: {each!r}"[:300]
        if ("result" in each) == ("error" in each):
            return f"neither result nor error, or both: {each!r}"[:300]
        if "error" in each and (error := _wrong_error(each["error"], CODES_OF_RPC)):
            return error
    return ""


def _wrong_error(error: Any, codes: set[int]) -> str:
    kind = error.get("data", {}).get("kind")
    if error["code"] not in codes or kind not in kinds() or kind == "internal":
        return f"no error of ours: {error!r}"[:300]
    return ""


def strictly(body: bytes) -> Any:
    """JSON that any reader takes; our own has a cap on keys, which a list of many may pass."""

    def constant(name: str) -> Any:
        raise ValueError(f"{name} in it")

    told = json.loads(body.decode(), parse_constant=constant, object_pairs_hook=_object)
    json.dumps(told, ensure_ascii=False, allow_nan=False).encode()  # no half characters, no inf
    return told


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a name twice")
    return made
