"""DynamoDB's indexes follow the table in moments: what they do not know yet is not overlooked."""

import io
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from app import File, Run
from app.ports.aws.records import AwsRecords
from app.room.call import LOCAL, Call
from app.room.errors import Conflict
from app.room.operation import Registry
from app.room.shelf import Wish
from app.testing import Testing
from tests.engines import dynamo as engine

pytestmark = pytest.mark.engine


@pytest.fixture
def records(dynamo: str) -> Iterator[AwsRecords]:
    name = f"table-{uuid.uuid4().hex}"
    engine.make_table(dynamo, name)
    records = AwsRecords(name, url=dynamo)
    yield records
    records.close()


@pytest.fixture
def service(records: AwsRecords) -> Iterator[Testing]:
    with Testing(Registry(), records=records) as made:

        @made.room.registry.operation("read", long=True)
        def read(run: Run, pic: File) -> int:
            with run.open(pic) as stream:
                return len(stream.read())

        @made.room.registry.operation("draw", long=True)
        def draw(run: Run) -> File:
            return run.save(b"cat", name="a.jpg")

        yield made


@pytest.fixture
def file(service: Testing) -> str:
    kept = service.room.shelf.keep(Wish("a.jpg", "image/jpeg"), io.BytesIO(b"cat"), LOCAL.owner)
    return kept.id


@contextmanager
def behind(records: AwsRecords, collection: str) -> Iterator[None]:
    """Inside, no index has heard of that collection's records."""
    ask = records._wire.ask

    def stale(verb: str, **request: Any) -> Any:
        form = request["ExpressionAttributeValues"][":form"]["S"] if verb == "query" else ""
        return {"Items": []} if form.startswith(collection) else ask(verb, **request)

    records._wire.ask = stale  # type: ignore[method-assign]
    yield
    records._wire.ask = ask  # type: ignore[method-assign]


def submitted(service: Testing, file: str) -> str:
    outcome = service.room.enter(Call("read", {"pic": file}, asynchronous=True))
    assert outcome.job, outcome
    return outcome.job


def test_a_file_that_a_job_has_just_named_is_not_deleted(
    service: Testing, records: AwsRecords, file: str
) -> None:
    """So the job that was accepted finds it."""
    job = submitted(service, file)
    with behind(records, "file_uses"), pytest.raises(Conflict, match=job):
        service.room.shelf.delete(file, LOCAL.owner)
    service.run()
    assert service.result(job) == 3


def test_a_file_whose_time_is_over_is_kept_for_a_job_that_has_just_named_it(
    service: Testing, records: AwsRecords, file: str
) -> None:
    """The sweep overlooks it no more than who deletes."""
    service.advance("31d")
    job = submitted(service, file)
    with behind(records, "file_uses"):
        assert service.room.shelf.sweep() == 1
    service.run()
    assert service.result(job) == 3


def test_a_file_that_a_job_has_just_saved_is_not_deleted(
    service: Testing, records: AwsRecords
) -> None:
    """The job's result names it."""
    job = service.submit("draw")
    service.run_next()
    with behind(records, "file_uses"), pytest.raises(Conflict, match=job):
        service.room.shelf.delete(service.result(job)["file"], LOCAL.owner)
