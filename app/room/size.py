"""Numbers of bytes as people write them."""

import re

KB = 1024
MB = 1024 * KB
GB = 1024 * MB

LARGEST = 1 << 50  # bytes

_UNITS = {"": 1, "KB": KB, "MB": MB, "GB": GB}
_parts = re.compile(r"([0-9]{1,15})(KB|MB|GB|)", re.ASCII).fullmatch


def size(written: object) -> int:
    """`"500KB"`, `"5MB"`, `"2GB"` or a number of bytes, as bytes: one at least."""
    if isinstance(written, str) and (parts := _parts(written)):
        number = int(parts[1]) * _UNITS[parts[2]]
    elif isinstance(written, int) and not isinstance(written, bool):
        number = written
    else:
        raise ValueError("write a number of bytes, or 500KB, 5MB")
    if not 0 < number <= LARGEST:
        raise ValueError("write a number of bytes, or 500KB, 5MB: one byte or more")
    return number
