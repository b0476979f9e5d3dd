"""Our own asynchronous invocation: `{"manydoors": {"job": id}}`.

Zappa's `@task` names a function by its path; such an event no door knows.
"""

from typing import Any

from app.room.operation import Registry
from handlers.ask import Ask, Came, Work, check_done
from handlers.shape import fits, name

EVENT = {"manydoors": {"job": name}}


def knows(event: Any) -> bool:
    return fits(event, EVENT) and len(event) == 1


def asks(event: Any, registry: Registry) -> list[Ask]:
    id = event["manydoors"]["job"]
    return [Ask(Work(id), id, source="task:job")]


def answer(event: Any, came: list[Came]) -> None:
    check_done(came)
