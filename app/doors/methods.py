"""What can be asked of jobs and schedules by a protocol of methods."""

from dataclasses import dataclass
from typing import Any

from app.doors.jobs import METHODS as OF_JOBS
from app.doors.jobs import Jobs
from app.doors.schedules import METHODS as OF_SCHEDULES
from app.doors.schedules import Schedules
from app.doors.wishes import NONE, Wishes
from app.room.call import LOCAL, Call, Caller, Outcome
from app.room.enter import Room, by_name
from app.room.strict_json import write_json

METHODS = {**OF_JOBS, **OF_SCHEDULES}


@dataclass(frozen=True)
class Sender:
    """Who sent a message, through which door, and what its headers wish."""

    caller: Caller = LOCAL
    request_id: str = ""
    prefix: str = ""
    wishes: Wishes = NONE
    source: str = "rpc"


def ask(room: Room, method: str, params: Any, sender: Sender) -> Outcome:
    """The outcome of one of `METHODS`, its parameters given by name or by position."""
    act, takes = METHODS[method]
    told = room, sender.caller, sender.prefix, sender.source, sender.request_id
    asked = Jobs(*told, sender.wishes) if method in OF_JOBS else Schedules(*told)

    try:
        given = params if isinstance(params, dict) else by_name(takes.names, params)
        return Outcome(write_json(act(asked, **takes.load(given))))
    except BaseException as error:  # noqa: BLE001 - as of every other call
        return room.told(Call(method, request_id=sender.request_id), error)
