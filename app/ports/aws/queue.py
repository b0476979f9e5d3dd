"""Hints in an SQS queue, whose messages start a function.

One message is one job. It costs three requests of SQS: to send it, and what Lambda needs to receive
and to delete it; of jobs that are rung for together ten are sent by one.
"""

import json
import logging
from collections.abc import Callable, Sequence
from typing import Any

from app.ports import Hint
from app.ports.aws.wire import HINT_PATIENCE, HINT_TRIES, Answer, Wire

MOST = 10  # messages in one request
LONGEST = 900  # seconds that SQS holds a message back

log = logging.getLogger("manydoors.queue")


class SqsQueue:
    """See `app.ports.Queue`. What is due later than SQS can hold a message is left to the tick of
    each minute: a chain of messages until then would cost more the longer a job sleeps."""

    def __init__(
        self,
        name: str,
        *,
        url: str | None = None,
        patience: float = HINT_PATIENCE,
        trace: Callable[[str, Answer], object] | None = None,
    ) -> None:
        """`name`: the queue's, or its URL, which saves a request in each process."""
        self._wire = Wire(url, patience, trace, "sqs", HINT_TRIES)
        self._name, self._url = name, name if "://" in name else ""

    def ring(self, *hints: Hint) -> None:
        soon = [hint for hint in hints if hint.delay < LONGEST + 1]
        for start in range(0, len(soon), MOST):
            try:
                left = self._send(soon[start : start + MOST])
                left = self._send(left) if left else left
            except Exception as error:  # noqa: BLE001 - no hint is worth a failed answer
                log.warning("hints are lost, and the tick finds their jobs: %s", error)
                return  # others would fail alike, and somebody waits
            if left:
                log.warning("SQS did not take %d hints; the tick finds their jobs", len(left))

    def close(self) -> None:
        self._wire.close()

    def _send(self, hints: Sequence[Hint]) -> list[Hint]:
        """Those that SQS did not take."""
        # Rounded down: whom a hint calls a little early waits for the rest of the second.
        entries = [
            {
                "Id": str(place),
                "MessageBody": json.dumps({"job": hint.id}),
                "DelaySeconds": int(hint.delay),
            }
            for place, hint in enumerate(hints)
        ]
        told = self._wire.ask("send_message_batch", QueueUrl=self._found(), Entries=entries)
        failed: Sequence[Any] = told.get("Failed", ())
        return [hints[int(each["Id"])] for each in failed]

    def _found(self) -> str:
        if not self._url:
            self._url = self._wire.ask("get_queue_url", QueueName=self._name)["QueueUrl"]
        return self._url
