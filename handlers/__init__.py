"""Where a platform brings events: `handle` is what Lambda calls.

Zappa's own handler runs what a message names, forgets what it does not know and routes a batch by
its first record; so it is this one that `zappa_settings.json` names.
"""

from typing import Any

from handlers import late_patterns

late_patterns.load()  # before what imports marshmallow

from handlers import door, http, queue, schedule, stream, task, topic, upload  # noqa: E402

DOORS: tuple[door.Door, ...] = (http, queue, topic, schedule, upload, stream, task)


def handle(event: Any, context: door.Context) -> Any:
    """The answer that the event's sender wants; raises what is to be brought again."""
    return door.run(DOORS, event, context)
