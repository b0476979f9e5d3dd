"""What a job costs on AWS, and what the verbs of the store do: python -m bench.cost

A write unit is 1 KB written to the table or to one index, a read unit 4 KB read consistently; a
transaction doubles both. DynamoDB Local counts as AWS does; moto has the queue. Requests and bytes
are counted on the wire.
"""

import os
import re
import sys
from collections import Counter, defaultdict, deque
from typing import Any

from app.ports import Add, Delete, Hint, Ports, Put, Record
from app.ports.aws.queue import SqsQueue
from app.ports.aws.records import AwsRecords
from app.ports.aws.wire import Wire
from app.ports.local.clock import SystemClock, Ulids
from app.ports.local.no_files import NoFiles
from app.room.call import LOCAL, Call
from app.room.enter import Room
from app.room.operation import REGISTRY
from bench import job_operations
from handlers.work import work
from tests.engines import dynamo, moto

# Dollars, by AWS's lists (aws.amazon.com/dynamodb/pricing/on-demand, /sqs/pricing, /lambda/pricing,
# /step-functions/pricing) for us-east-1, without free tiers. DynamoDB's stand since November 2024;
# those of SQS and Step Functions are as others quoted them in March 2026. None was read on AWS's
# own page, and Lambda's has no date.
AS_OF = "March 2026"
WRITE, READ = 0.625e-6, 0.125e-6  # a unit, on demand
MESSAGE = 0.40e-6  # a request of a standard queue
RUN = 0.20e-6  # a request of Lambda; its time is the function's own matter
TRANSITION = 25e-6
EXPRESS, EXPRESS_GB = 1e-6, 16.67e-6  # a request; a second of a GB, at least 64 MB of it
EXPRESS_RUNS = ((1, 0.1), (10, 1.0), (1000, 2.5))  # tasks; seconds, forty tasks at once
KB = 1024
LEASE = 900.0
BODY = {"operation": "cats.sheet", "params": {"pics": ["file_01J9Z3NDEKTSV4RRFFQ69G5FAV"] * 6}}

assert job_operations


class Meter:
    """Write units of the table, of its indexes, and read units, since it was last asked."""

    def __init__(self) -> None:
        self._units: dict[str, float] = defaultdict(float)

    def add(self, verb: str, answer: dict[str, Any]) -> None:
        told = answer.get("ConsumedCapacity", [])
        for each in told if isinstance(told, list) else [told]:
            table, total = each.get("Table", {}).get("CapacityUnits", 0.0), each["CapacityUnits"]
            if verb in ("get_item", "batch_get_item", "query"):
                self._units["read"] += total
            else:
                self._units["table"] += table
                self._units["index"] += total - table

    def told(self) -> tuple[float, float, float]:
        units = self._units
        self._units = defaultdict(float)
        return units["table"], units["index"], units["read"]


def row(name: str, units: tuple[float, float, float]) -> None:
    table, index, read = units
    price = (table + index) * WRITE + read * READ
    print(f"{name:44}{table:8.1f}{index:8.1f}{read:8.1f}{price * 1e6:10.2f}")


def verbs(records: AwsRecords, meter: Meter) -> None:
    job = Record("jobs", "job_01J9Z3NDEKTSV4RRFFQ69G5FAV", BODY, owner="o", label="queued", due=1)
    records.commit(Put(Record("jobs", "first", {}, due=9e9)))
    meter.told()
    records.commit(Put(job, expect=0))
    row("put, due", meter.told())
    records.take("jobs", now=1, until=2, limit=1, label="running")
    row("take of one", meter.told())
    records.take("jobs", now=1, until=2, limit=1, label="running")
    row("take of none", meter.told())
    records.commit(Put(Record("jobs", job.id, BODY, owner="o", label="running", due=2), expect=2))
    row("put of a body alone", meter.told())
    records.commit(Put(Record("jobs", job.id, BODY, owner="o", label="succeeded"), expect=3))
    row("put that ends it", meter.told())
    records.commit(Put(Record("jobs", job.id, BODY, owner="o", label="succeeded")))
    row("put over whatever is there", meter.told())
    tally = Put(Record("tallies", "t", {"done": 0}))
    records.commit(tally)
    meter.told()
    records.commit(Put(Record("jobs", "b", BODY), expect=0), Add("tallies", "t", {"done": 1}))
    row("put and add, a transaction", meter.told())
    records.get("jobs", job.id)
    row("get", meter.told())
    records.list("jobs", label="succeeded", limit=20)
    row("list of one", meter.told())
    records.count("jobs", label="succeeded")
    row("count of one", meter.told())
    records.commit(Delete("jobs", job.id))
    row("delete", meter.told())


