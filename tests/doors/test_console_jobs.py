"""The jobs' pages: what they say of each state, and what a person does to a job."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any

import pytest
from flask.testing import FlaskClient
from marshmallow import Schema, fields
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from app import Refused, Run, Secret, testing
from app.config import Settings
from app.doors.console.span import ago, ahead, count, span
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.children import MAPS
from app.room.job import Ending, Error
from app.room.moment import moment
from app.room.operation import Registry
from app.wsgi import create_app


class Login(Schema):
    user = fields.String(required=True)
    password = Secret(required=True)


def declare(registry: Registry) -> None:
    @registry.operation("draw", retries=2)
    def draw(run: Run, pics: int = 4) -> str:
        """Draw."""
        run.progress(1, pics, "drawing <b>")
        run.log("a <script> line")
        return run.step("paint", lambda: f"{pics} & pics")

    @registry.operation("nap")
    def nap(run: Run) -> str:
        run.step("before", lambda: "x" * 500)
        run.sleep("2h")
        return "woke"

    @registry.operation("approve")
    def approve(run: Run) -> Any:
        return run.wait_for("approval")

    @registry.operation("many")
    def many(run: Run, n: int = 60) -> int:
        return len(run.map("one", [{"n": i} for i in range(n)], failures="collect"))

    @registry.operation("one", retries=0)
    def one(n: int) -> int:
        if n == 3:
            raise Refused("Not <three>.")
        return n

    @registry.operation("broken", retries=1)
    def broken(run: Run) -> None:
        raise RuntimeError("out of <ink>")

    @registry.operation("sign.in", params=Login, long=True)
    def sign_in(user: str, password: str) -> str:
        return user

    @registry.operation("alone", concurrency=1)
    def alone(run: Run) -> Any:
        return run.step("only", lambda: 1)

    @registry.operation("plain", examples=[{"word": "hi"}])
    def plain(word: str) -> str:
        return word


@pytest.fixture
def service() -> Iterator[testing.Testing]:
    registry = Registry()
    declare(registry)
    with testing.Testing(registry) as service:
        yield service


@pytest.fixture
def client(service: testing.Testing) -> FlaskClient:
    return create_app(service.room, Settings(open="loopback")).test_client()


def once(service: testing.Testing, limit: int = 1) -> None:
    """One run of whatever is due now."""
    for claimed in service.room.engine.claim(limit):
        service.run_once(claimed)


def text(page: Any) -> str:
    """What a reader sees, on one line."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", main)))


def rows(page: Any) -> list[str]:
    found = re.findall(r'<tr role="row" id="[^"]*">.*?</tr>', page.text, re.DOTALL)
    return [re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]*>", " ", row))).strip() for row in found]


def test_an_empty_list_says_how_to_make_a_job(client):
    """The form and the command of an operation that is long."""
    page = client.get("/jobs")
    assert page.status_code == 200
    assert "No jobs yet" in text(page)
    assert 'href="/console/operations/draw"' in page.text
    assert "curl http://localhost/v1/operations/draw -H 'Prefer: respond-async'" in text(page)
    assert "No failed jobs of draw" in re.sub(" +", " ", text(client.get(
        "/jobs?status=failed&operation=draw")))  # fmt: skip


def test_a_line_says_how_a_job_does(client, service):
    """Status in words, operation, id, progress, attempt, age, duration, source."""
    service.submit("draw")
    (claimed,) = service.room.engine.claim()
    service.clock.sleep(4)
    service.room.engine.ledger.checkpoint(claimed, {"progress": [1, 4, "drawing"]}, lambda r: r)
    service.clock.sleep(1)
    page = client.get("/jobs")
    (row,) = rows(page)
    for part in ("running", "draw", "25 %", "1 of 4 · drawing", "attempt 1 of 3", "5 s ago"):
        assert part in row, (part, row)
    assert "took 5.0 s" in row, "renewing the lease must not move the beginning"
    assert f'title="{claimed.id}"' in page.text
    assert '<progress max="100" value="25"' in page.text


