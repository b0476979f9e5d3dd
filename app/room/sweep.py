"""The sweep: rings for jobs that are due and that no hint reached, or whose hint was lost."""

from app.ports import Ports
from app.room.acceptance import ring
from app.room.job import JOBS, QUEUED, RUNNING, WAITING
from app.room.operation import Registry
from app.room.walk import walked

LOOKED = 100  # jobs of each status, the oldest
RUNG = 10  # of them
OVERDUE = 2.0  # seconds after which nobody seems to have heard


def sweep(registry: Registry, ports: Ports) -> int:
    """Says for how many it rang. Whoever wakes takes all that is due, so it need not find all."""
    now, rung = ports.clock.now(), 0
    for status in (QUEUED, WAITING, RUNNING):
        oldest = walked(ports.records, JOBS, LOOKED, label=status, newest_first=False)
        overdue = [each for each in oldest if each.due is not None and each.due < now - OVERDUE]
        ring(registry, ports, overdue[:RUNG], now)
        rung += len(overdue[:RUNG])
    return rung
