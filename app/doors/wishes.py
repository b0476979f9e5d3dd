"""What a request wishes by its headers: once only, in the background, or the end waited for."""

import re
from typing import NamedTuple

from app.doors.http import Request
from app.room.call import LONGEST_WAIT, Outcome
from app.room.errors import Invalid, Wrong

LONGEST_KEY = 255  # characters

_WAIT = re.compile(r'wait=("?)([0-9]+)\1')
_KEY = re.compile(r"[ -~]+")
_QUOTED = re.compile(r'"((?:[^"\\]|\\["\\])*)"')


class Wishes(NamedTuple):
    key: str | None = None  # Idempotency-Key
    asynchronous: bool = False
    wait: float | None = None  # seconds

    def honoured(self, outcome: Outcome, longest: float) -> str:
        """The preferences that made the outcome what it is, as RFC 7240 tells of them; `longest`:
        seconds that an answer may take here."""
        if outcome.job is None:
            return ""
        told = ["respond-async"] if self.asynchronous and outcome.pending else []
        if self.wait is not None:
            told.append(f"wait={min(self.wait, longest):.0f}")
        return ", ".join(told)


NONE = Wishes()


def wishes(request: Request) -> Wishes:
    """Raises `Invalid` for an Idempotency-Key that is none; a preference that is none is none."""
    prefer = request.headers.get("HTTP_PREFER")
    key = request.headers.get("HTTP_IDEMPOTENCY_KEY")
    if prefer is None and key is None:
        return NONE
    asynchronous, wait = _preference(prefer or "")
    return Wishes(None if key is None else _key(key), asynchronous, wait)


def _preference(prefer: str) -> tuple[bool, float | None]:
    """RFC 7240: `respond-async`, and `wait` in seconds, of which 25 are the most."""
    given = [wish.partition(";")[0].strip().lower() for wish in prefer.split(",")]
    waits = [match for wish in given if (match := _WAIT.fullmatch(wish.replace(" ", "")))]
    return "respond-async" in given, min(LONGEST_WAIT, float(waits[0][2])) if waits else None


def _key(given: str) -> str:
    """The IETF's draft writes it as a string in quotes, most clients without them."""
    key = given.strip()
    if quoted := _QUOTED.fullmatch(key):
        key = re.sub(r"\\(.)", r"\1", quoted[1])
    if not _KEY.fullmatch(key) or len(key) > LONGEST_KEY:
        raise Invalid(
            "The Idempotency-Key is not valid.",
            errors=[Wrong("/key", f"Must be 1 to {LONGEST_KEY} characters of ASCII.")],
        )
    return key
