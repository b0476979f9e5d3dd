"""What an event asks for, and what came of it: the words between the doors and their loop."""

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

from app.room.call import Call
from app.room.errors import ManydoorsError, Problem


class UnknownEvent(ManydoorsError):
    """No door, or more than one, knows the event. Raised, so that nobody takes it for done."""


class NotDone(ManydoorsError):
    """Raised to the platform, which will bring the event again."""


Style = Literal["many", "single", "cookies"]
"""How a gateway says a header that comes twice: as a list; not at all; as cookies, for those
alone."""


class Gateway(NamedTuple):
    """What brings a request over HTTP, and sends its answer on."""

    within: float  # seconds that it waits for one
    most: int  # bytes of a body that it sends on, as they are written in its own form
    style: Style
    balances: bool = False  # a load balancer, which wants "200 OK"


class Visit:
    """A request over HTTP, as WSGI names its parts: somebody waits for the answer."""

    __slots__ = ("by", "environ")  # as quick as can be made, and quicker to declare than others

    def __init__(self, environ: dict[str, Any], by: Gateway) -> None:
        self.environ, self.by = environ, by


class Make(NamedTuple):
    """Jobs. Each call has a key, so an event that comes twice makes them once."""

    calls: tuple[Call, ...]


class Work(NamedTuple):
    """Jobs that are due are to be run, while there is time. `hint`: one that was rung for; without
    one, as many as there are."""

    hint: str | None = None


class Arrived(NamedTuple):
    """A file of ours may be whole now. `other`: what is asked for if it is none of ours."""

    file: str
    other: "Make | Unreadable | None" = None


class Tick:
    """Schedules that are due, or will be before the next tick, get their jobs."""


class Unreadable(NamedTuple):
    """It can't become a job; its bytes are kept with the reason."""

    why: Problem


class Several(NamedTuple):
    """All that one message asks for; it is done when each of them is."""

    parts: "tuple[Arrived | Make | Unreadable, ...]"


What = Make | Work | Tick | Arrived | Unreadable | Several | None


class Ask(NamedTuple):
    """One of the things that an event asks for; None: it is well as it is."""

    what: What
    id: str = ""  # by which the platform knows it; an unreadable one is kept once for each
    raw: bytes = b""  # as it came
    source: str = ""  # the door, and the name of what stands before it
    line: str | None = None  # behind one that was not done, none of its line is begun
    since: float | None = None  # when it was written, of what holds up a line that nobody clears
    trace: str | None = None  # the traceparent that came with it


class Told:
    """An answer over HTTP."""

    __slots__ = ("body", "headers", "reason", "status")

    def __init__(
        self,
        status: int,
        reason: str = "",
        headers: Sequence[tuple[str, str]] = (),
        body: bytes = b"",
    ) -> None:
        self.status, self.reason, self.headers, self.body = status, reason, headers, body


class Came(NamedTuple):
    """`done`: the platform may forget it."""

    ask: Ask
    done: bool = True


def failures(came: list[Came]) -> dict[str, list[dict[str, str]]]:
    """What ReportBatchItemFailures wants to hear: what is to be brought again, and no more."""
    undone = [{"itemIdentifier": each.ask.id} for each in came if not each.done]
    return {"batchItemFailures": undone}


def check_done(came: list[Came]) -> None:
    """Raises `NotDone` where a platform asks for all or nothing."""
    if undone := [each.ask.id for each in came if not each.done]:
        raise NotDone(f"To be brought again: {', '.join(undone)}.")
