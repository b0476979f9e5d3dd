"""Messages that callers bring themselves, as a queue or a topic would."""

import re
from dataclasses import dataclass
from typing import Any

from app.ports import Body
from app.room.access import check_scope
from app.room.call import LOCAL, Caller
from app.room.enter import Room
from app.room.errors import Invalid, Problem, Unknown, Wrong
from app.room.message import FIFO, Message, calls, takers
from app.room.trigger import Queue, Topic

KINDS = {"topic": Topic, "queue": Queue}


@dataclass(frozen=True)
class Messages:
    """For one caller. `prefix` stands before the links' paths."""

    room: Room
    caller: Caller = LOCAL
    prefix: str = ""
    request_id: str = ""

    def bring(self, kind: str, name: str, value: Any, key: str | None) -> Body:
        """The jobs of a message, all or none: one for each operation that takes what comes to a
        topic or queue of that name. `Unknown` where there is none."""
        check_scope(self.caller, "run")
        registry = self.room.registry
        found = takers(registry, KINDS[kind], name, name.removesuffix(FIFO))
        if not found:
            raise Unknown(
                f"No operation takes what comes to the {kind} {name!r}: declare one with "
                f"on=[{KINDS[kind].__name__}({name!r})]."
            )
        fresh = self.room.ports.new_id("message")
        message = Message(b"", key or fresh, kind, name, found)
        asked = [
            each._replace(
                key=None if each.key == fresh else each.key,
                caller=self.caller,
                request_id=self.request_id,
                prefix=self.prefix,
            )
            for each in calls(value, message, registry)
        ]
        try:
            return {"items": [each.value for each in self.room.enter_all(asked)]}
        except Invalid as invalid:
            raise _of_the_message(invalid) from None
        except Problem as problem:
            problem.members = {n: v for n, v in problem.members.items() if n != "index"}
            raise


def _of_the_message(problem: Invalid) -> Invalid:
    """Its members are the parameters; which of the takers says so is all the same."""
    moved = [
        Wrong(re.sub(r"^/jobs/\d+(/params)?", "", e.pointer), e.detail) for e in problem.errors
    ]
    return Invalid(problem.detail, errors=dict.fromkeys(moved))
