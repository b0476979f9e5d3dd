"""What SQS brings: jobs of it, hints to run some, and what of it is brought again."""

import json
import random
from base64 import b64decode
from typing import Any

import pytest

from app.room.call import LOCAL, Call
from app.room.errors import Unavailable
from tests.handlers.home import Home, event, failed, sqs


def test_a_message_makes_a_job_of_each_that_takes_it(home: Home) -> None:
    """Objects, our own form, and plain text."""
    assert failed(home.bring("queue")) == []
    assert home.params("orders.take") == [{"message": {"order": 17}}, {"message": "Plain text."}]
    (greeting,) = home.jobs("greet")
    assert (greeting["params"], greeting["status"], greeting["source"]) == (
        {"name": "Ada"},
        "queued",
        "queue",
    )


def test_a_message_that_comes_twice_makes_one_job(home: Home) -> None:
    """Its id is the job's key."""
    for _ in range(2):
        home.bring("queue")
    assert len(home.jobs()) == 3


def test_a_message_may_name_its_own_key(home: Home) -> None:
    """Then two messages of one key are one job."""
    own = {"operation": "greet", "params": {"name": "Ada"}, "key": "k"}
    assert failed(home.bring(sqs(own, own))) == []
    assert len(home.jobs("greet")) == 1


def test_a_cloud_event_is_a_call_of_its_type(home: Home) -> None:
    """Once for each source and id."""
    home.bring("queue_cloud_event")
    (job,) = home.jobs("greet")
    assert job["params"] == {"name": "Ada"}
    assert job["key"] == "https://example.com/orders A234-1234"


@pytest.mark.parametrize(
    ("data", "name"),
    [
        ({"data": {"name": "A"}}, "A"),
        ({"data_base64": "eyJuYW1lIjogIkIifQ=="}, "B"),
    ],
)
def test_a_cloud_event_may_bring_bytes(home: Home, data: dict[str, Any], name: str) -> None:
    """In base64, of JSON."""
    cloud = {"specversion": "1.0", "id": "1", "source": "s", "type": "greet", **data}
    home.bring(sqs(cloud, queue="other"))
    assert home.params("greet") == [{"name": name}]


def test_what_a_topic_wrote_is_unwrapped(home: Home) -> None:
    """The message inside goes to those who take the queue."""
    home.bring("queue_of_topic")
    assert home.params("orders.take") == [{"message": {"order": 21}}]


def test_what_a_bucket_wrote_are_uploads(home: Home) -> None:
    """As if the bucket had called."""
    home.bring("queue_of_bucket")
    assert [params["key"] for params in home.params("pics.look")] == ["pics/a cat, Jürgen+1.jpg"]
    assert home.unreadable() == []


def test_members_are_parameters_unless_there_is_one_for_the_message(home: Home) -> None:
    """So an operation may name what it wants, or take all."""
    home.bring(sqs({"title": "Cats"}, queue="titled"))
    home.bring(sqs({"message": {"a": 1}}, {"message": 1, "b": 2}, queue="line"))
    assert home.params("news.read") == [{"title": "Cats"}]
    assert home.params("orders.take") == [
        {"message": {"a": 1}},
        {"message": {"message": 1, "b": 2}},
    ]


UNREADABLE = [
    ("no JSON, and nobody takes it", "{", "other", "malformed"),
    ("nobody takes it", {"a": 1}, "other", "unknown"),
    ("a number", 42, "other", "unknown"),
    ("no such operation", {"operation": "os.system", "params": {}}, "other", "unknown"),
    ("an operation that is no text", {"operation": 7}, "other", "malformed"),
    ("params that are none", {"operation": "greet", "params": []}, "other", "malformed"),
    ("wrong params", {"operation": "greet", "params": {"name": 1}}, "other", "invalid"),
    ("an empty key", {"operation": "greet", "params": {"name": "a"}, "key": ""}, "x", "malformed"),
    ("wrong for its taker", {"titel": 1}, "titled", "invalid"),
    ("half a character", '"\ud800"', "orders", "malformed"),
    ("a NUL", '"\\u0000"', "other", "malformed"),
    ("members twice", '{"a":1,"a":2}', "other", "malformed"),
    ("too deep", "[" * 200, "other", "malformed"),
    ("an unknown cloud event", event("queue_cloud_event")["Records"][0]["body"].replace(
        '"greet"', '"os.system"'), "other", "unknown"),
    ("Zappa's task", event("unknown_zappa_task"), "other", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "body", "queue", "kind"), UNREADABLE)
