"""Where a page ends: the same in every store."""

from collections.abc import Callable, Iterable
from itertools import islice
from typing import TypeVar

from app.ports import PAGE_CAP, Page, Record
from app.ports.body import size_of
from app.ports.cursor import cursor_after

Found = TypeVar("Found")


def cut(
    found: Iterable[Found], text: Callable[[Found], str], limit: int
) -> tuple[list[Found], list[int], bool]:
    """What a page has of what was found, by the `text` of its bodies; their sizes; is there more?

    Takes one more than it gives, and no further.
    """
    items: list[Found] = []
    sizes: list[int] = []
    left = PAGE_CAP
    for each in islice(found, limit + 1):
        size = size_of(text(each))
        left -= size
        if len(items) == limit or (items and left < 0):
            return items, sizes, True
        items.append(each)
        sizes.append(size)
    return items, sizes, False


def page(items: Iterable[Record], sizes: Iterable[int], more: bool) -> Page:
    made = tuple(items)
    return Page(made, cursor_after(made[-1].id) if more else None, tuple(sizes))
