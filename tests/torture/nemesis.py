"""Faults, by a seed: which, when and whom. They fall on processes alone."""

import random
import signal
import time
from collections.abc import Iterable, Iterator

from tests.torture.history import Fault, History
from tests.torture.service import Process, Service

LEASE = 10.0  # of the service's claims
PAUSES = (0.3, 2.0)  # seconds between two faults

KILLS = ("web worker", "web", "keeper", "runner", "supervisor")
STOPS = ("keeper", "runner", "keeper and runner")
DECK = (
    *("kill web worker", "kill web", "kill supervisor", "kill all"),
    *("kill keeper", "kill runner") * 3,
    *(f"stop {who}" for who in STOPS),
    "end keeper",
)


def plan(seed: int) -> Iterator[tuple[float, str, float]]:
    """Seconds to wait, a fault, and a number from 0 to 1 for whom it hits; each kind in turn."""
    draw = random.Random(seed)
    while True:
        deck = [*DECK]
        draw.shuffle(deck)
        for kind in deck:
            yield draw.uniform(*PAUSES), kind, draw.random()


class Nemesis:
    def __init__(self, service: Service, history: History, seed: int) -> None:
        self._service, self._history, self._seed = service, history, seed
        self._stopped: list[tuple[float, list[Process]]] = []

    def run(self, seconds: float) -> None:
        """For so long; when it returns nobody is stopped any more, and the service is up."""
        began = time.monotonic()
        for pause, kind, whom in plan(self._seed):
            late = kind.startswith("stop") and time.monotonic() - began > seconds - LEASE
            self._sleep(pause)
            if time.monotonic() - began > seconds:
                break
            if not late:
                self._strike(kind, whom)
        while self._stopped:
            self._sleep(0.1)

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self._wake(time.monotonic())
            if (code := self._service.ended) is not None:
                self._history.troubles.append(f"the service ended by itself, with code {code}")
                self._service.start()
            time.sleep(0.05)

    def _wake(self, now: float) -> None:
        for moment, processes in [*self._stopped]:
            if moment <= now:
                self._stopped.remove((moment, processes))
                alive = {process.pid for process in self._service.processes()}
                for process in processes:
                    if process.pid in alive:
                        process.signal(signal.SIGCONT)

    def _strike(self, kind: str, whom: float) -> None:
        how, _, role = kind.partition(" ")
        processes = self._service.processes()
        if role == "all":
            self._note(kind, processes)
            _signal(processes, signal.SIGKILL)
            self._service.start()
            return
        candidates = [one for one in processes if one.role == role.removesuffix(" and runner")]
        if not candidates:
            return
        target = candidates[int(whom * len(candidates))]
        below = [one for one in processes if one.parent == target.pid]
        if how == "stop":
            hit = [target, *below] if role.endswith(" and runner") else [target]
            self._stopped.append((time.monotonic() + LEASE + 2 + 2 * whom, hit))
            self._note(kind, [target, *below])
            _signal(hit, signal.SIGSTOP)
            return
        self._note(kind, processes if role == "supervisor" else [target, *below])
        _signal([target], signal.SIGTERM if how == "end" else signal.SIGKILL)
        if role == "supervisor":
            self._service.start()

    def _note(self, kind: str, hit: Iterable[Process]) -> None:
        pids = tuple(process.pid for process in hit)
        self._history.faults.append(Fault(kind, time.time(), pids))


def _signal(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        process.signal(number)
