"""Long tools over MCP: waited for, followed, asked for by their job, and as tasks."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from jsonschema import Draft202012Validator

from app import File, Refused, Run, wiring
from app.config import Settings
from app.doors import streams
from app.doors.mcp.tasks import CANCELLING
from app.room.call import LOCAL, LONGEST_WAIT
from app.room.enter import Room
from app.room.operation import Registry
from app.testing import OwnClock
from app.wsgi import create_app
from tests.doors.at_work import work, worker
from tests.doors.mcp_words import (
    MESSAGE,
    SPOKEN,
    TAKES_TASKS,
    before,
    error,
    newest,
    result,
)

BOTH_ERAS = pytest.mark.parametrize("say", SPOKEN.values(), ids=SPOKEN)
COUNT = {"name": "count", "arguments": {"to": 3}}


@pytest.fixture
def room(settings: Settings) -> Room:
    """With a clock of its own, so that waiting takes no time."""
    registry = Registry()

    @registry.operation("count", long=True, retries=0)
    def count(run: Run, to: int) -> dict[str, int]:
        """Count."""
        if to < 0:
            raise Refused("That is less than nothing.", to=to)
        for _ in run.each(range(to), note="counting", every=1):
            run.sleep(60)
        return {"to": to}

    @registry.operation("draw", long=True)
    def draw(run: Run) -> list[File]:
        return [run.save(b"a", name="a.txt")]

    @registry.operation("await", long=True)
    def wait(run: Run) -> object:
        return run.wait_for("go", "1h")

    @registry.operation("short")
    def short(text: str) -> str:
        return text

    return Room(registry, replace(wiring.make_ports(settings), clock=OwnClock()))


@pytest.fixture
def client(room: Room, settings: Settings) -> FlaskClient:
    return create_app(room, settings).test_client()


def text(result: Any) -> str:
    return str(result["content"][0]["text"])


def job_of(result: Any) -> str:
    return str(result["structuredContent"]["job"]["id"])


@BOTH_ERAS
def test_a_long_tool_is_waited_for(client: FlaskClient, room: Room, say: Any) -> None:
    """For as long as an answer may take; what it gives is `result`, for it may be a job instead."""
    with worker(room):
        told = result(client, say("tools/call", {"name": "draw", "arguments": {}}))
    assert told["structuredContent"]["result"][0]["name"] == "a.txt"
    link = told["content"][1]
    assert (link["type"], link["name"], link["mimeType"], link["size"]) == (
        "resource_link",
        "a.txt",
        "text/plain",
        1,
    )
    with client.get(link["uri"]) as answer:
        assert answer.data == b"a"


@BOTH_ERAS
def test_what_takes_longer_is_named(client: FlaskClient, room: Room, say: Any) -> None:
    """The job, where it is, and how a model asks for it; nothing is lost."""
    tools = {tool["name"]: tool for tool in result(client, say("tools/list"))["tools"]}
    began = room.ports.clock.monotonic()
    told = result(client, say("tools/call", COUNT))
    assert room.ports.clock.monotonic() - began == pytest.approx(LONGEST_WAIT, abs=1)
    Draft202012Validator(tools["count"]["outputSchema"]).validate(told["structuredContent"])
    id = job_of(told)
    assert "isError" not in told
    assert f'jobs_get and {{"id": "{id}", "wait": 25}}' in text(told)
    assert told["content"][1]["uri"] == f"http://localhost/v1/jobs/{id}"
    asked = say("tools/call", {"name": "jobs_get", "arguments": {"id": id}})
    assert result(client, asked)["structuredContent"]["status"] == "queued"
    finish(room)
    told = result(client, asked)["structuredContent"]
    assert (told["status"], told["result"]) == ("succeeded", {"to": 3})


def finish(room: Room) -> None:
    """All that is due within some hours."""
    for _ in range(20):
        work(room)
        room.ports.clock.sleep(600)


@BOTH_ERAS
def test_a_failure_is_a_result_too(client: FlaskClient, room: Room, say: Any) -> None:
    """With the kind, the detail and what the operation says besides."""
    with worker(room):
        arguments = {"name": "count", "arguments": {"to": -1}}
        told = result(client, say("tools/call", arguments))
        assert told["isError"]
        said = json.loads(text(told))
        assert (said["kind"], said["detail"], said["to"]) == (
            "refused",
            "That is less than nothing.",
            -1,
        )
        wrong = result(client, say("tools/call", {"name": "count", "arguments": {"to": "x"}}))
    assert json.loads(text(wrong))["kind"] == "invalid"
    assert "structuredContent" not in wrong


def test_jobs_are_found_and_cancelled_by_tools(client: FlaskClient, room: Room) -> None:
    """Those of whoever asks, while some operation is long."""
    id = job_of(result(client, before("tools/call", COUNT)))
    listed = result(client, before("tools/call", {"name": "jobs_list"}))["structuredContent"]
    assert [job["id"] for job in listed["items"]] == [id]
    ask = {"name": "jobs_cancel", "arguments": {"id": id}}
    assert result(client, before("tools/call", ask))["structuredContent"]["status"] == "cancelled"
    again = result(client, before("tools/call", ask))
    assert json.loads(text(again))["kind"] == "conflict"
    wrong = result(client, before("tools/call", {"name": "jobs_get", "arguments": {"x": 1}}))
    assert json.loads(text(wrong))["kind"] == "invalid"


def test_tools_of_jobs_are_there_where_jobs_are(settings: Settings) -> None:
    """A service of short functions has none."""
    registry = Registry()
    registry.operation("short")(lambda: None)
    client = create_app(Room(registry, wiring.make_ports(settings)), settings).test_client()
    names = [tool["name"] for tool in result(client, before("tools/list"))["tools"]]
    assert names == ["short"]
    code, _ = error(client, before("tools/call", {"name": "jobs_list"}))
    assert code == -32602


def test_a_key_of_the_client_is_kept(client: FlaskClient, room: Room) -> None:
    """A call that is sent again with its Idempotency-Key is the same job."""
    message, headers = before("tools/call", COUNT)
    headers |= {"Idempotency-Key": "once"}
    first, again = (result(client, (message, headers)) for _ in range(2))
    assert job_of(first) == job_of(again)


# Followed


def followed(
    client: FlaskClient, say: Any, params: Any = COUNT, **more: str
) -> tuple[Any, Callable[[], Any]]:
    """The answer, and what takes the next message of it."""
    message, headers = say("tools/call", params)
    message["params"].setdefault("_meta", {})["progressToken"] = "t"
    answer = client.post("/mcp", json=message, headers={**headers, **more})
    assert answer.status_code == 200, answer.text
    assert answer.content_type == "text/event-stream"
    pieces = answer.iter_encoded()

    def following() -> Any:
        while (piece := next(pieces)) == b":\n\n":
            pass
        event, data = piece.decode().strip().split("\n")
        assert event == "event: message"
        return json.loads(data.removeprefix("data: "))

    return answer, following


@BOTH_ERAS
def test_progress_is_told_until_the_result(client: FlaskClient, room: Room, say: Any) -> None:
    """By the client's token, growing, and the result is the last message."""
    with worker(room):
        _, following = followed(client, say)
        said = [following()]
        while "id" not in said[-1]:
            said.append(following())
        with pytest.raises(StopIteration):
            following()
    *progress, last = said
    assert {each["method"] for each in progress} == {"notifications/progress"}
    assert {each["params"]["progressToken"] for each in progress} == {"t"}
    done = [each["params"]["progress"] for each in progress]
    assert done[0] == 0
    assert done == sorted(set(done))
    assert progress[0]["params"]["message"].startswith("It is the job job_")
    assert (progress[-1]["params"]["total"], progress[-1]["params"]["message"]) == (3, "counting")
    assert last["result"]["structuredContent"] == {"result": {"to": 3}}
    assert ("resultType" in last["result"]) is (say is newest)


