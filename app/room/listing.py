"""Pages of jobs: all, those of one status or operation, those without a parent, or one's children.

A child's id begins with the id of its outermost parent, so all that descend from a job stand
together in the order of ids, and one look passes by them, however many there are.
"""

from dataclasses import dataclass

from app.ports import PAGE_CAP, Page, Record, Records
from app.ports.cursor import cursor_after, id_before
from app.room import job
from app.room.children import MAPS
from app.room.errors import Invalid, Wrong
from app.room.job import JOBS

LOOKS = 1000  # records that one page of a filtered list reads, at most
READ = 16 * PAGE_CAP  # encoded bytes of them
FULL = PAGE_CAP // 2  # of what it has: what is read beyond may not fit in
NO_PARENT = "none"  # in place of a parent's id


@dataclass(frozen=True)
class Wanted:
    """`parent`: the id of one, or "none"."""

    status: str | None = None
    operation: str | None = None
    parent: str | None = None


def listed(records: Records, owner: str, wanted: Wanted, cursor: str | None, limit: int) -> Page:
    """Newest first. A page may be short, one of a filtered list empty, and yet have a next."""
    if wanted.status is not None and wanted.status not in job.STATUSES:
        known = ", ".join(job.STATUSES)
        raise Invalid(errors=[Wrong("/status", f"Must be one of: {known}.")])
    items: list[Record] = []
    size = looked = read = 0  # of these; records and bytes that were read for them
    while True:
        page = _read(records, owner, wanted, cursor, limit)
        for one, its_size in zip(page.items, page.sizes, strict=True):
            if not _fits(one, wanted):
                continue
            if len(items) == limit or (items and size + its_size > PAGE_CAP):
                return Page(tuple(items), cursor_after(items[-1].id))
            items.append(one)
            size += its_size
        cursor, looked, read = page.next, looked + max(1, len(page.items)), read + sum(page.sizes)
        is_full = len(items) >= limit or size >= FULL
        if cursor is None or is_full or looked >= LOOKS or read >= READ:
            return Page(tuple(items), cursor)


def _fits(record: Record, wanted: Wanted) -> bool:
    if wanted.parent is not None:
        parent = record.body.get("parent")
        if parent != (None if wanted.parent == NO_PARENT else wanted.parent):
            return False
    return wanted.operation in (None, record.body["operation"])


def _read(records: Records, owner: str, wanted: Wanted, cursor: str | None, limit: int) -> Page:
    if wanted.parent not in (None, NO_PARENT):
        return _brood(records, owner, wanted, cursor, limit)
    page = records.list(JOBS, owner=owner, label=wanted.status, cursor=cursor, limit=limit)
    if page.next is None or (map := page.items[-1].body.get("map")) is None:
        return page
    if wanted.parent == NO_PARENT:
        return page._replace(next=cursor_after(f"{page.items[-1].id.partition('-')[0]}-"))
    if wanted.operation in (None, page.items[-1].body["operation"]):
        return page
    return page._replace(next=cursor_after(f"{map}-"))  # all of a map are of one operation


def _brood(records: Records, owner: str, wanted: Wanted, cursor: str | None, limit: int) -> Page:
    """The children of one map after another: a range of ids each."""
    parent = wanted.parent or ""
    if cursor is None:
        map = _map_after(records, parent, None)
    else:
        map = _map_of(records, parent, id_before(cursor))
    if map is None:
        return Page(())
    after = cursor or _above(map)
    page = records.list(JOBS, owner=owner, label=wanted.status, cursor=after, limit=limit)
    own = tuple(one for one in page.items if one.id.startswith(f"{map}-"))
    if page.next is not None and len(own) == len(page.items):
        return page
    following = _map_after(records, parent, map)
    return Page(own, None if following is None else _above(following), page.sizes[: len(own)])


def _map_after(records: Records, parent: str, map: str | None) -> str | None:
    cursor = None if map is None else cursor_after(map)
    found = records.list(MAPS, label=parent, cursor=cursor, limit=1).items
    return found[0].id if found else None


def _map_of(records: Records, parent: str, child: str) -> str:
    map = child.rpartition("-")[0]
    tally = records.get(MAPS, map) if map else None
    if tally is None or tally.label != parent:
        raise Invalid(errors=[Wrong("/cursor", "This is not a cursor of these children.")])
    return map


def _above(map: str) -> str:
    """A cursor that stands before the newest child: a colon comes after all digits."""
    return cursor_after(f"{map}-:")
