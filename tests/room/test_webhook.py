"""Callbacks in the room: made in the finishing commit, and told until they are taken."""

import json
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from math import isqrt
from typing import Annotated, Any

import pytest

from app import Refused, Run, Secret, Topic
from app.ports import Delete, Letter, Put, Record, Reply
from app.room.acceptance import Submission
from app.room.call import LOCAL, Call
from app.room.callback import DELIVER, PAUSES
from app.room.circuit import HUSH, LONGEST_HUSH, PAUSE, ROW, Circuit
from app.room.enter import Room
from app.room.errors import Unavailable, UnknownOperation
from app.room.job import CALLED_BACK, JOBS, Ending, Error
from app.room.operation import Registry
from app.room.webhook import LARGEST, LONGEST_AFTER, trial
from app.testing import Mailbox, OwnClock, Testing

URL = "https://example.com/hooks?token=hush"
DAY = 86400.0


def start(lab: Testing, url: str | None = URL, name: str = "tried", **more: Any) -> str:
    return lab.room.engine.submit(Submission(name, callback_url=url, **more), LOCAL).id


def delivery(lab: Testing, id: str) -> dict[str, Any]:
    return lab.job(lab.job(id)["links"]["callback"].rpartition("/")[2])


def event(letter: Letter) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(letter.body)
    return told


def test_each_ending_is_told(lab: Testing, declare: Callable[..., Any]) -> None:
    """Succeeded, failed, cancelled from outside before it began, and failed at a claim."""

    def tried(run: Run, how: str = "") -> int:
        if how:
            raise Refused("No.")
        return 3

    declare(tried, retries=0)
    well, ill = start(lab), start(lab, params={"how": "ill"})
    unwanted, crashed = start(lab), start(lab, priority=1)
    lab.cancel(unwanted)
    assert [each.id for each in lab.room.engine.claim()] == [crashed]  # and its process dies
    lab.run()
    told = {event(each)["data"]["id"]: event(each) for each in lab.mailbox.letters}
    assert {id: each["type"] for id, each in told.items()} == {
        well: "job.succeeded",
        ill: "job.failed",
        unwanted: "job.cancelled",
        crashed: "job.failed",
    }
    for id, each in told.items():
        assert each["data"] == lab.job(id) | {"error": each["data"]["error"]}
        assert (each["id"], each["subject"], each["source"]) == (id, id, "/v1/jobs")
    assert told[well]["data"]["result"] == 3
    assert told[ill]["data"]["error"]["detail"] == "No."
    assert told[crashed]["data"]["error"]["kind"] == "crashed"


def test_a_job_that_ends_as_it_runs_cancelled_is_told(
    lab: Testing, declare: Callable[..., Any]
) -> None:
    """Asked to stop while it runs, it is told when it has stopped, and once."""

    def tried(run: Run) -> None:
        lab.cancel(run.id)
        assert "callback" not in lab.job(run.id)["links"]
        run.sleep(1)

    declare(tried)
    id = start(lab)
    lab.run()
    assert [event(each)["type"] for each in lab.mailbox.letters] == ["job.cancelled"]
    assert delivery(lab, id)["status"] == "succeeded"


def test_a_stillborn_job_is_told(lab: Testing) -> None:
    """It is made and has ended in one commit, and again it is but one for its key."""
    why = Error("malformed", "It is torn.")
    ids = {start(lab, name="inbox.unreadable", key="k", failed=why) for _ in range(2)}
    lab.run()
    assert [event(each)["type"] for each in lab.mailbox.letters] == ["job.failed"]
    assert {event(each)["id"] for each in lab.mailbox.letters} == ids


