"""What `doctor` found: one line each."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from app.client import Unreachable
from app.room.errors import ManydoorsError

State = Literal["ok", "advice", "wrong"]


@dataclass(frozen=True)
class Finding:
    """`advice` is no reason to fail; `detail` of what is wrong says what to do."""

    check: str
    state: State
    detail: str


def found(check: str, is_right: bool, detail: str, otherwise: str) -> Finding:
    """Of a yes or no."""
    return Finding(check, "ok", detail) if is_right else Finding(check, "wrong", otherwise)


def examined(check: str, look: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """All that a look finds; that it can't look is a finding too."""
    try:
        yield from look()
    except (ManydoorsError, Unreachable) as error:
        yield Finding(check, "wrong", str(error))
