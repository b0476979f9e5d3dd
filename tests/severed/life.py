"""A scripted life of the service on AWS: requests and events come, jobs run, files come and go."""

import json
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from time import time
from typing import Any
from unittest.mock import patch

import httpx

from app import File, Queue, Run, Stream, Upload, records
from app.config import Settings
from app.ports import Ports
from app.ports.aws import files as s3
from app.ports.aws import multipart
from app.ports.aws.files import AwsFiles
from app.ports.aws.queue import SqsQueue
from app.ports.aws.records import AwsRecords
from app.ports.aws.task import TaskQueue
from app.ports.aws.topic import SnsTopic
from app.ports.local.clock import Ulids
from app.room.enter import Room
from app.room.operation import Registry
from app.testing import OwnClock
from handlers import DOORS
from handlers.ask import NotDone
from handlers.door import House, recognised
from handlers.http import Front
from tests.engines import dynamo
from tests.engines.faults import Faults
from tests.engines.lossy import Lossy
from tests.engines.ministack import ACCOUNT, Ministack
from tests.handlers.gateways import KEY, Asked, Got, got, rest
from tests.handlers.home import Context, sqs
from tests.severed.breaker import PATIENCE, Breaker

PIECE = 64 * 1024  # bytes of a part, that few make several
TRIES = 12  # of a client that is told to come again, and of a platform
ROUNDS, ROUND = 60, 15.0  # seconds of the service's clock
CONTENT = bytes(range(256)) * 600
LARGE = "y" * 150_000
TICK = {"version": "0", "id": "1", "source": "aws.events", "detail-type": "Scheduled Event"}
FUNCTION = "doors"


@dataclass(frozen=True)
class Sky:
    """AWS, and the proxies before it."""

    dynamo: str
    stack: Ministack
    tables: Faults
    rest: Faults
    files: Lossy