def test_the_delivery_is_in_the_commit_that_ends_the_job(
    lab: Testing, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No commit ends a job without its delivery, in whatever way it ends."""
    declare(lambda: 1)
    commits: list[tuple[Any, ...]] = []
    commit = lab.room.ports.records.commit

    def seen(*writes: Any) -> Any:
        commits.append(writes)
        return commit(*writes)

    monkeypatch.setattr(lab.room.ports.records, "commit", seen)
    ran, cancelled = start(lab), start(lab, priority=-1)
    lab.cancel(cancelled)
    lab.run_next()
    for id in (ran, cancelled):
        (ending,) = [
            {put.record.id: put.record for put in each if isinstance(put, Put)}
            for each in commits
            if any(isinstance(w, Put) and w.record.id == id and w.record.due is None for w in each)
        ]
        assert ending[ending[id].body["delivery"]].body["operation"] == DELIVER


def test_many_endings_at_once_have_one_delivery_each(
    lab: Testing, declare: Callable[..., Any]
) -> None:
    """However many are settled together, and when one of them was changed meanwhile."""
    declare(lambda: 1)
    ids = [start(lab) for _ in range(90)]
    claimed = lab.room.engine.claim(90)
    lab.cancel(ids[7])  # so that the commit of all is stale
    settled = lab.room.engine.settle([(each, Ending("succeeded", 1)) for each in claimed])
    assert [each.label for each in settled if each] == ["succeeded"] * 90
    lab.run()
    assert sorted(each.headers["webhook-id"] for each in lab.mailbox.letters) == sorted(ids)
    assert lab.room.ports.records.count(JOBS) == 180


@pytest.mark.parametrize("landed", [True, False])
def test_a_lost_answer_makes_no_second_delivery(
    lab: Testing, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, landed: bool
) -> None:
    """Who did not hear whether the end was written settles again: one delivery all the same."""
    declare(lambda: 1)
    ids = [start(lab), start(lab)]
    endings = [(each, Ending("succeeded", 1)) for each in lab.room.engine.claim(2)]
    commit = lab.room.ports.records.commit

    def lost(*writes: Any) -> Any:
        if landed:
            commit(*writes)
        raise Unavailable("the line is cut")

    with monkeypatch.context() as cut:
        cut.setattr(lab.room.ports.records, "commit", lost)
        with pytest.raises(Unavailable):
            lab.room.engine.settle(endings)
    lab.room.engine.settle(endings)
    lab.run()
    assert [each.headers["webhook-id"] for each in lab.mailbox.letters] == ids
    assert len(lab.jobs(DELIVER)) == 2


def test_a_job_without_a_callback_pays_nothing(
    lab: Testing, declare: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its end is the same reads and the same writes as if there were no callbacks."""
    declare(lambda: 1)
    asked: list[tuple[str, int]] = []
    records = lab.room.ports.records
    start(lab, None), lab.run()  # what is made once is there now
    id = start(lab, None)
    (claimed,) = lab.room.engine.claim()
    for verb in ("get", "list", "commit", "take"):
        plain = getattr(records, verb)

        def seen(*args: Any, plain: Any = plain, verb: str = verb, **more: Any) -> Any:
            asked.append((verb, len(args)))
            return plain(*args, **more)

        monkeypatch.setattr(records, verb, seen)
    lab.room.engine.settle([(claimed, Ending("succeeded", 1))])
    assert asked == [("commit", 2)]  # the job, and its hour of statistics
    assert "delivery" not in lab.room.engine.get(id, LOCAL).body


def test_it_is_tried_again_for_a_day_under_one_id(
    lab: Testing, declare: Callable[..., Any]
) -> None:
    """Eight times over about a day, with the same bytes and another time; then it has failed, and
    its log has each attempt."""
    declare(lambda: 1)
    id = start(lab)
    lab.mailbox.answers = [Reply(500, text="oh dear"), Unavailable("it refused the connection")]
    lab.mailbox.answers += [Reply(302)] * 6
    began = lab.clock.now()
    lab.run()
    letters, found = lab.mailbox.letters, delivery(lab, id)
    assert {each.headers["webhook-id"] for each in letters} == {id}
    assert len({each.body for each in letters}) == 1
    assert len({each.headers["webhook-timestamp"] for each in letters}) == len(letters) == 8
    assert 0.9 * sum(PAUSES) < lab.clock.now() - began < 1.1 * sum(PAUSES)
    assert (found["status"], found["attempt"], found["error"]["answered"]) == ("failed", 8, 302)
    log = lab.log(found["id"])
    assert log[0].startswith("Attempt 1 of 8: it answered 500 (oh dear), in ")
    assert log[1].startswith("Attempt 2 of 8: it refused the connection, in ")
    assert found["progress"] == {"done": 8, "total": 8, "note": "it answered 302"}
    assert "traceback" not in found["error"]
    assert len(log) == 8
    assert lab.job(id)["status"] == "succeeded"


def test_a_success_ends_it(lab: Testing, declare: Callable[..., Any]) -> None:
    """Any 2xx, at whatever attempt."""
    declare(lambda: 1)
    id = start(lab)
    lab.mailbox.answers = [Reply(500), Reply(404), Reply(503), Reply(204)]
    lab.run()
    assert delivery(lab, id)["result"] == {"status": 204, "attempts": 4}


@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        (Reply(500), 4, 6),
        (Reply(429, "1"), 4, 6),
        (Reply(429, "120"), 120, 120),
        (Reply(503, "999999"), LONGEST_AFTER, LONGEST_AFTER),
        (Reply(503, "Thu, 01 Jan 2026 00:10:00 GMT"), 600, 600),
        (Reply(503, "Thu, 01 Jan 1970 00:00:00 GMT"), 4, 6),
        (Reply(503, "soon"), 4, 6),
        (Reply(503, "-5"), 4, 6),
        (Reply(503, "²"), 4, 6),
        (Reply(503, f"Thu, 01 Jan 2026 00:10:00 +{'9' * 30}"), 4, 6),
    ],
)
def test_retry_after_is_kept_within_bounds(
    lab: Testing, declare: Callable[..., Any], answer: Reply, least: float, most: float
) -> None:
    """Never sooner than it asks, nor than our own pause, and half a day at most."""
    declare(lambda: 1)
    start(lab)
    began = lab.clock.now()
    lab.mailbox.answers = [answer]
    lab.run()
    assert least <= lab.clock.now() - began <= most


