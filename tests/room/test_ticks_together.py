"""Many processes that tick one store at the same time."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from app.config import Settings
from app.ports import Put, Record
from app.room.calendar import Calendar
from app.room.call import LOCAL
from app.room.enter import Room
from app.room.operation import Registry
from app.room.schedule import Plan
from app.wiring import make_ports

HERE = Path(__file__).resolve().parents[2]
PROCESSES = 4
TICKING = """
import sys
from dataclasses import replace
from pathlib import Path
from app import Every
from app.config import Settings
from app.room.enter import Room
from app.room.operation import Registry
from app.room.standing import tend
from app.room.tick import Ticker
from app.testing import OwnClock
from app.wiring import make_ports

registry = Registry()
registry.operation("tried", long=True, on=[Every(f"{n}m") for n in range(1, 9)])(lambda: None)
made = make_ports(Settings(data=Path(sys.argv[1]), min_free=1))
ports = replace(made, clock=OwnClock(1_767_225_600.0))
for line in sys.stdin:
    ports.clock._now = 1_767_225_600.0 + float(line)
    if line.strip() == "0":
        tend(registry, ports)
    for _ in range(3):
        Ticker(registry, ports).tick()
    print("ticked", flush=True)
ports.records.close()
"""


def test_four_clocks(tmp_path: Path) -> None:
    """Each due time has exactly one job, and each trigger of the code one schedule, though they
    start together, tick thrice, and go apart."""
    registry = Registry()
    registry.operation("tried", long=True)(lambda: None)
    ports = make_ports(Settings(data=tmp_path / "data", min_free=1))
    room = Room(registry, ports)
    calendar = Calendar(registry, ports, room.engine)
    for n in range(20):
        plan = Plan("tried", every=f"{n + 1}m", catch_up="all")
        record, _ = calendar.put(f"s{n:02}", plan, LOCAL, "test")
        began = 1_767_225_600.0
        body = record.body | {"created": began, "upto": began}
        earlier = replace(record, body=body, due=began + 60 * (n + 1))
        ports.records.commit(Put(earlier, record.version))
    clocks = [
        subprocess.Popen(
            [sys.executable, "-c", TICKING, str(tmp_path / "data")],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE, text=True,
        )
        for _ in range(PROCESSES)
    ]  # fmt: skip
    for minute in range(31):
        for number, clock in enumerate(clocks):
            assert clock.stdin is not None
            clock.stdin.write(f"{minute * 60 + number * 0.3 if minute else 0}\n")
            clock.stdin.flush()
        assert [clock.stdout.readline() for clock in clocks if clock.stdout] == ["ticked\n"] * 4
    for clock in clocks:
        clock.communicate()
    dues: dict[str, list[float]] = {}
    for job in _jobs(room):
        dues.setdefault(job.body["schedule"], []).append((job.body["due"] - began) / 60)
    listed = calendar.list(LOCAL, limit=100).items
    assert len(listed) == 28
    for each in listed:
        minutes = int(str(each.body["plan"]["every"]).removesuffix("m"))
        wanted = [float(n) for n in range(minutes, 31, minutes)]
        assert sorted(dues.get(each.body["name"], [])) == wanted
    ports.records.close()


def _jobs(room: Room) -> list[Record]:
    found, cursor = [], None
    while True:
        page = room.ports.records.list("jobs", cursor=cursor, limit=200)
        found += page.items
        if (cursor := page.next) is None:
            return found
