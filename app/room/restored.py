"""What a store needs before it goes on from a backup: nobody is at work on it any more."""

from dataclasses import replace

from app.ports import Put, Record, Records
from app.room.job import JOBS, RUNNING, forsaken

PAGE = 200


def revive(records: Records, now: float) -> int:
    """Makes due at once what ran when the backup was made; says how many. To be called while
    nobody else has the store."""
    cursor, found = None, 0
    while True:
        page = records.list(JOBS, label=RUNNING, cursor=cursor, limit=PAGE)
        for record in page.items:
            records.commit(Put(revived(record, now), expect=record.version))
        found += len(page.items)
        if (cursor := page.next) is None:
            return found


def revived(record: Record, now: float) -> Record:
    """The run under way then counts as no attempt: it did not fail, it only is not known here."""
    body = record.body | {"free": record.body["free"] + 1}
    return replace(forsaken(record, now), body=body)
