"""What Records in DynamoDB promise beside what all Records promise."""

from collections.abc import Iterator

import pytest

from app.ports.aws.records import AwsRecords

from .suite_records import RecordsSuite
from .suite_takes import TakesSuite

pytestmark = pytest.mark.engine


@pytest.fixture
def records(dynamo: str) -> Iterator[AwsRecords]:
    records = AwsRecords("records", url=dynamo)
    yield records
    records.close()


class TestAwsRecords(RecordsSuite, TakesSuite):
    pass
