"""A house with operations that events start, and recorded events."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

from app import Queue, Run, Secret, Stream, Topic, Unavailable, Upload, wiring
from app.config import Settings
from app.ports import Hint, Records
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.operation import Registry
from app.testing import OwnClock
from handlers import DOORS
from handlers.door import House, recognised
from handlers.http import Front

EVENTS = Path(__file__).parents[1] / "events"
LEASE = 40.0


def event(name: str) -> Any:
    return json.loads((EVENTS / f"{name}.json").read_text())


@dataclass
class Context:
    """Lambda's, by a clock of the test's own."""

    clock: OwnClock
    until: float

    def get_remaining_time_in_millis(self) -> int:
        return int((self.until - self.clock.monotonic()) * 1000)


class Rings:
    """A queue that only writes down."""

    def __init__(self) -> None:
        self.rung: list[tuple[str, float]] = []

    def ring(self, *hints: Hint) -> None:
        self.rung += [(hint.id, hint.delay) for hint in hints]


class Faulty:
    """A store that fails when a test says so."""

    def __init__(self, records: Records) -> None:
        self._records = records
        self.fails: Callable[[str], bool] = lambda verb: False

    def __getattr__(self, verb: str) -> Any:
        if verb in ("get", "commit", "take") and self.fails(verb):
            raise Unavailable("The store is away.")
        return getattr(self._records, verb)


class Home:
    """One instance of the function, which events are brought to."""

    def __init__(self, folder: Path) -> None:
        self.registry = declared(self)
        self.clock, self.rings, self.ran = OwnClock(), Rings(), list[Any]()
        ports = wiring.make_ports(Settings(data=folder, min_free=1))
        self.store = Faulty(ports.records)
        records: Any = self.store
        self.ports = replace(ports, clock=self.clock, queue=self.rings, records=records)
        self.room = Room(self.registry, self.ports, LEASE)
        self.house = House(self.room, Front(self.room, Settings(data=folder, log_level="ERROR")))

    def bring(self, given: Any, seconds: float = 30.0) -> Any:
        """What the platform gets for an event, or for the recorded one of that name."""
        known = event(given) if isinstance(given, str) else given
        context = Context(self.clock, self.clock.monotonic() + seconds)
        return self.house.answer(*recognised(DOORS, known), context)

    def jobs(self, operation: str | None = None) -> list[dict[str, Any]]:
        """The oldest first."""
        page = self.room.engine.list(LOCAL, operation=operation, limit=200)
        return [self.room.view(record) for record in reversed(page.items)]

    def params(self, operation: str) -> list[Any]:
        return [job["params"] for job in self.jobs(operation)]

    def unreadable(self) -> list[dict[str, Any]]:
        return self.jobs("inbox.unreadable")


def declared(home: Home) -> Registry:
    registry = Registry()

    @registry.operation("greet")
    def greet(name: str) -> str:
        home.ran.append(name)
        return f"Hello, {name}!"

    @registry.operation("orders.take", on=[Queue("orders"), Queue("line"), Stream("clicks")])
    def take(message: object) -> None:
        home.ran.append(message)

    @registry.operation("news.read", on=[Topic("news"), Queue("titled")])
    def read(title: str) -> None:
        home.ran.append(title)

    @registry.operation("pics.look", on=[Upload("pics/*.jpg")])
    def look(key: str, bucket: str, version: str | None = None) -> None:
        home.ran.append(key)

    @registry.operation("cats.watch", on=[Stream("cats")])
    def watch(
        event: str,
        keys: dict[str, object],
        new: dict[str, object] | None,
        old: dict[str, object] | None,
        table: str,
        sequence: str,
    ) -> None:
        home.ran.append(event)

    @registry.operation("vault.open", on=[Queue("vault")])
    def vault(code: Annotated[str, Secret], number: int) -> None:
        home.ran.append(number)

    @registry.operation("walk", timeout="1h")
    def walk(run: Run, steps: int, each: float) -> int:
        for step in range(steps):
            run.step(f"step {step}", home.clock.sleep, each)
        return steps

    @registry.operation("stuck", timeout=50, retries=0)
    def stuck(run: Run, each: float) -> None:
        for step in range(100):
            run.step(f"step {step}", home.clock.sleep, each)

    @registry.operation("leave", retries=0)
    def leave() -> None:
        raise GeneratorExit("I am off")

    return registry


def sqs(*bodies: Any, queue: str = "orders", groups: Iterable[str] = ()) -> dict[str, Any]:
    """A batch with these bodies; each message's id is its place."""
    named = dict(enumerate(groups))
    return {
        "Records": [
            {
                "messageId": f"m{place}",
                "receiptHandle": "r",
                "body": body if isinstance(body, str) else json.dumps(body),
                "attributes": {"MessageGroupId": named[place]} if place in named else {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:eu-central-1:210987654321:{queue}",
            }
            for place, body in enumerate(bodies)
        ]
    }


def failed(answer: Any) -> list[str]:
    """The ids that the platform will bring again."""
    assert set(answer) == {"batchItemFailures"}
    return [each["itemIdentifier"] for each in answer["batchItemFailures"]]
