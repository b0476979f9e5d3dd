"""What SNS, S3, the streams, EventBridge and our own invocations bring."""

import io
import json
from copy import deepcopy
from typing import Any

import pytest

from app import File, Unavailable, Upload, records
from app.room.call import LOCAL
from app.room.records import opened
from app.room.shelf import Wish
from handlers.ask import NotDone
from tests.handlers.home import Home, event, failed, sqs


def away(call: Any = None) -> Any:
    raise Unavailable("The store is away.")


def test_a_topics_message_makes_a_job(home: Home) -> None:
    """Of each operation that takes the topic; once."""
    for _ in range(2):
        assert home.bring("topic") is None
    (job,) = home.jobs()
    assert (job["operation"], job["params"], job["source"]) == (
        "news.read",
        {"title": "Cats"},
        "topic",
    )


def test_a_message_that_names_a_function_only_leaves_a_trace(home: Home) -> None:
    """What Zappa would have run is kept as unreadable."""
    home.bring("topic_zappa_task")
    (job,) = home.jobs()
    assert (job["operation"], job["error"]["kind"]) == ("inbox.unreadable", "unknown")
    assert home.ran == []


@pytest.mark.parametrize("name", ["topic", "upload", "schedule_custom"])
def test_where_only_all_or_nothing_can_be_said_trouble_is_raised(home: Home, name: str) -> None:
    """And the event that comes again makes its jobs."""
    home.store.fails = lambda verb: True
    with pytest.raises(NotDone):
        home.bring(name)
    home.store.fails = lambda verb: False
    home.bring(name)
    assert len(home.jobs()) == 1


def test_an_upload_makes_a_job_by_its_name(home: Home) -> None:
    """The key url-decoded, plus signs too; the facts that the operation names; once a version."""
    for _ in range(2):
        home.bring("upload")
    (job,) = home.jobs()
    assert job["operation"] == "pics.look"
    assert job["params"] == {
        "bucket": "doors-files",
        "key": "pics/a cat, Jürgen+1.jpg",
        "version": "096fKKXTRTtl3on89fVO.nfljtsv6qko",
    }


def test_without_versions_each_write_is_told_apart(home: Home) -> None:
    """By the sequencer."""
    given = event("upload")
    put = given["Records"][0]["s3"]["object"]
    del put["versionId"]
    again = deepcopy(given)
    again["Records"][0]["s3"]["object"]["sequencer"] = "0066F1A2B3C4D5E6F8"
    for each in (given, given, again):
        home.bring(each)
    assert len(home.jobs()) == 2


@pytest.mark.parametrize("left", [("versionId", "sequencer"), ("sequencer",), ("versionId",)])
def test_where_a_bucket_tells_no_versions_each_write_is_told_apart(
    home: Home, left: tuple[str, ...]
) -> None:
    """By the sequencer or the time; the version "null" of a bucket that keeps none any more is
    that of each."""
    given = event("upload")
    put = given["Records"][0]["s3"]["object"]
    put["versionId"] = "null"
    for name in left:
        put.pop(name)
    again = deepcopy(given)
    again["Records"][0]["eventTime"] = "2026-11-21T11:15:30.123Z"
    if "sequencer" in put:
        again["Records"][0]["s3"]["object"]["sequencer"] = "0066F1A2B3C4D5E6F8"
    for each in (given, given, again):
        home.bring(each)
    assert len(home.jobs()) == 2


@pytest.mark.parametrize("name", ["upload_test", "upload_removed"])
def test_what_is_no_new_file_asks_for_nothing(home: Home, name: str) -> None:
    """A test of the notification, a delete, a delete marker."""
    assert home.bring(name) is None
    assert home.jobs() == []


def test_a_changed_row_makes_a_job_with_what_it_was_and_is(home: Home) -> None:
    """In order, in plain JSON."""
    assert failed(home.bring("stream_table")) == []
    first, second, third = home.params("cats.watch")
    assert [each["event"] for each in (first, second, third)] == ["insert", "modify", "remove"]
    assert first["new"] == {
        "id": "tom",
        "age": 3,
        "weight": 4.25,
        "tags": ["a", "b"],
        "toys": [{"name": "ball", "old": True}, None],
        "pic": "AAEC",
    }
    assert (second["new"]["age"], second["old"]["age"]) == (4, 3)
    assert (third["new"], third["old"]["id"]) == (None, "tom")


