"""marshmallow, but for one pattern that is made when somebody asks for it.

The pattern of domains, which `validate.Email` alone looks at, holds most of Unicode in any case: to
make it took half of marshmallow's import, and a fifth of a cold start. So this is imported before
whatever else needs marshmallow.
"""

import re
import sys
from typing import Any

LARGE = "\uffff"  # what only that one names


class LatePattern:
    """A pattern that is made at the first look at it."""

    def __init__(self, *given: Any) -> None:
        self._given = given

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # as is asked of all that a class holds
            raise AttributeError(name)
        return getattr(re.compile(*self._given), name)  # which remembers it


def _imported() -> None:
    compiled = re.compile

    def late(pattern: Any, flags: Any = 0) -> Any:
        if isinstance(pattern, str) and LARGE in pattern:
            return LatePattern(pattern, flags)
        return compiled(pattern, flags)

    vars(re)["compile"] = late
    try:
        import marshmallow.validate  # noqa: F401
    finally:
        vars(re)["compile"] = compiled


if "marshmallow" not in sys.modules:
    _imported()
