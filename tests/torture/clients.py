"""Clients: they submit, lose answers, ask again, look, cancel and signal, over real HTTP."""

import random
import threading
import time
from dataclasses import dataclass
from typing import Any

from tests.torture.history import TERMINAL, Answer, Asked, History
from tests.torture.wire import Wire

OPEN = 6  # jobs of one client under way
THINK = 0.04  # seconds between two requests
LOST = 0.1  # of the answers are dropped on purpose
FORSAKEN = 0.2  # of the submissions without an answer are never asked again
CANCELLED = 0.05
AGAIN = 0.05  # of the looks are at what has ended long ago


@dataclass
class Bundle:
    """What was submitted together: one job, or a batch."""

    asked: list[Asked]
    path: str
    insists: bool = False  # until there is an answer


class Client(threading.Thread):
    """Works until `rest` is set; then brings all of its own to an end, until `deadline`."""

    def __init__(self, name: str, seed: int, port: int, history: History, jobs: bool) -> None:
        super().__init__(name=name, daemon=True)
        self._random = random.Random(f"{seed}/{name}")
        self._wire, self._history, self._jobs = Wire(port, history), history, jobs
        self._count = 0
        self._unanswered: list[Bundle] = []
        self._open: dict[str, Asked] = {}
        self._ended: dict[str, Asked] = {}
        self._told: set[str] = set()  # who has had a signal
        self.rest = threading.Event()
        self.deadline = float("inf")

    def run(self) -> None:
        try:
            while not self._is_done():
                self._act()
                time.sleep(self._random.uniform(0, 2 * THINK))
        except Exception as error:  # noqa: BLE001 - a client that dies must not make a run green
            self._history.troubles.append(f"a client died: {error!r}")
        self._history.late += self._open
        self._history.late += [bundle.asked[0].key for bundle in self._unanswered]
        self._wire.close()

    def _is_done(self) -> bool:
        if time.monotonic() > self.deadline:
            return True
        return self.rest.is_set() and not self._open and not self._unanswered

    def _act(self) -> None:
        if self._unanswered and self._random.random() < 0.3:
            self._ask_again()
        elif not self.rest.is_set() and len(self._open) < OPEN:
            self._submit()
        elif self._open:
            self._look(*self._random.choice([*self._open.items()]))
        elif self._unanswered:
            self._ask_again()
        if self._ended and self._random.random() < AGAIN:
            self._look(*self._random.choice([*self._ended.items()]))

    # Submitting

    def _submit(self) -> None:
        forms = ["/v1/operations/", "/v1/jobs", "/v1/jobs/batch"] if self._jobs else [""]
        path = self._random.choice(forms)
        size = self._random.randint(2, 5) if path.endswith("batch") else 1
        name = f"{self.name}-{self._count}"
        batch = name if size > 1 else None
        asked = [self._made(f"{name}-{place}", batch) for place in range(size)]
        self._count += 1
        self._history.asked += asked
        self._send(Bundle(asked, path if self._jobs else "/v1/operations/"))

    def _made(self, key: str, batch: str | None) -> Asked:
        draw = self._random
        kinds = [*PARAMS] if self._jobs else [kind for kind in PARAMS if kind != "signal"]
        kind = draw.choices(kinds, [WEIGHTS.get(kind, 1) for kind in kinds])[0]
        return Asked(key, f"torture.{kind}", PARAMS[kind](draw, key), batch)

    def _send(self, bundle: Bundle) -> None:
        drop = self._random.random() < LOST
        first = bundle.asked[0]
        if bundle.path == "/v1/operations/":
            path, body = bundle.path + first.operation, first.params
            headers = {"Idempotency_Key": first.key, "Prefer": "respond-async"}
        else:
            jobs = [
                {"operation": one.operation, "params": one.params, "key": one.key}
                for one in bundle.asked
            ]
            path, headers = bundle.path, {}
            body = {"jobs": jobs} if path.endswith("batch") else jobs[0]
        status, told = self._wire.ask("POST", path, body, drop, **headers)
        if status == 202:
            self._acknowledge(bundle, told.get("items", [told]))
        elif bundle.insists or self._random.random() >= FORSAKEN:
            self._unanswered.append(bundle)

    def _acknowledge(self, bundle: Bundle, jobs: list[dict[str, Any]]) -> None:
        for asked, job in zip(bundle.asked, jobs, strict=True):
            self._history.answers.append(Answer(asked.key, job["id"]))
            self._file(self._wire.note(job, self.name).status, job["id"], asked)

    def _ask_again(self) -> None:
        bundle = self._unanswered.pop(self._random.randrange(len(self._unanswered)))
        bundle.insists = True
        self._send(bundle)

    def _file(self, status: str, id: str, asked: Asked) -> None:
        if status in TERMINAL:
            self._open.pop(id, None)
            self._ended[id] = asked
        elif id not in self._ended:
            self._open[id] = asked

    # Looking

    def _look(self, id: str, asked: Asked) -> None:
        if not self._jobs or self._random.random() < 0.1:
            # The same key is the same job.
            self._send(Bundle([asked], "/v1/operations/", insists=True))
            return
        if id in self._open and self._random.random() < CANCELLED and not self.rest.is_set():
            self._cancel(id)
        if id in self._open and asked.operation == "torture.signal" and id not in self._told:
            self._signal(id)
        wait = self._random.choice((0, 0, 0.5)) if id in self._open else 0
        if seen := self._wire.read(id, self.name, wait):
            self._file(seen.status, id, asked)

    def _cancel(self, id: str) -> None:
        status, job = self._wire.ask("POST", f"/v1/jobs/{id}/cancel")
        self._history.cancels.append((id, job["status"] if status == 200 else ""))

    def _signal(self, id: str) -> None:
        value = self._random.randrange(1000)
        status, _ = self._wire.ask("POST", f"/v1/jobs/{id}/signals/go", value)
        self._history.signals.append((id, value, status == 200))
        if status in (200, 409):
            self._told.add(id)


def _numbers(draw: random.Random, most: int) -> list[int]:
    return [draw.randrange(100) for _ in range(draw.randint(1, most))]


PARAMS: dict[str, Any] = {
    "plain": lambda draw, key: {"mark": key, "number": draw.randrange(1000)},
    "add": lambda draw, key: {
        "numbers": _numbers(draw, 40), "every": draw.choice((1, 3, 10)), "ms": draw.choice((2, 30))
    },
    "steps": lambda draw, key: {"count": draw.randint(1, 12), "ms": draw.choice((5, 20, 120))},
    "crash": lambda draw, key: {"count": draw.randint(1, 5), "ms": draw.choice((2, 40))},
    "fail": lambda draw, key: {"count": draw.randint(1, 5), "ms": draw.choice((2, 40))},
    "nap": lambda draw, key: {"seconds": draw.choice((0.1, 1.0, 4.0))},
    "map": lambda draw, key: {
        "numbers": _numbers(draw, 8), "batch": draw.randint(1, 3), "ms": draw.choice((1, 60))
    },
    "signal": lambda draw, key: {},
    "refuse": lambda draw, key: {},
    "doom": lambda draw, key: {},
}  # fmt: skip
WEIGHTS = {"plain": 2, "add": 4, "steps": 4, "map": 2, "refuse": 0.3, "doom": 0.5}
