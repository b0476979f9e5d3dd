"""Jobs started at once by Zappa's asynchronous tasks: this function calls itself.

Only where this is a Lambda function: elsewhere Zappa would run the task in its caller. Which way a
job is told by default: the queue's, where there is one. It has a brake (the mapping's maximum
concurrency, so a burst leaves room for requests), holds a hint back until a time, sends ten by one
request and has a dead-letter queue. A task spares the queue's three requests, $1.20 in a million
jobs, and the poll of Lambda in between: milliseconds. `offload="task"` is for the few jobs that
matter so; and it is the only way where there is no queue.
"""

import logging
from collections.abc import Callable
from typing import Any

from app.ports import Hint, Queue
from app.ports.aws.wire import HINT_PATIENCE, HINT_TRIES, Answer, Wire

MOST = 10  # tasks that one ring starts; each is a request of its own
SOON = 1.0  # seconds that who is called early waits for

log = logging.getLogger("manydoors.queue")


def work(job: str) -> None:
    """What the task names. `handlers.task` knows it by this name, and runs the job itself."""
    raise RuntimeError(f"{job} was not run: let zappa_settings.json's lambda_handler be ours.")


class TaskQueue:
    """See `app.ports.Queue`."""

    def __init__(
        self,
        queue: Queue | None,
        *,
        url: str | None = None,
        patience: float = HINT_PATIENCE,
        trace: Callable[[str, Answer], object] | None = None,
    ) -> None:
        """`queue`: for what is due later, and for all that is not to be a task."""
        self._queue = queue
        self._wire = Wire(url, patience, trace, "lambda", HINT_TRIES)

    def ring(self, *hints: Hint) -> None:
        tasks = [hint for hint in hints if self._is_task(hint)][:MOST]
        if rest := [hint for hint in hints if hint not in tasks]:
            self._pass_on(rest)
        for hint in tasks:
            try:
                self._start(hint.id)
            except Exception as error:  # noqa: BLE001 - no hint is worth a failed answer
                log.warning("a task is lost, and the tick finds its job: %s", error)
                self._pass_on(tasks[tasks.index(hint) :])
                return

    def close(self) -> None:
        self._wire.close()

    def _is_task(self, hint: Hint) -> bool:
        return hint.delay <= SOON and (hint.offload == "task" or self._queue is None)

    def _pass_on(self, hints: list[Hint]) -> None:
        if self._queue is not None:
            self._queue.ring(*hints)

    def _start(self, job: str) -> None:
        from zappa.asynchronous import run  # late: it makes four clients of its own

        run(work, [job], boto_session=_Session(self._wire))


class _Session:
    """Where Zappa asks for its client, so that it is ours: with timeouts, and kept."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    def client(self, service: str) -> "_Session":
        return self

    def invoke(self, **request: Any) -> Answer:
        return self._wire.ask("invoke", **request)
