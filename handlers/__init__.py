"""Where a platform brings events: `handle` is what Lambda calls.

Zappa's own handler runs what a message names, forgets what it does not know and routes a batch by
its first record; so it is this one that `zappa_settings.json` names.
"""
# ruff: noqa: E402 - what shortens a start comes before what it shortens

import gc
from typing import Any

gc.disable()  # as `app.ports.lasting` says, which would import too much itself

from handlers import door

gc.freeze()
gc.enable()

DOORS = {
    "requestContext": ("http",),
    "Records": ("queue", "topic", "upload", "stream"),
    "detail-type": ("schedule",),
    "Service": ("upload",),
    "manydoors": ("task",),
    "command": ("task",),
}
"""Which doors an event may be for, by a member that each of theirs has."""


def handle(event: Any, context: door.Context) -> Any:
    """The answer that the event's sender wants; raises what is to be brought again."""
    return door.run(DOORS, event, context)
