"""Jobs over REST: made, listed, told of, cancelled, retried, signalled."""

from collections.abc import Callable, Iterator
from typing import Any, Literal

from app.doors.http import EVENTS, JSON, Answer, Request, check_json, json_answer, outcome_answer
from app.doors.jobs import GET, LIST, RETRY_ALL, SIGNAL, Jobs
from app.doors.rest.endpoint import (
    NO_IDS,
    NOTHING,
    Endpoint,
    Path,
    check_empty,
    read_texts,
    refuse_query,
)
from app.doors.rest.events import Events
from app.doors.rest.operations import body_of
from app.doors.streams import Streams
from app.doors.submission import pointed, read_job, read_jobs
from app.doors.wishes import wishes
from app.room.enter import Room
from app.room.files import is_file_id
from app.room.stats import stats
from app.room.strict_json import read_json, read_object, write_json

JOBS = "/v1/jobs"
EACH = f"{JOBS}/<job:id>"

Reply = Callable[[Jobs, Request, Path], Answer]


def endpoints(room: Room, streams: Streams) -> Iterator[Endpoint]:
    events = Events(streams)

    def follow(jobs: Jobs, request: Request, path: Path) -> Answer:
        read_texts(NOTHING, request, {})
        return events.answer(jobs, request, path["id"])

    def told(
        method: Literal["GET", "POST"], rule: str, what: str, reply: Reply, form: str = JSON
    ) -> Endpoint:
        def answer(request: Request, path: Path) -> Answer:
            asked = Jobs(room, request.caller, request.prefix, "rest", request.request_id)
            return reply(asked, request, path)

        return Endpoint(method, rule, answer, f"jobs.{what}", form=form)

    yield told("GET", JOBS, "list", _list)
    yield told("POST", JOBS, "submit", _submit)
    yield told("POST", f"{JOBS}/{NO_IDS[0]}", "batch", _submit_all)
    yield told("POST", f"{JOBS}/{NO_IDS[1]}", "retry_all", _retry_all)
    yield told("GET", "/v1/stats", "stats", _stats)
    yield told("GET", EACH, "get", _get)
    yield told("GET", f"{EACH}/result", "result", _result)
    yield told("GET", f"{EACH}/events", "events", follow, EVENTS)
    yield told("POST", f"{EACH}/cancel", "cancel", _cancel)
    yield told("POST", f"{EACH}/retry", "retry", _retry)
    yield told("POST", f"{EACH}/signals/<name>", "signal", _signal)


def _list(jobs: Jobs, request: Request, path: Path) -> Answer:
    return json_answer(request, write_json(jobs.list(**read_texts(LIST, request, path))))


def _submit(jobs: Jobs, request: Request, path: Path) -> Answer:
    refuse_query(request)
    check_json(request)
    wish, room = wishes(request), jobs.room
    body_of(room, request)
    outcome = pointed(room.enter(read_job(request, wish, room.ports.clock.now())))
    return outcome_answer(request, outcome, wish.honoured(outcome, room.answer_within))


def _submit_all(jobs: Jobs, request: Request, path: Path) -> Answer:
    refuse_query(request)
    check_json(request)
    body_of(jobs.room, request)
    calls = read_jobs(request, wishes(request), jobs.room.ports.clock.now())
    made = b",".join(outcome.json for outcome in jobs.room.enter_all(calls))
    return Answer(202, b'{"items":[' + made + b"]}", [("Content-Type", JSON)])


def _retry_all(jobs: Jobs, request: Request, path: Path) -> Answer:
    refuse_query(request)
    check_json(request)
    page = jobs.retry_all(**RETRY_ALL.load(read_object(request.body)))
    items = [jobs.view(record) for record in page.items]
    return _accepted({"items": items, "next": page.next})


def _stats(jobs: Jobs, request: Request, path: Path) -> Answer:
    read_texts(NOTHING, request, path)
    return json_answer(request, write_json(stats(jobs.engine, jobs.caller)))


def _get(jobs: Jobs, request: Request, path: Path) -> Answer:
    return json_answer(request, write_json(jobs.get(**read_texts(GET, request, path))))


def _result(jobs: Jobs, request: Request, path: Path) -> Answer:
    read_texts(NOTHING, request, {})
    result = jobs.result(path["id"])
    if isinstance(result, dict) and is_file_id(str(result.get("file"))) and "url" in result:
        headers = [("Location", result["url"]), ("Content-Type", JSON)]
        return Answer(303, write_json(result), headers)
    return json_answer(request, write_json(result))


def _cancel(jobs: Jobs, request: Request, path: Path) -> Answer:
    check_empty(request)
    return json_answer(request, write_json(jobs.cancel(path["id"])))


def _retry(jobs: Jobs, request: Request, path: Path) -> Answer:
    check_empty(request)
    made = jobs.view(jobs.retried(path["id"], wishes(request).key))
    return _accepted(made, Location=made["links"]["self"])


def _signal(jobs: Jobs, request: Request, path: Path) -> Answer:
    refuse_query(request)
    value = None
    if request.body:
        check_json(request)
        value = read_json(request.body)
    named = SIGNAL.load(dict(path)) | {"value": value}
    return json_answer(request, write_json(jobs.signal(**named)))


def _accepted(told: Any, **headers: str) -> Answer:
    return Answer(202, write_json(told), [("Content-Type", JSON), *headers.items()])
