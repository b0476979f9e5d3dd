"""Faults, by a seed: which, when and whom. They fall on processes, on the disk and on the clock."""

import random
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from tests.torture.ground import FLOOR
from tests.torture.history import Fault, History
from tests.torture.service import Process, Service

LEASE = 10.0  # of the service's claims
PAUSES = (0.3, 1.7)  # seconds between two faults
AIM = 2.0  # seconds to wait for work under way
NOTICED = 15.0  # seconds to wait for what concerns all to be noticed
SHORTAGE = (3.0, 5.0)  # seconds of a full disk
WRONG = (2.0, 5.0)  # seconds of a clock that is wrong
JUMPS = (40.0, 3 * 3600.0)  # seconds that it is wrong by

KILLS = ("web worker", "web", "keeper", "runner", "clock", "supervisor")
STOPS = ("stop keeper", "stop runner", "stop keeper and runner")
DISK = ("full disk", "nearly full disk")
CLOCK = ("clock ahead", "clock back")
DECK = (
    *(f"kill {who}" for who in (*KILLS, "all", "keeper", "keeper", "runner", "runner")),
    *(*STOPS, *DISK, *CLOCK, "end keeper"),
)


def plan(seed: int, kinds: Iterable[str]) -> Iterator[tuple[float, str, float]]:
    """Seconds to wait, a fault, and a number from 0 to 1 for whom it hits, or how hard: first each
    kind, those that last longest at once, then round by round."""
    draw = random.Random(seed)
    deck = sorted(set(kinds))
    draw.shuffle(deck)
    deck.sort(key=lambda kind: kind not in STOPS)
    while True:
        for kind in deck:
            yield draw.uniform(*PAUSES), kind, draw.random()
        deck = [kind for kind in DECK if kind in kinds]
        draw.shuffle(deck)


class Nemesis:
    def __init__(self, service: Service, history: History, seed: int) -> None:
        self._service, self._history, self._seed = service, history, seed
        self._lasting: list[threading.Timer] = []
        has_disk = service.disk.is_own
        history.kinds = tuple(sorted({kind for kind in DECK if has_disk or kind not in DISK}))

    def run(self, seconds: float) -> None:
        """For so long, and each kind once; when it returns all that lasts is over, and the service
        is up."""
        began = time.monotonic()
        for struck, (pause, kind, whom) in enumerate(plan(self._seed, self._history.kinds)):
            over, is_first = time.monotonic() - began, struck < len(self._history.kinds)
            if over > seconds and not is_first:
                break
            self._sleep(pause)
            if is_first or not (kind in STOPS and over > seconds - LEASE):
                self._strike(kind, whom)
        while any(timer.is_alive() for timer in self._lasting):
            self._sleep(0.1)

    def _sleep(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if (code := self._service.ended) is not None:
                self._history.troubles.append(f"the service ended by itself, with code {code}")
                self._service.start()
            time.sleep(0.05)

    def _strike(self, kind: str, whom: float) -> None:
        if kind in DISK:
            self._fill_disk(kind, whom)
        elif kind in CLOCK:
            self._set_clock(kind, whom)
        elif kind == "kill all":
            processes = self._service.processes()
            self._note(kind, processes)
            _signal(processes, signal.SIGKILL)
            self._service.start()
        elif aimed := self._aim(kind.partition(" ")[2].removesuffix(" and runner"), whom):
            self._hit(kind, whom, *aimed)

    def _aim(self, role: str, whom: float) -> tuple[Process, list[Process]] | None:
        """One of that role, and all the service's processes: at work if that soon comes to pass."""
        end = time.monotonic() + AIM
        while True:
            processes = self._service.processes()
            candidates = [one for one in processes if one.role == role]
            at_work = self._service.at_work()
            busy = [
                one
                for one in candidates
                if role not in ("keeper", "runner") or at_work & {one.pid, *_below(one, processes)}
            ]
            if busy or time.monotonic() > end:
                found = busy or candidates
                return (found[int(whom * len(found))], processes) if found else None
            time.sleep(0.02)

    def _hit(self, kind: str, whom: float, target: Process, processes: list[Process]) -> None:
        below = [one for one in processes if one.parent == target.pid]
        hit = processes if target.role == "supervisor" else [target, *below]
        if kind in STOPS:
            stopped = [target, *below] if kind.endswith(" and runner") else [target]
            lasts = LEASE + 2 + 2 * whom
            self._note(kind, hit, lasts)
            _signal(stopped, signal.SIGSTOP)
            self._later(lasts, lambda: self._wake(stopped))
            return
        self._note(kind, hit)
        _signal([target], signal.SIGTERM if kind.startswith("end") else signal.SIGKILL)
        if target.role == "supervisor":
            self._service.start()

    def _wake(self, stopped: Iterable[Process]) -> None:
        alive = {process.pid for process in self._service.processes()}
        _signal([process for process in stopped if process.pid in alive], signal.SIGCONT)

    def _fill_disk(self, kind: str, whom: float) -> None:
        """Until a while after somebody was refused."""
        requests, lasts = self._history.requests, _between(SHORTAGE, whom)
        fault, heard = self._note(kind, self._service.processes(), NOTICED + lasts), len(requests)
        self._service.disk.fill(0 if kind == "full disk" else FLOOR // 2)
        self._await(lambda: any(one.status == 503 for one in requests[heard:]), NOTICED)
        fault.until = time.time() + lasts
        self._later(lasts, self._service.disk.free)

    def _set_clock(self, kind: str, whom: float) -> None:
        """Small jumps as often as large ones; then it is set right."""
        self._await(self._is_anybody_at_work, NOTICED)
        by = JUMPS[0] * (JUMPS[1] / JUMPS[0]) ** whom
        lasts = _between(WRONG, whom * 7 % 1)
        self._note(kind, self._service.processes(), lasts)
        self._service.clock.set(by if kind == "clock ahead" else -by)
        self._later(lasts, lambda: self._service.clock.set(0))

    def _later(self, seconds: float, undo: Callable[[], None]) -> None:
        timer = threading.Timer(seconds, undo)
        self._lasting.append(timer)
        timer.start()

    def _is_anybody_at_work(self) -> bool:
        return bool(self._service.at_work() & {one.pid for one in self._service.processes()})

    def _await(self, condition: Callable[[], bool], seconds: float) -> None:
        end = time.monotonic() + seconds
        while not condition() and time.monotonic() < end:
            time.sleep(0.02)

    def _note(self, kind: str, hit: Iterable[Process], lasts: float = 0.0) -> Fault:
        pids, now = tuple(process.pid for process in hit), time.time()
        fault = Fault(kind, now, pids, now + lasts if lasts else 0.0)
        self._history.faults.append(fault)
        return fault


def _below(process: Process, processes: Iterable[Process]) -> set[int]:
    return {one.pid for one in processes if one.parent == process.pid}


def _between(bounds: tuple[float, float], place: float) -> float:
    return bounds[0] + (bounds[1] - bounds[0]) * place


def _signal(processes: Iterable[Process], number: signal.Signals) -> None:
    for process in processes:
        process.signal(number)
