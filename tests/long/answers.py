"""What the long jobs come to, by what was asked for alone."""

from typing import Any


def chained(chain: int, *numbers: int) -> int:
    """A number that says all that came, in its order."""
    for number in numbers:
        chain = (chain * 31 + number + 1) % 1_000_000_007
    return chain


def answer_of_walk(items: int) -> list[int]:
    return [items, chained(0, *range(items))]


def answer_of_story(rounds: int, width: int) -> int:
    chain = 0
    for n in range(rounds):
        leaves = (2 * (n * width + place) for place in range(width))
        chain = chained(chain, n * n, *leaves, n * n)
    return chained(chain, *(n * n for n in range(rounds)))


def answer_of_gather(items: int, failed: list[int]) -> list[Any]:
    return [items, chained(0, *(-1 if n in failed else n * n for n in range(items))), failed]
