"""What an acceptance is about to write: records by their names, each once, the newest draft."""

from collections.abc import Sequence

from app.ports import Put, Record, Write
from app.room.errors import TooLarge
from app.room.job import JOBS


class Drafts:
    """Of one commit."""

    def __init__(self) -> None:
        self.keys: dict[str, tuple[str, Record]] = {}  # the idempotency keys met so far
        self.latest: dict[str, Record] = {}  # which job stands for what
        self._puts: dict[tuple[str, str], Put] = {}
        self._jobs: list[Record] = []

    def put(self, record: Record, expect: int) -> None:
        """A later draft of the same record takes the place of an earlier one."""
        at = (record.collection, record.id)
        known = self._puts.get(at)
        self._puts[at] = Put(record, expect if known is None else known.expect)

    def take(self, job: Record) -> None:
        """The answer to the next submission."""
        self._jobs.append(job)

    def made(self) -> list[Record]:
        """A job for each submission, as it will be stored."""
        found = ((job, self._puts.get((job.collection, job.id))) for job in self._jobs)
        return [job if put is None else put.record for job, put in found]

    def writes(self) -> list[Write]:
        """First those of jobs that others name, each behind what names it."""
        named = {
            put.record.body["job"] for put in self._puts.values() if put.record.collection != JOBS
        }
        beside: dict[str, list[Write]] = {id: [] for id in named}
        alone: list[Write] = []
        for put in self._puts.values():
            record = put.record
            if record.collection != JOBS:
                beside[record.body["job"]].insert(0, put)
            elif record.id in named:
                beside[record.id].append(put)
            else:
                alone.append(put)
        return [write for some in beside.values() for write in some] + alone


def check_fresh(writes: Sequence[Write]) -> None:
    """What has to wait behind a gate must be new: a job that is accepted already can't."""
    for write in writes:
        if isinstance(write, Put) and write.record.collection == JOBS and write.expect:
            raise TooLarge(
                "So many jobs can't be submitted together where some of them replace the "
                "parameters of others that wait (debounce): submit fewer at once."
            )
