"""What is not to be said: the secrets of the call or the run at hand, wherever text of it goes."""

import json
from contextvars import ContextVar
from threading import Lock
from typing import Any

from app.room.errors import Invalid, Problem, Wrong
from app.room.operation import Operation
from app.room.schema.secret import MASK, with_secrets

LEAST = 4  # characters; what is shorter is in every other word
MOST_RECENT = 256  # secrets of calls and runs that threads of their own may say still
LARGEST_RECENT = 1024 * 1024  # characters of all their forms

Secrets = tuple[str, ...]

_at_hand: ContextVar[Secrets | None] = ContextVar("secrets at hand", default=None)


def hush(params: Any, operation: Operation) -> Secrets:
    """From now on, in this thread, the secrets among these parameters are not said; and no others
    are known any more."""
    if not operation.params.secrets:
        _at_hand.set(())
        return ()
    found: list[str] = []
    for each in params if isinstance(params, list) else [params]:
        with_secrets(operation.params.schema, each, found.append)
    wholes = [str(secret) for secret in found]
    texts = {text for whole in wholes for text in (whole, *whole.splitlines())}
    said = {form for text in texts if len(text) >= LEAST for form in _forms(text)}
    said |= {form for whole in wholes if len(whole) >= LEAST for form in _in_base64(whole)}
    secrets = _longest_first(said)
    _at_hand.set(secrets)
    _recent.add(secrets)
    return secrets


def hushed(text: str, secrets: Secrets | None = None) -> str:
    """Without these secrets, or those at hand."""
    for secret in (_at_hand.get() or ()) if secrets is None else secrets:
        text = text.replace(secret, MASK)
    return text


def hushed_line(text: str, own: Secrets = ()) -> str:
    """Of a log: without those at hand, and without its `own`. In a thread that has none, for some
    function has started it, without all that were at hand of late in this process."""
    secrets = _at_hand.get()
    text = hushed(text, _recent.all() if secrets is None else secrets)
    return hushed(text, own) if own and own is not secrets else text


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


class _Recent:
    """The secrets that were at hand of late, the latest last. Threads do not inherit a context."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._sizes: dict[Secrets, int] = {}
        self._whole = 0
        self._all: Secrets | None = ()

    def add(self, secrets: Secrets) -> None:
        with self._lock:
            known = self._sizes.pop(secrets, None)
            self._sizes[secrets] = size = known or sum(map(len, secrets))
            if known is not None:
                return
            self._whole += size
            while len(self._sizes) > 1 and (
                self._whole > LARGEST_RECENT or len(self._sizes) > MOST_RECENT
            ):
                self._whole -= self._sizes.pop(next(iter(self._sizes)))
            self._all = None

    def all(self) -> Secrets:
        if (known := self._all) is not None:
            return known
        with self._lock:
            self._all = made = _longest_first({each for many in self._sizes for each in many})
        return made


_recent = _Recent()


def _longest_first(texts: set[str]) -> Secrets:
    return tuple(sorted(texts, key=len, reverse=True))  # one may hold another


def _forms(text: str) -> set[str]:
    """As programs write it into what they log: Python's, JSON's, and that of addresses."""
    from urllib.parse import quote, quote_plus  # a process whose operations have no secrets

    raw = text.encode(errors="surrogatepass")
    escaped = {repr(text)[1:-1], repr(raw)[2:-1]}
    escaped |= {json.dumps(text, ensure_ascii=ascii)[1:-1] for ascii in (True, False)}
    return {text, quote(raw), quote(raw, safe=""), quote_plus(raw), *escaped}


def _in_base64(text: str) -> set[str]:
    """As it stands in what is encoded with something before and after it, both alphabets: but for
    the characters that it shares with those, of which it has a few bits."""
    from base64 import b64encode

    raw = text.encode(errors="surrogatepass")
    found = set()
    for before, shared in enumerate((0, 2, 3)):
        whole = b64encode(bytes(before) + raw).decode().rstrip("=")[shared:]
        found.add(whole)  # at the end of all
        if (before + len(raw)) % 3:
            found.add(whole[:-1])
    found |= {each.replace("+", "-").replace("/", "_") for each in found}
    return {each for each in found if len(each) >= LEAST}
