"""Spans of time as people write them."""

import re

DURATION = r"^[0-9]{1,9}(\.[0-9]{1,6})?(ms|s|m|h|d)$"

FOREVER = float("inf")
MOST = 10**9 * 86400  # seconds; what DURATION can say

_UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_parts = re.compile(DURATION.strip("^$")).fullmatch


def seconds(duration: object) -> float:
    """`"500ms"`, `"90s"`, `"15m"`, `"2h"`, `"7d"` or a number of seconds, as seconds."""
    if isinstance(duration, str):
        if not (parts := _parts(duration)):
            raise ValueError(f"{duration!r} is not a duration: write 90s, 15m, 2h, 7d or a number")
        return float(duration.removesuffix(parts[2])) * _UNITS[parts[2]]
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise ValueError(f"{duration!r} is not a duration: write 90s, 15m, 2h, 7d or a number")
    if not 0 <= duration <= MOST:
        raise ValueError(f"{duration!r} is not a duration: it must be 0 or more seconds")
    return float(duration)