def test_the_list_is_filtered_and_counted(client, service):
    """A tab for each status with its count; by operation; both stay through the pages."""
    for n in range(3):
        service.submit("one", n=n + 1)
    service.submit("plain", word="hi")
    service.run()
    page = client.get("/jobs")
    assert [row.split()[:2] for row in rows(page)] == [
        ["succeeded", "plain"], ["failed", "one"], ["succeeded", "one"], ["succeeded", "one"],
    ]  # fmt: skip
    assert "all 4" in text(page)
    assert "succeeded 3" in text(page)
    assert "failed 1" in text(page)
    assert len(rows(client.get("/jobs?status=succeeded"))) == 3
    assert len(rows(client.get("/jobs?status=succeeded&operation=one"))) == 2
    assert 'href="/jobs?status=failed&amp;operation=one"' in client.get("/jobs?operation=one").text
    assert client.get("/jobs?status=none").status_code == 422
    assert client.get("/jobs?cursor=none").status_code == 422


def test_older_jobs_are_pages_further(client, service):
    """Each page leads to the next, and no job is skipped or shown twice."""
    made = [service.submit("plain", word="hi") for _ in range(120)]
    seen: list[str] = []
    address = "/jobs?status=queued"
    while address:
        page = client.get(address)
        seen += re.findall(r'<tr role="row" id="([^"]*)"', page.text)
        following = re.search(r'href="([^"]*)" rel="next"', page.text)
        address = unescape(following[1]) if following else ""
        assert not address or "status=queued" in address
    assert seen == made[::-1]


def test_the_page_of_a_running_job(client, service):
    """Progress with its pace, its log escaped, a way to cancel, and no retry."""
    id = service.submit("draw", pics=10)
    (claimed,) = service.room.engine.claim()
    service.clock.sleep(5)
    log = {"count": 120, "lines": [[service.clock.now(), "WARNING", "a <script> line"]]}
    own = {"progress": [2, 10, "drawing"], "log": log}
    service.room.engine.ledger.checkpoint(claimed, own, lambda record: record)
    page = client.get(f"/jobs/{id}")
    said = text(page)
    for part in ("running", "20 %", "2 of 10", "2.5 s each, about 20 s left", "WARNING", "at work",
                 "a <script> line", "the newest 1 of 120 lines", '"pics": 10'):  # fmt: skip
        assert part in said, (part, said)
    assert "<script> line" not in page.text
    assert f'action="/console/jobs/{id}/cancel"' in page.text
    assert f'action="/console/jobs/{id}/retry"' not in page.text
    assert f'data-live="events" data-events="/v1/jobs/{id}/events"' in page.text
    assert f'href="/v1/jobs/{id}"' in page.text


def test_the_page_of_a_job_that_succeeded(client, service):
    """Its result and what its steps gave; it can be retried, and nothing is awaited any more."""
    id = service.submit("draw")
    service.run()
    page = client.get(f"/jobs/{id}")
    assert "Result" in text(page)
    assert '"4 & pics"' in text(page)
    assert re.search(r"step paint \S+ 0 ms", text(page))
    assert f'action="/console/jobs/{id}/retry"' in page.text
    assert f'action="/console/jobs/{id}/cancel"' not in page.text
    assert 'data-live="over"' in page.text


def test_the_page_of_a_sleeping_job(client, service):
    """When it wakes, what it has done, and values cut short."""
    id = service.submit("nap")
    once(service)
    service.clock.sleep(600)
    said = text(client.get(f"/jobs/{id}"))
    for part in ("waiting", "asleep, wakes in 1 h 50 min", "went to sleep", "asleep 10 min",
                 "attempt 1 of 4".capitalize(), "in 1 h 50 min", f'"{"x" * 159}…'):  # fmt: skip
        assert part in said, (part, said)
    assert "x" * 160 not in said


def test_the_page_of_a_failed_job(client, service):
    """Each attempt, the error, and its traceback folded away."""
    id = service.submit("broken")
    once(service)
    page = client.get(f"/jobs/{id}")
    assert "The last attempt failed" in text(page)
    assert "tries again" in text(page) or "failed, to be tried again" in text(page)
    service.run()
    page = client.get(f"/jobs/{id}")
    said = text(page)
    for part in ("Failed: internal", "RuntimeError: out of <ink>", "failed, to be tried again",
                 "Attempt 2 of 2", "until another attempt"):  # fmt: skip
        assert part in said, (part, said)
    assert re.search(r'<details id="traceback"><summary>Traceback.*?line \d+, in', page.text, re.S)