@pytest.mark.parametrize("answer", [Reply(410), Refused("Nothing is sent there.")])
def test_some_answers_are_final(lab: Testing, declare: Callable[..., Any], answer: Any) -> None:
    """410, and an address that must not be reached: nobody asks again."""
    declare(lambda: 1)
    id = start(lab)
    lab.mailbox.answers = [answer]
    lab.run()
    assert len(lab.mailbox.letters) == 1
    assert delivery(lab, id)["error"]["kind"] == "refused"


def test_a_delivery_can_be_sent_again(lab: Testing, declare: Callable[..., Any]) -> None:
    """By a retry of its job, under the same id, so that the receiver knows it."""
    declare(lambda: 1)
    id = start(lab)
    lab.mailbox.answers = [Reply(410)]
    lab.run()
    again = lab.retry(delivery(lab, id)["id"])
    lab.run()
    assert lab.job(again)["status"] == "succeeded"
    assert [each.headers["webhook-id"] for each in lab.mailbox.letters] == [id, id]


def test_a_retried_job_is_told_too(lab: Testing, declare: Callable[..., Any]) -> None:
    """A retry asks for all that the first has asked for."""
    declare(lambda: 1)
    id = start(lab)
    lab.run()
    again = lab.retry(id)
    lab.run()
    assert [each.headers["webhook-id"] for each in lab.mailbox.letters] == [id, again]


def test_nobody_calls_it_from_outside(lab: Testing, declare: Callable[..., Any]) -> None:
    """Neither as a job, nor as a child, nor by a name of the users' own; nor is it listed."""
    call = Call(DELIVER, {"url": URL}, asynchronous=True)
    assert isinstance(lab.room.enter(call).problem, UnknownOperation)
    assert DELIVER not in [each.name for each in lab.room.registry]

    def tried(run: Run) -> None:
        run.map(DELIVER, [{"url": URL}])

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.error(id)["kind"] == "unknown"
    with pytest.raises(Exception, match="the service's own"):
        declare(lambda: 1, "webhooks.mine")


def test_who_listens_for_endings_hears_of_no_delivery(
    lab: Testing, declare: Callable[..., Any]
) -> None:
    """An operation on `job.succeeded` is started for the job, and not for what tells of it."""
    declare(lambda: 1)

    def heard(operation: str) -> str:
        return operation

    declare(heard, "heard", on=[Topic("job.succeeded")])
    start(lab)
    lab.run()
    assert [each["result"] for each in lab.jobs("heard")] == ["tried"]
    assert len(lab.jobs(DELIVER)) == 1


def test_what_is_too_large_is_told_without_it(lab: Testing, declare: Callable[..., Any]) -> None:
    """First the result is left out, then the parameters; links lead to both."""

    def tried(text: str, much: int) -> str:
        return "x" * much

    declare(tried)
    for text, much, omitted in (("", 90_000, None), ("", 102_000, ["result"]),
                                ("y" * 102_000, 102_000, ["result", "params"])):  # fmt: skip
        id = start(lab, params={"text": text, "much": much})
        lab.run()
        content = lab.mailbox.letters[-1].body
        told = event(lab.mailbox.letters[-1])
        assert len(content) <= LARGEST
        assert told.get("omitted") == omitted
        assert not omitted or told["data"]["result"] == {"url": f"/v1/jobs/{id}/result"}


