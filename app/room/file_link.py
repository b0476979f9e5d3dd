"""How a link to a file is shown: whole, and as what a browser may make of the bytes."""

from urllib.parse import quote

SHOWN = frozenset(
    "image/png image/jpeg image/gif image/webp image/avif text/plain audio/mpeg audio/ogg"
    " video/mp4 video/webm".split()
)
"""Types that a browser may show by itself: nothing in them can run."""


def based(url: str, base: str) -> str:
    """A URL of this service's own begins with what stands before /v1."""
    return f"{base}{url}" if url.startswith("/") else url


def disposition(name: str, type: str) -> str:
    """Content-Disposition (RFC 6266): a browser saves what could do something if it were shown."""
    how = "inline" if type.partition(";")[0].strip() in SHOWN else "attachment"
    plain = "".join(c if " " <= c <= "~" and c not in '"\\%' else "_" for c in name)
    exact = "" if plain == name else f"; filename*=UTF-8''{quote(name, safe='')}"
    return f'{how}; filename="{plain}"{exact}'