class Life:
    """`made`: the jobs that were accepted, by their keys. `steps`: what took effect, and how often.
    `statuses`: what clients were answered."""

    def __init__(self, sky: Sky, breaker: Breaker) -> None:
        self.sky, self.name = sky, f"life-{uuid.uuid4().hex[:12]}"
        self.made: dict[str, str] = {}
        self.steps: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.clock, self.came = OwnClock(time()), ""
        self._sqs = sky.stack.client("sqs")
        self._prepare()
        self.records = AwsRecords(self.name, url=sky.tables.url, patience=PATIENCE)
        self.files = AwsFiles(self.name, url=sky.files.url, patience=PATIENCE)
        queue = SqsQueue(self.name, url=sky.rest.url, patience=PATIENCE)
        self.queue = TaskQueue(queue, url=sky.files.url, patience=PATIENCE)
        self.topic = SnsTopic(self.name, url=sky.rest.url, patience=PATIENCE)
        for wire in (
            self.records._wire, self.files._wire, queue._wire, self.queue._wire, self.topic._wire,
            self.topic._account,
        ):  # fmt: skip
            breaker.watch(wire)
        ports = Ports(
            self.records, self.clock, Ulids(), self.queue, self.files, topic=self.topic,
            seal_keys=lambda: [b"k" * 32],
        )  # fmt: skip
        room = Room(self._registry(), ports, lease=90.0, counts=False, admin_key=KEY, limit=None)
        self.house = House(room, Front(room, Settings(log_level="ERROR")))

    def close(self) -> None:
        for each in (self.records, self.files, self.queue, self.topic):
            each.close()

    def live(self) -> None:
        """All that is asked of AWS is asked in here."""
        self._submit("told", "count", {"n": 1})
        self._submit("task", "hurry", {"n": 2})
        self._submit("large", "echo", {"text": LARGE})
        self._ask("POST", "/v1/operations/note", {"text": "a"})
        file = self._uploaded("small.bin", len(CONTENT[:1000]))
        self._ask("GET", f"/v1/files/{file}")
        self.came = self._uploaded("pics/many parts.bin", len(CONTENT))
        self._bring_until_done(self._put_event(f"files/{self.came}"))
        self._submit("story", "story", {"file": file})
        never, _ = self._wished("never.bin", len(CONTENT))
        self._ask("DELETE", f"/v1/files/{never}")
        self._messages()
        for _ in range(ROUNDS):
            self._serve()
            with suppress(NotDone):
                self.bring(TICK | {"detail": {}})
            if self._is_over():
                break
            self.clock.sleep(ROUND)
        for key, id in self.made.items():
            assert self._ask("GET", f"/v1/jobs/{id}").status == 200, key
        self._ask("GET", "/v1/jobs", query="limit=5")
        self._ask("GET", "/v1/jobs", query="status=succeeded")

    def bring(self, event: Any) -> Any:
        context = Context(self.clock, self.clock.monotonic() + 60)
        return self.house.answer(*recognised(DOORS, event), context)

    def _prepare(self) -> None:
        dynamo.make_table(self.sky.dynamo, self.name)
        stack = self.sky.stack
        place = {"LocationConstraint": stack.environ["AWS_REGION"]}
        stack.client("s3").create_bucket(Bucket=self.name, CreateBucketConfiguration=place)
        stack.client("sns").create_topic(Name=self.name)
        self.url = self._sqs.create_queue(QueueName=self.name)["QueueUrl"]

    def _registry(self) -> Registry:
        registry = Registry()
        job = {"long": True, "retries": 50, "backoff": "10ms"}

        @registry.operation("count", **job)
        def count(n: int) -> int:
            self.steps[f"count {n}"] += 1
            return n

        registry.operation("hurry", offload="task", **job)(count)

        @registry.operation("echo", **job)
        def echo(text: str) -> str:
            return text

        @registry.operation("double", **job)
        def double(n: int) -> int:
            self.steps[f"double {n}"] += 1
            return 2 * n

        @registry.operation("story", **job)
        def story(run: Run, file: File) -> dict[str, Any]:
            with run.open(file) as stream:
                size = len(stream.read())
            run.step("once", lambda: self.steps.update(["once"]))
            run.save(CONTENT[:PIECE], name="small.bin")
            saved = run.save(CONTENT, name="saved.bin")
            doubled = list(run.map("double", [{"n": n} for n in range(3)]))
            return {"size": size, "doubled": doubled, "saved": saved}

        @registry.operation("note")
        def note(text: str) -> None:
            records("docs").put("a", {"text": text})

        @registry.operation("watch", on=[Stream("docs")], **job)
        def watch(event: str) -> str:
            return event

        @registry.operation("look", on=[Upload("pics/*")], **job)
        def look(name: str) -> str:
            return name

        @registry.operation("take", on=[Queue("orders")], **job)
        def take(order: int) -> int:
            return order

        return registry

    def _submit(self, key: str, operation: str, params: Any) -> None:
        told = self._ask("POST", f"/v1/operations/{operation}", params, key=key)
        assert told.status == 202, told
        self.made[key] = json.loads(told.body)["id"]

    def _wished(self, name: str, size: int) -> tuple[str, Any]:
        told = self._ask("POST", "/v1/files", {"name": name, "type": "text/plain", "size": size})
        assert told.status == 201, told
        made = json.loads(told.body)
        return made["id"], made["upload"]

    def _uploaded(self, name: str, size: int) -> str:
        """Its bytes are sent as a browser sends them, past the service."""
        id, upload = self._wished(name, size)
        whole = {"url": upload["url"], "start": 0, "size": size}
        for part in upload.get("parts") or [whole]:
            content = CONTENT[part["start"] :][: part["size"]]
            httpx.put(
                part["url"], content=content, headers=upload["headers"], timeout=30
            ).raise_for_status()
        return id

    def _ask(
        self, method: str, path: str, body: Any = None, *, key: str = "", query: str = ""
    ) -> Got:
        """As a client does that comes again when it is told to."""
        headers = {"Content-Type": "application/json"} | ({"Idempotency-Key": key} if key else {})
        content = b"" if body is None else json.dumps(body).encode()
        for _ in range(TRIES):
            told = got(self.bring(rest(Asked(method, path, query, headers, content))))
            self.statuses[told.status] += 1
            if told.status != 503:
                return told
        raise AssertionError(f"{method} {path} is never answered")

    def _put_event(self, key: str) -> Any:
        put = {"bucket": {"name": self.name}, "object": {"key": key, "sequencer": "1"}}
        return {"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": put}]}

    def _messages(self) -> None:
        """Three for operations, of which one is no message."""
        waiting = sqs({"order": 1}, "{", {"order": 2})
        for _ in range(TRIES):
            failed = self.bring(waiting)["batchItemFailures"]
            left = {each["itemIdentifier"] for each in failed}
            waiting = {"Records": [r for r in waiting["Records"] if r["messageId"] in left]}
            if not left:
                return
        raise AssertionError(f"{left} is never taken")

    def _bring_until_done(self, event: Any) -> None:
        for _ in range(TRIES):
            with suppress(NotDone):
                self.bring(event)
                return
        raise AssertionError("an event is never done")

    def _serve(self) -> None:
        """Brings the function what is in the queue, as Lambda does."""
        while messages := self._sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, VisibilityTimeout=0
        ).get("Messages"):
            records = [
                {
                    "messageId": each["MessageId"],
                    "body": each["Body"],
                    "eventSource": "aws:sqs",
                    "eventSourceARN": f"arn:aws:sqs:eu-central-1:{ACCOUNT}:{self.name}",
                }
                for each in messages
            ]
            told = self.bring({"Records": records})["batchItemFailures"]
            failed = {each["itemIdentifier"] for each in told}
            for each in messages:
                if each["MessageId"] not in failed:
                    receipt = each["ReceiptHandle"]
                    self._sqs.delete_message(QueueUrl=self.url, ReceiptHandle=receipt)

    def _is_over(self) -> bool:
        sound = AwsRecords(self.name, url=self.sky.dynamo)
        try:
            return not any(
                sound.count("jobs", label=label) for label in ("queued", "running", "waiting")
            )
        finally:
            sound.close()


@contextmanager
def lived(sky: Sky, breaker: Breaker) -> Iterator[Life]:
    """A life that is over. Parts are small in it, and the SDK waits for nothing."""
    backoff = "botocore.retries.standard.ExponentialBackoff.delay_amount"
    environ = sky.stack.environ | {"AWS_LAMBDA_FUNCTION_NAME": FUNCTION}
    with (
        patch.object(s3, "PIECE", PIECE), patch.object(s3, "PART", PIECE),
        patch.object(multipart, "PART", PIECE), patch.dict("os.environ", environ),
        patch(backoff, lambda self, context: 0.0),
    ):  # fmt: skip
        life = Life(sky, breaker)
        try:
            life.live()
            yield life
        finally:
            life.close()
