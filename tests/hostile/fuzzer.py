"""One case after another, each told by the seed and its number, and what came of them."""

import gc
import logging
import resource
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from tests.hostile import events
from tests.hostile.grammar import valid
from tests.hostile.mutation import mutated
from tests.hostile.oracle import SECONDS, wrong
from tests.hostile.place import Asked, Got, Place, brief

EACH = 5_000  # cases with one store
FILLED = 200  # cases after which there is something of everything again
OF_EVENTS = 0.15  # of all cases
OF_GATEWAYS = 0.3  # of the requests that show a key
UNTOUCHED = 0.05  # of the requests: that valid ones are answered is looked at too
KEPT = "could not be read"  # what the loop of events says of what it keeps


@dataclass
class Verdict:
    cases: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    answered: set[tuple[str, str]] = field(default_factory=set)  # routes that said yes once
    routes: set[tuple[str, str]] = field(default_factory=set)
    findings: list[str] = field(default_factory=list)
    slowest: tuple[float, int] = 0.0, 0  # seconds, and the case's number
    memory: list[int] = field(default_factory=list)  # KB, after each store

    @property
    def grown(self) -> int:
        """KB, from the middle to the end."""
        return self.memory[-1] - self.memory[(len(self.memory) - 1) // 2] if self.memory else 0


class Errors(logging.Handler):
    """What is logged at a level at which somebody is woken."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if KEPT not in record.msg:
            self.lines.append(self.format(record))


def fuzz(
    cases: int, seed: int, tell: Callable[[str], None] = lambda line: None, each: int = EACH
) -> Verdict:
    """In this process: by WSGI and by events."""
    verdict = Verdict()
    with listening() as errors:
        for first in range(0, cases, each):
            told = len(verdict.findings)
            with brief(keyed=first // each % 2 == 1) as place:
                for number in range(first, min(cases, first + each)):
                    if number % FILLED == 0:
                        place.fill()
                    _try(place, Random(f"{seed}/{number}"), number, verdict, errors)
            gc.unfreeze()  # what a process would have for good, and here a store has
            gc.collect()
            verdict.memory.append(resident())
            for finding in verdict.findings[told:]:
                tell(f"!! {finding}")
            tell(f"{verdict.cases:,} cases, {len(verdict.findings)} findings, "
                 f"{verdict.memory[-1] // 1024} MB")  # fmt: skip
    return verdict


@contextmanager
def listening() -> Iterator[Errors]:
    errors = Errors()
    logging.getLogger().addHandler(errors)
    root = logging.getLogger("manydoors")
    root.addHandler(errors)
    try:
        yield errors
    finally:
        logging.getLogger().removeHandler(errors)
        root.removeHandler(errors)


def _try(place: Place, random: Random, number: int, verdict: Verdict, errors: Errors) -> None:
    verdict.cases += 1
    errors.lines.clear()
    began = time.monotonic()
    if random.random() < OF_EVENTS:
        shown, bad = events.tried(place, random, verdict.statuses)
    elif place.keyed and random.random() < OF_GATEWAYS:  # these are closed to who shows no key
        asked = request(place, random, verdict)
        shown, bad = events.by_gateway(place, random, asked, verdict.statuses)
    else:
        asked = request(place, random, verdict)
        shown, bad = str(asked), _answered(place, asked, verdict)
    took = time.monotonic() - began
    verdict.slowest = max(verdict.slowest, (took, number))
    if took > SECONDS:
        bad = bad or f"it took {took:.1f} s"
    if errors.lines:
        bad = f"{bad} logged: {errors.lines[0][-1500:]}"
    if bad:
        verdict.findings.append(f"case {number}: {bad}\n    {shown}")


def request(place: Place, random: Random, verdict: Verdict) -> Asked:
    """A valid one of any route, mutated."""
    route = random.choice(routes(place))
    verdict.routes.add(route)
    asked = random.choice(valid(place, *route))
    if place.keyed and random.random() < 0.9:
        scope = random.choice(("read", "run", "admin", "admin", "admin"))
        shown = ("Authorization", f"Bearer {place.names.shown[scope]}")
        asked = replace(asked, headers=(*asked.headers, shown))
    if random.random() < UNTOUCHED:
        if place.ask(asked).status < 400:
            verdict.answered.add(route)
        return asked
    return mutated(random, asked, place.names)


def routes(place: Place) -> list[tuple[str, str]]:
    """The application's own table; by the first key that it makes it would shut itself out."""
    return sorted(
        (method, rule.rule)
        for rule in place.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
        if place.keyed or (method, rule.rule) != ("POST", "/v1/keys")
    )


def _answered(place: Place, asked: Asked, verdict: Verdict) -> str:
    try:
        got = place.ask(asked)
    except Exception as error:  # noqa: BLE001 - nothing may leave a WSGI application
        return f"{type(error).__name__} left the application: {error}"[:500]
    verdict.statuses[str(got.status)] += 1
    return judged(asked, got)


def judged(asked: Asked, got: Got) -> str:
    try:
        return wrong(asked, got)
    except Exception as error:  # noqa: BLE001 - an answer that the judge cannot read is none
        return f"unreadable ({type(error).__name__}: {error}): {got.body[:300]!r}"


def resident() -> int:
    """KB of memory that this process has now."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() // 1024
