"""The same cases over a socket, to a real service with workers, whose store is looked into beside
it for what there is to name."""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from random import Random

from app.ports.local.clock import SystemClock
from tests.hostile.fuzzer import FILLED, Verdict, judged, request
from tests.hostile.place import HOST, Asked, Got, Place, octets
from tests.hostile.wire import Held, connected
from tests.whole.service import Service, running

IDLE = 90.0  # seconds for the threads of requests to end
MOST_READ = 1 << 20  # bytes of an answer
SECONDS = 30.0  # for a request, which may wait 25 for a job

_WAIT = re.compile(r"\bwait=\"?\d+")


def fuzz_on_wire(
    folder: Path, cases: int, seed: int, verdict: Verdict, tell: Callable[[str], None]
) -> None:
    """Half of them without a key, then half with keys."""
    settings = {"MANYDOORS_OPERATIONS": "tests.hostile.served", "MANYDOORS_RATE": "none"}
    with running(folder / "data", workers=1, options=(), **settings) as service:
        before = Held.by(service.processes())
        for keyed in (False, True):
            place = Place(service.data, keyed=keyed, clock=SystemClock())
            for number in range(cases // 2):
                if number % FILLED == 0:
                    place.fill()
                    verdict.memory.append(Held.by(service.processes()).memory)
                    tell(f"{verdict.cases:,} cases, {len(verdict.findings)} findings")
                _try(service, place, Random(f"{seed}/wire/{keyed}/{number}"), number, verdict)
            place.close()
        _check_rest(service, before, verdict)
    for finding in verdict.findings:
        tell(f"!! {finding}")


def _try(service: Service, place: Place, random: Random, number: int, verdict: Verdict) -> None:
    verdict.cases += 1
    asked = _brief(request(place, random, verdict))
    began = time.monotonic()
    try:
        got = ask(service.address, asked)
    except TimeoutError:
        bad = "no answer and no close"
    else:
        verdict.statuses[f"{got.status or 'a close'} on the wire"] += 1
        bad = judged(asked, got) if got.status else ""
    took = time.monotonic() - began
    if took > SECONDS:
        bad = bad or f"it took {took:.1f} s"
    if bad:
        verdict.findings.append(f"case {number} on the wire: {bad}\n    {asked}")


def _brief(asked: Asked) -> Asked:
    """Nobody has 25 s for each."""
    headers = tuple((name, _WAIT.sub("wait=1", text)) for name, text in asked.headers)
    target = _WAIT.sub("wait=1", asked.target.decode("latin-1")).encode("latin-1")
    return replace(asked, headers=headers, target=target)


def written(asked: Asked) -> bytes:
    """What goes over the wire: header by header, with whatever is in them."""
    names = {name.lower() for name, _ in asked.headers}
    own = () if "host" in names else (("Host", HOST),)
    if (asked.body or asked.method in ("POST", "PUT")) and "content-length" not in names:
        own = (*own, ("Content-Length", str(len(asked.body))))
    lines = [f"{name}: {octets(text)}" for name, text in (*own, *asked.headers)]
    head = f"{asked.method} {asked.target.decode('latin-1')} HTTP/1.1"
    return "\r\n".join([head, *lines, "", ""]).encode("latin-1") + asked.body


def ask(address: str, asked: Asked) -> Got:
    """The first answer; of status 0, if the server closed without one."""
    with connected(address) as client:
        with suppress(ConnectionError):  # it need not hear all of it
            client.sendall(written(asked))
        answer = HTTPResponse(client, method=asked.method)
        try:
            answer.begin()
            stream = answer.getheader("Content-Type", "").startswith("text/event-stream")
            body = answer.read1(MOST_READ) if stream else answer.read(MOST_READ)
        except (HTTPException, ConnectionError):
            return Got(0)
        return Got(answer.status, tuple(answer.getheaders()), body)


def _check_rest(service: Service, before: Held, verdict: Verdict) -> None:
    """Nothing is left over, and nothing was logged as an error."""
    until = time.monotonic() + IDLE
    while (held := Held.by(service.processes())).threads > before.threads + 20:
        if time.monotonic() > until:
            verdict.findings.append(f"threads are left over: {held}, and there were {before}")
            break
        time.sleep(1)
    if held.sockets > before.sockets + 10:
        verdict.findings.append(f"sockets are left over: {held}, and there were {before}")
    verdict.memory.append(held.memory)
    log = service.data.with_name(f"{service.data.name}.log").read_text(errors="replace")
    bad = [line for line in log.splitlines() if '"level":"ERROR"' in line or "Traceback" in line]
    verdict.findings += [f"logged: {line[:1500]}" for line in bad]