@pytest.mark.parametrize(("say", "status"), [(newest, "cancelled"), (before, "queued")])
def test_who_hangs_up_cancels_in_the_newest_revision(
    client: FlaskClient, room: Room, say: Any, status: str
) -> None:
    """Before it, a connection that breaks is none of the job's business."""
    answer, following = followed(client, say)
    id = following()["params"]["message"].split()[-1].rstrip(".")
    answer.close()
    assert room.engine.get(id, LOCAL).label == status


def test_who_can_come_back_cancels_nothing(client: FlaskClient, room: Room) -> None:
    """By the call's own key: sent again, it is the same job."""
    answer, following = followed(client, newest, **{"Idempotency-Key": "once"})
    id = following()["params"]["message"].split()[-1].rstrip(".")
    answer.close()
    assert room.engine.get(id, LOCAL).label == "queued"
    _, following = followed(client, newest, **{"Idempotency-Key": "once"})
    assert id in following()["params"]["message"]


def test_who_has_the_result_cancels_nothing(client: FlaskClient, room: Room) -> None:
    """Nor does a service that is to end: its client is told of the job instead."""
    with worker(room):
        answer, following = followed(client, newest, {"name": "draw"})
        while "id" not in following():
            pass
    answer.close()
    (record,) = room.engine.list(LOCAL).items
    assert record.label == "succeeded"
    answer, following = followed(client, newest)
    id = following()["params"]["message"].split()[-1].rstrip(".")
    room.closing.set()
    assert job_of(following()["result"]) == id
    answer.close()
    assert room.engine.get(id, LOCAL).label == "queued"


