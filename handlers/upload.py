"""S3: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html"""

import re
from typing import Any
from urllib.parse import unquote_plus

from app.room.call import Call
from app.room.errors import Malformed, sayable
from app.room.files import FILE_ID, guessed_type
from app.room.operation import Operation, Registry
from app.room.uploads import is_for, params_of
from handlers.ask import Arrived, Ask, Came, Make, Unreadable, check_done
from handlers.shape import checked, exactly, name, optional, raw_of, records, shaped

CREATED = "ObjectCreated:"
OURS = re.compile(f"files/({FILE_ID.strip('^$')})")  # as the port of files names its objects
OBJECT = {
    "key": str,
    "size": int | None,
    "eTag": str | None,
    "versionId": str | None,
    "sequencer": str | None,
}
EVENT = records(
    "aws:s3",
    eventName=str,
    eventTime=str | None,
    s3={"bucket": {"name": name}, "object": OBJECT},
)
TEST = shaped(
    {"Service": exactly("Amazon S3"), "Event": exactly("s3:TestEvent"), "Bucket": optional(str)}
)


def knows(event: Any) -> bool:
    return EVENT(event) or TEST(event)


def asks(event: Any, registry: Registry) -> list[Ask]:
    return [_ask(record, registry) for record in event.get("Records", ())]


def answer(event: Any, came: list[Came]) -> None:
    check_done(came)


def _ask(record: Any, registry: Registry) -> Ask:
    """What was removed, and what nobody waits for, asks for nothing."""
    facts = _facts(record)
    id = sayable(f"{facts['bucket']}/{facts['key']} {_which(record, facts)}")
    source = f"upload:{facts['bucket']}"
    if not record["eventName"].removeprefix("s3:").startswith(CREATED):
        return Ask(None, id, source=source)
    wanted = [each for each in registry if is_for(each, facts["key"])]
    made = _made(wanted, facts, id) if wanted else None
    ours = OURS.fullmatch(facts["key"])
    return Ask(Arrived(ours[1], made) if ours else made, id, raw_of(record), source)


def _which(record: Any, facts: dict[str, Any]) -> str | None:
    """What tells this writing of the key from another: "null" is each, in a bucket that keeps
    versions no more."""
    version = facts["version"] if facts["version"] != "null" else None
    which: str | None = version or record["s3"]["object"].get("sequencer") or facts["time"]
    return which


def _made(wanted: list[Operation], facts: dict[str, Any], id: str) -> Make | Unreadable:
    try:
        known = checked(facts)
    except Malformed as problem:
        return Unreadable(problem)
    return Make(tuple(_call(each, known, id) for each in wanted))


def _facts(record: Any) -> dict[str, Any]:
    put = record["s3"]["object"]
    key = unquote_plus(put["key"])
    return {
        "bucket": record["s3"]["bucket"]["name"],
        "key": key,
        "name": key.rpartition("/")[2],
        "type": guessed_type(key),
        "size": put.get("size"),
        "etag": put.get("eTag"),
        "version": put.get("versionId"),
        "time": record.get("eventTime"),
    }


def _call(operation: Operation, facts: dict[str, Any], id: str) -> Call:
    return Call(
        operation=operation.name,
        params=params_of(operation, facts),
        source="upload",
        request_id=id,
        key=id,
        asynchronous=True,
    )
