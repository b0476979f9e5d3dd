"""`on=[Stream("cats")]`: a changed row of a table, or document of `records("cats")`, is a job of
each operation that watches it.

Of a document the jobs are in the commit that changes it: whatever dies, there are both or neither.
What goes by the sequence is kept beside it, so that a later change has a higher one though the
document was deleted meanwhile, or a clock was set back.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from random import random
from typing import Any

from app.ports import Body, Delete, Ports, Put, Record, Write
from app.room.acceptance import Acceptance, Submission, ring
from app.room.call import LOCAL
from app.room.errors import Internal, Problem, Stale
from app.room.files import finding
from app.room.message import takers
from app.room.operation import Operation, Registry, chosen
from app.room.shelf import Shelf
from app.room.strict_json import write_json
from app.room.trigger import Stream
from app.room.unreadable import unreadable

DOOR = "stream"
SEQUENCES = "changes"  # the last sequence of each document that is watched
KEPT = 90 * 86400.0  # seconds; then the time alone gives the next
TRIES = 40  # of a change that others outrun
STEP, LONGEST = 0.002, 0.05  # seconds between them, at most

log = logging.getLogger("manydoors.jobs")


@dataclass(frozen=True)
class Change:
    """What is told of one, in DynamoDB's words: `vars` are its facts by their names."""

    event: str  # insert, modify or remove
    table: str
    keys: Body | None
    new: Body | None
    old: Body | None
    sequence: str


class Changes:
    """Of one service's documents."""

    def __init__(self, registry: Registry, ports: Ports, acceptance: Acceptance) -> None:
        self._registry, self._ports, self._acceptance = registry, ports, acceptance

    def watchers(self, collection: str) -> tuple[Operation, ...]:
        """Asks the store nothing."""
        return takers(self._registry, Stream, collection)

    def commit(
        self, collection: str, write: Put | Delete, watchers: Sequence[Operation]
    ) -> Record | None:
        """The write, and the jobs of those who watch: all or nothing. What changes no data starts
        none, as in a table of DynamoDB's.

        A queue that is full refuses no change: see `Acceptance.drafted`.
        """
        for tries in range(TRIES):
            # Many at once would outrun each other.
            self._ports.clock.sleep(random() * min(tries * STEP, LONGEST))  # noqa: S311 - no secret
            writes, made = self._writes(collection, write, watchers)
            try:
                stored = self._ports.records.commit(*writes)[0]
            except Stale:
                continue  # by the next look `write` itself is refused, if it expects a version
            ring(self._registry, self._ports, made, self._ports.clock.now())
            return stored
        raise Stale("The document changes too often to be changed here.")

    def _writes(
        self, collection: str, write: Put | Delete, watchers: Sequence[Operation]
    ) -> tuple[list[Write], list[Record]]:
        """What one commit writes, the document first; and the jobs among it."""
        records, at = self._ports.records, write.record if isinstance(write, Put) else write
        found = records.get(at.collection, at.id)
        version = found.version if found else 0
        if write.expect not in (None, version):
            raise Stale(f"{at.collection}/{at.id} has changed since it was read.")
        new = _stored(write.record.body) if isinstance(write, Put) else None
        old = found.body if found else None
        own: Write = write if (new, old) == (None, None) else replace(write, expect=version)
        if _is_same(new, old):
            return [own], []
        tail = self._tail(at.collection, at.id)
        change = Change(
            event="insert" if old is None else "remove" if new is None else "modify",
            table=collection,
            keys={"id": at.id},
            new=_image(at.id, new),
            old=_image(at.id, old),
            sequence=str(tail.body["sequence"]),
        )
        made, writes = self._jobs(change, at.id, watchers)
        return [own, Put(tail, expect=tail.version), *writes], made

    def _tail(self, collection: str, id: str) -> Record:
        """The record of the next sequence. By one clock the jobs are due in this order, too: it is
        read behind all that the last change has written."""
        digest = blake2b(f"{collection}/{id}".encode(errors="replace"), digest_size=16).hexdigest()
        last = self._ports.records.get(SEQUENCES, digest) or Record(SEQUENCES, digest, {})
        now = self._ports.clock.now()
        sequence = max(int(now * 1_000_000), last.body.get("sequence", 0) + 1)
        return replace(last, body={"sequence": sequence}, expires=now + KEPT)

    def _jobs(
        self, change: Change, id: str, watchers: Sequence[Operation]
    ) -> tuple[list[Record], list[Write]]:
        made, writes = list[Record](), list[Write]()
        name = f"{change.table}/{id} {change.sequence}"
        for each in watchers:
            params = chosen(each, vars(change))
            try:
                with finding(Shelf(self._ports).finder(LOCAL.owner)):
                    each.params.load(params)
                job = Submission(each.name, params, source=DOOR, request_id=name)
                jobs, beside = self._acceptance.drafted([job], LOCAL)
            except Exception as error:  # the schema is the watcher's own
                if isinstance(error, Problem) and error.retry:
                    raise
                jobs, beside = self._trace(each, change, name, error)
            made += jobs
            writes += beside
        return made, writes

    def _trace(
        self, watcher: Operation, change: Change, name: str, error: Exception
    ) -> tuple[list[Record], list[Write]]:
        """Whoever writes has no part in what those who watch refuse."""
        why = error if isinstance(error, Problem) else Internal(f"Its schema failed: {error!r}")
        log.warning("%s does not take the change %s: %s", watcher.name, name, why.detail)
        source, raw = f"{DOOR}:{change.table}", write_json(vars(change))
        trace = unreadable(
            self._registry, why, source=source, id=name, raw=raw, operation=watcher.name
        )
        return self._acceptance.drafted([trace], LOCAL)


def _image(id: str, body: Body | None) -> Body | None:
    """With the key, as a row has it; a member of that name is the document's own."""
    return None if body is None else {"id": id, **body}


def _stored(body: Body) -> Body:
    """As it is read back. ValueError or TypeError, as from the store, for what is not JSON."""
    read: Body = json.loads(json.dumps(body, allow_nan=False))
    return read


def _is_same(new: Body | None, old: Body | None) -> bool:
    """In JSON: 1 is neither true nor 1.0."""
    return _sorted(new) == _sorted(old)


def _sorted(body: Any) -> str:
    return json.dumps(body, sort_keys=True)