def test_runs_that_died_are_told(client, service):
    """A crash leaves no word of its own, but the count of claims tells it; a run that waits, has
    been cancelled or has failed is none."""
    id = service.submit("draw")
    service.crash_at("paint", times=1)
    service.run()
    assert "1 run ended without a word" in text(client.get(f"/jobs/{id}"))
    dead = service.submit("draw")
    service.crash_at("paint", times=3)
    service.run()
    assert service.job(dead)["error"]["kind"] == "crashed"
    assert "3 runs ended without a word" in text(client.get(f"/jobs/{dead}"))
    for name in ("nap", "approve", "broken", "many"):
        other = service.submit(name)
        once(service)
        assert "without a word" not in text(client.get(f"/jobs/{other}"))
        if service.job(other)["status"] in ("waiting", "queued"):
            service.cancel(other)
            assert "without a word" not in text(client.get(f"/jobs/{other}"))


def test_a_timeline_tells_a_run_that_died_from_the_next(client, service):
    """Once it had written anything: when it began, how it ended, and when the next one began."""
    id = service.submit("draw")
    (claimed,) = service.room.engine.claim()
    began = service.clock.now()
    service.room.engine.ledger.checkpoint(claimed, {"progress": [1, 4, ""]}, lambda found: found)
    service.advance("40s")
    for record in service.room.engine.claim():  # and nobody hears of the first one again
        page = text(client.get(f"/jobs/{id}"))
        assert re.search("ended without a word 40 s .* at work 0 ms", page), page
        service.advance(2)
        assert "at work 2.0 s" in text(client.get(f"/jobs/{id}"))
        service.run_once(record)
    page = text(client.get(f"/jobs/{id}"))
    assert re.search("ended without a word 40 s .* succeeded", page), page
    assert "1 run ended without a word" in page
    assert "Attempt 2 of 3" in page
    assert client.get(f"/v1/jobs/{id}").json["started_at"] == moment(began)


def test_a_bar_is_full_at_the_end_alone(client, service):
    """Not at 99.6 %; and that of a job that has failed looks so."""
    id = service.submit("draw", pics=1000)
    (claimed,) = service.room.engine.claim()
    amend = service.room.engine.ledger.checkpoint
    record = amend(claimed, {"progress": [999, 1000, ""]}, lambda found: found)
    assert "99 %" in text(client.get(f"/jobs/{id}"))
    error = Error("internal", "no", final=True)
    service.room.engine.settle([(record, Ending("failed", error=error))])
    for path in (f"/jobs/{id}", "/jobs"):
        assert 'value="99" class="failed"' in client.get(path).text


def test_children_are_folded_into_their_parent(client, service):
    """On the list without a filter; a link shows them too, each with the way to its parent."""
    id = service.submit("many", n=4)
    service.run()
    page = client.get("/jobs")
    assert len(rows(page)) == 1
    link = unescape(re.search(r'href="([^"]*children=1[^"]*)"', page.text)[1])
    every = client.get(link)
    assert len(rows(every)) == 5
    assert f"child 3 of {id[-8:]}" in rows(every)[0]
    assert len(rows(client.get("/jobs?status=failed"))) == 1
    assert len(rows(client.get("/jobs?operation=one"))) == 4


def test_secrets_are_masked(client, service):
    """A secret parameter is not shown, neither here nor there."""
    id = service.submit("sign.in", user="me", password="hush-hush")
    for path in (f"/jobs/{id}", "/jobs"):
        assert "hush-hush" not in client.get(path).text
    assert "********" in client.get(f"/jobs/{id}").text


def test_a_parent_leads_to_its_children(client, service):
    """How many have ended and failed; all of them by pages, and each back to its parent."""
    id = service.submit("many")
    once(service)
    once(service, limit=10)
    page = client.get(f"/jobs/{id}")
    assert "10 of 60 have ended, 1 failed" in text(page)
    assert "10 of 60 · children, 1 failed" in rows(client.get("/jobs?operation=many"))[0]
    address = unescape(re.search(r'href="([^"]*\?map=[^"]*)"', page.text)[1])
    first = client.get(address)
    assert len(rows(first)) == 50
    rest = client.get(unescape(re.search(r'href="([^"]*)" rel="next"', first.text)[1]))
    assert len(rows(rest)) == 10
    child = re.search(r'<tr role="row" id="([^"]*)"', rest.text)[1]
    assert f'href="/jobs/{id}"' in client.get(f"/jobs/{child}").text
    assert client.get("/jobs?map=none").status_code == 404
    assert client.get(f"{address}&cursor={'1' * 5000}").status_code == 200


