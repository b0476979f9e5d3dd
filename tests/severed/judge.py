"""What must be true of a life that was broken: nothing lost, nothing twice, no 500 to anybody."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

from app.ports import Record
from app.ports.aws.files import AwsFiles
from app.ports.aws.records import AwsRecords
from app.room.claim import Claims
from app.room.job import STATUSES
from app.room.shelf import ACCOUNTS, FILES, GRAVES
from tests.severed.breaker import Breaker
from tests.severed.life import CONTENT, LARGE, Life

LATE = ("lost", "late")  # of which a second upload may have been begun, whose name nobody knows
JOBS: dict[str, int] = {  # how many there are of each operation
    "count": 1, "hurry": 1, "echo": 1, "story": 1, "double": 3, "take": 2, "look": 1, "watch": 1,
    "inbox.unreadable": 1,
}  # fmt: skip
TAKES = {"story": 2}  # it waits for its children between
STEPS = {"count 1", "count 2", "once", "double 0", "double 1", "double 2"}
EXPECTED: dict[str, Callable[[Any], bool]] = {
    "told": lambda found: found == 1,
    "task": lambda found: found == 2,
    "large": lambda found: found == LARGE,
    "story": lambda found: (found["size"], found["doubled"]) == (1000, [0, 2, 4]),
}


def wrong(life: Life, breaker: Breaker) -> list[str]:
    """Everything that is not as it should be."""
    lasts = any(point.lasts for point in breaker.points.values())
    records = AwsRecords(life.name, url=life.sky.dynamo)
    life.house.room.ports.records.close()
    with closing(records):
        sound = AwsFiles(life.name, url=life.sky.stack.url)
        found = [*_answers(life, lasts), *_jobs(life, records, lasts), *_steps(life, lasts)]
        found += [*_stored(life, records, sound, lasts)]
        sound.close()
    if not lasts:
        found += _under_way(life, breaker)
    return found


def _answers(life: Life, lasts: bool) -> Iterator[str]:
    """None is a problem, but that somebody may be told to come again, and find that what he asked
    to be deleted is gone."""
    allowed = (503, 404) if lasts else ()
    for status, count in life.statuses.items():
        if status >= 400 and status not in allowed:
            yield f"{count} answers were {status}"


def _jobs(life: Life, records: AwsRecords, lasts: bool) -> Iterator[str]:
    """Each that was accepted is there once, has ended, and has its result; none was taken by
    somebody who did not hear of it."""
    jobs = [*_all(records, "jobs")]
    counted = Counter(job.body["operation"] for job in jobs)
    if counted != JOBS:
        yield f"there are the jobs {counted}"
    for job in jobs:
        wanted = "failed" if job.body["operation"] == "inbox.unreadable" else "succeeded"
        if job.label != wanted:
            yield f"{job.body['operation']} is {job.label}: {job.body.get('error')}"
        if job.takes > TAKES.get(job.body["operation"], 1) and not lasts:
            yield f"{job.body['operation']} was taken {job.takes} times"
    claims = Claims(life.house.room.ports)
    for key, id in life.made.items():
        record = records.get("jobs", id)
        if record is None:
            yield f"{key} is gone"
        elif record.label == "succeeded" and not EXPECTED[key](result := claims.result(record)):
            yield f"{key} has the result {result!r:.80}"
    for label in STATUSES:
        if records.count("jobs", label=label) != sum(job.label == label for job in jobs):
            yield f"{label} jobs are miscounted"


def _steps(life: Life, lasts: bool) -> Iterator[str]:
    """Who was claimed by an answer that never came runs again: once for each that lasted."""
    for step in STEPS:
        count = life.steps[step]
        if count < 1 or (count > 1 and not lasts):
            yield f"{step} took effect {count} times"


def _stored(life: Life, records: AwsRecords, files: AwsFiles, lasts: bool) -> Iterator[str]:
    """Files are whole, their sizes are what their owner is charged, and no byte is unknown."""
    known, charged = set[str](), 0
    for record in _all(records, FILES):
        known.update(f"files/{key}" for key in record.body["keys"])
        charged += record.body["charged"]
        if "ready" in record.body and not _is_whole(record, files):
            yield f"the file {record.body['name']} is not whole"
    known.update(f"files/{key}" for grave in _all(records, GRAVES) for key in grave.body["keys"])
    (account,) = _all(records, ACCOUNTS)
    if account.body["bytes"] != charged:
        yield f"{charged} bytes are charged as {account.body['bytes']}"
    listed = life.sky.stack.client("s3").list_objects_v2(Bucket=life.name).get("Contents", ())
    if stray := [each["Key"] for each in listed if each["Key"] not in known]:
        yield f"nobody knows {stray}"
    came = records.get(FILES, life.came)
    if came is None or "ready" not in came.body:
        yield "the upload is not there"


def _is_whole(record: Record, files: AwsFiles) -> bool:
    with files.open(record.body["keys"][-1]) as stream:
        content = stream.read()
    whole = len(content) == record.body["size"]
    sha256 = record.body["sha256"]
    if record.body["name"] in ("saved.bin", "pics/many parts.bin", "many parts.bin"):
        whole &= content == CONTENT
    return whole and sha256 in ("", hashlib.sha256(content).hexdigest())


def _under_way(life: Life, breaker: Breaker) -> Iterator[str]:
    """Of an upload that was begun twice, one may be left for S3 to tidy."""
    uploads = life.sky.stack.client("s3").list_multipart_uploads(Bucket=life.name)
    left, begun = len(uploads.get("Uploads", ())), "create_multipart_upload"
    doubled = sum(p.verb == begun and p.how in LATE for p in breaker.points.values())
    if left > doubled:
        yield f"{left} uploads are left under way"


def _all(records: AwsRecords, collection: str) -> Iterator[Record]:
    cursor = None
    while True:
        page = records.list(collection, cursor=cursor, limit=100)
        yield from page.items
        if (cursor := page.next) is None:
            return