def made(id: str, row: dict[str, Any] | None) -> None:
    """The document is as that row says."""
    if row is None:
        records("cats").delete(id)
    else:
        records("cats").put(id, {name: value for name, value in row.items() if name != "id"})


def test_a_changed_document_is_told_as_a_row_of_a_table_is(home: Home) -> None:
    """Whoever takes the one takes the other: the same members, with the same values."""
    home.bring("stream_table")
    rows = home.params("cats.watch")
    for row in rows:
        with opened(home.ports):
            made(row["keys"]["id"], row["old"])
        with opened(home.ports, lambda: home.room.engine.changes):
            made(row["keys"]["id"], row["new"])
    documents = home.params("cats.watch")[len(rows) :]
    for row, document in zip(rows, documents, strict=True):
        for told in (row, document):
            assert (told.pop("sequence").isdigit(), told.pop("table")) == (True, "cats")
        assert row == document


def test_a_streams_record_is_a_message(home: Home) -> None:
    """JSON or text, in order."""
    assert failed(home.bring("stream_kinesis")) == []
    assert home.params("orders.take") == [
        {"message": {"order": 1}},
        {"message": "Hello, this is text."},
    ]


@pytest.mark.parametrize("name", ["stream_table", "stream_kinesis"])
def test_a_stream_stops_at_the_first_failure(home: Home, name: str) -> None:
    """Its sequence number alone is told; what comes before it is not made again."""
    records = event(name)["Records"]
    sequences = [
        (record.get("dynamodb") or {}).get("SequenceNumber") or record["kinesis"]["sequenceNumber"]
        for record in records
    ]
    enter = home.room.enter
    home.room.enter = lambda call: (  # type: ignore[method-assign]
        away() if call.request_id.endswith(sequences[1]) else enter(call)
    )
    assert failed(home.bring(name)) == [sequences[1]]
    assert len(home.jobs()) == 1
    home.room.enter = enter  # type: ignore[method-assign]
    assert failed(home.bring({"Records": records[1:]})) == []
    assert failed(home.bring(name)) == []  # bisected, or brought again from before
    assert len(home.jobs()) == len(records)


def test_what_a_stream_cannot_say_leaves_a_trace_and_the_stream_goes_on(home: Home) -> None:
    """One bad record does not hold up a shard."""
    rows, data = event("stream_table"), event("stream_kinesis")
    rows["Records"][0]["dynamodb"]["NewImage"] = {"a": {"N": "many"}}
    rows["Records"][1]["dynamodb"]["NewImage"] = {"a": {"Z": 1}}
    data["Records"][0]["kinesis"]["data"] = "%%%"
    assert failed(home.bring(rows)) == failed(home.bring(data)) == []
    assert len(home.unreadable()) == 3
    assert len(home.jobs()) == 5


def test_a_streams_name_without_takers_leaves_a_trace(home: Home) -> None:
    given = event("stream_kinesis")
    for record in given["Records"]:
        record["eventSourceARN"] += "2"
    assert failed(home.bring(given)) == []
    assert [job["error"]["kind"] for job in home.unreadable()] == ["unknown", "malformed"]


def test_an_event_of_ones_own_is_a_call_of_its_type(home: Home) -> None:
    """As a CloudEvent of the bus."""
    for _ in range(2):
        home.bring("schedule_custom")
    (job,) = home.jobs()
    assert (job["operation"], job["params"], job["source"]) == (
        "greet",
        {"name": "Ada"},
        "schedule",
    )


def test_an_event_of_an_unknown_type_leaves_a_trace(home: Home) -> None:
    home.bring(event("schedule_custom") | {"detail-type": "Order \ud800 placed"})
    home.bring(event("schedule_custom") | {"detail-type": "os.system", "id": "2"})
    assert [job["error"]["kind"] for job in home.unreadable()] == ["malformed", "unknown"]
    assert json.loads(json.dumps(home.unreadable()))


