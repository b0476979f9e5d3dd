"""Everything that can go wrong, as one tree.

ManydoorsError
├── BadOperation            a declaration that cannot work; found at start-up
├── BadSetting              an environment that cannot work; found at start-up
│   └── Unimportable        a module of operations that raised; perhaps only this time
└── Problem                 what a caller is told; has a kind, knows if another try helps
    ├── Malformed           not JSON, not an object, bad encoding
    │   └── NotARequest     JSON, but not a request of this protocol
    ├── Unauthenticated     no key, or an unknown one
    ├── Forbidden           a key without the scope
    ├── Unknown             no such job, file or schedule, or not yours
    │   └── UnknownOperation
    ├── Conflict            the state forbids it
    │   └── Stale           a record has changed since it was read
    ├── NotAllowed          the path is right, the method is not
    ├── NotAcceptable       none of the forms that the caller accepts can be made
    ├── Precondition        If-Match names another version
    ├── OutOfRange          Range lies outside the content
    ├── TooLarge            over a cap
    ├── Unsupported         the body's form cannot be read here
    ├── Invalid             the schema says no; names every wrong field
    ├── Refused             the operation says no, and tells the caller why
    ├── Busy                a rate or queue limit
    ├── Internal            a bug, ours or the operation's; shown as an id, never as text
    ├── Unavailable         the store is down, the disk is full
    │   └── Retry           the operation asks for another try later
    └── TimedOut            over its own time

An error holds no HTTP status and no RPC code: each door has one table from kind to number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.room.duration import seconds

TAKEN = frozenset("type title status detail instance kind retry_after".split())
"""Members that every problem has of its own."""


class ManydoorsError(Exception):
    """Whatever this program raises on purpose."""


class BadOperation(ManydoorsError):
    """A declaration that cannot work. Its text names the file and line, and what to do."""


class BadSetting(ManydoorsError):
    """An environment that cannot work. Its text names the variable, and what to do."""


class Unimportable(BadSetting):
    """A module of operations that raised as it was imported: for lack of a database, perhaps."""


@dataclass(frozen=True)
class Wrong:
    """One field that is wrong: where, as a JSON pointer, and why."""

    pointer: str
    detail: str


class Problem(ManydoorsError):
    """What a caller is told."""

    kind: ClassVar[str]
    title: ClassVar[str]
    retry: ClassVar[bool] = False
    traced: ClassVar[bool] = True  # is it worth telling where it was raised?

    def __init__(
        self, detail: object = "", /, *, after: str | float | None = None, **members: Any
    ) -> None:
        """`after`: how long to wait before another try; `members` are shown beside `detail`."""
        self.detail = sayable(str(detail)) or self.title
        super().__init__(self.detail)
        self.after = None if after is None else seconds(after)
        if taken := TAKEN & members.keys():
            raise ValueError(f"every problem has its own {min(taken)!r}; name the member otherwise")
        self.members: Mapping[str, Any] = members


class Malformed(Problem):
    kind, title = "malformed", "The request could not be read."


class NotARequest(Malformed):
    """JSON, but not a request of this protocol."""


class Unauthenticated(Problem):
    kind, title = "unauthenticated", "This needs a valid key."


class Forbidden(Problem):
    kind, title = "forbidden", "That is forbidden."


class Unknown(Problem):
    kind, title = "unknown", "There is nothing here."


class UnknownOperation(Unknown):
    """No operation of that name."""


class Conflict(Problem):
    kind, title = "conflict", "The state forbids that."


class Stale(Conflict):
    """A record has changed since it was read: read it again and decide anew."""


class NotAllowed(Problem):
    """`allow` names the methods that are."""

    kind, title = "not_allowed", "This path does not take that method."

    def __init__(self, detail: object = "", /, *, allow: Iterable[str] = ()) -> None:
        super().__init__(detail)
        self.allow = tuple(sorted(allow))


class NotAcceptable(Problem):
    kind, title = "not_acceptable", "None of the accepted forms can be made."


class Precondition(Problem):
    kind, title = "precondition", "It has changed since you read it."


class OutOfRange(Problem):
    kind, title = "range", "The range lies outside the content."


class TooLarge(Problem):
    kind, title = "too_large", "That is over a limit."


class Unsupported(Problem):
    kind, title = "unsupported", "The body's form is not supported."


class Invalid(Problem):
    """`errors` names every wrong field."""

    kind, title = "invalid", "The parameters are not valid."

    def __init__(self, detail: object = "", /, *, errors: Iterable[Wrong] = ()) -> None:
        self.errors = tuple(errors)
        listed = [{"pointer": wrong.pointer, "detail": wrong.detail} for wrong in self.errors]
        members: dict[str, Any] = {"errors": listed} if listed else {}
        super().__init__(detail, **members)


class Refused(Problem):
    """Raise it in an operation when the fault is the caller's: no retry, and the text is shown."""

    kind, title = "refused", "The operation refused."


class Busy(Problem):
    kind, title, retry = "busy", "Too much at once.", True


class Internal(Problem):
    """The caller gets `error_id`; the log has the traceback under the same id."""

    kind, title, retry = "internal", "Something went wrong here.", True


class Unavailable(Problem):
    kind, title, retry = "unavailable", "Not available right now.", True


class Retry(Unavailable):
    """Raise it in an operation to be tried again, `after` seconds from now."""


class TimedOut(Problem):
    kind, title, retry = "timeout", "It took too long.", True


def kinds() -> Mapping[str, type[Problem]]:
    """Every kind that a problem can have, and the class that stands for it: what each door must
    be able to say. A closed set."""
    return _KINDS


def said_by(error: Exception) -> str:
    """What it says of itself: its `__str__` may be a user's own, and may fail."""
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - whatever a user's code raises
        return "(it cannot say why)"


def sayable(text: str) -> str:
    """Without what JSON cannot say or its readers refuse: half a character, NUL."""
    return text.replace("\0", "?").encode(errors="replace").decode()


# Of the tree above, not of what users derive.
_KINDS = {each.kind: each for each in Problem.__subclasses__()}