def test_what_cannot_become_a_job_leaves_a_trace_and_is_acknowledged(
    home: Home, name: str, body: Any, queue: str, kind: str
) -> None:
    """A failed job with its bytes and the reason, once, however often it comes."""
    for _ in range(2):
        assert failed(home.bring(sqs(body, queue=queue))) == []
    (job,) = home.jobs()
    assert (job["operation"], job["status"]) == ("inbox.unreadable", "failed")
    assert job["error"]["kind"] == kind
    raw = (body if isinstance(body, str) else json.dumps(body)).encode(errors="surrogatepass")
    assert b64decode(job["params"]["base64"]) == raw
    assert (job["params"]["source"], job["params"]["whole"]) == (f"queue:{queue}", True)
    assert home.ran == []
    assert home.room.engine.claim() == []


def test_of_much_that_is_unreadable_the_beginning_is_kept(home: Home) -> None:
    """Not more than a record holds."""
    home.bring(sqs("x" * 250_000, queue="other"))
    (job,) = home.unreadable()
    assert len(b64decode(job["params"]["base64"])) == 60 * 1024
    assert (job["params"]["bytes"], job["params"]["whole"]) == (250_000, False)


def test_of_a_message_with_secrets_nothing_is_kept(home: Home) -> None:
    """Nor shown by anybody who reads why it failed."""
    home.bring(sqs({"code": "swordfish", "number": "one"}, queue="vault"))
    (job,) = home.unreadable()
    assert job["error"]["errors"][0]["pointer"] == "/number"
    assert "base64" not in job["params"]
    assert "swordfish" not in json.dumps(job)


def test_one_poison_record_of_ten_comes_back_alone(home: Home) -> None:
    """The other nine are done, for trouble of ours is of that one record."""
    enter = home.room.enter
    home.room.enter = lambda call: fail(call) if call.key == "m6" else enter(call)  # type: ignore[method-assign]

    def fail(call: Call) -> Any:
        raise RuntimeError("a bug")

    assert failed(home.bring(sqs(*range(10)))) == ["m6"]
    assert len(home.jobs()) == 9


def test_trouble_of_ours_brings_the_message_again(home: Home) -> None:
    """While the store is away nothing is acknowledged, readable or not; later all is done."""
    batch = sqs({"order": 1}, {"operation": "nothing"}, {"job": "job_1"})
    home.store.fails = lambda verb: True
    assert failed(home.bring(batch)) == ["m0", "m1", "m2"]
    home.store.fails = lambda verb: False
    assert failed(home.bring(batch)) == []
    assert len(home.jobs()) == 2


def test_a_group_stops_at_its_first_failure(home: Home) -> None:
    """What is behind it comes again in its order; other groups go on."""
    enter = home.room.enter
    home.room.enter = lambda call: enter(call) if call.key != "m1" else away()  # type: ignore[method-assign]
    batch = sqs(*range(6), queue="line.fifo", groups="ababab")
    assert failed(home.bring(batch)) == ["m1", "m3", "m5"]
    assert home.params("orders.take") == [{"message": n} for n in (0, 2, 4)]


def away() -> Any:
    raise Unavailable("The store is away.")


def test_a_hint_in_a_group_keeps_its_place(home: Home) -> None:
    """What stands behind it waits, should it fail."""
    home.store.fails = lambda verb: verb == "take"
    batch = sqs({"job": "job_1"}, {"order": 1}, queue="line.fifo", groups="aa")
    assert failed(home.bring(batch)) == ["m0", "m1"]
    assert home.jobs() == []


