"""Keys and their rates on DynamoDB: what they promise on the embedded store, they promise there."""

import uuid
from collections.abc import Iterator
from random import Random

import pytest

from app.ports.aws.records import AwsRecords
from app.room.access import Access
from app.room.call import LOCAL, Caller
from app.room.errors import Busy, Unauthenticated
from app.room.keyring import Keyring
from app.room.operation import Registry
from app.room.rate import Limit, Rates
from app.testing import Testing
from tests.engines import dynamo as engine

pytestmark = pytest.mark.engine


@pytest.fixture
def service(dynamo: str) -> Iterator[Testing]:
    table = f"table-{uuid.uuid4().hex}"
    engine.make_table(dynamo, table)
    records = AwsRecords(table, url=dynamo)
    with Testing(Registry(), records=records) as made:
        yield made
    records.close()


def test_a_key_from_its_making_to_its_end(service: Testing) -> None:
    """Known, noted, rotated, listed, revoked; the first one closes the door."""
    ports = service.room.ports
    access, late = Access(ports), Access(ports, later=lambda work: work())
    ring = Keyring(ports, access, LOCAL)
    assert not late.asks()
    made = ring.create("Ada's", ["run"], "ada", service.clock.now() + 1000.5)
    service.clock.sleep(1)
    assert late.asks()
    assert late.of_key(made["key"]) == Caller("ada", "run", made["id"])
    again = ring.rotate(made["id"], 10)
    assert late.of_session(late.sign_in(again["key"])) == access.of_key(made["key"])
    (listed,) = ring.list()["items"]
    assert listed["last_used_at"] == "2026-01-01T00:00:01.000Z"
    ring.revoke(made["id"])
    for shown in (made["key"], again["key"]):
        with pytest.raises(Unauthenticated):
            access.of_key(shown)
    assert ring.list()["items"] == []


def test_a_rate_holds_over_processes(service: Testing) -> None:
    """Four of them, at five times the rate, to 5 %."""
    ports, chance, admitted = service.room.ports, Random(3), 0
    now = lambda work: work()  # noqa: E731 - what is done beside is done at once
    four = [Rates(ports.records, ports.clock, Limit(20, 10), now) for _ in range(4)]
    for _ in range(1500):
        service.clock.sleep(0.01)
        try:
            chance.choice(four).spend("a")
            admitted += 1
        except Busy:
            continue
    assert 0.95 * 310 <= admitted <= 1.05 * 310
