"""Fenced writes of job records: what a run may write, and how a write meets others' writes."""

from collections.abc import Callable, Sequence

from app.ports import Body, Clock, Put, Record, Records, Write
from app.ports.body import Spelled
from app.room.errors import ManydoorsError, Stale, Unknown
from app.room.job import JOBS, RUNNING, is_fading, noted, renewed

PAGES = "journals"
TRIES = 50  # of a change that others outrun


class Lost(ManydoorsError):
    """Another has claimed the job since, or it was settled: nothing of this run counts any more."""


class Ledger:
    """Job records in a store."""

    def __init__(self, records: Records, clock: Clock, lease: float) -> None:
        self.records = records
        self.clock = clock
        self.lease = lease

    def checkpoint(
        self, record: Record, own: Body, change: Callable[[Record], Record], *beside: Write
    ) -> Record:
        """Writes members of the body that belong to the run, and what must land with them.

        It is a sign of life too: the lease goes on.
        """

        def written(found: Record) -> Record:
            # Until the next claim a settled job has the lease of the run that it ended: a thread
            # that was left over must not write to it, still less make it due again.
            if found.label != RUNNING:
                raise Lost(f"{found.id} was settled before.")
            now = self.clock.now()
            is_old = is_fading(found, now, self.lease)
            alive = renewed(found, now, self.lease) if is_old else noted(found, self.lease)
            body = own.over(alive.body) if isinstance(own, Spelled) else alive.body | own
            return change(alive.changed(body=body))

        return self.amend(record, written, beside=lambda *_: beside, fenced=True)

    def amend(
        self,
        record: Record,
        change: Callable[[Record], Record],
        *,
        beside: Callable[[Record, Record], Sequence[Write]] = lambda *_: (),
        fenced: bool = False,
    ) -> Record:
        """Writes what `change` makes of the record: decided anew whenever somebody was faster.

        `fenced`: only while the record's lease is the given one's, else `Lost`. A change that
        gives back the record itself is done without a write. `beside`: what must land with it, of
        the record and what was made of it.
        """
        lease = record.lease if fenced else None
        for _ in range(TRIES):
            changed = change(record)
            if changed is record:
                return record
            put = Put(changed, record.version, lease)
            try:
                stored = self.records.commit(put, *beside(record, changed))[0]
            except Stale:
                found = self._found(record, lease)
                if found.version == record.version:
                    raise  # what stands beside it was refused
                record = found
                continue
            if stored is None:
                raise TypeError("a put stores a record")
            return stored
        raise Stale("The job changes too often to be changed here.")

    def look(self, record: Record) -> Record:
        """The record as it is now; `Lost` when another has claimed it."""
        return self._found(record, record.lease)

    def _found(self, record: Record, lease: str | None) -> Record:
        found = self.records.get(record.collection, record.id)
        if lease is not None and (found is None or found.lease != lease):
            raise Lost(f"Another has claimed {record.id} since.")
        if found is None:
            raise Unknown("There is no such job.")
        return found

    def get(self, id: str) -> Record | None:
        return self.records.get(JOBS, id)

    def pages(self, record: Record) -> list[Body]:
        """The older entries of a journal."""
        entries: list[Body] = []
        for number in range(int(record.body.get("pages", 0))):
            page = self.records.get(PAGES, page_id(record.id, number))
            if page is None:
                raise Unknown(f"Page {number} of the journal of {record.id} is gone.")
            entries += page.body["entries"]
        return entries


def page_id(job: str, number: int) -> str:
    return f"{job}/{number:06}"
