"""Jobs of many slices, killed again and again: the answers are those of an undisturbed run, and
what is done again after a kill is what its last checkpoint did not know.
"""

import json
import random
import signal
import sqlite3
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.long.answers import answer_of_story, answer_of_walk
from tests.long.checks import in_order, story, walk
from tests.long.client import TERMINAL, Client
from tests.long.operations import LEAVES
from tests.torture import remains
from tests.torture.history import Effect
from tests.torture.service import Service

KINDS = ("runner", "keeper", "all", "runner", "keeper", "supervisor")
EVERY = 100  # items of a checkpoint, of the job that counts them
AWAITED = 5.0  # seconds, at most, for a job to run before it is killed
EACH_KILL = 20.0  # seconds that a kill may cost: a lease of 10, and a start


@dataclass(frozen=True)
class Size:
    """`items` of the walk in so many slices; rounds of the story."""

    slices: int
    slice: float
    items: int
    rounds: int
    nap: float
    kills: int

    @property
    def seconds(self) -> float:
        """That an undisturbed walk takes, at least."""
        return self.slices * self.slice

    @property
    def deadline(self) -> float:
        return 3 * self.seconds + self.kills * EACH_KILL + 60


@dataclass
class Journey:
    """What happened."""

    took: float = 0.0
    bitten: int = 0  # runs that a kill ended
    kills: Counter[str] = field(default_factory=Counter)
    jobs: dict[str, dict[str, Any]] = field(default_factory=dict)  # by what they are
    wrong: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)  # of what is told


def travelled(service: Service, size: Size, seed: int) -> Journey:
    """The jobs from their submission to their end, with kills between."""
    client, journey = Client(service), Journey()
    service.start()
    ms = 1000 * size.seconds / size.items
    asked = {
        "walk, each 100 items": ("walk", {"items": size.items, "every": EVERY, "ms": ms}),
        "walk, each second": ("walk", {"items": size.items // 10, "every": 0, "ms": 10 * ms}),
        "story": ("story", {"rounds": size.rounds, "width": 4, "nap": size.nap}),
    }
    ids = {
        name: client.submit(f"long.{operation}", params)
        for name, (operation, params) in asked.items()
    }
    began = time.monotonic()
    _kill(service, client, ids, size, journey, random.Random(seed))
    for name, id in ids.items():
        left = max(1.0, size.deadline - (time.monotonic() - began))
        journey.jobs[name] = client.ended(id, left)
    journey.took = time.monotonic() - began
    journey.wrong += service.stop()
    _judge(service, size, journey, {id: name for name, id in ids.items()})
    return journey


def _kill(
    service: Service,
    client: Client,
    ids: dict[str, str],
    size: Size,
    journey: Journey,
    draw: random.Random,
) -> None:
    """All kinds in turn, spread over the time that the work takes, while there is work."""
    pause = size.seconds / (size.kills + 1)
    for number in range(size.kills):
        time.sleep(draw.uniform(0.5, 1.5) * pause)
        running = [id for id in ids.values() if client.job(id)["status"] not in TERMINAL]
        if not running:
            return
        kind, id = KINDS[number % len(KINDS)], draw.choice(running)
        _await_run(client, id)
        _strike(service, kind, _pid_of(service.sink / id))
        journey.kills[kind] += 1


def _await_run(client: Client, id: str) -> None:
    """So that a kill hits it; not for long, for it may be asleep."""
    end = time.monotonic() + AWAITED
    while client.job(id)["status"] != "running" and time.monotonic() < end:
        time.sleep(0.02)


def _pid_of(sink: Path) -> int:
    """The process that wrote its last line."""
    with suppress(OSError, IndexError, ValueError):
        return int(json.loads(sink.read_text().splitlines()[-1])[1])
    return 0


def _strike(service: Service, kind: str, pid: int) -> None:
    """`pid`: a process that runs one of the jobs, or did so a moment ago."""
    processes = service.processes()
    runners = [each for each in processes if each.role == "runner"]
    runner = next((each for each in runners if each.pid == pid), runners[0] if runners else None)
    hit = {
        "runner": [runner] if runner else [],
        "keeper": [each for each in processes if runner and each.pid == runner.parent],
        "supervisor": [each for each in processes if each.role == "supervisor"],
        "all": processes,
    }[kind]
    for process in hit:
        process.signal(signal.SIGKILL)
    if kind in ("supervisor", "all"):
        service.start()


# The judgement, from outside


def _judge(service: Service, size: Size, journey: Journey, names: dict[str, str]) -> None:
    kills = sum(journey.kills.values())
    expected = {
        "walk, each 100 items": answer_of_walk(size.items),
        "walk, each second": answer_of_walk(size.items // 10),
        "story": answer_of_story(size.rounds, 4),
    }
    runs = 0
    for id, name in names.items():
        job = journey.jobs[name]
        if (job["status"], job["result"]) != ("succeeded", expected[name]):
            told = {each: job[each] for each in ("status", "result", "error", "progress")}
            journey.wrong.append(f"{name}: {told}, not {expected[name]}")
        executions = _executions(service.sink / id)
        check = story if name == "story" else walk
        told, wrong = check(executions, EVERY if "items" in name else 0)
        journey.wrong += [f"{name}: {each}" for each in wrong]
        killed = sum(not in_order(lines) for lines in executions)
        journey.bitten += killed
        runs = max(runs, len(executions))
        journey.lines.append(f"{name:22}{len(executions):6} runs, {killed:3} killed; {told}")
    _leaves(service.sink / LEAVES, size, kills, journey)
    if runs < size.slices:
        journey.wrong.append(f"there were {runs} runs, and there are to be {size.slices} slices")
    if remains.integrity(service.data) != "ok":
        journey.wrong.append("the store is damaged")
    if open_jobs := _open_jobs(service.data):
        journey.wrong.append(f"{open_jobs} jobs have not ended")


def _executions(sink: Path) -> list[list[Effect]]:
    """Each run of a job with its lines, in the order in which they began."""
    found: dict[str, list[Effect]] = {}
    for line in sink.read_text().splitlines():
        effect = Effect(sink.name, *json.loads(line))
        found.setdefault(effect.execution, []).append(effect)
    return list(found.values())


def _leaves(sink: Path, size: Size, kills: int, journey: Journey) -> None:
    """A child runs once, and once more for each kill at most."""
    items = [line.value for lines in _executions(sink) for line in lines if line.what == "item"]
    times = Counter(items)
    if set(times) != set(range(4 * size.rounds)):
        journey.wrong.append("some children never ran, or some that nobody asked for")
    if times and max(times.values()) > 1 + kills:
        journey.wrong.append(f"a child ran {max(times.values())} times, after {kills} kills")
    again = sum(times.values()) - len(times)
    journey.lines.append(f"{'children of the story':22}{len(items):6} runs; {again} of them again")


def _open_jobs(data: Path) -> int:
    with sqlite3.connect(data / "manydoors.db") as database:
        found = "SELECT label FROM records WHERE collection = 'jobs'"
        return sum(label not in TERMINAL for (label,) in database.execute(found))
