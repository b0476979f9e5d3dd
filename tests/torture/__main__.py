"""Tortures the real service, and judges it from outside: python -m tests.torture --seconds 180

Clients submit, lose answers, look, cancel and signal, and schedules come due, while a nemesis
kills and stops the service's processes, fills its disk and sets its clock, by a seed. Then peace:
all must end in time, survive a cold start, and be right.
The exit code is 0 for green alone: 1 for red, 3 for invalid, where too few faults hit work.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

from tests.torture import plans, remains
from tests.torture.checker import verdict, violations
from tests.torture.clients import Client
from tests.torture.ground import take_own_mounts
from tests.torture.history import Answer, History
from tests.torture.nemesis import Nemesis
from tests.torture.service import Service
from tests.torture.table import log, show
from tests.torture.wire import Wire

CLIENTS = 6
PEACE = 60.0  # seconds for everything to end, after the last fault
SHOWN = 20  # violations
CODES = {"green": 0, "red": 1, "invalid": 3}


def main() -> int:
    asked = _arguments()
    take_own_mounts()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    print(f"seed {asked.seed}, {asked.seconds:g} s of faults", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    service = Service(folder)
    if not service.disk.is_own:
        print("no disk can be made full: that takes unshare, and leave to mount")
    try:
        history = torture(service, asked.seconds, asked.seed)
    finally:
        service.destroy()
    wrong = violations(history)
    told = verdict(history, wrong)
    if asked.log:
        log(history)
    show(history)
    for each in wrong[:SHOWN]:
        print(f"!! {each}")
    if told == "green" and not asked.keep:
        shutil.rmtree(folder, ignore_errors=True)  # but for the disk, which goes with this process
    else:
        shutil.copytree(service.data, folder / "data", ignore=shutil.ignore_patterns("bells"))
        (folder / "history.json").write_text(json.dumps(asdict(history), indent=1))
        print(f"{len(wrong)} violations; the history, the sinks and the store are in {folder}")
    print(f"seed {asked.seed}: {told}")
    return CODES[told]


def torture(service: Service, seconds: float, seed: int) -> History:
    """The whole of it, as it happened."""
    history = History(seconds=seconds)
    service.start()
    has_jobs = Wire(service.port, history).has_jobs()
    if not has_jobs:
        history.requests.clear()
    clients = [
        Client(f"c{number}", seed, service.port, history, has_jobs) for number in range(CLIENTS)
    ]
    wire = Wire(service.port, history)
    plans.make(wire, history)
    for client in clients:
        client.start()
    Nemesis(service, history, seed).run(seconds)
    until = time.monotonic() + PEACE
    for client in clients:
        client.deadline = until
        client.rest.set()
    for client in clients:
        client.join()
    plans.end(wire, history, until)
    plans.wait_for_all(wire, history, until)
    _read_all(service, history, "peace", has_jobs)
    history.troubles += service.stop()
    service.start()
    _read_all(service, history, "cold", has_jobs)
    history.troubles += service.stop()
    history.effects += remains.effects(service.sink)
    history.stored += remains.stored(service.data)
    history.integrity = remains.integrity(service.data)
    return history


def _read_all(service: Service, history: History, by: str, has_jobs: bool) -> None:
    """Every acknowledged job, once more."""
    wire = Wire(service.port, history)
    asked = {one.key: one for one in history.asked}
    for key, id in {answer.key: answer.id for answer in history.answers}.items():
        one = asked[key]
        if has_jobs:
            seen = wire.read(id, by)
        else:
            headers = {"Idempotency_Key": key, "Prefer": "respond-async"}
            path = f"/v1/operations/{one.operation}"
            status, job = wire.ask("POST", path, one.params, **headers)
            seen = wire.note(job, by) if status == 202 else None
        if seen is None:
            history.troubles.append(f"{id} cannot be read in {by}")
        else:
            history.answers.append(Answer(key, seen.id))
    wire.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--seconds", type=float, default=180, help="of faults (default 180)")
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--log", action="store_true", help="tell of each fault")
    parser.add_argument("--keep", action="store_true", help="keep what is left, be it green")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
