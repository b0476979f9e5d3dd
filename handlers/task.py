"""Our own asynchronous invocation: `{"manydoors": {"job": id}}`, or Zappa's form of a task.

Zappa names a function by its path, and its own handler runs whatever is named; here that one path
means a job to look at, and an event with another no door knows.
"""

from typing import Any

from app.room.operation import Registry
from handlers.ask import Ask, Came, Work, check_done
from handlers.shape import exactly, name, shaped

NAMES = shaped([name])


def _one_name(value: Any) -> bool:
    return NAMES(value) and len(value) == 1


OWN = {"manydoors": {"job": name}}
ZAPPAS = {
    "command": exactly("zappa.asynchronous.route_lambda_task"),
    "task_path": exactly("app.ports.aws.task.work"),
    "args": _one_name,
    "kwargs": exactly({}),
    "capture_response": exactly(False),
    "response_id": exactly(None),
}
FORMS = [(form, shaped(form)) for form in (OWN, ZAPPAS)]


def knows(event: Any) -> bool:
    if not isinstance(event, dict):
        return False
    return any(event.keys() == form.keys() and test(event) for form, test in FORMS)


def asks(event: Any, registry: Registry) -> list[Ask]:
    id = event["manydoors"]["job"] if "manydoors" in event else event["args"][0]
    return [Ask(Work(id), id, source="task:job")]


def answer(event: Any, came: list[Came]) -> None:
    check_done(came)
