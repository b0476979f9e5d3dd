"""What a command tells of trouble: a sentence that says what to do next, and an exit code."""

from app.client import Service, Unreachable
from app.logs import escaped
from app.room.errors import ManydoorsError, Problem, UnknownOperation
from app.terminal.screens import WaitedTooLong
from app.terminal.text import as_json

DONE, FAILED, USAGE, UNREACHABLE, NOT_ALLOWED = 0, 1, 2, 3, 4
LATE, STOPPED = 124, 130


def code_of(error: ManydoorsError) -> int:
    """The exit code that scripts can use."""
    match error:
        case Unreachable():
            return UNREACHABLE
        case WaitedTooLong():
            return LATE
        case Problem(kind="unauthenticated" | "forbidden"):
            return NOT_ALLOWED
        case Problem():
            return FAILED
        case _:
            return USAGE


def sentences(error: ManydoorsError) -> str:
    """For people: what it is, each field that is wrong, and what to do."""
    if not isinstance(error, Problem):
        return "\n".join(map(escaped, str(error).split("\n")))
    wrongs = [wrong for wrong in error.members.get("errors", ()) if isinstance(wrong, dict)]
    listed = (f"  {wrong.get('pointer')}: {wrong.get('detail')}" for wrong in wrongs)
    lines = [escaped(line) for line in (error.detail, *listed)]
    match error.kind:
        case "unauthenticated":
            lines.append("Set MANYDOORS_KEY to a key of that service.")
        case "unavailable" | "busy":
            lines.append("Try again in a while.")
    return "\n".join(lines)


def document(error: ManydoorsError) -> str:
    """For machines, as one line of JSON."""
    if isinstance(error, Problem):
        return as_json({"kind": error.kind, "detail": error.detail, **error.members})
    kind = {UNREACHABLE: "unreachable", LATE: "late"}.get(code_of(error), "usage")
    return as_json({"kind": kind, "detail": str(error)})


def helped(problem: UnknownOperation, service: Service) -> Problem:
    """With where this machine's operations come from, and what lists them."""
    modules = ", ".join(service.modules())
    loaded = f"The modules loaded are {modules}; MANYDOORS_OPERATIONS names others. "
    known = UnknownOperation(
        f"{problem.detail} {loaded if modules else ''}`operations` lists those there are."
    )
    known.members = problem.members
    return known
