"""What is not to be said: the secrets of the call or the run at hand, wherever text of it goes."""

from contextvars import ContextVar
from typing import Any

from app.room.operation import Operation
from app.room.schema.secret import MASK, with_secrets

LEAST = 4  # characters; what is shorter is in every other word

Secrets = tuple[str, ...]

_at_hand: ContextVar[Secrets] = ContextVar("secrets at hand", default=())


def hush(params: Any, operation: Operation) -> Secrets:
    """From now on, in this thread, the secrets among these parameters are not said; and no others
    are known any more."""
    if not operation.params.secrets:
        _at_hand.set(())
        return ()
    found: list[str] = []
    for each in params if isinstance(params, list) else [params]:
        with_secrets(operation.params.schema, each, found.append)
    texts = {text for secret in found for text in (str(secret), *str(secret).splitlines())}
    said = {form for text in texts for form in (text, repr(text)[1:-1]) if len(text) >= LEAST}
    secrets = tuple(sorted(said, key=len, reverse=True))  # one may hold another
    _at_hand.set(secrets)
    return secrets


def hushed(text: str, secrets: Secrets | None = None) -> str:
    """Without these secrets, or those at hand."""
    for secret in _at_hand.get() if secrets is None else secrets:
        text = text.replace(secret, MASK)
    return text
