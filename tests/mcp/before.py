"""The official SDK's line before the newest speaks to a server; what it saw, as JSON.

Run by the Python of tests/engines/mcp_before.lock: before.py URL KEY
"""

import asyncio
import json
import sys
from typing import Any

from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamablehttp_client
from mcp.types import CallToolResult


async def main(url: str, key: str) -> None:
    seen: dict[str, Any] = {}
    progress: list[Any] = []

    async def notified(done: float, total: float | None, message: str | None) -> None:
        progress.append([done, total, message])

    headers = {"Authorization": f"Bearer {key}"}
    async with (
        streamablehttp_client(url, headers=headers) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        told = await session.initialize()
        seen["revision"], seen["capabilities"] = told.protocolVersion, dumped(told.capabilities)
        await session.send_ping()
        seen["tools"] = [dumped(tool) for tool in (await session.list_tools()).tools]
        seen["greet"] = dumped(await session.call_tool("greet", {"name": "Ada"}))
        seen["invalid"] = dumped(await session.call_tool("greet", {"name": 1}))
        seen["count"] = dumped(
            await session.call_tool("count", {"to": 5}, progress_callback=notified)
        )
        seen["progress"] = progress
        try:
            await session.call_tool("nobody", {})
        except McpError as error:
            seen["unknown"] = [error.error.code, error.error.message]
        await of_tasks(session, seen)
    print(json.dumps(seen))


async def of_tasks(session: ClientSession, seen: dict[str, Any]) -> None:
    tasks = session.experimental
    created = await tasks.call_tool_as_task("count", {"to": 2})
    id = created.task.taskId
    seen["statuses"] = [created.task.status]
    seen["task"] = dumped(await tasks.get_task_result(id, CallToolResult))
    seen["statuses"].append((await tasks.get_task(id)).status)
    seen["is listed"] = id in [task.taskId for task in (await tasks.list_tasks()).tasks]
    short = await tasks.call_tool_as_task("greet", {"name": "Ada"})
    seen["short task"] = dumped(await tasks.get_task_result(short.task.taskId, CallToolResult))
    waiting = await tasks.call_tool_as_task("await", {})
    seen["cancelled"] = (await tasks.cancel_task(waiting.task.taskId)).status


def dumped(model: Any) -> Any:
    return model.model_dump(by_alias=True, mode="json", exclude_none=True)


asyncio.run(main(*sys.argv[1:]))
