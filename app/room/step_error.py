"""The error of a step that its function caught and went on from, as a journal remembers it."""

import sys
from typing import Any

from app.ports import Body
from app.room.errors import ManydoorsError, Problem, said_by, sayable
from app.room.schema.plain import plain
from app.room.strict_json import write_json

TEXT = 2000  # characters
ARGUMENTS = 4096  # encoded bytes


class StepFailed(ManydoorsError):
    """A step failed in an earlier run, by an error that can't be made again: its class is inside a
    function, or it was made of what JSON can't say."""


def remembered(error: Exception) -> Body:
    """What a later run needs to raise it again."""
    kind = type(error)
    text = sayable(said_by(error)[:TEXT])
    told: Body = {"type": f"{kind.__module__}:{kind.__qualname__}", "text": text}
    try:
        made_of = plain(dict(error.members) if isinstance(error, Problem) else list(error.args))
    except (TypeError, ValueError):
        return told
    return told | {"of": made_of} if len(write_json(made_of)) <= ARGUMENTS else told


def revived(told: Body) -> Exception:
    """An error of the same class, so that the same `except` takes it; or else `StepFailed`."""
    kind = _class(told["type"])
    if kind is not None and "of" in told:
        try:
            return _made(kind, told)
        except Exception:  # noqa: BLE001 - a class of the user's own may ask for anything
            return StepFailed(told["text"])
    return StepFailed(told["text"])


def _made(kind: type[Exception], told: Body) -> Exception:
    if issubclass(kind, Problem):
        return kind(told["text"], **told["of"])
    error: Exception = kind.__new__(kind, *told["of"])
    error.args = tuple(told["of"])
    return error


def _class(name: str) -> type[Exception] | None:
    """Of what is loaded; nothing is imported for it."""
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        found = getattr(found, part, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None
