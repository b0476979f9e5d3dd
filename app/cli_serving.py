"""The commands that serve: `up`, and its parts for people who run them apart."""

import argparse
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from app.config import PREFIX, Settings
from app.room.errors import BadSetting, Unavailable
from app.terminal.text import as_json

MAKE_KEY = "python -m app keys create NAME --scope admin"
LOOPBACK = ("127.0.0.1", "::1", "localhost")

Number = Callable[[int, int], Callable[[str], int]]


def up(given: argparse.Namespace, settings: Settings) -> int:
    """Serves until told to stop, and starts again whichever part dies."""
    from app import logs, sockets
    from app.supervisor.part import Part
    from app.supervisor.sources import Sources
    from app.supervisor.supervisor import Supervisor

    settings = _settled(settings)
    logs.set_up(settings.log, settings.log_level)
    if not _is_open(settings, given.host):
        _check_key(settings, given.host)
    listeners = sockets.listen(given.host, given.port, given.web)
    numbers = [listener.fileno() for listener in listeners]
    held, _only_here = os.pipe()  # its other end closes with this process, however that ends
    leash = ("--lifeline", str(held))
    handed = ("--host", given.host, "--sockets", ",".join(map(str, numbers)))
    parts = [
        Part("web", ("web", *handed, *leash), (*numbers, held), answers=True),
        *(Part(f"worker {n}", ("work", *leash), (held,)) for n in range(1, given.workers + 1)),
        Part("clock", ("tick", "--watch", *leash), (held,)),
    ]
    environ = {**os.environ, **_variables(settings, given.host)}
    # Whatever hangs, half of the workers are there for all else.
    environ[PREFIX + "DELIVERIES"] = str(settings.deliveries or max(1, given.workers // 2))
    sources = Sources(settings.operations) if given.reload else None
    return Supervisor(parts, environ, sockets.announce, sources or None).run()


def web(given: argparse.Namespace, settings: Settings) -> int:
    """Serves HTTP until told to stop. Each process reads the environment for itself."""
    from app import sockets, wiring
    from app.server import serve_on
    from app.supervisor import lifeline

    listeners = sockets.adopt(given.sockets)
    if given.lifeline is not None:
        # So that the next `up` has the port while the last answers here are still made.
        ours = sockets.adopt([os.dup(number) for number in given.sockets])  # granian closes its own
        lifeline.hold(given.lifeline, lambda: sockets.release(ours))
    settings = _settled(settings)
    room = wiring.make_room(settings)
    room.ports.records.ping()  # what is wrong is told once, before any process
    if given.lifeline is None and not _is_open(settings, given.host):
        _check_key(settings, given.host)
    with suppress(Unavailable):  # a full disk can be read; the leases end by themselves
        wiring.reclaim(settings, room)
    room.ports.records.close()
    os.environ.update(_variables(settings, given.host))
    announce = sockets.announce if given.ready is None else _teller(given.ready)
    listeners = listeners or sockets.listen(given.host, given.port, given.web)
    serve_on(listeners, announce=announce)
    return 0


def work(given: argparse.Namespace, settings: Settings) -> int:
    """Runs jobs until told to stop."""
    from app import logs, wiring, worker
    from app.supervisor import lifeline

    settings = _settled(settings)
    logs.set_up(settings.log, settings.log_level)
    room = wiring.make_room(settings)
    room.ports.records.ping()  # what is wrong is told before any job is claimed
    if given.lifeline is not None:
        lifeline.hold(given.lifeline)
    worker.work(room, wiring.listen(settings), settings.slice)
    return 0


def tick(given: argparse.Namespace, settings: Settings) -> int:
    """Makes the jobs of the schedules that are due; with `--watch`, until told to stop."""
    from app import clock, logs, wiring
    from app.room.standing import tend
    from app.room.sweep import sweep
    from app.room.tick import Ticker
    from app.supervisor import lifeline

    settings = _settled(settings)
    logs.set_up(settings.log, settings.log_level)
    room = wiring.make_room(settings)
    room.ports.records.ping()
    if given.lifeline is not None:
        lifeline.hold(given.lifeline)
    if given.watch:
        clock.watch(room, wiring.listen_for_schedules(settings))
        return 0
    tend(room.registry, room.ports)
    made = Ticker(room.registry, room.ports).tick().jobs
    sweep(room.registry, room.ports)
    room.ports.records.close()
    print(as_json({"jobs": made}) if given.json else f"{made} {'job' if made == 1 else 'jobs'}")
    return 0


def add_to(commands: Any, whole: Number) -> None:
    """Their options; `whole(least, most)` reads a number."""
    serving = commands.add_parser("up", help="serve every door and run jobs")
    _add_web(serving, whole)
    serving.add_argument(
        "--workers", type=whole(1, 64), default=2, help="job processes (default 2)"
    )
    serving.add_argument(
        "--reload", action="store_true", help="start anew when the operations' sources change"
    )
    serving.set_defaults(command=up)

    answering = commands.add_parser("web", help="the part of `up` that answers HTTP")
    _add_web(answering, whole)
    answering.add_argument("--sockets", type=_numbers, default=(), help=argparse.SUPPRESS)
    answering.add_argument("--ready", type=int, help=argparse.SUPPRESS)
    answering.set_defaults(command=web)

    working = commands.add_parser("work", help="the part of `up` that runs jobs, one at a time")
    working.set_defaults(command=work)

    ticking = commands.add_parser("tick", help="make the jobs of the schedules that are due")
    ticking.add_argument(
        "--watch", action="store_true", help="go on, as the part of `up` that is the clock"
    )
    ticking.add_argument(
        "--json", action="store_true", default=argparse.SUPPRESS, help="print for machines"
    )
    ticking.set_defaults(command=tick)

    for part in (answering, working, ticking):  # by whom `up` is its parent
        part.add_argument("--lifeline", type=int, help=argparse.SUPPRESS)
    for command in (serving, answering, working, ticking):
        command.add_argument("--data", default=argparse.SUPPRESS, help="the folder of the store")


def _add_web(parser: argparse.ArgumentParser, whole: Number) -> None:
    parser.add_argument("--host", default="127.0.0.1", help="where to listen (default 127.0.0.1)")
    parser.add_argument(
        "--port", type=whole(0, 65535), default=8000, help="0 takes a free one (default 8000)"
    )
    parser.add_argument("--web", type=whole(1, 64), default=2, help="web processes (default 2)")


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(map(int, text.split(",")))


def _is_open(settings: Settings, host: str) -> bool:
    """May those of this machine call without a key, until there is one?"""
    from app import sockets

    said = PREFIX + "OPEN" in os.environ
    return sockets.is_loopback(host) and (settings.open == "loopback" or not said)


def _check_key(settings: Settings, host: str) -> None:
    """Raises `BadSetting` before a stranger could come in."""
    from app import wiring
    from app.room.access import Access

    asks, store = bool(settings.admin_key), wiring.store_of(settings)
    if not asks and (store is None or store.exists()):  # whoever is refused has made no store
        ports = wiring.make_ports(settings)
        asks = Access(ports).asks()
        ports.records.close()
    if not asks:
        raise BadSetting(
            f"Others than this machine can reach {host}, and there is no key yet that they could "
            f"show. Make the first key and start again: {MAKE_KEY}"
            + ("" if settings.table else f" --data {settings.data}")
        )


def _settled(settings: Settings) -> Settings:
    """What holds for every part, whatever its folder; a terminal gets log lines for people."""
    log = settings.log
    if PREFIX + "LOG" not in os.environ and sys.stderr.isatty():
        log = "text"
    return replace(settings, data=settings.data.absolute(), log=log)


def _variables(settings: Settings, host: str) -> dict[str, str]:
    """For the environment of the processes that serve."""
    from app import sockets

    told = {PREFIX + "DATA": str(settings.data), PREFIX + "LOG": settings.log}
    told[PREFIX + "OPEN"] = "loopback" if _is_open(settings, host) else "no"
    if sockets.is_loopback(host):  # a name that leads here from elsewhere is some page's trick
        names = ",".join(dict.fromkeys((*LOOPBACK, host.lower())))
        told[PREFIX + "HOSTS"] = os.environ.get(PREFIX + "HOSTS", names)
    return told


def _teller(descriptor: int) -> Callable[[str], None]:
    os.set_inheritable(descriptor, False)

    def tell(url: str) -> None:
        with suppress(OSError):  # the supervisor is gone
            os.write(descriptor, url.encode())
            os.close(descriptor)

    return tell