def test_no_secret_is_told(lab: Testing, declare: Callable[..., Any]) -> None:
    """Neither a secret parameter, nor where our code stands; and no detail names the address."""

    def tried(run: Run, password: Annotated[str, Secret]) -> None:
        raise RuntimeError("bad")

    declare(tried, retries=0)
    id = start(lab, params={"password": "swordfish"})
    lab.mailbox.answers = [Reply(500)]
    lab.run()
    told = event(lab.mailbox.letters[0])["data"]
    assert told["params"] == {"password": "********"}
    assert (told["error"]["kind"], "traceback" in told["error"]) == ("internal", False)
    found = delivery(lab, id)
    assert "hush" not in json.dumps([lab.log(found["id"]), repr(lab.mailbox.letters)])


def test_a_job_stays_until_its_last_attempt(lab: Testing, declare: Callable[..., Any]) -> None:
    """Even one that is kept for a second; one that is gone all the same is said to be."""
    declare(lambda: 1, keep=1)
    id = start(lab)
    lab.run_next()
    ended = lab.room.engine.get(id, LOCAL)
    assert ended.expires == ended.body["finished"] + CALLED_BACK > lab.clock.now() + sum(PAUSES)
    found = delivery(lab, id)["id"]
    lab.room.ports.records.commit(Delete(JOBS, id))
    lab.run()
    assert lab.error(found)["kind"] == "unknown"


def test_a_host_that_is_down_is_left_alone(lab: Testing, declare: Callable[..., Any]) -> None:
    """After a row of deliveries that failed for good, those to it fail at once, for an hour; then
    one attempt each shows whether it is back."""
    declare(lambda: 1)
    for _ in range(ROW):
        start(lab)
    lab.mailbox.answers = [Unavailable("it gave no answer")] * 1000
    lab.run()
    sent = len(lab.mailbox.letters)
    assert sent == 8 * ROW
    late = start(lab)
    elsewhere = start(lab, "https://example.org/other")
    lab.mailbox.answers = []
    lab.run()
    assert len(lab.mailbox.letters) == sent + 1
    assert delivery(lab, elsewhere)["status"] == "succeeded"
    told = delivery(lab, late)
    assert "none is sent before" in told["error"]["detail"] == lab.log(told["id"])[0]
    lab.advance(PAUSE)
    lab.mailbox.answers = [Reply(502)]
    again = start(lab)
    lab.run()
    assert (len(lab.mailbox.letters), delivery(lab, again)["attempt"]) == (sent + 2, 1)
    lab.advance(PAUSE)
    back, more = start(lab), start(lab)
    lab.mailbox.answers = [Reply(200), Reply(500), Reply(200)]
    lab.run()
    assert [delivery(lab, each)["attempt"] for each in (back, more)] == [1, 2]


class Hanging(Mailbox):
    """A receiver that answers nothing, for as long as it is so."""

    def __init__(self, clock: OwnClock) -> None:
        super().__init__()
        self.clock, self.hangs = clock, True

    def send(self, letter: Letter, *, refuse: Any, within: float) -> Reply:
        if self.hangs and letter.host == "example.com":
            self.letters.append(letter)
            self.clock.sleep(within)
            raise Unavailable(f"it gave no answer within {within:g} s")
        return super().send(letter, refuse=refuse, within=within)


def test_a_host_that_hangs_holds_no_worker(lab: Testing, declare: Callable[..., Any]) -> None:
    """After the first that hung, one at a time tries, ever more seldom; the rest wait in the
    store, which costs them no attempt, and all arrive once it answers."""
    declare(lambda: 1)
    lab.room.ports = lab.room.engine.ports = replace(
        lab.room.ports, post=(post := Hanging(lab.clock))
    )
    ids = [start(lab) for _ in range(30)]
    began = lab.clock.now()
    while lab.clock.now() < began + 600:
        if lab.run_next() is None:
            lab.advance(1)
    assert 3 < len(post.letters) < 12  # of 600 s no more than 120 are waited for an answer
    waiting = [each for each in lab.jobs(DELIVER) if each["status"] == "waiting"]
    assert len(waiting) > 15
    elsewhere = start(lab, "https://example.org/")
    lab.run_next(), lab.run_next()
    assert delivery(lab, elsewhere)["status"] == "succeeded"
    post.hangs = False
    lab.run()
    found = [delivery(lab, id) for id in ids]
    assert {each["status"] for each in found} == {"succeeded"}
    sent = [each for each in post.letters if each.host == "example.com"]
    assert sum(each["attempt"] for each in found) == len(sent)


