"""A list from its begin, page by page, as far as somebody looks."""

from collections.abc import Iterator
from itertools import islice
from typing import Any

from app.ports import Record, Records

PAGE = 200


def walked(
    records: Records, collection: str, most: int | None = None, **how: Any
) -> Iterator[Record]:
    """All of them, or as many as `most`; `how` is what a list is asked beside its pages."""
    return islice(_walked(records, collection, min(most or PAGE, PAGE), how), most)


def _walked(records: Records, collection: str, limit: int, how: dict[str, Any]) -> Iterator[Record]:
    cursor: str | None = None
    while True:
        page = records.list(collection, cursor=cursor, limit=limit, **how)
        yield from page.items
        if (cursor := page.next) is None:
            return
