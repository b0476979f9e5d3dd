"""Where a platform brings events: `handle` is what Lambda calls.

Zappa's own handler runs what a message names, forgets what it does not know and routes a batch by
its first record; so it is this one that `zappa_settings.json` names.
"""
# ruff: noqa: E402 - what shortens a start comes before what it shortens

import gc
from typing import Any

gc.disable()  # as `app.ports.lasting` says, which would import too much itself

from handlers import late_patterns

late_patterns.load()

from handlers import door, http, queue, schedule, stream, task, topic, upload

gc.freeze()
gc.enable()

DOORS: tuple[door.Door, ...] = (http, queue, topic, schedule, upload, stream, task)


def handle(event: Any, context: door.Context) -> Any:
    """The answer that the event's sender wants; raises what is to be brought again."""
    return door.run(DOORS, event, context)
