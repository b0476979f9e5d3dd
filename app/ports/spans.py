"""Spans: what took how long, under what, and of what kind it failed; told to whoever traces."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from types import MappingProxyType, TracebackType
from typing import Literal, Protocol

Kind = Literal["server", "consumer", "client", "internal"]
Facts = Mapping[str, str | int]
"""By OpenTelemetry's names where it has one, and ours under `manydoors`. Never what a caller gave
as a parameter, nor what an error says, for either may hold a secret."""

NONE: Facts = MappingProxyType({})


class Span(Protocol):
    def tell(self, facts: Facts, name: str | None = None) -> None:
        """What is known by now; `name`: a better one."""

    def fail(self, kind: str) -> None:
        """It went wrong, in that way."""


class Tracer(Protocol):
    on: bool
    """Is anything told to anybody?"""

    def span(
        self, name: str, kind: Kind = "internal", facts: Facts = NONE, parent: str | None = None
    ) -> AbstractContextManager[Span]:
        """Lasts as long as its block, and is under the one around it, or under `parent`, which may
        be elsewhere: a W3C traceparent. It fails with the kind of an error that leaves the block.
        """

    def here(self) -> str | None:
        """The traceparent of what is under way, for what belongs to it and is done elsewhere."""

    def flush(self) -> None:
        """Tells what has ended by now, before this process is stopped or frozen. Never raises."""


class Untraced:
    """See `Tracer`. Nobody listens."""

    on = False

    def span(
        self, name: str, kind: Kind = "internal", facts: Facts = NONE, parent: str | None = None
    ) -> "_Nothing":
        return NOTHING

    def here(self) -> None:
        return None

    def flush(self) -> None:
        """Nothing to tell."""


class _Nothing:
    """A span that nobody is told of."""

    def tell(self, facts: Facts, name: str | None = None) -> None:
        """Nobody listens."""

    def fail(self, kind: str) -> None:
        """Nobody listens."""

    def __enter__(self) -> "_Nothing":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """An error goes on."""


NOTHING = _Nothing()