def test_a_waiting_job_is_told_its_signal(client, service):
    """JSON or nothing; what is no JSON is kept, to be mended."""
    id = service.submit("approve")
    once(service)
    assert "It waits for approval" in re.sub(" +", " ", text(client.get(f"/jobs/{id}")))
    path = f"/console/jobs/{id}/signal"
    answer = client.post(path, data={"name": "approval", "value": "yes, <do>"})
    assert answer.status_code == 400
    assert "yes, &lt;do&gt;</textarea>" in answer.text
    answer = client.post(path, data={"name": "approval", "value": '{"by": "Ada"}'})
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{id}")
    assert "It waits for" not in text(client.get(f"/jobs/{id}"))
    service.run()
    assert service.result(id) == {"by": "Ada"}
    assert client.post(path, data={"name": "approval"}).status_code == 409


def test_a_job_that_waits_in_a_line_says_so(client, service):
    """On its page and in the list, and not once it may run."""
    first, second = service.submit("alone"), service.submit("alone")
    claimed = service.room.engine.claim() + service.room.engine.claim()
    assert [record.id for record in claimed] == [first]
    told = "waits for others to end"
    assert told in client.get(f"/jobs/{second}").text
    assert told in client.get("/jobs").text
    assert told not in client.get(f"/jobs/{first}").text
    service.run_once(claimed[0])
    assert told not in client.get(f"/jobs/{second}").text


def test_a_job_is_cancelled_and_retried(client, service):
    """Both lead on by a redirect; the new job names the old one."""
    id = service.submit("draw")
    answer = client.post(f"/console/jobs/{id}/cancel")
    assert (answer.status_code, answer.headers["Location"]) == (303, f"/jobs/{id}")
    assert service.job(id)["status"] == "cancelled"
    answer = client.post(f"/console/jobs/{id}/cancel")
    assert answer.status_code == 409
    assert "it is cancelled" in text(answer)
    answer = client.post(f"/console/jobs/{id}/retry")
    assert answer.status_code == 303
    page = client.get(answer.headers["Location"])
    assert f'href="/jobs/{id}"' in page.text
    assert "Through console" in text(page)
    new = answer.headers["Location"].removeprefix("/jobs/")
    assert client.post(f"/console/jobs/{new}/retry").status_code == 409


def test_a_running_job_that_was_asked_to_stop_says_so(client, service):
    """The wish is shown until the run has heard it, and no second one is offered."""
    id = service.submit("draw")
    (claimed,) = service.room.engine.claim()
    client.post(f"/console/jobs/{id}/cancel")
    page = client.get(f"/jobs/{id}")
    assert "asked to stop" in text(page)
    assert f"/console/jobs/{id}/cancel" not in page.text
    control = Control()
    control.cancelled.set()
    ending = service.room.engine.execute(claimed, control)
    service.room.engine.settle([(claimed, ending)])
    assert "cancelled" in text(client.get(f"/jobs/{id}"))


def test_all_that_failed_is_retried_once(client, service):
    """A new job for each failed one; the button pressed twice makes no more."""
    failed = [service.submit("one", n=3) for _ in range(3)]
    service.submit("broken")
    service.run()
    assert "retry-all" in client.get("/jobs?status=failed").text
    assert "retry-all" not in client.get("/jobs").text
    answer = client.post("/console/jobs/retry", data={"operation": "one"})
    assert answer.status_code == 303
    assert "retried=3" in answer.headers["Location"]
    assert "3 jobs were retried" in text(client.get(answer.headers["Location"]))
    queued = service.room.engine.list(LOCAL, status="queued").items
    assert sorted(record.body["retry_of"] for record in queued) == sorted(failed)
    again = client.post("/console/jobs/retry", data={"operation": "one"})
    assert "retried=0" in again.headers["Location"]
    assert len(service.room.engine.list(LOCAL, status="queued").items) == 3


