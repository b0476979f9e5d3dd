"""What clients of MCP say, in the words of a revision."""

from typing import Any

from app.doors.mcp.revision import CAPABILITIES, HANDSHAKE, MODERN, NAMED, TASKS, VERSION

MESSAGE = {"jsonrpc": "2.0", "id": 1}
BOTH = "application/json, text/event-stream"
TAKES_TASKS = {"extensions": {TASKS: {}}}
LATEST, NEWEST = HANDSHAKE[0].name, MODERN.name


def before(
    method: str, params: dict[str, Any] | None = None, revision: str = LATEST
) -> tuple[dict[str, Any], dict[str, str]]:
    """The message and its headers, in a revision with a handshake."""
    headers = {"Accept": BOTH, "MCP-Protocol-Version": revision}
    return {**MESSAGE, "method": method, "params": params or {}}, headers


def newest(
    method: str, params: dict[str, Any] | None = None, capabilities: Any = None, **meta: Any
) -> tuple[dict[str, Any], dict[str, str]]:
    """The same in the newest revision, where each message says all of itself."""
    params = params or {}
    told = {VERSION: NEWEST, CAPABILITIES: {} if capabilities is None else capabilities, **meta}
    headers = {"Accept": BOTH, "MCP-Protocol-Version": NEWEST, "Mcp-Method": method}
    if method in NAMED:
        headers["Mcp-Name"] = params.get(NAMED[method], "")
    return {**MESSAGE, "method": method, "params": {**params, "_meta": told}}, headers


SPOKEN = {"before": before, "newest": newest}


def told(client: Any, said: tuple[dict[str, Any], dict[str, str]], status: int = 200) -> Any:
    """The answer's body, as JSON."""
    message, headers = said
    answer = client.post("/mcp", json=message, headers=headers)
    assert answer.status_code == status, answer.text
    assert answer.content_type == "application/json"
    return answer.json


def result(client: Any, said: tuple[dict[str, Any], dict[str, str]]) -> Any:
    body = told(client, said)
    assert "result" in body, body
    return body["result"]


def error(client: Any, said: tuple[dict[str, Any], dict[str, str]], status: int = 200) -> Any:
    """The code and the data."""
    body = told(client, said, status)
    assert "error" in body, body
    return body["error"]["code"], body["error"]["data"]
