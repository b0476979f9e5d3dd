"""`run.map`: jobs of a job. The parent waits in the store; whoever ends the last child wakes it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from hashlib import blake2b
from itertools import count, islice
from typing import Any, Literal, overload

from app.ports import Body, Ports, Put, Record
from app.ports.cursor import cursor_after
from app.room import job
from app.room.acceptance import ring
from app.room.boundary import Boundary
from app.room.claim import PARAMS, Claims, result_file
from app.room.errors import Invalid, Problem, Refused, Stale, Unknown, kinds
from app.room.file_uses import note_jobs
from app.room.files import by_id, derived_id
from app.room.job import JOBS, Wait
from app.room.journal import copied
from app.room.ledger import Ledger
from app.room.notes import Notes
from app.room.operation import Operation, Registry
from app.room.schema.plain import plain
from app.room.strict_json import write_json

MAPS = "maps"  # a tally for each map: how many children there are, have ended, have failed
CHUNK = 90  # children in one commit
ROOM = 64 * 1024  # encoded bytes of their params: all that a map holds of its items at once
READ = 16  # items whose children are read together, where one follows another


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
        results = Results(self._ledger, self._claims, entry, self._notes.record.owner)
        if not entry.get("done"):
            self._wait(called, entry, results, failures)
        if "failed" in entry:
            text, child = entry["failed"]
            raise Refused(text, job=child) if child else Refused(text)
        return results

    def _wait(self, called: Operation, entry: Body, results: "Results", failures: str) -> None:
        """Until it is known how the map has ended; the journal remembers that, for a later run
        might find another child that failed, or none any more."""
        tally = self._tally(entry["map"])
        self._notes.tell([tally["ended"], results.jobs, f"children: {called.name}"])
        if failures == "stop" and tally["failed"]:
            entry["failed"] = results.first_failure()
        elif tally["ended"] < results.jobs:
            self._boundary.suspend(Wait("children", entry["map"]))
        entry["done"] = True
        self._notes.journal.measure(entry)
        self._notes.note()

    def _called(self, operation: str | Callable[..., Any]) -> Operation:
        if isinstance(operation, str):
            return self._registry.get(operation)
        for known in self._registry:
            if known.function is operation:
                return known
        raise Unknown(f"run.map: {operation!r} is no operation; declare it with @operation.")

    def _submit(self, called: Operation, items: Iterable[Any], entry: Body, failures: str) -> None:
        """Chunk by chunk, each in one fenced commit with how far it is: so a run that was
        overtaken makes none, and the next goes on behind the last."""
        if entry["at"] == 0:
            self._open(entry["map"], self._notes.record, failures)
        for made, many in self._chunks(called, islice(iter(items), entry["at"], None), entry):
            if failures == "stop" and self._tally(entry["map"])["failed"]:
                break  # none more is wanted
            note_jobs(self._ports, self._notes.record.owner, made)
            entry["at"] += many
            self._notes.journal.advanced = True
            self._notes.tell([0, entry["at"], f"submitting {called.name}"])
            self._notes.save(beside=self._missing(made))
            ring(self._registry, self._ports, made, self._ports.clock.now())
            self._boundary.check()
        entry["total"] = entry["at"]
        jobs = -(-entry["total"] // entry["batch"])
        tally = self._ports.records.get(MAPS, entry["map"])
        if tally is None:
            raise Unknown(f"The tally of {entry['map']} is gone.")
        self._ledger.amend(tally, lambda found: replace(found, body=found.body | {"total": jobs}))

    def _chunks(
        self, called: Operation, rest: Iterator[Any], entry: Body
    ) -> Iterator[tuple[list[Record], int]]:
        """As many children as one commit takes, and of how many items they are."""
        made: list[Record] = []
        first, size = entry["at"], 0
        while some := list(islice(rest, entry["batch"])):
            child = self._made(called, some, first, entry)
            more = len(write_json(child.body["params"]))
            if made and (len(made) == CHUNK or size + more > ROOM):
                yield made, first - entry["at"]
                made, size = [], 0
            made.append(child)
            first, size = first + len(some), size + more
        if made:
            yield made, first - entry["at"]

    def _missing(self, made: list[Record]) -> Callable[[], list[Put]]:
        """All of them; asked again, because it was refused, those that are not there."""
        tries = count()

        def puts() -> list[Put]:
            again, get = next(tries) > 0, self._ports.records.get
            return [Put(one, expect=0) for one in made if not (again and get(JOBS, one.id))]

        return puts

    def _open(self, map: str, parent: Record, failures: str) -> None:
        body = {"ended": 0, "failed": 0, "stop": failures == "stop"}
        expires = self._ports.clock.now() + job.HELD
        tally = Record(MAPS, map, body, owner=parent.owner, label=parent.id, expires=expires)
        with suppress(Stale):  # an earlier run has opened it
            self._ports.records.commit(Put(tally, expect=0))

    def _made(self, called: Operation, some: list[Any], first: int, entry: Body) -> Record:
        """The child for these items, of which the first has that place."""
        parent, batch = self._notes.record, entry["batch"]
        items = [self._checked(called, item, first + place) for place, item in enumerate(some)]
        id = child_id(entry["map"], first // batch)
        return job.new(
            id,
            operation=called.name,
            params=self._kept(called, id, items if batch > 1 else items[0]),
            owner=parent.owner,
            policy=called.policy,
            now=self._ports.clock.now(),
            priority=parent.priority,
            source="map",
            parent=parent.id,
            index=first // batch,
            map=entry["map"],
            batch=batch if batch > 1 else None,
            trace=self._ports.tracer.here(),
        )

    def _kept(self, called: Operation, child: str, params: Any) -> Any:
        parent = self._notes.record
        file = derived_id(parent.body["created"], child, PARAMS)
        return self._claims.params(params, parent.owner, called, id=file)

    def _checked(self, called: Operation, item: Any, index: int) -> Any:
        """The item as JSON, which its child is given: a File as its id, a date as its text."""
        try:
            given = plain(by_id(item))
            if not isinstance(given, dict):
                raise TypeError(f"it is no object of parameters, as in {_example(called)}")
            called.params.load(given)
        except Invalid as error:
            wrong = "; ".join(f"{e.pointer}: {e.detail}" for e in error.errors)
            raise Refused(f"Item {index} is not valid for {called.name}: {wrong}") from None
        except (TypeError, ValueError) as error:
            raise Refused(f"Item {index} is not valid for {called.name}: {error}") from None
        return given

    def _tally(self, map: str) -> Body:
        record = self._ports.records.get(MAPS, map)
        if record is None:
            raise Unknown(f"The tally of {map} is gone.")
        return record.body


class Results(Sequence[Any]):
    """What the children gave, in the order of the items; read from the store when asked for."""

    def __init__(self, ledger: Ledger, claims: Claims, entry: Body, owner: str) -> None:
        self._ledger, self._claims, self._map = ledger, claims, entry["map"]
        self._total, self._batch, self._owner = entry["total"], entry["batch"], owner
        self._read: dict[str, Record] = {}
        self._last = -1
        self._large: tuple[str, Any] | None = None

    @property
    def jobs(self) -> int:
        return -(-int(self._total) // int(self._batch))

    def __len__(self) -> int:
        return int(self._total)

    def __iter__(self) -> Iterator[Any]:
        return self.since(0)

    def since(self, place: int) -> Iterator[Any]:
        """From there on; what stands before is not read."""
        return (self[index] for index in range(place, len(self)))

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

    def first_failure(self) -> tuple[str, str]:
        """What is said of it, and which child it is, if it is one that failed."""
        child = self._first(job.FAILED)
        if child is None:
            return "A child was cancelled.", ""
        place = int(child.body["index"]) * int(self._batch)
        return f"Item {place} failed for good: {failure(child).detail}", child.id

    def _first(self, status: str) -> Record | None:
        """By one look; by one at each where the index has not heard of it yet."""
        for known in (job.FAILED, job.CANCELLED):
            if found := self._listed(-1, 1, known):
                return found[0] if known == status else None
        children = map(self._child, range(self.jobs))
        return next((child for child in children if child.label == status), None)

    def _result(self, child: Record) -> Any:
        """Read once, however many items it is of."""
        if result_file(child.body) is None:
            return child.body["result"]
        if self._large is None or self._large[0] != child.id:
            self._large = child.id, self._claims.result(child)
        return self._large[1]

    def _child(self, index: int) -> Record:
        id = child_id(self._map, index)
        if id not in self._read:
            most, self._read = READ // self._batch if index == self._last + 1 else 0, {}
            # Of one that has not ended, the list may be behind.
            for child in self._listed(index - 1, most) if most > 1 else ():
                if child.label in job.TERMINAL:
                    self._read[child.id] = child
        self._last = index
        if id not in self._read:
            if (found := self._ledger.get(id)) is None:
                raise Unknown(f"Child {index} of {self._map} is gone: it outlived its `keep`.")
            self._read = {id: found}
        return self._read[id]

    def _listed(self, behind: int, most: int, status: str | None = None) -> list[Record]:
        """Children in their order."""
        before = f"{self._map}-" if behind < 0 else child_id(self._map, behind)
        page = self._ledger.records.list(
            JOBS,
            owner=self._owner,
            label=status,
            newest_first=False,
            cursor=cursor_after(before),
            limit=most,
        )
        return [child for child in page.items if child.body.get("map") == self._map]


def _example(called: Operation) -> str:
    names = called.params.names
    return f"{{{names[0]!r}: …}}" if names else "{}"


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
