"""marshmallow, loaded without compiling what tells an e-mail address until one is told.

That takes 25 ms of a processor, a sixth of a cold call, at each start of a function; and few
operations have an address among their parameters. Nothing else of marshmallow is another for it.
"""

import re
import sys
from typing import Any

OWNER = "marshmallow.validate"


class LatePattern:
    """A pattern that is compiled when the first thing is asked of it."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._given = pattern, flags

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # who looks what kind of thing this is asks nothing of it
            raise AttributeError(name)
        found = getattr(re.compile(*self._given), name)
        setattr(self, name, found)
        return found


def load() -> None:
    """Before anybody else imports marshmallow; after that there is nothing to gain."""
    if "marshmallow" in sys.modules:
        return
    compile = re.compile

    def late(pattern: Any, flags: Any = 0) -> Any:
        is_owners = sys._getframe(1).f_globals.get("__name__") == OWNER
        return LatePattern(pattern, flags) if is_owners else compile(pattern, flags)

    re.compile = late
    try:
        import marshmallow  # noqa: F401 - for those who import it next
    finally:
        re.compile = compile
