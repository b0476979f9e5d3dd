"""The files of a service: asked for, arrived, listed, linked to, deleted, and swept when over.

A record is there before any byte is, and a grave of it for as long as a byte may be: so nothing is
ever stored that no record knows.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BufferedIOBase
from random import random
from typing import BinaryIO, Protocol

from app.ports import Body, Delete, Page, Ports, Put, Record
from app.ports.files import Content, Stored, Way
from app.room.errors import (
    Conflict,
    Invalid,
    Precondition,
    Problem,
    Stale,
    TooLarge,
    Unavailable,
    Unknown,
    Wrong,
)
from app.room.file_link import based, disposition
from app.room.file_uses import FILES, SCHEDULE, kept_until
from app.room.files import File, Find

GRAVES = "file_graves"
ACCOUNTS = "file_accounts"
WAITING, READY = "waiting", "ready"
UPLOAD = 6 * 3600.0  # seconds that an upload may be begun in
GRACE = 3600.0  # and that one under way may take beyond that
LINK = 900.0  # seconds; a link is good for one to two of these
LOOK = 86400.0  # until somebody looks again whether a job still needs a file
SOON = 60.0  # seconds until somebody looks whether those who wait for a file were told
SWEEP_LEASE = 120.0
TRIES = 40


@dataclass(frozen=True)
class Wish:
    """A file to be."""

    name: str
    type: str
    size: int | None = None
    sha256: str = ""
    brief: float | None = None  # seconds that it is kept, unless a job names it
    sealed: bool = False  # shown to nobody
    path: str = ""  # with its folders, where it has any


class Listeners(Protocol):
    """Who waits for files to come."""

    def wants(self, path: str) -> bool:
        """Does anybody wait for one of this name?"""

    def tell(self, record: Record) -> None:
        """That it is there. It may be told twice, and counts once."""


class Shelf:
    def __init__(self, ports: Ports, listeners: Listeners | None = None) -> None:
        self._ports, self._records, self._files = ports, ports.records, ports.files
        self._listeners = listeners
        self._limits = ports.file_limits

    def create(self, wish: Wish, owner: str) -> tuple[Record, Way]:
        """A file that waits for its bytes, and where they go."""
        now = self._ports.clock.now()
        made = self._begun(self._ports.new_id("file"), wish, owner, now + UPLOAD)
        content = content_of(made, self._most)
        try:
            way = self._files.presign_upload(made.id, content, now=now, until=now + UPLOAD)
        except Problem:
            with suppress(Problem):
                self._bury(made)
            raise
        return made, way

    def keep(self, wish: Wish, content: BinaryIO, owner: str, id: str = "") -> Record:
        """A file of bytes that are here, whole. `id`: one by which another try finds that of this,
        and goes on with it."""
        made = self._records.get(FILES, id) if id else None
        if made is None:
            now = self._ports.clock.now()
            made = self._begun(id or self._ports.new_id("file"), wish, owner, now)
        if is_ready(made):
            return made
        key = made.body["keys"][-1]
        try:
            stored = self._files.put(key, content, type=wish.type, most=self._most)
        except Precondition:  # the other came so far
            there = self._files.stat(key, content_of(made, self._most))
            if there is None:
                raise
            stored = there
        return self.arrived(made, stored)

    def _begun(self, id: str, wish: Wish, owner: str, until: float) -> Record:
        """Before any byte. `until`: when bytes may begin to come."""
        if (wish.size or 0) > self._limits.most:
            raise self.too_large()
        body: Body = {
            "name": wish.name,
            "type": wish.type,
            "asked": [wish.size, wish.sha256],
            "keys": [id],
            "created": self._ports.clock.now(),
            "until": until,
            "charged": wish.size or 0,
        }
        if wish.brief is not None:
            body["brief"] = wish.brief
        if wish.sealed:
            body["sealed"] = True
        if wish.path:
            body["path"] = wish.path
        record = Record(FILES, id, body, owner=owner, label=WAITING, due=until + GRACE)
        return self.commit(lambda: [Put(record, expect=0), self.charge(owner, wish.size or 0)])

    def open(self, id: str, owner: str) -> BufferedIOBase:
        """Its bytes as a stream, to be closed."""
        return self._files.open(self.ready(id, owner).body["keys"][-1])

    def look(self, id: str, owner: str) -> Record:
        """The file, `Unknown` also when it is somebody else's. One that has just come is ready."""
        record = self._records.get(FILES, id)
        if record is None or record.owner != owner or "sealed" in record.body:
            raise Unknown("There is no such file.")
        return record if is_ready(record) else self._settled(record)

    def ready(self, id: str, owner: str) -> Record:
        """`Conflict` while its bytes have not come."""
        record = self.look(id, owner)
        if not is_ready(record):
            raise Conflict("The file's bytes have not come yet.", file_status=WAITING)
        return record

    def finder(self, owner: str) -> Find:
        def find(id: str) -> File | str:
            try:
                record = self.look(id, owner)
            except Unknown:
                return "unknown"
            return file_of(record) if is_ready(record) else WAITING

        return find

    def list(self, owner: str, *, cursor: str | None, limit: int) -> Page:
        """The newest first. A page may be short, and yet have a next."""
        page = self._records.list(FILES, owner=owner, cursor=cursor, limit=limit)
        return page._replace(items=tuple(each for each in page.items if "sealed" not in each.body))

    def arrived(self, record: Record, stored: Stored) -> Record:
        """The file is whole. What is too much, or not what was said, is taken away again."""
        try:
            self._check(record, stored)
            ready = self.commit(lambda: self._ready(record, stored))
        except Stale:
            found = self._records.get(FILES, record.id)
            if found is not None and is_ready(found):  # another has seen it at the same time
                return found
            raise Unknown("The file was deleted meanwhile.") from None
        except (TooLarge, Invalid):
            with suppress(Stale):
                self._bury(record)
            raise
        with suppress(Problem):  # or at the next sweep
            self._tell(ready)
        return ready

    def notice(self, id: str) -> bool:
        """A hint that it may have come; False for a file that nobody asked for."""
        record = self._records.get(FILES, id)
        if record is not None and not is_ready(record):
            with suppress(TooLarge, Invalid, Unknown):  # it is taken away then
                self._settled(record)
        return record is not None

    def delete(self, id: str, owner: str) -> None:
        """`Conflict` while a job that is kept names it, or a schedule."""
        for _ in range(TRIES):
            record = self.look(id, owner)
            if (user := kept_until(self._ports, id)) is not None:
                raise _named_by(user[0])
            with suppress(Stale):
                self._bury(record)
                return
        raise Stale("The file is used by others just now: try again.")

    def link(self, record: Record) -> str:
        """A URL that gives the bytes for a while; the same for some minutes, so that it can be
        kept by a cache."""
        now, body = self._ports.clock.now(), record.body
        return self._files.presign_download(
            body["keys"][-1],
            type=body["type"],
            disposition=disposition(body["name"], body["type"]),
            now=now,
            until=(now // LINK + 2) * LINK,
        )

    def linker(self, owner: str, prefix: str, most: int = 100) -> Callable[[str], str | None]:
        """A link to each file of the owner; of very many, the path that leads to one."""
        left = iter(range(most))

        def link(id: str) -> str | None:
            if next(left, None) is None:
                return f"{prefix}/v1/files/{id}/content"
            found = self._records.get(FILES, id)
            if found is None or found.owner != owner or not is_ready(found):
                return None
            if "sealed" in found.body:
                return None
            return based(self.link(found), prefix)

        return link

    def sweep(self, limit: int = 10) -> int:
        """Takes away what is over: files that nobody needs, uploads that never came."""
        now = self._ports.clock.now()
        until = now + SWEEP_LEASE
        graves = self._records.take(GRAVES, now=now, until=until, limit=limit, label="")
        for grave in graves:
            self._clear(grave)
        over = self._records.take(FILES, now=now, until=until, limit=limit, label="over")
        for record in over:
            with suppress(Problem):  # others are at it, or the store is out of reach: later again
                self._sweep(record, now)
        return len(graves) + len(over)

    def too_large(self) -> TooLarge:
        most = self._limits.most
        return TooLarge(f"A file has at most {most:,} bytes here.", limit=most)

    def charge(self, owner: str, by: int) -> Put:
        """What the owner's files take together, with so many bytes more: beside the file's write.

        Raises `TooLarge` where that is over the quota.
        """
        id, quota = f"of {owner}", self._limits.quota
        found = self._records.get(ACCOUNTS, id)
        used = max(0, (found.body["bytes"] if found else 0) + by)
        if by > 0 and quota and used > quota:
            raise TooLarge(
                f"With this your files would take {used:,} bytes, and may take {quota:,}: delete "
                "some that you need no more.",
                limit=quota,
            )
        account = Record(ACCOUNTS, id, {"bytes": used}, owner=owner)
        return Put(account, expect=found.version if found else 0)

    def commit(self, decide: Callable[[], Sequence[Put | Delete]]) -> Record:
        """The first as stored; decided anew when only the account was written by another."""
        for tries in range(TRIES):
            first, *others = decide()
            try:
                stored = self._records.commit(first, *others)[0]
            except Stale:
                self._check_account_alone(first)
                self._ports.clock.sleep(random() * min(0.002 * tries, 0.05))  # noqa: S311 - no secret
                continue
            return stored or Record(FILES, "gone", {})
        raise Unavailable("Too many files come and go at once: try again.", after=1)

    def _check_account_alone(self, write: Put | Delete) -> None:
        at = write.record if isinstance(write, Put) else write
        found = self._records.get(at.collection, at.id)
        if (found.version if found else 0) != write.expect:
            raise Stale("The file has changed meanwhile.")

    @property
    def _most(self) -> int:
        return self._limits.most

    def _settled(self, record: Record) -> Record:
        if "job" in record.body:  # it is being saved, and that says itself when it is done
            return record
        stored = self._files.stat(record.body["keys"][-1], content_of(record, self._most))
        return record if stored is None else self.arrived(record, stored)

    def _check(self, record: Record, stored: Stored) -> None:
        size, sha256 = record.body["asked"]
        if stored.size > self._most:
            raise self.too_large()
        if size not in (None, stored.size):
            raise Invalid(errors=[Wrong("/size", "The bytes that came are more or fewer.")])
        if sha256 and stored.sha256 not in ("", sha256):
            raise Invalid(errors=[Wrong("/sha256", "The bytes have another hash.")])

    def _ready(self, record: Record, stored: Stored) -> tuple[Put, Put]:
        more = stored.size - record.body["charged"]
        keep = record.body.get("brief", self._limits.keep)
        now = self._ports.clock.now()
        put = ready_put(record, stored, now, keep)
        if self._is_wanted(record):
            told = replace(put.record, body=put.record.body | {"untold": True}, due=now + SOON)
            put = replace(put, record=told)
        return put, self.charge(record.owner, more)

    def _is_wanted(self, record: Record) -> bool:
        """Who does not know the listeners leaves it to the sweep, which does."""
        body = record.body
        if "brief" in body:
            return False
        path = str(body.get("path", body["name"]))
        return self._listeners is None or self._listeners.wants(path)

    def _tell(self, record: Record) -> None:
        """Those who wait for it; and then that they were told."""
        if self._listeners is None or "untold" not in record.body:
            return
        self._listeners.tell(record)
        for _ in range(TRIES):
            found = self._records.get(FILES, record.id)
            if found is None or "untold" not in found.body:
                return
            body = {name: each for name, each in found.body.items() if name != "untold"}
            due = self._ports.clock.now() + self._limits.keep
            told = replace(found, body=body, label=READY, due=due, lease="")
            with suppress(Stale):  # a job has named it meanwhile
                self._records.commit(Put(told, expect=found.version))
                return

    def _bury(self, record: Record) -> None:
        now = self._ports.clock.now()
        body = record.body
        # A signed URL may bring bytes for as long as it is good: they are taken away then, too.
        due = max(now, body.get("until", 0.0) + GRACE)
        grave = Record(GRAVES, record.id, {"keys": body["keys"]}, owner=record.owner, due=due)
        self.commit(
            lambda: [
                Delete(FILES, record.id, expect=record.version),
                Put(grave),
                self.charge(record.owner, -body["charged"]),
            ]
        )
        with suppress(Problem):  # the sweep comes by
            self.discard(body["keys"])

    def discard(self, keys: Sequence[str]) -> None:
        for key in keys:
            self._files.delete(key)

    def _clear(self, grave: Record) -> None:
        with suppress(Problem):  # or at a later sweep
            self.discard(grave.body["keys"])
            self._records.commit(Delete(GRAVES, grave.id, lease=grave.lease))

    def _sweep(self, record: Record, now: float) -> None:
        if "untold" in record.body:
            self._tell(record)
            return
        found = record if is_ready(record) else self._settled(record)
        if is_ready(found) and found is not record:
            return  # it came, and nobody had looked
        user = kept_until(self._ports, record.id)
        if user is None:
            self._bury(record)
            return
        due = now + LOOK if user[1] is None else max(now + 60.0, user[1])
        label = READY if is_ready(record) else WAITING
        kept = replace(record, due=due, label=label, lease="")
        self._records.commit(Put(kept, expect=record.version))


def _named_by(user: str) -> Conflict:
    if user.startswith(SCHEDULE):
        return Conflict(f"The {user} names this file: change or delete that first.")
    told = f"The job {user} names this file, and is kept: the file goes after it."
    return Conflict(told, job=user)


def ready_put(record: Record, stored: Stored, now: float, keep: float) -> Put:
    """The write that makes a file ready."""
    about = {"size": stored.size, "sha256": stored.sha256, "ready": now, "charged": stored.size}
    body = {name: each for name, each in record.body.items() if name != "asked"} | about
    new = replace(record, body=body, label=READY, due=now + keep, lease="")
    return Put(new, expect=record.version)


def is_ready(record: Record) -> bool:
    return "ready" in record.body


def file_of(record: Record) -> File:
    body = record.body
    return File(record.id, body["name"], body["type"], body["size"], body["sha256"] or None)


def content_of(record: Record, most: int) -> Content:
    """What its upload was asked to be."""
    size, sha256 = record.body["asked"]
    return Content(record.body["type"], size, sha256, most)
