"""Outcomes as results of tools: for models as text, for programs as an object, files as links."""

from collections.abc import Iterator
from typing import Any

from app.doors import jsonrpc
from app.doors.mcp.names import names
from app.doors.mcp.tools import BRIEF, is_bare
from app.doors.mcp.visit import Visit
from app.room.call import Outcome
from app.room.errors import Problem
from app.room.files import is_file_id
from app.room.operation import Operation
from app.room.strict_json import write_json

Result = dict[str, Any]

MOST_LINKS = 100
ESCAPED = 4  # times the bytes of a result, in an answer that has it twice, once in quotes
LARGE = "The result is large: it stands in the structured content alone."


def of_outcome(visit: Visit, outcome: Outcome, operation: Operation | None = None) -> Result:
    """The result of a tool; a problem is one, too, so that a model may mend its call.

    `operation` is None for what is not declared any more, and for the service's own.
    """
    if outcome.problem:
        return of_problem(outcome.problem)
    value = outcome.value
    if outcome.pending or outcome.elsewhere:
        return _of_job(visit, value, outcome.elsewhere)
    text = value if isinstance(value, str) else outcome.json.decode()
    if len(outcome.json) * ESCAPED > visit.room.answer_most:
        text = LARGE
    content = value if _stands_alone(value, operation) else {"result": value}
    return {"content": [_text(text), *_links(value)], "structuredContent": content}


def of_problem(problem: Problem) -> Result:
    """Its text is what programs read over JSON-RPC. Some clients hold structured content against
    the schema of good results, so there is none."""
    return {"content": [_text(write_json(jsonrpc.told(problem)).decode())], "isError": True}


def waiting(visit: Visit, job: Result) -> str:
    """How a model goes on while a job does."""
    done, tool = _progress(job["progress"] or {}), names(visit.room.registry).tools["jobs.get"]
    return (
        f"This takes longer: it goes on as the job {job['id']}, which is {job['status']}{done}. "
        f'Ask for its result with the tool {tool} and {{"id": "{job["id"]}", "wait": 25}}.'
    )


def _of_job(visit: Visit, job: Result, elsewhere: str) -> Result:
    here = job["links"]["self"]
    brief = {name: job[name] for name in BRIEF} | {"url": here}
    if elsewhere:
        text = f"The result of the job {job['id']} is too large for an answer: it is a file."
        link = _link(elsewhere, f"{job['id']}.json", {"mimeType": "application/json"})
    else:
        text, link = waiting(visit, job), _link(here, job["id"], {"mimeType": "application/json"})
    return {"content": [_text(text), link], "structuredContent": {"job": brief}}


def _stands_alone(value: Any, operation: Operation | None) -> bool:
    """As its tool's schema says; where there is none, an object does."""
    return isinstance(value, dict) if operation is None else is_bare(operation)


def _progress(progress: Result) -> str:
    if progress.get("done") is None:
        return ""
    of = "" if progress.get("total") is None else f" of {progress['total']}"
    note = f" ({progress['note']})" if progress.get("note") else ""
    return f", at {progress['done']}{of}{note}"


def _text(text: str) -> Result:
    return {"type": "text", "text": text}


def _links(value: Any) -> list[Result]:
    """To each file that it names."""
    found = {each["file"]: each for each in _files(value)}
    return [
        _link(each["url"], each.get("name") or each["file"], _about(each))
        for each in list(found.values())[:MOST_LINKS]
    ]


def _files(value: Any) -> Iterator[Result]:
    if isinstance(value, list):
        for each in value:
            yield from _files(each)
    elif isinstance(value, dict):
        id = value.get("file")
        if isinstance(id, str) and is_file_id(id) and isinstance(value.get("url"), str):
            yield value
        else:
            for each in value.values():
                yield from _files(each)


def _about(file: Result) -> Result:
    known = {"mimeType": file.get("type"), "size": file.get("size")}
    return {name: about for name, about in known.items() if about is not None}


def _link(uri: str, name: str, about: Result) -> Result:
    return {"type": "resource_link", "uri": uri, "name": name, **about}