def test_our_own_events_make_no_circle(home: Home) -> None:
    """However they come back: what they start counts as started by a topic, and is not told."""
    given = event("queue_cloud_event")
    told = {"specversion": "1.0", "id": "job_1.failed", "source": "/v1/jobs", "type": "job.failed"}
    record = given["Records"][0]
    record["eventSourceARN"] = "arn:aws:sqs:eu-central-1:123456789012:orders"
    record["body"] = json.dumps(told | {"data": {"job": "job_1"}})
    home.bring(given)
    (job,) = home.jobs()
    assert (job["operation"], job["source"]) == ("orders.take", "topic")
    assert job["params"] == {"message": {"job": "job_1"}}


def test_an_object_of_our_own_is_a_file_that_has_come(home: Home) -> None:
    """Its bucket tells that an upload is whole: the file's name counts, not the object's."""

    def shrink(pic: File, key: str) -> None:
        home.ran.append([pic.id, key])

    home.registry.operation("pics.shrink", on=[Upload("ours/*")])(shrink)
    made, _ = home.room.shelf.create(Wish("a.jpg", "image/jpeg", path="ours/a.jpg"), LOCAL.owner)
    home.ports.files.put(made.id, io.BytesIO(b"cat"), type="image/jpeg")
    told = event("upload")
    told["Records"] = told["Records"][:1]
    told["Records"][0]["s3"]["object"]["key"] = f"files/{made.id}"
    for _ in range(2):
        home.bring(told)
    home.bring("schedule_tick")
    assert home.ran == [[made.id, "ours/a.jpg"]]


@pytest.mark.parametrize("way", ["queue", "topic"])
def test_it_has_come_also_where_a_queue_or_a_topic_tells_it(home: Home, way: str) -> None:
    """One job of each operation, though the object's own name would fit another."""

    @home.registry.operation("all", on=[Upload("**")])
    def every(message: dict[str, object]) -> None: ...

    made, _ = home.room.shelf.create(Wish("a.jpg", "image/jpeg"), LOCAL.owner)
    home.ports.files.put(made.id, io.BytesIO(b"cat"), type="image/jpeg")
    told = event("upload")
    told["Records"] = told["Records"][:1]
    told["Records"][0]["s3"]["object"]["key"] = f"files/{made.id}"
    for _ in range(2):
        home.bring(wrapped(told, way))
    assert [params["message"]["name"] for params in home.params("all")] == ["a.jpg"]


@pytest.mark.parametrize("way", ["", "queue", "topic"])
def test_an_upload_that_cannot_be_a_job_leaves_a_trace_whichever_way_it_came(
    home: Home, way: str
) -> None:
    """And so does not what came with it."""
    told = event("upload")
    told["Records"] = [deepcopy(told["Records"][0]) for _ in range(2)]
    told["Records"][0]["s3"]["object"]["key"] = "pics/%00.jpg"
    told["Records"][1]["s3"]["object"]["key"] = "pics/b.jpg"
    home.bring(wrapped(told, way))
    assert [params["key"] for params in home.params("pics.look")] == ["pics/b.jpg"]
    assert [job["error"]["kind"] for job in home.unreadable()] == ["malformed"]


def wrapped(told: Any, way: str) -> Any:
    if way == "queue":
        return sqs(told, queue="other")
    if way == "topic":
        given = event("topic")
        given["Records"][0]["Sns"]["Message"] = json.dumps(told)
        return given
    return told


def test_an_upload_that_is_not_what_was_said_is_done_with(home: Home) -> None:
    """It is taken away: to bring the event again helps nobody."""
    made, _ = home.room.shelf.create(Wish("a.jpg", "image/jpeg", 5), LOCAL.owner)
    home.ports.files.put(made.id, io.BytesIO(b"cat"), type="image/jpeg")
    told = event("upload")
    told["Records"] = told["Records"][:1]
    told["Records"][0]["s3"]["object"]["key"] = f"files/{made.id}"
    assert home.bring(told) is None
    assert home.room.shelf.list(LOCAL.owner, cursor=None, limit=9).items == ()


def test_an_object_that_only_looks_like_ours_is_anybodys(home: Home) -> None:
    """As of another service's bucket: its key counts."""
    home.registry.operation("all", on=[Upload("files/*")])(lambda: home.ran.append("all"))
    told = event("upload")
    told["Records"] = told["Records"][:1]
    told["Records"][0]["s3"]["object"]["key"] = "files/file_01ARZ3NDEKTSV4RRFFQ69G5FAV"
    home.bring(told)
    home.bring("schedule_tick")
    assert home.ran == ["all"]
