"""The operations as pages: all of them, one of them, and what came of a call."""

import json
from itertools import groupby
from time import perf_counter
from typing import Any

from flask import Response, request, url_for

from app.doors.console import form as forms
from app.doors.console import jobs
from app.doors.console.page import POLICY, page, policy_for, posted, seen_at
from app.doors.flask_forms import asked
from app.doors.http import STATUS, problem_answer
from app.room.call import Outcome
from app.room.enter import Room
from app.room.errors import Problem, Unavailable
from app.room.job import FAILED, QUEUED, RUNNING, WAITING

MOST_SHOWN = 200_000  # characters of a result
NEWEST = 3  # jobs on the first page
IN_HAND = (QUEUED, RUNNING, WAITING, FAILED)


def start(room: Room) -> Response:
    made = sorted(
        (forms.fresh(operation) for operation in room.registry), key=lambda form: form.group
    )
    groups = [(name, list(group)) for name, group in groupby(made, key=lambda form: form.group)]
    takes_files = any(form.takes_files for form in made)
    return page(
        "start",
        policy=_policy(room, takes_files),
        groups=groups,
        count=len(made),
        takes_files=takes_files,
        **_jobs(room),
    )


def _policy(room: Room, takes_files: bool) -> str:
    """Files are sent to where the store of files is, if that has an address of its own."""
    files, now = room.ports.files, room.ports.clock.now()
    if not takes_files or files.door is not None:
        return POLICY
    try:
        url = files.presign_download("any", type="", disposition="", now=now, until=now + 60)
    except Unavailable:
        return POLICY
    return policy_for(uploads=[url])


def _jobs(room: Room) -> dict[str, Any]:
    """The newest, and how many want attention. Without a store the page does without."""
    try:
        ours = jobs.ours(room)
        newest = room.engine.list(ours.caller, limit=NEWEST).items
        counts = jobs.counted(ours, IN_HAND) if newest else {}
    except Unavailable:
        return {"newest": [], "counts": {}}
    return {"newest": jobs.glances(ours, newest), "counts": counts}


def show(room: Room, name: str) -> Response:
    return _with_form(room, forms.fresh(room.registry.get(name)))


def _with_form(room: Room, form: forms.Form, status: int = 200, **known: Any) -> Response:
    policy = _policy(room, form.takes_files)
    return page("operation", status, policy, form=form, **known)


def call(room: Room, name: str) -> Response:
    """Enters the room with what the form says, and shows what comes of it, or leads to the job."""
    operation = room.registry.get(name)
    try:
        given = posted()
    except Problem as problem:
        return _with_problem(room, problem, forms.fresh(operation))
    sent = asked()
    asked_for, reading = forms.call_of(operation, given, sent.caller, sent.request_id)
    began = perf_counter()
    outcome = room.enter(asked_for)
    took = (perf_counter() - began) * 1000
    if outcome.pending:
        return seen_at(url_for("console.job", id=outcome.job))
    shown = forms.filled(operation, given, outcome.problem, reading)
    if outcome.problem:
        return _with_problem(room, outcome.problem, shown, members=_members(outcome.problem))
    others = forms.elsewhere_of(
        operation, reading, request.root_url.rstrip("/"), keyed=bool(sent.caller.key)
    )
    return _with_form(room, shown, result=_pretty(outcome), took=took, others=others)


def _with_problem(room: Room, problem: Problem, form: forms.Form, **known: Any) -> Response:
    reply = _with_form(room, form, STATUS[problem.kind], problem=problem, **known)
    for name, value in problem_answer(problem, request.path).headers:
        if name != "Content-Type":
            reply.headers[name] = value
    return reply


def _members(problem: Problem) -> dict[str, str]:
    """What a problem says beside its detail; the wrong fields stand at their places."""
    shown = {name: value for name, value in problem.members.items() if name != "errors"}
    return {name: v if isinstance(v, str) else json.dumps(v) for name, v in shown.items()}


def _pretty(outcome: Outcome) -> str:
    text = json.dumps(json.loads(outcome.json), indent=2, ensure_ascii=False)
    if len(text) <= MOST_SHOWN:
        return text
    return f"{text[:MOST_SHOWN]}\n… and {len(text) - MOST_SHOWN:,} characters more"