def test_the_form_of_a_long_operation_leads_to_its_job(client, service):
    """303, so that a reload does not call it again."""
    answer = client.post("/console/operations/draw", data={"pics": "7"})
    assert answer.status_code == 303
    id = answer.headers["Location"].removeprefix("/jobs/")
    assert service.job(id)["params"] == {"pics": 7}
    assert service.job(id)["source"] == "console"


def test_the_first_page_has_the_newest(client, service):
    """Counts of what is in hand and three jobs; nothing while there are none."""
    assert "newest" not in client.get("/").text
    for n in range(5):
        service.submit("one", n=n)
    once(service, limit=4)
    page = client.get("/")
    assert page.text.count('href="/jobs/job_') == 3
    assert "queued 1" in text(page)
    assert "failed 1" in text(page)


def test_a_job_of_somebody_else_is_unknown(client, service):
    """Its page, its buttons and its children are not there."""
    id = service.submit("many")
    once(service)
    record = service.room.engine.get(id, LOCAL)
    map = record.body["journal"][0]["map"]
    for each in (record, service.room.ports.records.get(MAPS, map)):
        service.room.engine.ledger.amend(each, lambda found: replace(found, owner="other"))
    for path in (f"/jobs/{id}", f"/jobs?map={map}", "/jobs/none"):
        assert client.get(path).status_code == 404
    for path in ("cancel", "retry", "signal"):
        assert client.post(f"/console/jobs/{id}/{path}").status_code == 404


def test_a_job_whose_operation_is_gone_is_shown(client, service):
    """With every parameter masked, and no link to what is not there."""
    id = service.submit("plain", word="hi")
    service.run()
    del service.room.registry._operations["plain"]
    page = client.get(f"/jobs/{id}")
    assert page.status_code == 200
    assert '"word": "********"' in text(page)
    assert "/console/operations/plain" not in page.text
    assert client.post(f"/console/jobs/{id}/retry").status_code == 404


def test_buttons_are_for_our_own_pages(client, service):
    """A form of another site cancels nothing."""
    id = service.submit("draw")
    headers = {"Origin": "https://elsewhere.example"}
    assert client.post(f"/console/jobs/{id}/cancel", headers=headers).status_code == 403
    assert service.job(id)["status"] == "queued"


def test_pages_of_jobs_let_nothing_foreign_in_and_stay_below_a_prefix(service):
    """As all pages: a strict policy, nothing inline, and no link beside the prefix."""
    failed, id = service.submit("one", n=3), service.submit("many")
    once(service, limit=2)
    app = create_app(service.room, Settings(open="loopback"))
    client = Client(DispatcherMiddleware(app, {"/dev": app}))
    for path in ("/jobs", "/jobs?status=failed", f"/jobs/{id}", f"/jobs/{failed}", "/"):
        page = client.get(f"/dev{path}")
        assert page.headers["Content-Security-Policy"].startswith("default-src 'none';")
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", page.text)
        links = re.findall(r'(?:href|src|action|data-events)="(/[^"]*)"', page.text)
        assert all(link.startswith("/dev/") for link in links), links
    answer = client.post(f"/dev/console/jobs/{failed}/retry")
    assert answer.headers["Location"].startswith("/dev/jobs/job_")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (-1, "0 ms"), (0.012, "12 ms"), (0.44, "0.4 s"), (12.4, "12 s"), (59.7, "1 min"),
     (200, "3 min 20 s"), (7200, "2 h"), (7260, "2 h 1 min"), (93_600, "1 d 2 h")],
)  # fmt: skip
def test_a_span_is_said_in_two_units(seconds, said):
    """The largest that counts, and the next if it is not zero."""
    assert span(seconds) == said


def test_times_before_and_ahead():
    """About so long ago, and in how long."""
    assert (ago(0.2), ago(1.9), ago(7199)) == ("just now", "1 s ago", "1 h ago")
    assert (ahead(0), ahead(3.2), ahead(7260)) == ("now", "in 3 s", "in 2 h 1 min")
    assert (count(12345.0), count(0.25), count(1 / 3)) == ("12,345", "0.25", "0.3333")
