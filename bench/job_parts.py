"""Where the CPU time of a no-op job goes, part by part: python -m bench.job_parts

One process does by itself what a keeper and its runner do, forty jobs at a time, so that each part
can be timed alone. The commits' syncs are no CPU time: bench.jobs has the wall clock.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.config import Settings
from app.ports import Record
from app.room.acceptance import Submission
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.job import Ending
from app.wiring import make_room
from app.worker import channel

JOBS, TOGETHER, ROUNDS = 2000, 40, 5


def main() -> None:
    rounds = [measured() for _ in range(ROUNDS)]
    print(f"CPU time of a no-op job, µs; median of {ROUNDS} rounds of {JOBS:,} jobs")
    total = 0.0
    for part in rounds[0]:
        median = statistics.median(each[part] for each in rounds)
        total += median
        print(f"  {part:42} {median:6.0f}")
    print(f"  {'all':42} {total:6.0f}")


def measured() -> dict[str, float]:
    parts = dict.fromkeys(
        ("submit, in hundreds", "claim", "to the runner and back", "run", "settle"), 0.0
    )

    def timed(part: str, act: Callable[[], Any]) -> Any:
        began = time.process_time()
        came = act()
        parts[part] += (time.process_time() - began) / JOBS * 1e6
        return came

    with tempfile.TemporaryDirectory() as folder:
        room = make_room(Settings(data=Path(folder), operations=("bench.job_operations",)))
        asked = [Submission("bench.nothing") for _ in range(100)]
        for _ in range(JOBS // 100):
            timed("submit, in hundreds", lambda: room.engine.submit_all(asked, LOCAL))
        while claimed := timed("claim", lambda: room.engine.claim(TOGETHER)):
            there = timed("to the runner and back", lambda sent=claimed: sent_there(sent))
            endings = timed("run", lambda got=there: [ran(room, record) for record in got])
            timed("to the runner and back", lambda made=endings: sent_back(made))
            pairs = list(zip(claimed, endings, strict=True))
            timed("settle", lambda ended=pairs: room.engine.settle(ended))
        room.ports.records.close()
    return parts


def ran(room: Room, record: Record) -> Ending:
    return room.engine.execute(record, Control())


def sent_there(records: list[Record]) -> list[Record]:
    facts = [channel.record_out(record) for record in records]
    return [channel.record_in(each) for each in _read(channel.framed(facts))]


def sent_back(endings: list[Ending]) -> list[Ending]:
    framed = [channel.framed(channel.ending_out(ending)) for ending in endings]
    return [channel.ending_in(_read(each)) for each in framed]


def _read(frame: bytes) -> Any:
    return json.loads(frame[channel.HEAD.size :])


if __name__ == "__main__":
    main()
