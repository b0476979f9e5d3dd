"""What the verbs cost on DynamoDB, in its own units: python -m bench.cost

A write unit is 1 KB written to the table or to one index, a read unit 4 KB read consistently; a
transaction doubles both. DynamoDB Local counts as AWS does.
"""

import os
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from app.operations import hello
from app.ports import Add, Delete, Put, Record
from app.ports.aws.records import AwsRecords
from app.room.operation import REGISTRY
from app.testing import Testing
from tests.engines import dynamo

PRICE = 0.625 / 1e6, 0.125 / 1e6  # dollars for a write and a read unit, on demand, us-east-1
BODY = {"operation": "cats.sheet", "params": {"pics": ["file_01J9Z3NDEKTSV4RRFFQ69G5FAV"] * 6}}


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
    price = (table + index) * PRICE[0] + read * PRICE[1]
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


def jobs(records: AwsRecords, meter: Meter) -> None:
    """A plain job, from its acceptance to its end; statistics, which a table goes without, would
    make a transaction of its finish."""
    with Testing(REGISTRY, records=records) as service:
        tally, service.room.engine.settlement.tally = service.room.engine.settlement.tally, None
        for name in ("the first job", "a job", "the first job, counted", "a job, counted"):
            if name.endswith("counted"):
                service.room.engine.settlement.tally = tally
            meter.told()
            job = service.submit("hello", {"name": name})
            row(f"{name}: submit", meter.told())
            service.run_next()
            row(f"{name}: take, run, finish", meter.told())
            service.result(job)


def main(tables: Iterable[str] = ("verbs", "jobs")) -> None:
    assert hello
    os.environ.update(dynamo.ENVIRON)

    def require(found: object, reason: str) -> None:
        assert found, reason

    with dynamo.running(require) as url:
        print(f"{'':44}{'table':>8}{'indexes':>8}{'reads':>8}{'$ a million':>12}")
        for name, run in zip(tables, (verbs, jobs), strict=True):
            dynamo.make_table(url, name)
            meter = Meter()
            records = AwsRecords(name, url=url, trace=meter.add)
            run(records, meter)
            records.close()


if __name__ == "__main__":
    main()
