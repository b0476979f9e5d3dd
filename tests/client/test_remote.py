"""A service elsewhere, by HTTP: what is asked of it, and what becomes of its answers."""

import json
import socket

import pytest

from app.cli import main
from app.client import Wish
from app.client.remote import Remote
from app.testing import OwnClock
from tests.client.scripted import JSON, Said, Scripted, job, problem, serving, stream

KEY = "md_secret_key"
SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}}
SHOWN = {"name": "count", "params": SCHEMA, "policy": {"timeout": 30.0}}


@pytest.fixture
def service():
    with serving(Scripted()) as scripted:
        scripted.on("GET /v1/operations/count", Said(SHOWN))
        items = [{"name": "count", "summary": "Count."}]
        scripted.on("GET /v1/operations?limit=200", Said({"items": items, "next": None}))
        yield scripted


@pytest.fixture
def run(service, capsys):
    def command(*arguments: str, url: str = ""):
        code = main(arguments, {"MANYDOORS_URL": url or service.url, "MANYDOORS_KEY": KEY})
        said = capsys.readouterr()
        assert KEY not in said.out + said.err
        return code, said.out, said.err

    return command


@pytest.fixture
def remote(service):
    return Remote(service.url, KEY, OwnClock())


def test_a_call_is_sent_with_its_types_and_its_key(run, service):
    """Text becomes what the schema says; the key goes as a bearer's."""
    service.on("POST /v1/operations/count", Said(12))
    assert run("call", "count", "number=12", "--key", "once") == (0, "12\n", "")
    sent = service.asked[-1]
    assert sent.value == {"number": 12}
    assert sent.headers["Authorization"] == f"Bearer {KEY}"
    assert sent.headers["Idempotency-Key"] == "once"


def test_a_long_call_is_followed_to_its_result(run, service):
    """202 is a job, and the job's end has the result."""
    service.on("POST /v1/operations/count", Said(job(), 202))
    done = job(status="succeeded", result={"sum": 3})
    service.on(
        "GET /v1/jobs/job_1/events",
        stream(("status", {"status": "running", "attempt": 1}), ("end", done)),
    )
    assert run("call", "count") == (0, '{"sum":3}\n', "")
    failed = job(status="failed", error={"kind": "refused", "detail": "No.", "traceback": "T"})
    service.on("GET /v1/jobs/job_1/events", stream(("end", failed)))
    code, out, err = run("call", "count")
    assert (code, out) == (1, "")
    assert json.loads(err) == {"kind": "refused", "detail": "No.", "job": "job_1"}


@pytest.mark.parametrize(
    ("kind", "status", "code"),
    [
        ("unauthenticated", 401, 4), ("forbidden", 403, 4), ("unknown", 404, 1),
        ("busy", 429, 1), ("internal", 500, 1), ("new_kind", 418, 1),
    ],
)  # fmt: skip
def test_a_problem_is_told_and_has_its_exit_code(run, service, kind, status, code):
    """4 when it is not allowed, else 1; its text moves no cursor."""
    service.on("GET /v1/jobs/job_1", problem(kind, "Oh \x1b[2J no.", status))
    ended, out, err = run("job", "job_1")
    assert (ended, out) == (code, "")
    assert err.startswith("Oh \\x1b[2J no.\n")


def test_an_invalid_field_is_named(run, service):
    """As the service names it."""
    wrong = [{"pointer": "/params/number", "detail": "Too large."}]
    service.on("POST /v1/jobs", problem("invalid", "Not valid.", 422, errors=wrong))
    assert run("submit", "count", "number=9")[2] == "Not valid.\n  /params/number: Too large.\n"


def test_submit_says_all_that_was_asked(run, service):
    """As the body of POST /v1/jobs."""
    service.on("POST /v1/jobs", Said(job(), 202))
    asked = ("--key", "k", "--delay", "15m", "--priority", "5")
    assert run("submit", "count", "number=1", *asked) == (0, "job_1\n", "")
    assert service.asked[-1].value == {
        "operation": "count", "params": {"number": 1}, "key": "k", "delay": 900.0, "priority": 5,
    }  # fmt: skip
    run("submit", "count", "--due", "2030-01-31T03:00:00+01:00")
    assert service.asked[-1].value["due"] == "2030-01-31T02:00:00+00:00"


def test_of_an_unknown_operation_the_service_tells(run, service):
    """Nothing is said of the modules that are declared here."""
    code, _, err = run("submit", "cuont")
    assert (code, err) == (1, "Nothing here. `operations` lists those there are.\n")


def test_every_change_is_a_request(run, service):
    """Names and ids are quoted, so none of them leads elsewhere."""
    service.on("POST /v1/jobs/..%2Fkeys/cancel", Said(job(status="cancelled")))
    service.on("POST /v1/jobs/job_1/signals/a%2Fb", Said(job()))
    service.on(
        "GET /v1/jobs?status=failed&parent=none&limit=200", Said({"items": [job()], "next": None})
    )
    service.on("POST /v1/jobs/job_1/retry", Said(job(id="job_2"), 202))
    assert run("cancel", "../keys")[0] == 0
    assert run("signal", "job_1", "a/b", '{"yes": true}')[0] == 0
    assert service.asked[-1].value == {"yes": True}
    assert run("retry", "--failed")[1] == "job_2 is job_1 again\n"
    assert service.asked[-1].headers["Idempotency-Key"] == "retry:job_1"


