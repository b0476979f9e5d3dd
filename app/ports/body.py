"""A record's body as text, and how large it may be: the same in every store."""

import json
from collections.abc import Sequence

from app.ports import BODY_CAP
from app.room.errors import TooLarge

encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


def check_sizes(bodies: Sequence[str], most: int) -> None:
    """Raises TooLarge for one that is over its cap, or for all that are over `most` together."""
    sizes = [len(body) if body.isascii() else len(body.encode()) for body in bodies]
    if max(sizes, default=0) > BODY_CAP:
        raise TooLarge(f"A record's body has {max(sizes)} bytes, and may have {BODY_CAP}.")
    if sum(sizes) > most:
        raise TooLarge(f"A commit's bodies have {sum(sizes)} bytes, and may have {most}.")
