"""`on=[Upload(glob)]`: a file that has come is a job of each operation whose glob fits its name.

That it is to be told stands in the file's own record, in the commit that makes it ready: should the
process die before the jobs are made, the sweep finds it. The file's id is their key, so each
operation gets one job, however often it is told.
"""

import logging
from collections.abc import Callable, Sequence
from typing import Any

from app.ports import Ports, Record
from app.room.acceptance import Submission
from app.room.call import Caller
from app.room.errors import Conflict, Internal, Problem
from app.room.files import FileField, finding
from app.room.moment import moment
from app.room.operation import WHOLE, Operation, Registry
from app.room.shelf import Shelf
from app.room.strict_json import write_json
from app.room.trigger import Upload
from app.room.unreadable import unreadable

DOOR = "upload"

Accept = Callable[[Sequence[Submission], Caller], Sequence[Record]]

log = logging.getLogger("manydoors.jobs")


class Uploads:
    """See `shelf.Listeners`."""

    def __init__(self, registry: Registry, ports: Ports, accept: Accept) -> None:
        self._registry, self._ports, self._accept = registry, ports, accept

    def wants(self, path: str) -> bool:
        return any(True for each in self._registry if is_for(each, path))

    def tell(self, record: Record) -> None:
        facts, find = facts_of(record), Shelf(self._ports).finder(record.owner)
        caller = Caller(record.owner, "admin")  # what code has declared needs nobody's leave
        for each in self._registry:
            if not is_for(each, facts["key"]):
                continue
            params = params_of(each, facts, record.id)
            key = f"{DOOR}:{record.id}"
            made = Submission(each.name, params, key, source=DOOR, request_id=record.id)
            try:
                with finding(find):
                    each.params.load(params)
                self._accept([made], caller)
            except Exception as error:  # its schema and its key are the operation's own
                if isinstance(error, Problem) and (error.retry or isinstance(error, Conflict)):
                    raise  # it is told again
                self._accept([self._trace(each, record, facts, error)], caller)

    def _trace(
        self, taker: Operation, record: Record, facts: dict[str, Any], error: Exception
    ) -> Submission:
        why = error if isinstance(error, Problem) else Internal(f"It failed to take it: {error!r}")
        log.warning("%s does not take %s: %s", taker.name, record.id, why.detail)
        source, raw = f"{DOOR}:{taker.name}", write_json(facts)
        return unreadable(
            self._registry, why, source=source, id=record.id, raw=raw, operation=taker.name
        )


def is_for(operation: Operation, path: str) -> bool:
    return any(isinstance(each, Upload) and each.fits(path) for each in operation.triggers)


def facts_of(record: Record) -> dict[str, Any]:
    """What is known of a file, in the words that are S3's."""
    body = record.body
    return {
        "bucket": "",
        "key": body.get("path", body["name"]),
        "name": body["name"],
        "type": body["type"],
        "size": body["size"],
        "etag": body["sha256"] or None,
        "version": record.id,
        "time": moment(body["ready"]),
    }


def params_of(operation: Operation, facts: dict[str, Any], file: str = "") -> dict[str, Any]:
    """Those facts that are parameters, by name, and the file for the one that takes one; all of
    the facts, as its `message`."""
    fields = operation.params.schema.load_fields
    given = {name: fact for name, fact in facts.items() if name in operation.params.names}
    takes = [each.data_key or name for name, each in fields.items() if isinstance(each, FileField)]
    if file and takes:
        given[takes[0]] = file
    return {WHOLE: facts} if WHOLE in operation.params.names and not given else given