class Bill:
    """What was asked of AWS on the wire: requests, bytes, units, messages."""

    def __init__(self) -> None:
        self.meter, self.asked, self.bytes, self.messages = Meter(), Counter[str](), 0, 0

    def watch(self, wire: Wire) -> None:
        events = wire.client().meta.events
        events.register("before-send", self._sent)
        events.register("after-call", self._came)

    def add(self, verb: str, answer: dict[str, Any]) -> None:
        if verb == "send_message_batch":
            self.messages += len(answer["Successful"])
        else:
            self.meter.add(verb, answer)

    def _sent(self, request: Any, **_: Any) -> None:
        self.asked[re.split(rb"[._]", request.headers["X-Amz-Target"])[0].decode()] += 1
        self.bytes += len(request.body)

    def _came(self, http_response: Any, **_: Any) -> None:
        self.bytes += len(http_response.content)

    def row(self, name: str) -> None:
        table, index, read = self.meter.told()
        # Lambda receives and deletes each message by itself, at worst.
        queue = self.asked["AmazonSQS"] + 2 * self.messages
        runs = 1 + self.messages  # of the function: who asks, and a run for each message
        price = (table + index) * WRITE + read * READ + queue * MESSAGE + runs * RUN
        figures = f"{table:9,.1f}{index:9,.1f}{read:9,.1f}{self.asked['DynamoDB']:9,}"
        print(f"{name:34}{figures}{self.bytes / KB:9,.1f}{queue:9,}{runs:8,}{price * 1e6:11,.2f}")
        self.forget()

    def forget(self) -> None:
        self.meter.told()
        self.asked.clear()
        self.bytes = self.messages = 0


class Heard(SqsQueue):
    """Remembers what its messages say that come at once, in their order."""

    def __init__(self, *named: Any, **more: Any) -> None:
        super().__init__(*named, **more)
        self.hints = deque[str]()

    def ring(self, *hints: Hint) -> None:
        super().ring(*hints)
        self.hints.extend(hint.id for hint in hints if hint.delay < 1)


def jobs(url: str, queue_url: str) -> None:
    """As on Lambda: asked for by a call, run by the message that tells of it."""
    bill, name = Bill(), "jobs"
    records = AwsRecords(name, url=url, trace=bill.add)
    queue = Heard(moto.make_queue(queue_url, name), url=queue_url, trace=bill.add)
    for wire in (records._wire, queue._wire):
        bill.watch(wire)
    ports = Ports(records, SystemClock(), Ulids(), queue, NoFiles("A bench"))
    rooms = {counts: Room(REGISTRY, ports, LEASE, counts=counts) for counts in (False, True)}
    heads = ("table", "indexes", "reads", "requests", "KB", "queue", "runs", "$ a million")
    print(f"\nAt the prices of {AS_OF}, in us-east-1:")
    print(f"{'':34}" + "".join(f"{head:>9}" for head in heads[:6]), end="")
    print(f"{heads[6]:>8}{heads[7]:>12}")
    for asked, operation, params in (
        ("a plain call", "bench.one", {"number": 1}),
        ("a process's first job", "bench.nothing", {}),
        ("a plain job", "bench.nothing", {}),
        ("a plain job with a key", "bench.nothing", {}),
        ("", "bench.nothing", {}),  # makes the statistics' own records
        ("a plain job, in statistics", "bench.nothing", {}),
        ("a job of ten steps", "bench.steps", {"n": 10}),
        ("a map of 1,000", "bench.many", {"n": 1000}),
        ("a map of 1,000, by fifties", "bench.many", {"n": 1000, "batch": 50}),
    ):
        key = "once" if asked.endswith("key") else None
        room = rooms[asked == "" or asked.endswith("statistics")]
        outcome = room.enter(Call(operation, params, key=key))
        assert outcome.problem is None, outcome.problem
        while queue.hints:  # each message is a run of its own, as `handlers.queue` has it on Lambda
            until = room.ports.clock.monotonic() + LEASE
            work(room, until, 1, hint=queue.hints.popleft())
        if asked:
            bill.row(asked)
        if outcome.job:
            assert room.engine.get(outcome.job, LOCAL).label == "succeeded"
            bill.forget()
    records.close()
    queue.close()


def others() -> None:
    """The same by others, reckoned: a state is one transition, and a task one run of 100 ms."""
    print(f"\n{'the same by others, $ a million':34}{'one':>12}{'ten steps':>12}{'a map':>12}")
    for name, prices in (
        ("a plain Lambda behind SQS", [n * (3 * MESSAGE + RUN) for n in (1, 10, 1000)]),
        ("Step Functions, standard", [n * (TRANSITION + RUN) for n in (1, 10, 1000)]),
        (
            "Step Functions, express",
            [EXPRESS + s * 0.0625 * EXPRESS_GB + n * RUN for n, s in EXPRESS_RUNS],
        ),
    ):
        print(f"{name:34}" + "".join(f"{price * 1e6:12,.2f}" for price in prices))


def require(found: object, reason: str) -> None:
    if not found:
        sys.exit(reason)


def main() -> None:
    os.environ.update(dynamo.ENVIRON)
    with dynamo.running(require) as url, moto.running(require) as queue_url:
        for name in ("verbs", "jobs"):
            dynamo.make_table(url, name)
        jobs(url, queue_url)
        others()
        meter = Meter()
        records = AwsRecords("verbs", url=url, trace=meter.add)
        print(f"\n{'':44}{'table':>8}{'indexes':>8}{'reads':>8}{'$ a million':>12}")
        verbs(records, meter)
        records.close()


if __name__ == "__main__":
    main()