def test_only_who_takes_events_gets_them(client: FlaskClient, room: Room) -> None:
    """From a server that sends them as they come, for a job, and only if progress is wanted."""
    message, headers = before("tools/call", COUNT)
    message["params"]["_meta"] = {"progressToken": 1}
    plain = {**headers, "Accept": "application/json"}
    assert "job" in result(client, (message, plain))["structuredContent"]
    short = {**message["params"], "name": "short", "arguments": {"text": "a"}}
    assert result(client, ({**message, "params": short}, headers))["structuredContent"]
    for token in (None, [], True, 1.5):
        message["params"]["_meta"] = {"progressToken": token}
        assert "job" in result(client, (message, headers))["structuredContent"]
    message["params"]["_meta"] = {"progressToken": 1}
    room.answer_within = 3.0
    assert "job" in result(client, (message, headers))["structuredContent"]


def test_where_no_stream_has_a_place_the_job_is_told(
    client: FlaskClient, monkeypatch: pytest.MonkeyPatch, room: Room, settings: Settings
) -> None:
    """It has begun, so it is not refused."""
    monkeypatch.setattr(streams.Streams.__init__, "__defaults__", (0,))
    full = create_app(room, settings).test_client()
    message, headers = before("tools/call", COUNT)
    message["params"]["_meta"] = {"progressToken": 1}
    assert "job" in result(full, (message, headers))["structuredContent"]


# Tasks of the newest revision


def test_a_client_that_takes_tasks_gets_one(client: FlaskClient, room: Room) -> None:
    """At once; with the result inside, when it has ended. A short tool is answered as it is."""
    created = result(client, newest("tools/call", COUNT, TAKES_TASKS))
    assert (created["resultType"], created["status"]) == ("task", "working")
    assert created["ttlMs"] is None
    ask = newest("tasks/get", {"taskId": created["taskId"]}, TAKES_TASKS)
    assert result(client, ask)["status"] == "working"
    finish(room)
    told = result(client, ask)
    assert (told["resultType"], told["status"]) == ("complete", "completed")
    assert told["result"]["structuredContent"] == {"result": {"to": 3}}
    assert told["createdAt"] <= told["lastUpdatedAt"]
    short = newest("tools/call", {"name": "short", "arguments": {"text": "a"}}, TAKES_TASKS)
    assert result(client, short)["resultType"] == "complete"


def test_a_tool_that_fails_completes_its_task(client: FlaskClient, room: Room) -> None:
    """The failure is its result; one that cannot begin is none."""
    call = {"name": "count", "arguments": {"to": -1}}
    created = result(client, newest("tools/call", call, TAKES_TASKS))
    finish(room)
    told = result(client, newest("tasks/get", {"taskId": created["taskId"]}, TAKES_TASKS))
    assert (told["status"], told["result"]["isError"]) == ("completed", True)
    assert "That is less than nothing." in told["statusMessage"]
    wrong = {"name": "count", "arguments": {"to": "x"}}
    assert result(client, newest("tools/call", wrong, TAKES_TASKS))["isError"]


def test_a_task_is_cancelled_by_a_word(client: FlaskClient, room: Room) -> None:
    """Which is taken also when it comes too late."""
    id = result(client, newest("tools/call", COUNT, TAKES_TASKS))["taskId"]
    for _ in range(2):
        told = result(client, newest("tasks/cancel", {"taskId": id}, TAKES_TASKS))
        assert (told["resultType"], "taskId" in told) == ("complete", False)
    told = result(client, newest("tasks/get", {"taskId": id}, TAKES_TASKS))
    assert told["status"] == "cancelled"
    answers = {"taskId": id, "inputResponses": {}}
    assert "resultType" in result(client, newest("tasks/update", answers, TAKES_TASKS))


@pytest.mark.parametrize("method", ["tasks/get", "tasks/update", "tasks/cancel"])
def test_tasks_are_for_who_says_so(client: FlaskClient, method: str) -> None:
    """Others are told what is missing; a task that there is not is invalid."""
    code, data = error(client, newest(method, {"taskId": "job_0"}), 400)
    assert (code, data["requiredCapabilities"]) == (-32021, TAKES_TASKS)
    assert error(client, newest(method, {"taskId": "job_0"}, TAKES_TASKS), 400)[0] == -32602
    assert error(client, newest(method, {}, TAKES_TASKS), 400)[0] == -32602


