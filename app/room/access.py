"""Who may do what."""

from app.room.call import Caller
from app.room.errors import Forbidden


def check_scope(caller: Caller, scope: str) -> None:
    """Raises `Forbidden` unless the caller's key has the scope, or one that includes it."""
    if not caller.may(scope):
        raise Forbidden(f"This needs a key with the scope {scope!r}.")
