"""Raw bytes to the real service while slow clients besiege it: each connection gets a 4xx or is
closed in bounded time, who is innocent is answered all the while, and nothing is left over."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.hostile.framing import BROKEN, NEXT, ODD, Odd
from tests.hostile.wire import CALL, PATIENCE, SLOW, Came, Held, besieged, sent
from tests.whole.service import Service, running

EACH = 30  # slow clients of each kind
LAST = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
HALVES = ("less than was said", "half a chunk", "100-continue, and no body")  # which have to wait
REFUSALS = (400, 403, 405, 408, 411, 413, 417, 431, 501)
MOST_GROWN = 100 * 1024  # KB


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("wire") / "data"
    with running(folder, MANYDOORS_OPERATIONS="tests.hostile.served") as service:
        yield service


def to(request: bytes) -> bytes:
    return request.replace(b"/echo", CALL)


@pytest.mark.slow
def test_a_siege_is_withstood(up: Service) -> None:
    """Slow clients, half requests, broken framing and odd requests at once."""
    before = at_rest(up)
    with besieged(up.address, EACH) as siege, ThreadPoolExecutor(len(HALVES) + 3) as pool:
        halves = {name: pool.submit(sent, up.address, to(ODD[name].request)) for name in HALVES}
        broken = {
            name: pool.submit(sent, up.address, to(request) + NEXT)
            for name, (request, _) in BROKEN.items()
        }
        odd = {
            name: pool.submit(sent, up.address, to(each.request) + (LAST if each.more else b""))
            for name, each in ODD.items()
            if name not in HALVES
        }
        wrong = {name: of_broken(name, one.result()) for name, one in broken.items()}
        wrong |= {name: of_odd(ODD[name], one.result()) for name, one in (odd | halves).items()}
        during = Held.by(up.processes())
    assert {name: told for name, told in wrong.items() if told} == {}
    assert siege.left == 0
    assert {kind: len(cut) for kind, cut in siege.cut.items()} == dict.fromkeys(SLOW, EACH)
    assert max(siege.waits) < 5  # on a busy machine; alone it is a tenth of a second
    assert during.memory - before.memory < MOST_GROWN
    nothing_is_left(up, before)


def at_rest(up: Service) -> Held:
    """What it holds once all of its processes are there and have worked."""
    job = b"POST /v1/operations/later HTTP/1.1\r\nHost: localhost\r\nPrefer: wait=25\r\n"
    job += b"Content-Type: application/json\r\nContent-Length: 13\r\nConnection: close\r\n\r\n"
    assert sent(up.address, job + b'{"text": "a"}').statuses == [200]
    return Held.by(up.processes())


def of_broken(name: str, came: Came) -> str:
    """One refusal, or none that a sender could hear, and a close; nothing behind it is answered."""
    said = [status for status in came.statuses if status not in REFUSALS]
    if said or len(came.statuses) > 1 or not came.closed or b"smuggled" in came.raw:
        return f"{came.raw[:300]!r}, closed: {came.closed}"
    # A close may overtake the answer to a sender that still sends.
    is_heard = came.statuses or not BROKEN[name][1] or len(BROKEN[name][0]) > 100_000
    return "" if is_heard else "closed without a word"


def of_odd(odd: Odd, came: Came) -> str:
    """One of the answers that are right, and then the next request's, or a close."""
    first, *rest = came.statuses or [0]
    is_heard = first in odd.statuses or (not first and len(odd.request) > 100_000)
    goes_on = rest == [200] if odd.more else all(status in REFUSALS for status in rest)
    is_closed_at_once = odd.more and not rest and first in REFUSALS
    if is_heard and came.closed and (goes_on or is_closed_at_once):
        return ""
    return f"{came.raw[:300]!r}, closed: {came.closed}, {came.seconds:.1f} s"


def nothing_is_left(up: Service, before: Held) -> None:
    """No connection; what threads there are end by themselves when they have been idle."""
    until = time.monotonic() + PATIENCE
    while (held := Held.by(up.processes())).sockets > before.sockets:
        assert time.monotonic() < until, f"{held} of {before}"
        time.sleep(0.2)
    assert held.memory - before.memory < MOST_GROWN
    log = up.data.with_name(f"{up.data.name}.log").read_text().splitlines()
    assert [line for line in log if '"level":"ERROR"' in line or "Traceback" in line] == []
