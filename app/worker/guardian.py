"""Decides about the job that runs: is it over its time, over its memory, unwanted, overtaken?"""

from dataclasses import replace

from app.ports import Record
from app.room.enter import Room
from app.room.job import Ending, Error
from app.room.notes import Log
from app.room.policy import Policy

CANCEL_SECONDS = 5.0  # for a job that was asked to stop, to come to a boundary
SLICE_GRACE = 1.0  # seconds over its slice, for a boundary to be saved


class Guardian:
    """A worker's eye on the one job that its runner runs."""

    def __init__(self, room: Room, slice: float | None) -> None:
        self._room, self._slice = room, slice
        self._clock = room.ports.clock
        self._renewed = float("-inf")
        self._wished: tuple[str, float] | None = None
        self.rung = False
        self.told_to_stop = False

    @property
    def cancelled(self) -> str | None:
        """The job that was asked to stop."""
        return self._wished[0] if self._wished else None

    def look(self, record: Record, age: float, took: int, overdue: bool) -> Ending | None:
        """The ending of a job that must be ended now, with its process.

        `age`: seconds since it began; `took`: bytes of memory that its process has grown since;
        `overdue`: the worker has to leave. Renews the lease now and then; raises `Lost` when
        another has the job.
        """
        if overdue:
            return Ending("continued", ran=age)
        if error := self._over_time(record, age) or self._over_memory(record, took):
            return Ending("failed", error=error, ran=age)
        self._ask_store(record)
        if self._wished and self._clock.monotonic() - self._wished[1] > CANCEL_SECONDS:
            return Ending("cancelled", ran=age)
        return None

    def _ask_store(self, record: Record) -> None:
        now = self._clock.monotonic()
        if not self.rung and now - self._renewed < self._room.engine.lease / 4:
            return
        self.rung, self._renewed = False, now
        found = self._room.engine.renew(record)
        if "cancel" not in found.body:
            self._wished = None
        elif self.cancelled != record.id:
            self._wished = record.id, now

    def limits_memory(self, record: Record) -> bool:
        policy = self._policy(record)
        return policy is not None and policy.memory is not None

    def with_output(self, record: Record, ending: Ending, output: bytes) -> Ending:
        """What a job's subprocesses and C code have written is a part of its log."""
        log = Log(ending.own.get("log") or record.body.get("log", {}), self._clock)
        for line in output.decode(errors="replace").splitlines():
            log.add("OUT", line)
        return replace(ending, own=ending.own | {"log": log.written()})

    def _over_time(self, record: Record, age: float) -> Error | None:
        policy, body = self._policy(record), record.body
        ran = age + body.get("spent", 0.0) - body.get("wasted", 0.0)  # this attempt, in all slices
        if policy is not None and ran > policy.timeout:
            return Error(
                "timeout",
                f"It ran longer than its timeout of {policy.timeout:g} s, and its process was "
                "ended. Give the operation more time (timeout=…), or less to do.",
            )
        if self._slice is not None and age > self._slice * 1.2 + SLICE_GRACE:
            return Error(
                "timeout",
                f"It came to no boundary within its slice of {self._slice:g} s, and its process "
                "was ended. Put what it does into run.step, walk its items by run.each, or "
                "lengthen the slices (MANYDOORS_SLICE).",
            )
        return None

    def _over_memory(self, record: Record, took: int) -> Error | None:
        policy = self._policy(record)
        if policy is None or policy.memory is None or took <= policy.memory:
            return None
        return Error(
            "crashed",
            f"It took {took:,} bytes of memory, over the {policy.memory:,} that memory=… allows, "
            "and its process was ended.",
        )

    def _policy(self, record: Record) -> Policy | None:
        known = self._room.registry.known(record.body["operation"])
        return known.policy if known else None
