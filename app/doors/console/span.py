"""Times as people say them: how long, how long ago, and the moment itself."""

from datetime import UTC, datetime
from itertools import pairwise

from app.room.moment import LAST_MOMENT

UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


def span(seconds: float | None) -> str:
    """The two largest units that count: `3 min 20 s`, `2 h`, `0.4 s`, `12 ms`."""
    if seconds is None:
        return "–"
    seconds = max(0.0, seconds)
    if seconds < 0.1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for (size, unit), (smaller, name) in pairwise(UNITS):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def ago(seconds: float) -> str:
    """The largest unit alone, for what is past is only about so old."""
    if seconds < 1:
        return "just now"
    return next(f"{int(seconds // size)} {unit} ago" for size, unit in UNITS if seconds >= size)


def ahead(seconds: float) -> str:
    return "now" if seconds < 1 else f"in {roughly(seconds)}"


def roughly(seconds: float) -> str:
    """As `span`, in whole seconds."""
    return span(round(seconds)) if seconds >= 10 else f"{max(0, round(seconds))} s"


def moment(seconds: float) -> str:
    """In UTC, as a person reads it."""
    return f"{datetime.fromtimestamp(min(seconds, LAST_MOMENT), UTC):%Y-%m-%d %H:%M:%S}"


def clock(seconds: float) -> str:
    """The time of day alone, in UTC."""
    return f"{datetime.fromtimestamp(min(seconds, LAST_MOMENT), UTC):%H:%M:%S}"


def count(number: float) -> str:
    """12,345 and 0.25, and never more digits than tell something."""
    return f"{number:,.0f}" if float(number).is_integer() else f"{number:,.4g}"
