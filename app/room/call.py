"""What every door turns its own form into, and what it turns back: a call and its outcome."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

from app.room.errors import Problem

LONGEST_WAIT = 25.0  # seconds that a caller may wait for a job
SCOPES = ("read", "run", "admin")
NO_TEXTS: Mapping[str, Sequence[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: an owner, and what the key lets them do. admin includes run, run includes read."""

    owner: str
    scope: str
    key: str = ""  # the id of the key that was shown, if one was

    def may(self, scope: str) -> bool:
        return SCOPES.index(self.scope) >= SCOPES.index(scope)


LOCAL = Caller(owner="local", scope="admin")
"""Whoever stands at the machine itself, while there are no keys."""


class Call(NamedTuple):
    """One request to run an operation, whatever door it came through.

    A tuple, for each call makes one: it takes a third of the time of a frozen dataclass.
    """

    operation: str
    params: Mapping[str, Any] | Sequence[Any] = ()  # a list: by position
    texts: Mapping[str, Sequence[str]] = NO_TEXTS  # from a path, query or form
    caller: Caller = LOCAL
    source: str = "python"  # the door
    request_id: str = ""
    key: str | None = None  # idempotency
    asynchronous: bool = False  # a job, please
    wait: float | None = None  # a job, please, and its end if it comes within so many seconds
    due: float | None = None  # a job's start
    priority: int | None = None
    callback_url: str | None = None  # where a job's end is told
    prefix: str = ""  # of the service's paths, for links


class Outcome(NamedTuple):
    """What came of a call: a problem, or else a value or a job, written as JSON.

    Written in the room, for a value that cannot be written is the operation's bug, and every
    door must send the same bytes.
    """

    json: bytes = b"null"
    problem: Problem | None = None
    job: str | None = None  # the id, if the call became a job
    pending: bool = False  # `json` is that job itself, for its result was not waited for
    elsewhere: str = ""  # `json` is the job, for its result is too large for an answer: its URL

    @property
    def value(self) -> Any:
        return json.loads(self.json)  # our own, and a result may have more keys than a request