def test_lists_go_on_through_short_pages(run, service):
    """A page may be empty and yet have a next."""
    service.on("GET /v1/jobs?operation=count&limit=2", Said({"items": [], "next": "a"}))
    service.on(
        "GET /v1/jobs?operation=count&cursor=a&limit=2", Said({"items": [job()], "next": "b"})
    )
    last = {"items": [job(id="job_2")], "next": "c"}
    service.on("GET /v1/jobs?operation=count&cursor=b&limit=1", Said(last))
    told = json.loads(run("--json", "jobs", "--operation", "count", "--limit", "2")[1])
    assert ([each["id"] for each in told["items"]], told["next"]) == (["job_1", "job_2"], "c")


def test_a_stream_that_breaks_is_taken_up_again(remote, service):
    """From the last event that came, however the service restarts meanwhile."""
    running, progress = {"status": "running", "attempt": 1}, {"done": 1, "total": 2, "note": ""}
    service.on(
        "GET /v1/jobs/job_1/events",
        stream(("status", running), ("log", {"text": "a"})),
        None,
        stream(("progress", progress), ("end", job(status="succeeded")), start=3),
    )
    names = [event.name for event in remote.events("job_1") if event]
    assert names == ["status", "log", "progress", "end"]
    assert [each.headers.get("Last-Event-ID") for each in service.asked] == [None, "2", "2"]


@pytest.mark.parametrize(
    "answer",
    [problem("unknown", "", 404), problem("busy", "", 429), Said({}), Said(status=204)],
)
def test_without_streams_it_is_asked_again_and_again(remote, service, answer):
    """Until the job has ended."""
    service.on("GET /v1/jobs/job_1/events", answer)
    going = job(status="running", progress={"done": 1, "total": 2, "note": ""})
    service.on(
        "GET /v1/jobs/job_1?wait=1",
        Said(going), Said(going), problem("unavailable", "", 503), Said(job(status="failed")),
    )  # fmt: skip
    names = [event.name for event in remote.events("job_1") if event]
    assert names == ["status", "progress", "status", "end"]


def test_a_job_that_nobody_knows_is_not_waited_for(run, service):
    """Neither is a key that may not see it."""
    code, _, err = run("watch", "job_1")
    assert (code, err) == (1, "Nothing here.\n")
    service.on("GET /v1/jobs/job_1/events", problem("unauthenticated", "No key.", 401))
    code, _, err = run("watch", "job_1")
    assert (code, err.splitlines()[0]) == (4, "No key.")


def test_a_job_page_has_the_log(run, service):
    """As far as the stream brings it."""
    done = job(status="succeeded", result=1)
    service.on("GET /v1/jobs/job_1", Said(done))
    line = {"number": 1, "time": "2026-01-01T00:00:07.000Z", "level": "WARNING", "text": "hot"}
    service.on("GET /v1/jobs/job_1/events", stream(("log", line), ("end", done)))
    assert "  00:00:07 warning: hot\n" in run("job", "job_1")[1]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (None, "broke off"),
        (Said(b"<h1>Hi</h1>", form="text/html"), "not as Manydoors does"),
        (
            Said(b"", 301, "text/html", {"Location": "https://x/\x1b"}),
            "sends on to https://x/\\x1b",
        ),
        (Said(b"{", form=JSON), "no JSON"),
    ],
    ids=str,
)
def test_what_is_no_manydoors_exits_with_3(run, service, said, told):
    """And no key goes where it sends us."""
    service.on("GET /v1/jobs/job_1", said)
    code, out, err = run("job", "job_1")
    assert (code, out, told in err) == (3, "", True)
    assert err.count("\n") == 1
    assert len(service.asked) == 1


def test_a_gateway_without_a_service_is_a_problem(run, service):
    """Something answers: another try may help."""
    service.on("GET /v1/jobs/job_1", Said(b"<h1>Bad Gateway</h1>", 502, "text/html"))
    code, _, err = run("job", "job_1")
    assert (code, "answered 502" in err) == (1, True)


def test_where_nothing_listens_it_says_how_to_start_it(run):
    """Exit code 3, one sentence; as JSON for machines."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    code, _, err = run("jobs", url=url)
    assert (code, err.startswith(f"Nothing listens on {url}")) == (3, True)
    assert "`python -m app up`" in err
    assert json.loads(run("--json", "jobs", url=url)[2])["kind"] == "unreachable"


def test_no_tls_there_is_told(run, service):
    """Not a traceback of ssl."""
    code, _, err = run("jobs", url=service.url.replace("http:", "https:"))
    assert (code, "TLS" in err) == (3, True)


def test_a_silent_service_is_not_waited_for_forever(monkeypatch):
    """Each request has a patience of its own."""
    from app.client import Unreachable, wire

    with socket.create_server(("127.0.0.1", 0)) as deaf:
        there = wire.Wire(f"http://127.0.0.1:{deaf.getsockname()[1]}")
        with pytest.raises(Unreachable, match=r"did not answer within 0\.05 s"):
            there.ask("GET", "/v1/jobs", patience=0.05)


def test_the_prefix_of_a_url_stands_before_every_path(service):
    """A stage, or a folder of a proxy."""
    service.on("GET /dev/v1/jobs/job_1", Said(job()))
    there = Remote(f"{service.url}/dev", "", OwnClock())
    assert there.get("job_1")["id"] == "job_1"
    assert "Authorization" not in service.asked[-1].headers


def test_a_wish_of_json_is_sent_as_it_is(remote, service):
    """Beside text, which is read."""
    service.on("POST /v1/operations/count", Said(1))
    remote.call(Wish("count", {"list": [1, {"a": None}]}, {"number": ["2"]}))
    assert service.asked[-1].value == {"list": [1, {"a": None}], "number": 2}
