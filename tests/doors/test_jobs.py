"""Jobs over REST: made, told of, cancelled, retried, signalled."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import Refused, Run, wiring
from app.config import Settings
from app.room.enter import Room
from app.testing import BEGIN, OwnClock
from app.wsgi import create_app
from tests.doors.at_work import work, worker
from tests.doors.conftest import declared
from tests.doors.shown import shown
from tests.doors.test_rest import problem

JOBS = "/v1/jobs"
LATER = {"operation": "later", "params": {"text": "a"}}


@pytest.fixture
def clock() -> OwnClock:
    return OwnClock()


@pytest.fixture
def room(settings: Settings, clock: OwnClock) -> Room:
    registry = declared()

    @registry.operation("approved", retries=0)
    def approved(run: Run, keep: int = 0) -> Any:
        """Wait for a word."""
        return run.wait_for("word")

    @registry.operation("refuse", long=True)
    def refuse(key: str = "") -> None:
        """Say no."""
        raise Refused("No.", why="because")

    return Room(registry, replace(wiring.make_ports(settings), clock=clock))


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return create_app(room, Settings(open="loopback", max_body=1_000_000)).test_client()


def made(client: FlaskClient, **job: Any) -> Any:
    answer = client.post(JOBS, json=LATER | job)
    assert answer.status_code == 202, answer.text
    assert answer.headers["Location"] == f"{JOBS}/{told(answer)['id']}"
    return answer.json


def told(answer: TestResponse) -> Any:
    assert answer.content_type == "application/json"
    return answer.json


def pointers(answer: TestResponse) -> list[str]:
    assert problem(answer) == "invalid"
    return [wrong["pointer"] for wrong in told_problem(answer)["errors"]]


def told_problem(answer: TestResponse) -> Any:
    return answer.json


def test_a_job_is_made_and_ends(client: FlaskClient, room: Room) -> None:
    """202 with its path; then it tells of itself, and its result stands beside it."""
    job = made(client)
    assert (job["status"], job["source"], job["params"]) == ("queued", "rest", {"text": "a"})
    assert problem(client.get(job["links"]["result"])) == "conflict"
    work(room)
    again = told(client.get(job["links"]["self"]))
    assert (again["status"], again["result"]) == ("succeeded", "a")
    assert told(client.get(job["links"]["result"])) == "a"


def test_any_operation_becomes_a_job(client: FlaskClient, room: Room) -> None:
    """Not only a long one; and no params are no parameters."""
    made(client, operation="echo.text")
    assert problem(client.post(JOBS, json={"operation": "echo.text"})) == "invalid"
    assert client.post(JOBS, json={"operation": "refuse"}).status_code == 202


@pytest.mark.parametrize(
    ("job", "wrong"),
    [
        ({}, ["/operation"]),
        ({"operation": 1, "params": [], "more": 1}, ["/operation", "/params", "/more"]),
        (LATER | {"key": ""}, ["/key"]),
        (LATER | {"key": "x" * 256}, ["/key"]),
        (LATER | {"key": None}, ["/key"]),
        (LATER | {"priority": 101}, ["/priority"]),
        (LATER | {"priority": "1"}, ["/priority"]),
        (LATER | {"delay": -1}, ["/delay"]),
        (LATER | {"delay": "soon"}, ["/delay"]),
        (LATER | {"due": "2026-01-01T00:00:00"}, ["/due"]),
        (LATER | {"due": 5}, ["/due"]),
        (LATER | {"due": "2026-01-01T00:00:00Z", "delay": 1}, ["/due"]),
        (LATER | {"callback_url": "http://example.org"}, ["/callback_url"]),
        (LATER | {"callback_url": "https://10.0.0.1/"}, ["/callback_url"]),
        (LATER | {"callback_url": None}, ["/callback_url"]),
        (
            {"operation": "later", "params": {"text": 1, "more": 1}},
            ["/params/text", "/params/more"],
        ),
        ({"operation": "later", "params": {"key": 1, "text": ""}}, ["/params/key"]),
    ],
)
def test_each_wrong_member_is_named(client: FlaskClient, job: Any, wrong: list[str]) -> None:
    """By its pointer, the operation's own parameters below /params; in a batch below its place."""
    assert pointers(client.post(JOBS, json=job)) == wrong
    answer = client.post(f"{JOBS}/batch", json={"jobs": [LATER, job]})
    assert pointers(answer) == [f"/jobs/1{each}" for each in wrong]
    assert told(client.get(JOBS))["items"] == []


