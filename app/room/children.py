"""`run.map`: jobs of a job. The parent waits in the store; whoever ends the last child wakes it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from itertools import islice
from typing import Any, Literal, overload

from app.ports import Body, Ports, Put, Record
from app.room import job
from app.room.acceptance import ring
from app.room.boundary import Boundary
from app.room.claim import PARAMS, Claims, result_file
from app.room.errors import Invalid, Problem, Refused, Stale, TooLarge, Unknown, kinds
from app.room.file_uses import note_jobs
from app.room.files import derived_id
from app.room.job import JOBS, Wait
from app.room.journal import copied
from app.room.ledger import Ledger
from app.room.notes import WRITE_EVERY, Notes
from app.room.operation import Operation, Registry

MAPS = "maps"  # a tally for each map: how many children there are, have ended, have failed
CHUNK = 90  # children in one commit


class Children:
    """The children of one run's job."""

    def __init__(
        self, registry: Registry, ports: Ports, ledger: Ledger, notes: Notes, boundary: Boundary
    ) -> None:
        self._registry, self._ports, self._ledger = registry, ports, ledger
        self._notes, self._boundary = notes, boundary
        self._claims = Claims(ports)

    def map(
        self,
        operation: str | Callable[..., Any],
        items: Iterable[Any],
        batch: int,
        failures: Literal["stop", "collect"],
    ) -> "Results":
        """The results, once there are all; until then the run is suspended."""
        called = self._called(operation)
        if batch < 1 or failures not in ("stop", "collect"):
            raise ValueError('run.map takes batch=1 or more, failures="stop" or "collect"')
        journal = self._notes.journal
        if (entry := journal.ask("map", called.name)) is None:
            entry = journal.add("map", called.name, at=0, batch=batch)
            entry["map"] = _map_id(self._notes.record.id, journal.place(entry))
            self._notes.mapped = True
        if "total" not in entry:
            self._submit(called, items, entry, failures)
        results = Results(self._ledger, self._claims, entry)
        tally = self._tally(entry["map"])
        if not entry.get("done"):
            self._notes.tell([tally["ended"], results.jobs, f"children: {called.name}"])
        if failures == "stop" and tally["failed"]:
            raise results.first_failure()
        if tally["ended"] < results.jobs:
            self._boundary.suspend(Wait("children", entry["map"]))
        if not entry.get("done"):
            entry["done"] = True
            self._notes.note()
        return results

    def _called(self, operation: str | Callable[..., Any]) -> Operation:
        if isinstance(operation, str):
            return self._registry.get(operation)
        for known in self._registry:
            if known.function is operation:
                return known
        raise Unknown(f"run.map: {operation!r} is no operation; declare it with @operation.")

    def _submit(self, called: Operation, items: Iterable[Any], entry: Body, failures: str) -> None:
        """Chunk by chunk; a run that takes over begins where the last checkpoint was, and finds
        what the other has made since, for a child's id is its place."""
        if entry["at"] == 0:
            self._open(entry["map"], self._notes.record, failures)
        rest = islice(iter(items), entry["at"], None)
        while chunk := list(islice(rest, CHUNK * entry["batch"])):
            self._boundary.check()
            made = self._made(called, chunk, entry)
            note_jobs(self._ports, self._notes.record.owner, made)
            self._store(made)
            ring(self._registry, self._ports, made, self._ports.clock.now())
            entry["at"] += len(chunk)
            self._notes.journal.advanced = True
            self._notes.tell([0, entry["at"], f"submitting {called.name}"])
            self._notes.save_if(WRITE_EVERY)
        entry["total"] = entry["at"]
        jobs = -(-entry["total"] // entry["batch"])
        tally = self._ports.records.get(MAPS, entry["map"])
        if tally is None:
            raise Unknown(f"The tally of {entry['map']} is gone.")
        self._ledger.amend(tally, lambda found: replace(found, body=found.body | {"total": jobs}))

    def _open(self, map: str, parent: Record, failures: str) -> None:
        body = {"ended": 0, "failed": 0, "stop": failures == "stop"}
        expires = self._ports.clock.now() + job.HELD
        tally = Record(MAPS, map, body, owner=parent.owner, label=parent.id, expires=expires)
        with suppress(Stale):  # an earlier run has opened it
            self._ports.records.commit(Put(tally, expect=0))

    def _made(self, called: Operation, chunk: list[Any], entry: Body) -> list[Record]:
        parent, now = self._notes.record, self._ports.clock.now()
        batch, first = entry["batch"], entry["at"]
        made = []
        for offset in range(0, len(chunk), batch):
            items = [self._checked(called, chunk[i], first + i)
                     for i in range(offset, min(offset + batch, len(chunk)))]  # fmt: skip
            index = (first + offset) // batch
            id = child_id(entry["map"], index)
            made.append(
                job.new(
                    id,
                    operation=called.name,
                    params=self._kept(called, id, items if batch > 1 else items[0]),
                    owner=parent.owner,
                    policy=called.policy,
                    now=now,
                    priority=parent.priority,
                    source="map",
                    parent=parent.id,
                    index=index,
                    map=entry["map"],
                    batch=batch if batch > 1 else None,
                )
            )
        return made

    def _kept(self, called: Operation, child: str, params: Any) -> Any:
        parent = self._notes.record
        file = derived_id(parent.body["created"], child, PARAMS)
        return self._claims.params(params, parent.owner, called, id=file)

    def _checked(self, called: Operation, item: Any, index: int) -> Any:
        try:
            called.params.load(item)
        except Invalid as error:
            wrong = "; ".join(f"{e.pointer}: {e.detail}" for e in error.errors)
            raise Refused(f"Item {index} is not valid for {called.name}: {wrong}") from None
        return item

    def _store(self, made: list[Record]) -> None:
        """Those that an earlier run has not made; halved where one commit can't hold them."""
        records = self._ports.records
        try:
            records.commit(*(Put(child, expect=0) for child in made))
        except Stale:
            missing = [child for child in made if records.get(JOBS, child.id) is None]
            if len(missing) == len(made):
                raise
            self._store(missing)
        except TooLarge:
            if len(made) == 1:
                raise
            self._store(made[: len(made) // 2])
            self._store(made[len(made) // 2 :])

    def _tally(self, map: str) -> Body:
        record = self._ports.records.get(MAPS, map)
        if record is None:
            raise Unknown(f"The tally of {map} is gone.")
        return record.body


class Results(Sequence[Any]):
    """What the children gave, in the order of the items; read from the store when asked for."""

    def __init__(self, ledger: Ledger, claims: Claims, entry: Body) -> None:
        self._ledger, self._claims, self._map = ledger, claims, entry["map"]
        self._total, self._batch = entry["total"], entry["batch"]
        self._read: tuple[int, Record] | None = None
        self._large: tuple[str, Any] | None = None

    @property
    def jobs(self) -> int:
        return -(-int(self._total) // int(self._batch))

    def __len__(self) -> int:
        return int(self._total)

    def __iter__(self) -> Iterator[Any]:
        return (self[index] for index in range(len(self)))

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        if isinstance(index, slice):
            return [self[each] for each in range(*index.indices(len(self)))]
        place = range(len(self))[index]
        child = self._child(place // self._batch)
        if child.label != job.SUCCEEDED:
            return failure(child)
        result = self._result(child)
        return copied(result[place % self._batch] if self._batch > 1 else result)

    def first_failure(self) -> Refused:
        """Of the child that failed; which, a look at each tells."""
        for index in range(self.jobs):
            child = self._child(index)
            if child.label == job.FAILED:
                why = failure(child)
                text = f"Item {index * self._batch} failed for good: {why.detail}"
                return Refused(text, job=child.id)
        return Refused("A child was cancelled.")

    def _result(self, child: Record) -> Any:
        """Read once, however many items it is of."""
        if result_file(child.body) is None:
            return child.body["result"]
        if self._large is None or self._large[0] != child.id:
            self._large = child.id, self._claims.result(child)
        return self._large[1]

    def _child(self, index: int) -> Record:
        if self._read and self._read[0] == index:
            return self._read[1]
        child = self._ledger.get(child_id(self._map, index))
        if child is None:
            raise Unknown(f"Child {index} of {self._map} is gone: it outlived its `keep`.")
        self._read = index, child
        return child


def failure(child: Record) -> Problem:
    """Why a child gave no result."""
    error = child.body.get("error") or {"kind": "refused", "detail": f"The job is {child.label}."}
    kind = kinds().get(error["kind"], Refused)  # "crashed" is no kind of a call's problem
    return kind(error["detail"])


def _map_id(parent: str, place: str) -> str:
    """As long at any depth of maps in maps, and sorted by the time of the outermost job."""
    root = parent.split("-")[0]
    return f"{root}-{blake2b(f'{parent} {place}'.encode(), digest_size=8).hexdigest()}"


def child_id(map: str, index: int) -> str:
    return f"{map}-{index:08}"


def is_due(tally: Body) -> bool:
    """Has the parent something to go on with?"""
    if tally["stop"] and tally["failed"]:
        return True
    return tally.get("total") is not None and tally["ended"] >= tally["total"]
