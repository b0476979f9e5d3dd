"""Lives that are broken: which points there are, and what came of each."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from tests.engines import faults, lossy
from tests.engines.ministack import Ministack
from tests.severed.breaker import HOWS, Breaker, Point
from tests.severed.judge import wrong
from tests.severed.life import FUNCTION, Sky, lived

PLACES = 3  # of each verb in the sample: its first asking, one in the middle, one of the last


@dataclass(frozen=True)
class Tried:
    """`felt`: the points that were broken; a life differs a little each time, so that the last
    ones may be `missed`."""

    felt: Sequence[Point]
    missed: Sequence[Point]
    wrong: list[str]
    asked: Counter[str]


@contextmanager
def sky(dynamo: str, stack: Ministack) -> Iterator[Sky]:
    stack.function(FUNCTION, "def handle(event, context): pass")
    with (
        faults.running(dynamo) as tables, faults.running(stack.url) as rest,
        lossy.running(stack.url) as files,
    ):  # fmt: skip
        made = Sky(dynamo, stack, tables, rest, files)
        behind = Ministack(rest.url, stack.folder)  # the proxies read AWS's models only now
        behind.client("sqs").list_queues()
        behind.client("sns").list_topics()
        behind.client("sts").get_caller_identity()
        behind.client("lambda").list_functions()
        Ministack(tables.url, stack.folder).client("dynamodb").list_tables()
        yield made


def tried(over: Sky, points: Sequence[Point]) -> Tried:
    """One life with these points in it. A fault that was not felt is wrong, too."""
    breaker = Breaker(over.tables, over.rest, over.files, points)
    try:
        with lived(over, breaker) as life:
            found = wrong(life, breaker)
    except AssertionError as error:
        found = [f"it does not get through: {error}"]
    missed = [point for point in points if breaker.asked[point.verb] < point.number]
    felt = [point for point in points if point in breaker.felt]
    found += [f"{point} was not felt" for point in points if point not in (*missed, *felt)]
    return Tried(felt, missed, found, breaker.asked)


def sample(asked: Counter[str]) -> list[list[Point]]:
    """A life for each way to break: in it each verb is broken once, at another place each time."""
    return [
        [Point(verb, place(count, turn + at), how) for at, (verb, count) in enumerate(counted)]
        for turn, how in enumerate(HOWS)
        if (counted := sorted(asked.items()))
    ]


def everything(asked: Counter[str], every: int = 1) -> list[list[Point]]:
    """A life for each way to break and each number, of all verbs that are asked so often."""
    return [
        [Point(verb, number, how) for verb, count in sorted(asked.items()) if number <= count]
        for number in range(1, max(asked.values()) + 1, every)
        for how in HOWS
    ]


def place(count: int, turn: int) -> int:
    return (1, (count + 1) // 2, count - count // 5)[turn % PLACES]


def show(lives: Sequence[Tried]) -> None:
    """How many requests were broken, by verb and by way."""
    counts = Counter((p.verb, p.how) for life in lives for p in life.felt)
    print(f"\n{'request':28}" + "".join(f"{how:>18}" for how in HOWS))
    for verb in sorted({verb for verb, _ in counts}):
        print(f"{verb:28}" + "".join(f"{counts[verb, how]:>18}" for how in HOWS))
    for life in lives:
        for each in life.wrong:
            print(f"!! {', '.join(map(str, life.felt))}: {each}")