# Tasks of the revision before


def test_any_call_is_a_task_for_who_asks(client: FlaskClient, room: Room) -> None:
    """Also a short one; a model is told how to go on meanwhile."""
    for call in (COUNT, {"name": "short", "arguments": {"text": "a"}}):
        told = result(client, before("tools/call", {**call, "task": {"ttl": 1000}}))
        task = told["task"]
        assert (task["status"], task["ttl"]) == ("working", None)
        immediate = told["_meta"]["io.modelcontextprotocol/model-immediate-response"]
        assert task["taskId"] in immediate
    listed = result(client, before("tasks/list"))
    assert [each["status"] for each in listed["tasks"]] == ["working", "working"]
    finish(room)
    listed = result(client, before("tasks/list"))
    assert [each["status"] for each in listed["tasks"]] == ["completed", "completed"]
    assert "nextCursor" not in listed


def test_a_task_that_cannot_begin_is_an_error(client: FlaskClient) -> None:
    """For who asks for a task can read nothing else."""
    call = {"name": "count", "arguments": {"to": "x"}, "task": {}}
    code, data = error(client, before("tools/call", call))
    assert (code, data["kind"]) == (-32602, "invalid")
    assert error(client, before("tools/call", {**COUNT, "task": 1}))[0] == -32602


def test_its_result_is_waited_for(client: FlaskClient, room: Room) -> None:
    """By events where they may be sent, else for as long as an answer may take."""
    id = result(client, before("tools/call", {**COUNT, "task": {}}))["task"]["taskId"]
    message, headers = before("tasks/result", {"taskId": id})
    plain = {**headers, "Accept": "application/json"}
    code, data = error(client, (message, plain))
    assert (code, data["kind"], data["retry_after"]) == (504, "timeout", 1)
    with worker(room):
        answer = client.post("/mcp", json=message, headers=headers)
        assert answer.content_type == "text/event-stream"
        last = answer.data.decode().strip().rpartition("data: ")[2]
    told = json.loads(last)["result"]
    assert told["structuredContent"] == {"result": {"to": 3}}
    assert told["_meta"] == {"io.modelcontextprotocol/related-task": {"taskId": id}}
    assert result(client, (message, headers)) == told


def test_a_failed_task_is_failed(client: FlaskClient, room: Room) -> None:
    """In the older form; its result says how."""
    call = {"name": "count", "arguments": {"to": -1}, "task": {}}
    id = result(client, before("tools/call", call))["task"]["taskId"]
    finish(room)
    assert result(client, before("tasks/get", {"taskId": id}))["status"] == "failed"
    assert result(client, before("tasks/result", {"taskId": id}))["isError"]


def test_an_older_task_is_cancelled_once(client: FlaskClient, room: Room) -> None:
    """The answer has its state, for which a while is waited; one that has ended is invalid."""
    id = result(client, before("tools/call", {**COUNT, "task": {}}))["task"]["taskId"]
    assert result(client, before("tasks/cancel", {"taskId": id}))["status"] == "cancelled"
    assert error(client, before("tasks/cancel", {"taskId": id}))[0] == -32602
    id = result(client, before("tools/call", {"name": "await", "task": {}}))["task"]["taskId"]
    (running,) = room.engine.claim(1)
    began = room.ports.clock.monotonic()
    assert result(client, before("tasks/cancel", {"taskId": id}))["status"] == "working"
    assert room.ports.clock.monotonic() - began == pytest.approx(CANCELLING, abs=1)
    assert running.id == id


@pytest.mark.parametrize("method", ["tasks/get", "tasks/result", "tasks/cancel"])
def test_a_task_that_there_is_not_is_invalid(client: FlaskClient, method: str) -> None:
    """Somebody else's, too."""
    assert error(client, before(method, {"taskId": "job_0"}))[0] == -32602
    assert error(client, before(method, {}))[0] == -32602
    assert error(client, before("tasks/list", {"cursor": "x"}))[0] == -32602


def test_a_batch_has_no_streams(client: FlaskClient) -> None:
    """Its answer is one."""
    call = {**MESSAGE, "method": "tools/call", "params": {**COUNT, "_meta": {"progressToken": 1}}}
    headers = {"Accept": "application/json, text/event-stream"}
    (told,) = client.post("/mcp", json=[call], headers=headers).json
    assert "job" in told["result"]["structuredContent"]
