"""The official SDK speaks to a server, in the newest revision; what it saw, as JSON.

Run by the Python of tests/engines/mcp.lock: newest.py URL KEY
"""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar, Literal

import httpx2
import mcp_types as types
from mcp.client import Client
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError


class Created(types.Result):
    result_type: Literal["task"] = "task"
    task_id: str
    status: str


class Params(types.RequestParams):
    task_id: str


class OfTask(types.Request[Params, str]):
    name_param: ClassVar[str | None] = "taskId"
    method: str
    params: Params


class Told(types.Result):
    model_config: ClassVar[Any] = {"extra": "allow"}


class Tasks(ClientExtension):
    """The extension, as its page tells a client to do."""

    identifier = "io.modelcontextprotocol/tasks"
    seen: ClassVar[list[Any]] = []

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return [ResultClaim(result_type="task", model=Created, resolve=self.resolved)]

    async def resolved(self, created: Created, context: ClaimContext) -> types.CallToolResult:
        self.seen.append(created.status)
        told = await ended(context.session, created.task_id)
        self.seen.append(told["status"])
        return types.CallToolResult.model_validate(told["result"])


async def ended(session: Any, id: str) -> Any:
    while (told := await ask(session, "tasks/get", id))["status"] == "working":
        await asyncio.sleep(0.1)
    return told


async def ask(session: Any, method: str, id: str) -> Any:
    asked = OfTask(method=method, params=Params(task_id=id))
    return (await session.send_request(asked, Told)).model_dump(by_alias=True, mode="json")


@asynccontextmanager
async def connected(url: str, key: str, mode: str, *extensions: Any) -> AsyncIterator[Client]:
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=mode, extensions=list(extensions)) as client:
            yield client


async def main(url: str, key: str) -> None:
    seen: dict[str, Any] = {}
    progress: list[Any] = []

    async def notified(done: float, total: float | None, message: str | None) -> None:
        progress.append([done, total, message])

    async with connected(url, key, "auto") as client:
        seen["revision"] = client.protocol_version
        seen["server"] = client.server_info.name if client.server_info else None
        seen["tools"] = [dumped(tool) for tool in (await client.list_tools()).tools]
        seen["greet"] = dumped(await client.call_tool("greet", {"name": "Ada"}))
        seen["pair"] = dumped(await client.call_tool("pair", {"left": "a", "right": 2}))
        seen["invalid"] = dumped(await client.call_tool("greet", {"name": 1}))
        seen["refused"] = dumped(await client.call_tool("refuse", {}))
        seen["file"] = dumped(await client.call_tool("draw", {"text": "a cat"}))
        seen["count"] = dumped(
            await client.call_tool("count", {"to": 5}, progress_callback=notified)
        )
        seen["progress"] = progress
        try:
            await client.call_tool("nobody", {})
        except MCPError as error:
            seen["unknown"] = [error.error.code, error.error.message]
    async with connected(url, key, "auto", Tasks()) as client:
        seen["task"] = dumped(await client.call_tool("count", {"to": 2}))
        seen["statuses"] = Tasks.seen
        created: Any = await client.session.call_tool("await", {}, allow_claimed=True)
        await ask(client.session, "tasks/cancel", created.task_id)
        seen["cancelled"] = (await ended(client.session, created.task_id))["status"]
    async with connected(url, key, "legacy") as client:
        seen["handshake"] = client.protocol_version
        seen["greet by handshake"] = dumped(await client.call_tool("greet", {"name": "Ada"}))
    print(json.dumps(seen))


def dumped(model: Any) -> Any:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


asyncio.run(main(*sys.argv[1:]))
