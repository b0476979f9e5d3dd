"""The names of tools: those of operations, in the characters that all clients take.

The specification allows dots. Claude Desktop and Codex refuse them, though, and more than 64
characters, and Cursor calls with a "_" for each: https://github.com/openai/codex/issues/8174
"""

from collections import Counter
from collections.abc import Mapping
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

from app.room.operation import Registry

LONGEST = 64  # characters
DIGEST = 8  # characters that tell two apart

OF_JOBS: Mapping[str, str] = {"jobs.get": "read", "jobs.list": "read", "jobs.cancel": "run"}
"""Tools of the service itself, where an operation is long, and the scope that each asks for: by
them a model finds what it did not wait for."""


class Names(NamedTuple):
    tools: Mapping[str, str]  # by the names of what they call
    called: Mapping[str, str]  # the other way


def names(registry: Registry) -> Names:
    return _names(registry, len(registry))


def has_jobs(registry: Registry) -> bool:
    return any(operation.long for operation in registry)


@lru_cache(maxsize=8)  # each call asks
def _names(registry: Registry, many: int) -> Names:
    """Where two would be one, and where a name is too long, a digest of it tells them apart."""
    known = [*(operation.name for operation in registry), *OF_JOBS]
    plain = {name: name.replace(".", "_") for name in known}
    taken = Counter(plain.values())
    tools = {
        name: told
        if len(told) <= LONGEST and (taken[told] == 1 or told == name)
        else f"{told[: LONGEST - DIGEST - 1]}_{sha256(name.encode()).hexdigest()[:DIGEST]}"
        for name, told in plain.items()
    }
    return Names(tools, {tool: name for name, tool in tools.items()})
