"""Records in one DynamoDB table. `table` says how it is laid out, and why."""

import time
from collections.abc import Callable, Iterator, Sequence

from app.ports import COMMIT_CAP, MOST_WRITES, Page, Put, Record, Write, check
from app.ports.aws import items, table
from app.ports.aws.claims import Claims
from app.ports.aws.commit import Commit
from app.ports.aws.reading import BATCH, Reading
from app.ports.aws.wire import PATIENCE, Answer, Wire
from app.ports.body import check_sizes, encode
from app.ports.cursor import id_before
from app.ports.page import cut, page

UNIT = 1024  # what DynamoDB bills a write by


class AwsRecords:
    """See `app.ports.Records`. Any number of threads and processes share one table, and forks.

    A list, a count and a take see what was committed within moments, for their indexes follow
    the table; a `get` sees it at once. A count of a few thousand is of one moment, a larger one
    of a few.
    """

    most_writes, most_bytes, unit = MOST_WRITES, COMMIT_CAP, UNIT

    def __init__(
        self,
        name: str,
        *,
        url: str | None = None,
        patience: float = PATIENCE,
        trace: Callable[[str, Answer], object] | None = None,
        pause: Callable[[float], object] = time.sleep,
    ) -> None:
        self._wire = Wire(url, patience, trace)
        self._reading = Reading(self._wire, name, pause)
        self._claims = Claims(self._wire, name, pause)
        self._name, self._pause = name, pause

    def get(self, collection: str, id: str) -> Record | None:
        found = self._reading.get(table.key(collection, id))
        return items.record(found) if found else None

    def commit(self, *writes: Write) -> tuple[Record | None, ...]:
        check(writes, self.most_writes)
        bodies = [encode(write.record.body) if isinstance(write, Put) else "" for write in writes]
        check_sizes(bodies, self.most_bytes)
        if not writes:
            return ()
        puts = [write.record for write in writes if isinstance(write, Put)]
        for record in puts:
            items.check_names(record)  # before anything is written
        self._claims.announce(puts)
        return Commit(self._wire, self._reading, self._name, self._pause, writes, bodies).run()

    def list(
        self,
        collection: str,
        *,
        owner: str | None = None,
        label: str | None = None,
        newest_first: bool = True,
        cursor: str | None = None,
        limit: int = 50,
    ) -> Page:
        if limit < 1:
            raise ValueError(f"A page has at least one record, not {limit}.")
        after = None if cursor is None else table.order_form(id_before(cursor))
        fitting = self._fitting(collection, owner, label, newest_first, after, limit + 1)
        found, sizes, more = cut(fitting, _text, limit)
        return page((record for record, _ in found), sizes, more)

    def _fitting(
        self,
        collection: str,
        owner: str | None,
        label: str | None,
        newest_first: bool,
        after: str | None,
        most: int,
    ) -> Iterator[tuple[Record, str]]:
        """And the text of each one's body."""
        index, form = _sought(collection, owner, label)
        pages = self._reading.keys(index, form, after=after, forward=not newest_first, most=most)
        for keys in pages:
            for item in self._reading.in_portions(keys):
                record = items.record(item)
                # It may have changed since the index saw it.
                if owner in (None, record.owner) and label in (None, record.label):
                    yield record, items.text(item, "b")

    def count(self, collection: str, *, owner: str | None = None, label: str | None = None) -> int:
        if "" in (owner, label):  # no index knows of what they have not
            found = self._fitting(collection, owner, label, False, None, BATCH)
            return sum(1 for _ in found)
        return self._reading.count(*_sought(collection, owner, label))

    def take(
        self, collection: str, *, now: float, until: float, limit: int, label: str
    ) -> Sequence[Record]:
        return self._claims.take(collection, now=now, until=until, limit=limit, label=label)

    def ping(self) -> None:
        self._reading.get(table.priorities_key("ping"))

    def close(self) -> None:
        self._wire.close()


def _text(found: tuple[Record, str]) -> str:
    return found[1]


def _sought(collection: str, owner: str | None, label: str | None) -> tuple[str, str]:
    """The index that serves a search by these, and the partition of it."""
    form = table.collection_form(collection)
    if not owner:
        return (table.LABEL, table.joined(form, label)) if label else (table.COLLECTION, form)
    form = table.joined(form, owner)
    return (table.OWNER_LABEL, table.joined(form, label)) if label else (table.OWNER, form)