@pytest.mark.parametrize("at_once", [1, 4, 8])
def test_so_many_are_sent_at_once_and_fewer_to_one_host(lab: Testing, at_once: int) -> None:
    """Whatever waits: the others are parked, and each end calls the next."""
    room = Room(Registry(), lab.room.ports, deliveries=at_once)
    urls = [f"https://host{number % 20}.example/" for number in range(60)]
    for url in urls:
        room.engine.submit(trial(url, room.ports), LOCAL)
    most, seen = isqrt(at_once), list[str]()
    running: list[Record] = room.engine.claim(60)
    assert len(running) == at_once
    while running:
        hosts = Counter(record.body["params"]["host"] for record in running)
        assert len(running) <= at_once
        assert max(hosts.values()) <= most
        ended, running = running[0], running[1:]
        seen.append(ended.body["params"]["url"])
        room.engine.settle([(ended, Ending("succeeded", result=None))])
        running += room.engine.claim(60)
    assert sorted(seen) == sorted(urls)


def test_of_two_who_wait_for_a_host_one_tries(lab: Testing) -> None:
    """Whoever comes while another finds out waits for that; a plain failure makes nobody wait."""
    mine, theirs = (Circuit(lab.room.ports.records, lab.clock, "local", "a:443") for _ in range(2))
    assert mine.turn(10) is None
    mine.given_up()
    assert theirs.turn(10) is None
    mine.hung()
    assert mine.turn(10) == lab.clock.now() + HUSH
    lab.advance(HUSH)
    assert mine.turn(10) is None
    assert theirs.turn(10) == lab.clock.now() + 10
    mine.answered()
    assert theirs.turn(10) is None
    assert mine.state().failed == 1
    for _ in range(20):
        mine.hung()
    assert mine.turn(10) == lab.clock.now() + LONGEST_HUSH


def test_a_test_opens_the_way_again(lab: Testing, declare: Callable[..., Any]) -> None:
    """It is sent whatever was before, once only, and its arrival ends the pause."""
    declare(lambda: 1)
    for _ in range(ROW):
        start(lab)
    lab.mailbox.answers = [Reply(500)] * 8 * ROW + [Reply(500)]
    lab.run()
    failed = lab.room.engine.submit(trial(URL, lab.room.ports), LOCAL).id
    lab.run()
    assert lab.error(failed) == {
        "kind": "refused", "detail": "The test did not arrive: it answered 500.", "answered": 500,
    }  # fmt: skip
    well = lab.room.engine.submit(trial(URL, lab.room.ports), LOCAL).id
    told = start(lab)
    lab.run()
    assert lab.result(well) == {"status": 200, "attempts": 1}
    assert delivery(lab, told)["status"] == "succeeded"
    assert event(lab.mailbox.letters[-2])["type"] == "webhook.test"


def test_what_is_wrong_with_one_address_is_not_its_hosts(
    lab: Testing, declare: Callable[..., Any]
) -> None:
    """Many share hosts: after any number of 404 and 410 the next is sent."""
    declare(lambda: 1)
    lab.mailbox.answers = ([Reply(404)] * 8 + [Reply(410)]) * ROW
    for _ in range(2 * ROW):
        start(lab)
        lab.run()
    assert delivery(lab, start_and_run(lab))["status"] == "succeeded"


def start_and_run(lab: Testing) -> str:
    id = start(lab)
    lab.run()
    return id


@pytest.mark.parametrize("url", ["http://example.com", "ftp://x", "https://127.0.0.1/", "", "x"])
def test_a_wrong_address_is_invalid(lab: Testing, declare: Callable[..., Any], url: str) -> None:
    """With its pointer, and no job is made."""
    declare(lambda: 1)
    problem = lab.room.enter(Call("tried", asynchronous=True, callback_url=url)).problem
    assert problem is not None
    assert (problem.kind, problem.members["errors"][0]["pointer"]) == ("invalid", "/callback_url")
    assert lab.jobs() == []
