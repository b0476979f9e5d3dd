"""A point in time, as everything that is told outside says it."""

from datetime import UTC, datetime

LAST_MOMENT = 253402300799.0  # the end of the year 9999, in seconds


def moment(seconds: float | None) -> str | None:
    """RFC 3339 in UTC, to the millisecond; what it cannot say reads as the last that it can."""
    if seconds is None:
        return None
    text = datetime.fromtimestamp(min(seconds, LAST_MOMENT), UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")
