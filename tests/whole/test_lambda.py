"""Real events call the real handler: ministack's Lambda, SQS, SNS, S3 and EventBridge."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from app.ports import Ports, Records
from app.ports.aws.queue import SqsQueue
from app.ports.aws.records import AwsRecords
from app.ports.local.clock import SystemClock, Ulids
from app.ports.local.no_files import NoFiles
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.job import TERMINAL
from app.room.operation import Registry
from app.testing import Silent
from tests.engines import dynamo as tables
from tests.engines.ministack import ACCOUNT, Ministack

pytestmark = [pytest.mark.engine, pytest.mark.slow]

OURS = """
from app import Queue, Retry, Run, Stream, Topic, Upload, operation, records

@operation("adopt")
def adopt(name: str) -> None:
    records("cats").put(name, {"lives": 9})

@operation("adopted", on=[Stream("cats")])
def adopted(event: str, keys: dict[str, str]) -> list[str]:
    return [event, keys["id"]]

@operation("greet", on=[Queue("orders"), Topic("news")])
def greet(name: str) -> str:
    return f"Hello, {name}!"

@operation("look", on=[Upload("pics/*.jpg")])
def look(bucket: str, key: str) -> str:
    return f"{bucket}/{key}"

@operation("walk", long=True)
def walk(run: Run, steps: int) -> int:
    return sum(run.map("step", [{"n": n} for n in range(steps)]))

@operation("step", long=True)
def step(n: int) -> int:
    return n

@operation("nap", long=True)
def nap(run: Run) -> str:
    run.sleep(2)
    return "rested"
