"""A service whose records, queue and topic are AWS's, and one that plays its function."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from app.config import Settings
from app.ports import Ports, Queue, Records, Topic
from app.ports.absent import Untold
from app.ports.local.clock import SystemClock, Ulids
from app.ports.local.no_files import NoFiles
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.operation import Registry
from handlers import DOORS
from handlers.door import House, recognised
from handlers.http import Front
from tests.engines.ministack import ACCOUNT, Ministack

ARN = f"arn:aws:sqs:eu-central-1:{ACCOUNT}:jobs"
TICK = {"version": "0", "id": "1", "source": "aws.events", "detail-type": "Scheduled Event"}


class Context:
    def get_remaining_time_in_millis(self) -> int:
        return 60_000


@dataclass
class Cloud:
    """`ran`: how often each job ran, by its number."""

    stack: Ministack
    records: Records
    queue: Queue
    topic: Topic = field(default_factory=Untold)
    ran: Counter[int] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        registry = Registry()

        @registry.operation("count", long=True, backoff=0.01)
        def count(n: int) -> int:
            self.ran[n] += 1
            return n

        files = NoFiles("a test")
        ports = Ports(self.records, SystemClock(), Ulids(), self.queue, files, topic=self.topic)
        self.room = Room(registry, ports, lease=90.0, counts=False)
        self.house = House(self.room, Front(self.room, Settings()))
        self.sqs = self.stack.client("sqs")
        self.url = self.sqs.create_queue(QueueName="jobs")["QueueUrl"]

    def submit(self, *numbers: int) -> list[str]:
        made = [Submission("count", {"n": n}) for n in numbers]
        return [record.id for record in self.room.engine.submit_all(made, LOCAL)]

    def serve(self) -> int:
        """Brings the function what is in the queue, as Lambda does; says how many messages."""
        served = 0
        while messages := self._received():
            served += len(messages)
            event = {"Records": [self._record(message) for message in messages]}
            failed = {each["itemIdentifier"] for each in self.bring(event)["batchItemFailures"]}
            for message in messages:
                if message["MessageId"] not in failed:
                    self.sqs.delete_message(
                        QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"]
                    )
        return served

    def tick(self) -> None:
        self.bring(TICK | {"detail": {}})

    def bring(self, event: Any) -> Any:
        return self.house.answer(*recognised(DOORS, event), Context())

    def status(self, id: str) -> str:
        return self.room.engine.get(id, LOCAL).label

    def _received(self) -> list[Any]:
        asked = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        found: list[Any] = asked.get("Messages", [])
        return found

    def _record(self, message: Any) -> dict[str, Any]:
        return {
            "messageId": message["MessageId"],
            "body": message["Body"],
            "attributes": {},
            "eventSource": "aws:sqs",
            "eventSourceARN": ARN,
        }
