"""What breaks between this program and SQS, SNS or Lambda loses no job, runs none twice, and raises
nothing."""

import time
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from app.ports import Hint
from app.ports.aws.queue import SqsQueue
from app.ports.aws.records import AwsRecords
from app.ports.aws.task import TaskQueue
from app.ports.aws.topic import SnsTopic
from tests.engines import dynamo as tables
from tests.engines import faults as proxy
from tests.engines.faults import BROKEN, LOST, NO_ANSWER, RESET, Faults, slow
from tests.engines.ministack import Ministack
from tests.ports.cloud import Cloud

pytestmark = pytest.mark.engine

THROTTLED = {
    "sqs": ("ServiceUnavailable", 503),  # before its other codes microburst writes a prefix
    "sns": ("Throttling", 400),
    "sts": ("Throttling", 400),
    "lambda": ("TooManyRequestsException", 429),
}
FAULTS = {
    "lost": LOST,
    "reset": RESET,
    "broken": BROKEN,
    "throttled": {},
    "no answer": NO_ANSWER,
    "slow": slow(300),
}
PATIENCE = 0.6
FOREVER = 1000  # times that a fault comes

each_fault = pytest.mark.parametrize("fault", FAULTS)
ASKS = {
    "queue": [("sqs", "GetQueueUrl"), ("sqs", "SendMessageBatch")],
    "topic": [("sts", "GetCallerIdentity"), ("sns", "PublishBatch")],
}


@pytest.fixture(scope="module")
def faults(one_ministack: Ministack) -> Iterator[Faults]:
    with proxy.running(one_ministack.url) as faults:
        behind = Ministack(faults.url, one_ministack.folder)
        behind.client("sqs").list_queues()  # the proxy reads AWS's models only now
        behind.client("sns").list_topics()
        behind.client("sts").get_caller_identity()
        behind.client("lambda").list_functions()
        yield faults


@pytest.fixture
def cloud(ministack: Ministack, faults: Faults, dynamo: str) -> Iterator[Cloud]:
    """Its queue and its topic are behind the proxy, its records are not."""
    name = f"table-{uuid.uuid4().hex}"
    tables.make_table(dynamo, name)
    faults.set()
    ministack.client("sns").create_topic(Name="told")
    records = AwsRecords(name, url=dynamo)
    queue = SqsQueue("jobs", url=faults.url, patience=PATIENCE)
    topic = SnsTopic("told", url=faults.url, patience=PATIENCE)
    yield Cloud(ministack, records, queue, topic)
    faults.set()
    for each in (records, queue, topic):
        each.close()


def rule(where: tuple[str, str], fault: str, times: int = FOREVER) -> Any:
    """The fault, as that service says it."""
    service, operation = where
    how = FAULTS[fault] or {"error": dict(zip(("code", "status"), THROTTLED[service], strict=True))}
    return {"service": service, "operation": operation, "times": times} | how


def test_what_is_slow_is_slow(cloud: Cloud, faults: Faults) -> None:
    """The proxy says that it has followed a rule of which it understood nothing, too."""
    faults.set(rule(ASKS["queue"][1], "slow", times=1))
    began = time.monotonic()
    cloud.submit(0)
    assert time.monotonic() - began >= 0.3


def test_a_plain_job_costs_one_message(cloud: Cloud, ministack: Ministack) -> None:
    """From its acceptance to its end: with Lambda's receiving and deleting, three requests."""
    asked: list[str] = []
    queue = SqsQueue(cloud.url, url=ministack.url, trace=lambda verb, answer: asked.append(verb))
    counted = Cloud(ministack, cloud.records, queue)
    (id,) = counted.submit(1)
    assert counted.serve() == 1
    assert counted.status(id) == "succeeded"
    assert asked == ["send_message_batch"]
    queue.close()


@each_fault
@pytest.mark.parametrize("where", ASKS["queue"], ids=lambda where: where[1])
def test_a_ring_that_breaks_once(
    cloud: Cloud, faults: Faults, where: tuple[str, str], fault: str
) -> None:
    """Is repeated: each job runs once, though a hint may come twice."""
    faults.set(rule(where, fault, times=1))
    ids = cloud.submit(*range(12))
    assert faults.fired() == 1
    assert cloud.serve() in ((22,) if (fault, where[1]) == ("lost", "SendMessageBatch") else (12,))
    assert [cloud.status(id) for id in ids] == ["succeeded"] * 12
    assert cloud.ran == dict.fromkeys(range(12), 1)


@each_fault
@pytest.mark.parametrize("where", ASKS["queue"], ids=lambda where: where[1])
def test_a_ring_that_stays_broken(
    cloud: Cloud, faults: Faults, where: tuple[str, str], fault: str
) -> None:
    """Nobody is told: the jobs are accepted, and the tick runs each once."""
    faults.set(rule(where, fault))
    ids = cloud.submit(*range(12))
    assert faults.fired() >= 1
    faults.set()
    cloud.serve()  # of hints whose answers alone were lost
    cloud.tick()
    assert [cloud.status(id) for id in ids] == ["succeeded"] * 12
    assert cloud.ran == dict.fromkeys(range(12), 1)


@each_fault
def test_a_later_ring_breaks(cloud: Cloud, faults: Faults, fault: str) -> None:
    """What was sent before it starts at once; the rest is the tick's."""
    cloud.submit(99)
    cloud.serve()
    send = ("sqs", "SendMessageBatch")
    first = cloud.submit(0, 1)
    faults.set(rule(send, fault))
    ids = first + cloud.submit(2, 3)
    faults.set()
    assert cloud.serve() >= 2
    cloud.tick()
    assert [cloud.status(id) for id in ids] == ["succeeded"] * 4
    assert cloud.ran == dict.fromkeys([99, 0, 1, 2, 3], 1)


@each_fault
@pytest.mark.parametrize("times", [1, FOREVER])
@pytest.mark.parametrize("where", ASKS["topic"], ids=lambda where: where[1])
def test_telling_breaks(
    cloud: Cloud, faults: Faults, where: tuple[str, str], fault: str, times: int
) -> None:
    """The jobs have ended all the same, each once."""
    ids = cloud.submit(0, 1)
    faults.set(rule(where, fault, times=times))
    cloud.serve()
    assert faults.fired() >= 1
    assert [cloud.status(id) for id in ids] == ["succeeded"] * 2
    assert cloud.ran == {0: 1, 1: 1}


@each_fault
@pytest.mark.parametrize("times", [1, FOREVER])
def test_a_task_breaks(
    cloud: Cloud,
    faults: Faults,
    ministack: Ministack,
    monkeypatch: pytest.MonkeyPatch,
    fault: str,
    times: int,
) -> None:
    """What cannot be a task goes to the queue."""
    ministack.function("doors", "def handle(event, context): pass")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "doors")
    faults.set(rule(("lambda", "Invoke"), fault, times=times))
    queue = TaskQueue(cloud.queue, url=faults.url, patience=PATIENCE)
    ids = cloud.submit(0)
    cloud.serve()
    queue.ring(Hint(ids[0], offload="task"))
    assert faults.fired() >= 1
    # An invocation's answer has no body that could be cut off.
    is_left = times == FOREVER and fault not in ("slow", "lost")
    assert len(ministack.messages("jobs")) == is_left
    assert cloud.serve() == is_left
    assert cloud.ran == {0: 1}
    queue.close()
