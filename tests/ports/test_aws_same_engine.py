"""The engine's own tests once more, on DynamoDB and SQS."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest

from app.ports.aws.queue import SqsQueue
from app.ports.aws.records import AwsRecords
from app.room.enter import Room
from app.room.operation import Registry
from app.testing import Testing
from tests.engines import dynamo as tables
from tests.engines.ministack import Ministack
from tests.room import test_change, test_children, test_engine, test_webhook
from tests.room.test_engine_model import EACH, Torture, torture

pytestmark = pytest.mark.engine

HISTORIES = 4
LOCAL_ONLY = {  # whatever the store
    "test_thousands_of_children_need_little_memory",
    "test_large_batches_need_little_memory",
    "test_the_failure_is_found_by_one_look",
    "test_results_are_walked_over_many_slices",
    "test_a_job_without_a_callback_pays_nothing",
    "test_a_host_that_hangs_holds_no_worker",
    "test_a_host_that_is_down_is_left_alone",
    "test_a_test_opens_the_way_again",
    "test_what_is_wrong_with_one_address_is_not_its_hosts",
}


def taken_over(module: ModuleType) -> dict[str, Any]:
    """Its tests, and the fixtures of its own."""
    own = {name: each for name, each in vars(module).items() if not name.startswith("_")}
    fixture = type(pytest.fixture(lambda: None))
    return {
        name: each
        for name, each in own.items()
        if (name.startswith("test_") or isinstance(each, fixture)) and name not in LOCAL_ONLY
    }


globals().update(taken_over(test_engine))
globals().update(taken_over(test_change))
globals().update(taken_over(test_children))
globals().update(taken_over(test_webhook))


@pytest.fixture
def records(dynamo: str) -> Iterator[AwsRecords]:
    name = f"table-{uuid.uuid4().hex}"
    tables.make_table(dynamo, name)
    records = AwsRecords(name, url=dynamo)
    yield records
    records.close()


@pytest.fixture
def queue(ministack: Ministack) -> Iterator[SqsQueue]:
    ministack.client("sqs").create_queue(QueueName="jobs")
    queue = SqsQueue("jobs", url=ministack.url)
    yield queue
    queue.close()


@pytest.fixture
def lab(records: AwsRecords, queue: SqsQueue) -> Iterator[Testing]:
    """In place of the one with the embedded store."""
    with Testing(Registry(), records=records) as made:
        made.room = Room(made.room.registry, replace(made.room.ports, queue=queue), counts=False)
        yield made


@pytest.fixture
def declare(lab: Testing) -> Callable[..., Any]:
    def declared(function: Any, name: str = "tried", /, **options: Any) -> Any:
        return lab.room.registry.operation(name, **{"long": True, **options})(function)

    return declared


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_nothing_is_lost_whatever_goes_wrong(records: AwsRecords, queue: SqsQueue) -> None:
    """The same histories of crashes, lost answers and overtaken workers, a few of them."""
    machine = type("Clouded", (Torture,), {"shared": records, "queue": queue})
    torture(machine, HISTORIES * EACH)