def test_a_recorded_group_is_taken_in_order(home: Home) -> None:
    """A queue's .fifo need not stand in the trigger."""
    assert failed(home.bring("queue_fifo")) == []
    assert [each["message"]["order"] for each in home.params("orders.take")] == [1, 2, 3, 4]


def test_without_groups_nothing_stops(home: Home) -> None:
    """In a standard queue each message is for itself."""
    enter = home.room.enter
    home.room.enter = lambda call: enter(call) if call.key != "m1" else away()  # type: ignore[method-assign]
    assert failed(home.bring(sqs(*range(4)))) == ["m1"]


# Lambda's own rules: https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html


def left_by_lambda(batch: Any, answer: Any) -> list[str]:
    """The ids that stay in the queue: all, if the answer is none that Lambda can read."""
    everything = [record["messageId"] for record in batch["Records"]]
    if answer is None or answer == {} or answer.get("batchItemFailures") in (None, []):
        return []
    told = []
    for each in answer["batchItemFailures"]:
        id = each.get("itemIdentifier")
        if not id or id not in everything:
            return everything
        told.append(id)
    return [id for id in everything if id in told]


def test_in_a_thousand_batches_what_lambda_deletes_is_done(home: Home) -> None:
    """Whatever is in them and however the store fails: what is deleted has its job or its trace,
    what stays is brought again until it has, once for each, in the order of its group."""
    chance = random.Random(7)
    bodies: list[Any] = [
        lambda n: {"order": n},
        lambda n: {"operation": "greet", "params": {"name": f"{n}"}},
        lambda n: "{" * (n % 3 + 1),
        lambda n: {"operation": "greet", "params": {"name": n}},
        lambda n: {"job": f"job_{n}"},
    ]
    enter = home.room.enter
    home.room.enter = lambda call: enter(call) if chance.random() > 0.15 else away()  # type: ignore[method-assign]
    home.store.fails = lambda verb: chance.random() < 0.01
    for number in range(1000):
        size, fifo = chance.randint(1, 4), chance.random() < 0.5
        groups = [chance.choice("ab") for _ in range(size if fifo else 0)]
        waiting = sqs(
            *(chance.choice(bodies)(10 * number + place) for place in range(size)),
            queue="line.fifo" if fifo else "orders",
            groups=groups,
        )
        for place, record in enumerate(waiting["Records"]):
            record["messageId"] = f"{number}/{place}"
        whole = waiting
        while waiting["Records"]:
            left = left_by_lambda(waiting, home.bring(waiting))
            _check_groups(waiting, left)
            waiting = {"Records": [r for r in waiting["Records"] if r["messageId"] in left]}
        home.store.fails, fails = lambda verb: False, home.store.fails
        _check_jobs(home, whole, number)
        home.store.fails = fails


def _check_jobs(home: Home, batch: Any, number: int) -> None:
    """Each message but the hints has one job or trace, made in the order of its group."""
    page = home.room.engine.list(LOCAL, limit=len(batch["Records"]) + 1)
    named = [
        record.body["params"].get("id") or record.body["key"]
        if record.body["operation"] == "inbox.unreadable"
        else record.body["key"]
        for record in reversed(page.items)
    ]
    made = [id for id in named if id.startswith(f"{number}/")]
    wanted = [r["messageId"] for r in batch["Records"] if '"job"' not in r["body"]]
    assert sorted(made) == wanted
    for group in "ab":
        of_group = [
            r["messageId"]
            for r in batch["Records"]
            if r["attributes"].get("MessageGroupId") == group
        ]
        in_order = [id for id in made if id in of_group]
        assert in_order == sorted(in_order)


def _check_groups(batch: Any, left: list[str]) -> None:
    """Of each group, what stays is its end."""
    for group in "ab":
        of_group = [
            record["messageId"] in left
            for record in batch["Records"]
            if record["attributes"].get("MessageGroupId") == group
        ]
        assert of_group == sorted(of_group)
