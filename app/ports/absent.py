"""What stands where a platform has no such port: nobody listens, nothing leaves."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from app.room.errors import Unavailable

if TYPE_CHECKING:
    from app.ports import Event, Hint, Letter, Reply


class Unheard:
    """A queue that tells nobody: whoever looks finds by themselves what there is."""

    def ring(self, *hints: "Hint") -> None:
        """Nobody listens."""


class Untold:
    """See `Topic`. Nobody listens."""

    heard = False

    def publish(self, *events: "Event") -> None:
        """Nothing to do."""


class Unsent:
    """See `Post`. Nothing leaves."""

    local = False

    def send(
        self, letter: "Letter", *, refuse: Callable[[str], str | None], within: float
    ) -> "Reply":
        raise Unavailable("nothing can be sent from here")


class Alone:
    """See `Tidings`. Nobody else hears."""

    def latest(self) -> bytes:
        return b""

    def tell(self) -> None:
        """Nobody to tell."""


def no_keys() -> Sequence[bytes]:
    """No secret is sealed, and none is opened."""
    return ()
