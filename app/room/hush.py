"""What is not to be said: the secrets of the call or the run at hand, wherever text of it goes."""

import json
from contextvars import ContextVar
from typing import Any

from app.room.errors import Invalid, Problem, Wrong
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
    said = {form for text in texts if len(text) >= LEAST for form in _forms(text)}
    secrets = tuple(sorted(said, key=len, reverse=True))  # one may hold another
    _at_hand.set(secrets)
    return secrets


def hushed(text: str, secrets: Secrets | None = None) -> str:
    """Without these secrets, or those at hand."""
    for secret in _at_hand.get() if secrets is None else secrets:
        text = text.replace(secret, MASK)
    return text


def hushed_in(value: Any) -> Any:
    """The same of every text in what JSON can say."""
    if isinstance(value, str):
        return hushed(value)
    if isinstance(value, list):
        return [hushed_in(each) for each in value]
    if isinstance(value, dict):
        return {hushed_in(name): hushed_in(each) for name, each in value.items()}
    return value


def hush_problem(problem: Problem) -> None:
    """Whatever it tells: its detail, its members, what is wrong with each field."""
    if not _at_hand.get():
        return
    problem.detail = hushed(problem.detail)
    problem.members = hushed_in(dict(problem.members))
    if isinstance(problem, Invalid):
        problem.errors = tuple(Wrong(each.pointer, hushed(each.detail)) for each in problem.errors)


def _forms(text: str) -> set[str]:
    """As programs write it into what they log: Python's, JSON's, and that of addresses."""
    from urllib.parse import quote, quote_plus  # a process whose operations have no secrets

    raw = text.encode(errors="surrogatepass")
    escaped = {repr(text)[1:-1], repr(raw)[2:-1]}
    escaped |= {json.dumps(text, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    return {text, quote(raw), quote(raw, safe=""), quote_plus(raw), *escaped}