"""
SECONDS = 60.0  # that anything here may take, but for what waits for a minute's tick


def nothing() -> None:
    """Stands where operations are only named."""


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:eu-central-1:{ACCOUNT}:{name}"


class Stage:
    """A table, queues and functions, as they are made for a stage."""

    def __init__(self, stack: Ministack, folder: Path) -> None:
        self.stack, self.folder = stack, folder
        (folder / "ours_on_lambda.py").write_text(OURS)
        tables.make_table(stack.url, "records")
        self.records: Records = AwsRecords("records", url=stack.url)
        self.sqs = stack.client("sqs")

    def function(self, name: str = "doors", **settings: str) -> str:
        source = f"sys.path.insert(0, {str(self.folder)!r})\nfrom handlers import handle\n"
        environ = {
            "MANYDOORS_TABLE": "records",
            "MANYDOORS_OPERATIONS": "ours_on_lambda",
        } | settings
        made = self.stack.function(name, source, timeout=20, **environ)
        # A job's hint comes from the function that it starts: that is a loop, and meant.
        self.stack.client("lambda").put_function_recursion_config(
            FunctionName=name, RecursiveLoop="Allow"
        )
        return made

    def queue(self, name: str, function: str = "doors", batch: int = 1) -> str:
        """Its URL. It is mapped to the function; what fails twice goes to NAME-dead."""
        self.sqs.create_queue(QueueName=f"{name}-dead")
        redrive = {"deadLetterTargetArn": arn("sqs", f"{name}-dead"), "maxReceiveCount": 2}
        attributes = {"VisibilityTimeout": "2", "RedrivePolicy": json.dumps(redrive)}
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        self.stack.client("lambda").create_event_source_mapping(
            EventSourceArn=arn("sqs", name),
            FunctionName=function,
            BatchSize=batch,
            FunctionResponseTypes=["ReportBatchItemFailures"],
        )
        return url

    def send(self, url: str, message: Any) -> None:
        self.sqs.send_message(QueueUrl=url, MessageBody=json.dumps(message))

    def room(self, queue: Any) -> Room:
        """Somebody who submits from elsewhere."""
        registry = Registry()
        for name in ("greet", "walk", "nap"):
            registry.operation(name, long=True)(nothing)
        ports = Ports(self.records, SystemClock(), Ulids(), queue, NoFiles("a test"))
        return Room(registry, ports, counts=False)

    def ended(self, number: int, operation: str | None = None, wait: float = SECONDS) -> list[Any]:
        """The jobs of an operation, the oldest first, once there are so many and all have ended."""
        room = self.room(Silent())

        def jobs() -> list[Any]:
            page = room.engine.list(LOCAL, operation=operation, limit=200)
            return [room.view(record) for record in reversed(page.items)]

        self.wait(
            lambda: len(jobs()) >= number and {job["status"] for job in jobs()} <= TERMINAL, wait
        )
        return jobs()

    def wait(self, is_so: Callable[[], Any], seconds: float = SECONDS) -> None:
        until = time.monotonic() + seconds
        while not is_so():
            assert time.monotonic() < until, self.stack.log()[-4000:]
            time.sleep(0.1)


@pytest.fixture
def stage(ministack: Ministack, tmp_path: Path) -> Iterator[Stage]:
    stage = Stage(ministack, tmp_path)
    yield stage
    stage.records.close()


def test_messages(stage: Stage) -> None:
    """A queue's message makes a job; its hint, another message, runs it; and so does a change of a
    document, which needs no stream."""
    stage.function(MANYDOORS_QUEUE="jobs")
    stage.queue("jobs")
    orders = stage.queue("orders", batch=10)
    for n in range(5):
        stage.send(orders, {"operation": "greet", "params": {"name": f"n{n}"}})
    stage.send(orders, {"name": "Ada"})
    stage.send(orders, {"operation": "adopt", "params": {"name": "tom"}})
    (job,) = stage.ended(1, "adopted")
    assert (job["source"], job["result"]) == ("stream", ["insert", "tom"])
    jobs = stage.ended(6, "greet")
    assert {job["status"] for job in jobs} == {"succeeded"}
    assert sorted(job["result"] for job in jobs)[0] == "Hello, Ada!"
    assert {job["source"] for job in jobs} == {"queue"}
    stage.wait(lambda: not stage.stack.messages("jobs") + stage.stack.messages("orders"))
    assert stage.stack.messages("jobs-dead") == stage.stack.messages("orders-dead") == []


def test_a_job_of_many(stage: Stage) -> None:
    """Children are rung for, run by as many functions as there is room for, and wake their parent;
    a sleeper goes on when its time has come."""
    stage.function(MANYDOORS_QUEUE="jobs")
    stage.queue("jobs")
    queue = SqsQueue("jobs", url=stage.stack.url)
    engine = stage.room(queue).engine
    walk = engine.submit(Submission("walk", {"steps": 12}), LOCAL).id
    nap = engine.submit(Submission("nap", {}), LOCAL).id
    results = {job["id"]: job["result"] for job in stage.ended(14)}
    assert (results[walk], results[nap]) == (66, "rested")
    queue.close()


def test_without_a_queue_jobs_are_tasks(stage: Stage) -> None:
    """A topic's message makes a job, and the function calls itself to run it."""
    function = stage.function()
    sns = stage.stack.client("sns")
    topic = sns.create_topic(Name="news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="lambda", Endpoint=function)
    sns.publish(TopicArn=topic, Message=json.dumps({"name": "Ada"}))
    (job,) = stage.ended(1)
    assert (job["source"], job["result"]) == ("topic", "Hello, Ada!")


def test_an_upload(stage: Stage) -> None:
    """An object whose key fits starts the operation, and another does not."""
    function = stage.function(MANYDOORS_QUEUE="jobs")
    stage.queue("jobs")
    s3 = stage.stack.client("s3")
    s3.create_bucket(
        Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    told = {"LambdaFunctionArn": function, "Events": ["s3:ObjectCreated:*"]}
    s3.put_bucket_notification_configuration(
        Bucket="files", NotificationConfiguration={"LambdaFunctionConfigurations": [told]}
    )
    for key in ("pics/a.txt", "pics/a cat+1.jpg"):
        s3.put_object(Bucket="files", Key=key, Body=b"x")
    (job,) = stage.ended(1)
    assert (job["source"], job["result"]) == ("upload", "files/pics/a cat+1.jpg")


@pytest.mark.timeout(300)
def test_the_tick(stage: Stage) -> None:
    """What no hint reached is run by the rule that fires each minute; an event of one's own makes
    a job, too."""
    function = stage.function(MANYDOORS_QUEUE="jobs")
    stage.queue("jobs")
    lost = stage.room(Silent()).engine.submit(Submission("greet", {"name": "Lost"}), LOCAL).id
    events = stage.stack.client("events")
    events.put_rule(Name="tick", ScheduleExpression="rate(1 minute)")
    events.put_rule(Name="own", EventPattern=json.dumps({"source": ["shop"]}))
    for rule in ("tick", "own"):
        events.put_targets(Rule=rule, Targets=[{"Id": "doors", "Arn": function}])
    detail = json.dumps({"name": "Ada"})
    events.put_events(Entries=[{"Source": "shop", "DetailType": "greet", "Detail": detail}])
    jobs = {job["id"]: job for job in stage.ended(2, wait=150.0)}
    assert jobs.pop(lost)["result"] == "Hello, Lost!"
    (own,) = jobs.values()
    assert (own["source"], own["result"]) == ("schedule", "Hello, Ada!")


def test_what_cannot_be_accepted(stage: Stage) -> None:
    """While the store is away, messages are brought again and then kept in the dead-letter queue;
    what can never be read is a failed job."""
    stage.function("doors", MANYDOORS_QUEUE="jobs")
    stage.queue("jobs")
    orders = stage.queue("orders")
    stage.function("astray", MANYDOORS_TABLE="nowhere", MANYDOORS_QUEUE="jobs")
    astray = stage.queue("astray", "astray")
    stage.send(astray, {"operation": "greet", "params": {"name": "Ada"}})
    stage.send(orders, {"operation": "nothing.like.it", "params": {}})
    (job,) = stage.ended(1)
    assert (job["operation"], job["status"]) == ("inbox.unreadable", "failed")
    stage.wait(lambda: stage.stack.messages("astray-dead"))
    (dead,) = stage.stack.messages("astray-dead")
    assert json.loads(dead["Body"])["params"] == {"name": "Ada"}
    assert stage.stack.messages("orders-dead") == []