def test_what_is_no_submission_is_refused(client: FlaskClient) -> None:
    """An unknown operation, a query, another form, no object."""
    assert problem(client.post(JOBS, json={"operation": "none"})) == "unknown"
    assert problem(client.post(f"{JOBS}?a=1", json=LATER)) == "invalid"
    assert problem(client.post(JOBS, data="{}", content_type="text/plain")) == "unsupported"
    assert problem(client.post(JOBS, json=[LATER])) == "malformed"
    assert problem(client.post(JOBS)) == "malformed"


@pytest.mark.parametrize(
    ("when", "due"),
    [
        ({"delay": 90}, "2026-01-01T00:01:30.000Z"),
        ({"delay": "15m"}, "2026-01-01T00:15:00.000Z"),
        ({"delay": 0}, "2026-01-01T00:00:00.000Z"),
        ({"delay": "999999999d"}, "9999-12-31T23:59:59.000Z"),
        ({"due": "2026-01-02T02:00:00+02:00"}, "2026-01-02T00:00:00.000Z"),
        ({"due": "1999-01-01T00:00:00Z"}, "2026-01-01T00:00:00.000Z"),
        ({"due": "0001-01-01T00:00:00+14:00"}, "2026-01-01T00:00:00.000Z"),
        ({"due": "9999-12-31T23:59:59-14:00"}, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_job_waits_for_its_time(client: FlaskClient, when: Any, due: str) -> None:
    """A delay from now, or a due time; what has passed is now."""
    assert made(client, **when)["due_at"] == due


def test_a_due_job_runs_no_sooner(client: FlaskClient, room: Room, clock: OwnClock) -> None:
    made(client, delay="1m")
    assert work(room) == 0
    clock.sleep(60)
    assert work(room) == 1


@pytest.mark.parametrize("header", ["k", '"k"', ' "k" '])
def test_a_key_gives_the_same_job(client: FlaskClient, header: str) -> None:
    """In the body, or in the header, in quotes as the draft has it or without."""
    job = made(client, key="k")
    assert made(client, key="k")["id"] == job["id"]
    again = client.post(JOBS, json=LATER, headers={"Idempotency-Key": header})
    assert told(again)["id"] == job["id"]
    both = client.post(JOBS, json=LATER | {"key": "k"}, headers={"Idempotency-Key": header})
    assert told(both)["id"] == job["id"]


def test_a_key_stands_for_one_call(client: FlaskClient) -> None:
    """With other parameters it is invalid at /key, and so are two keys at once."""
    made(client, key="k")
    other = LATER | {"key": "k", "params": {"text": "b"}}
    assert pointers(client.post(JOBS, json=other)) == ["/key"]
    batch = client.post(f"{JOBS}/batch", json={"jobs": [LATER, other]})
    assert pointers(batch) == ["/jobs/1/key"]
    two = client.post(JOBS, json=LATER | {"key": "k"}, headers={"Idempotency-Key": "l"})
    assert pointers(two) == ["/key"]


@pytest.mark.parametrize("header", ["", " ", '""', "x" * 256, "é", "a\tb"])
def test_a_header_that_is_no_key_is_invalid(client: FlaskClient, header: str) -> None:
    """Wherever it stands: an empty one must not be taken for none."""
    headers = {"Idempotency-Key": header}
    assert pointers(client.post(JOBS, json=LATER, headers=headers)) == ["/key"]
    path = "/v1/operations/echo.text"
    assert pointers(client.post(path, json={"text": "a"}, headers=headers)) == ["/key"]


def test_a_submitted_job_is_waited_for(client: FlaskClient, room: Room) -> None:
    """`Prefer: wait`: its result and its path; the problem of one that failed; else 202."""
    with worker(room):
        answer = client.post(JOBS, json=LATER, headers={"Prefer": "wait=25"})
        failed = client.post(JOBS, json={"operation": "refuse"}, headers={"Prefer": "wait=25"})
    assert (answer.status_code, answer.json) == (200, "a")
    assert told(client.get(answer.headers["Location"]))["status"] == "succeeded"
    assert problem(failed) == "refused"
    assert told_problem(failed)["job"]["status"] == "failed"
    assert client.post(JOBS, json=LATER, headers={"Prefer": "wait=2"}).status_code == 202


def test_preferences_that_were_honoured_are_told(client: FlaskClient, room: Room) -> None:
    """As they were: nonsense is none, 60 seconds are 25, and what ended while waited for is not
    called asynchronous."""
    call, late = "/v1/operations/later", "respond-async, wait=0"
    wanted = {
        "respond-async": "respond-async", "wait=soon": None, "wait=0": "wait=0",
        late: late, "return=minimal": None, "": None,
    }  # fmt: skip
    for prefer, applied in wanted.items():
        for path, sent in ((call, {"text": "a"}), (JOBS, LATER)):
            answer = client.post(path, json=sent, headers={"Prefer": prefer})
            assert answer.headers.get("Preference-Applied") == applied, (path, prefer)
    asked = {"Prefer": "respond-async, wait=60"}
    with worker(room):
        answer = client.post(JOBS, json=LATER, headers=asked)
        failed = client.post(JOBS, json={"operation": "refuse"}, headers=asked)
    assert answer.headers["Preference-Applied"] == failed.headers["Preference-Applied"] == "wait=25"
    room.answer_within = 0.4
    answer = client.post(JOBS, json=LATER, headers={"Prefer": "wait=9"})
    assert answer.headers["Preference-Applied"] == "wait=0"
    wrong = client.post(call, json={}, headers=asked)
    assert (wrong.status_code, wrong.headers.get("Preference-Applied")) == (422, None)


def test_a_signal_of_another_name_shows(client: FlaskClient, room: Room) -> None:
    """What the job waits for, and what is kept until it is asked for."""
    job = made(client)
    told = client.post(f"{JOBS}/{job['id']}/signals/aproved", json=True).json
    form = "application/x-www-form-urlencoded"  # as `curl -d ''` has it, which says nothing
    assert client.post(f"{JOBS}/{job['id']}/signals/aproved", content_type=form).status_code == 200
    assert told["signals"] == ["aproved"]
    assert client.get(f"{JOBS}/{job['id']}").json["signals"] == ["aproved"]


def test_a_batch_is_made_whole(client: FlaskClient, room: Room) -> None:
    """A thousand jobs with a key each, in their order; sent twice they are the same ones."""
    jobs = [{"operation": "later", "params": {"text": str(n)}, "key": str(n)} for n in range(1000)]
    answer = client.post(f"{JOBS}/batch", json={"jobs": jobs})
    assert answer.status_code == 202
    items = told(answer)["items"]
    assert [each["params"]["text"] for each in items] == [str(n) for n in range(1000)]
    assert room.ports.records.count("jobs") == 1000
    again = told(client.post(f"{JOBS}/batch", json={"jobs": jobs}))["items"]
    assert [each["id"] for each in again] == [each["id"] for each in items]


def test_a_batch_has_bounds(client: FlaskClient) -> None:
    """Over a thousand is too large; none is a batch of none; a batch is an object of jobs."""
    assert problem(client.post(f"{JOBS}/batch", json={"jobs": [{}] * 1001})) == "too_large"
    assert told(client.post(f"{JOBS}/batch", json={"jobs": []})) == {"items": []}
    assert pointers(client.post(f"{JOBS}/batch", json={})) == ["/jobs"]
    assert pointers(client.post(f"{JOBS}/batch", json={"jobs": 1, "a": 1})) == ["/jobs", "/a"]


def test_a_batch_names_every_wrong_field(client: FlaskClient, room: Room) -> None:
    """Of all its jobs; what else is wrong with one is said when it is the first."""
    bad, unknown = LATER | {"params": {"text": 1, "more": 2}}, {"operation": "nobody's"}
    refused = client.post(f"{JOBS}/batch", json={"jobs": [LATER, bad, unknown, bad]})
    assert pointers(refused) == [
        f"/jobs/{place}/params/{name}" for place in (1, 3) for name in ("text", "more")
    ]
    first = client.post(f"{JOBS}/batch", json={"jobs": [unknown, bad]})
    assert (problem(first), told_problem(first)["index"]) == ("unknown", 0)
    assert room.ports.records.count("jobs") == 0


def test_a_batch_has_one_key(client: FlaskClient, room: Room) -> None:
    """The header's key is each job's by its place: a batch that is sent again is made once."""
    for _ in range(2):
        client.post(f"{JOBS}/batch", json={"jobs": [LATER] * 3}, headers={"Idempotency-Key": "k"})
    assert room.ports.records.count("jobs") == 3


@pytest.mark.parametrize("wait", ["-1", "x", "", "1&wait=2", "nan", "1e999"])
def test_a_wait_is_a_number(client: FlaskClient, wait: str) -> None:
    """Of seconds, given once."""
    job = made(client)
    answer = client.get(f"{JOBS}/{job['id']}?wait={wait}")
    assert pointers(answer) == ["/wait"]


def test_a_job_is_waited_for(client: FlaskClient, room: Room, clock: OwnClock) -> None:
    """Until it has ended, or so long; over 25 s count as 25."""
    job = made(client)
    assert told(client.get(f"{JOBS}/{job['id']}?wait=999"))["status"] == "queued"
    assert 25 <= clock.now() - BEGIN < 26
    with worker(room):
        assert told(client.get(f"{JOBS}/{job['id']}?wait=25"))["status"] == "succeeded"


def test_an_unchanged_job_is_not_sent_again(client: FlaskClient) -> None:
    path = f"{JOBS}/{made(client)['id']}"
    tag = client.get(path).headers["ETag"]
    assert client.get(path, headers={"If-None-Match": tag}).status_code == 304


@pytest.mark.parametrize("path", ["", "/result", "/events"])
def test_an_unknown_job_is_unknown(client: FlaskClient, path: str) -> None:
    """Whatever is asked of it, and whatever its id looks like."""
    for id in ("job_0", "%00" * 2 + "x", "a" * 600, "batches"):
        accept = {"Accept": "*/*"}
        kind = problem(client.get(f"{JOBS}/{id}{path}", headers=accept))
        assert kind == ("malformed" if "%00" in id and not path else "unknown")
    for ask in ("cancel", "retry", "signals/a"):
        assert problem(client.post(f"{JOBS}/job_0/{ask}")) == "unknown"


def test_a_result_that_never_came_says_why(client: FlaskClient, room: Room) -> None:
    """Conflict, with the job's status and error."""
    job = made(client, operation="refuse", params={})
    work(room)
    answer = client.get(job["links"]["result"])
    assert problem(answer) == "conflict"
    said = told_problem(answer)
    assert said["job_status"] == "failed"
    assert (said["error"]["kind"], said["error"]["detail"]) == ("refused", "No.")


def test_a_job_is_cancelled(client: FlaskClient) -> None:
    """The job is told; what has ended is a conflict."""
    job = made(client)
    assert told(client.post(job["links"]["cancel"]))["status"] == "cancelled"
    answer = client.post(job["links"]["cancel"])
    assert problem(answer) == "conflict"
    assert told_problem(answer)["job_status"] == "cancelled"


def test_a_job_is_retried_as_a_new_one(client: FlaskClient) -> None:
    """202, its path, and the new job, which names its origin; one under way is a conflict."""
    job = made(client)
    assert problem(client.post(job["links"]["retry"])) == "conflict"
    client.post(job["links"]["cancel"])
    answer = client.post(job["links"]["retry"], json={}, headers={"Idempotency-Key": "k"})
    again = told(answer)
    assert (answer.status_code, answer.headers["Location"]) == (202, again["links"]["self"])
    assert (again["retry_of"], again["status"]) == (job["id"], "queued")
    once = client.post(job["links"]["retry"], headers={"Idempotency-Key": "k"})
    assert told(once)["id"] == again["id"]


@pytest.mark.parametrize("ask", ["cancel", "retry"])
def test_an_ask_takes_nothing(client: FlaskClient, ask: str) -> None:
    """Neither a query nor members of a body."""
    path = made(client)["links"][ask]
    assert pointers(client.post(path, json={"a": 1})) == ["/a"]
    assert pointers(client.post(f"{path}?a=1")) == ["/a"]


@pytest.mark.parametrize(
    ("body", "value"),
    [(b"", None), (b"null", None), (b'{"yes": [1]}', {"yes": [1]}), (b"0", 0), (b'"x"', "x")],
)
def test_a_signal_brings_any_value(
    client: FlaskClient, room: Room, body: bytes, value: Any
) -> None:
    """What the run waits for; no body is null."""
    job = made(client, operation="approved", params={})
    work(room)
    assert told(client.get(job["links"]["self"]))["status"] == "waiting"
    form = "application/json" if body else None
    answer = client.post(f"{job['links']['self']}/signals/word", data=body, content_type=form)
    assert told(answer)["status"] == "queued"
    work(room)
    assert told(client.get(job["links"]["result"])) == value


def test_a_signal_has_a_name(client: FlaskClient) -> None:
    """Of 1 to 128 characters; and its value is JSON."""
    path = f"{made(client, operation='approved', params={})['links']['self']}/signals"
    assert client.post(f"{path}/{'é' * 128}").status_code == 200
    assert pointers(client.post(f"{path}/{'é' * 129}")) == ["/name"]
    assert pointers(client.post(f"{path}/a?value=1")) == ["/value"]
    for body, kind in ((b"{", "malformed"), (b"NaN", "malformed")):
        answer = client.post(f"{path}/a", data=body, content_type="application/json")
        assert problem(answer) == kind


def test_links_stand_under_the_prefix(client: FlaskClient) -> None:
    """A job's links, and the Location, lead where its reader came in."""
    answer = client.post(JOBS, json=LATER, environ_overrides={"SCRIPT_NAME": "/dev"})
    assert told(answer)["links"]["self"].startswith("/dev/v1/jobs/job_")
    assert answer.headers["Location"] == told(answer)["links"]["self"]


@pytest.mark.parametrize(
    ("method", "path", "scope"),
    [
        ("GET", "", "read"),
        ("GET", "/{id}", "read"),
        ("GET", "/{id}/result", "read"),
        ("GET", "/{id}/events", "read"),
        ("POST", "", "run"),
        ("POST", "/batch", "run"),
        ("POST", "/retry", "run"),
        ("POST", "/{id}/cancel", "run"),
        ("POST", "/{id}/retry", "run"),
        ("POST", "/{id}/signals/a", "run"),
    ],
)
def test_each_ask_needs_its_scope(
    client: FlaskClient, room: Room, method: str, path: str, scope: str
) -> None:
    """read tells, run does; somebody else's job is unknown to everybody."""
    id = made(client)["id"]
    body = {"batch": {"jobs": [LATER]}, "": LATER}.get(path.strip("/"), {})
    for have in ("read", "run"):
        answer = client.open(
            JOBS + path.format(id=id), method=method,
            **({"json": body} if method == "POST" else {}),
            headers=shown(room, have, "other"),
        )  # fmt: skip
        if have == "read" and scope == "run":
            assert problem(answer) == "forbidden"
        elif "{id}" in path:
            assert problem(answer) == "unknown"
        else:
            assert answer.status_code < 300
