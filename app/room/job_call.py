"""A call that becomes a job: what is submitted, and what its caller is told of it."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.ports import Body, Record
from app.room.acceptance import Submission
from app.room.call import LONGEST_WAIT, Call, Outcome
from app.room.claim import result_file
from app.room.errors import Invalid, Problem, Wrong
from app.room.files import linked
from app.room.hush import hush_problem
from app.room.job import SUCCEEDED, TERMINAL
from app.room.job_view import described, problem_of
from app.room.keyed import run_keyed, runs_here
from app.room.moment import LAST_MOMENT
from app.room.operation import Operation
from app.room.parts import Parts
from app.room.strict_json import write_json
from app.room.webhook import BadCallback, check_callback

Checked = tuple[Operation, Mapping[str, Any]]
"""A call's operation, and its parameters as they came, which are right."""


class JobCalls:
    """Of one room. `within`: seconds that an answer may take; `most`: bytes that it may have."""

    def __init__(self, room: Parts, within: float, most: int) -> None:
        self._room, self._within, self._most = room, within, most

    def submit(self, call: Call, operation: Operation, params: Mapping[str, Any]) -> Outcome:
        """One job, and its end if that was wished for."""
        submission = self._submission(call, operation, params)
        if call.wait is None and (operation.long or call.asynchronous):
            return self._told(call, self._room.engine.submit(submission, call.caller))
        return self._told(call, self._waited(call, operation, submission), waited=True)

    def _waited(self, call: Call, operation: Operation, submission: Submission) -> Record:
        """The job once it has ended, or as it is when its caller has waited for long enough."""
        engine, clock, policy = self._room.engine, self._room.ports.clock, operation.policy
        wait = LONGEST_WAIT if call.wait is None else call.wait
        longest = min(wait, LONGEST_WAIT, self._within)
        until = clock.monotonic() + longest
        if call.wait is None and runs_here(policy):  # only for its key is it a job
            record = run_keyed(engine, submission, call.caller, policy.timeout, longest)
        else:
            record = engine.submit(submission, call.caller)
        if record.label in TERMINAL:
            return record
        return engine.wait(record.id, call.caller, max(0.0, until - clock.monotonic()))

    def submit_all(self, calls: Sequence[Call], check: Callable[[Call], Checked]) -> list[Outcome]:
        """A job for each, all or none. Raises the `Problem` of the first that is wrong; when that
        is invalid, whatever else is stands in it too."""
        submissions, wrong = [], list[Problem]()
        for index, call in enumerate(calls):
            try:
                submissions.append(self._submission(call, *check(call)))
            except Problem as problem:
                hush_problem(problem)  # while its own secrets are at hand
                wrong.append(_at(index, problem))
                if not isinstance(wrong[0], Invalid):
                    break
        if wrong:
            raise _together(wrong) from None
        if not calls:
            return []
        made = self._room.engine.submit_all(submissions, calls[0].caller)
        return [self._told(call, record) for call, record in zip(calls, made, strict=True)]

    def view(self, record: Record, prefix: str) -> Body:
        """A job as its readers see it."""
        room = self._room
        view = described(record, room.registry, prefix, room.engine.lease)
        link = room.shelf.linker(record.owner, prefix)
        if isinstance(record.body["params"], str):  # the id of the file that they are in
            view["params"] = linked(view["params"], link)
        return {**view, "result": linked(view["result"], link)}

    def _submission(
        self, call: Call, operation: Operation, params: Mapping[str, Any]
    ) -> Submission:
        check_callback(call.callback_url, self._room.ports)
        return Submission(
            operation=operation.name,
            params=params,
            key=call.key,
            due=None if call.due is None else min(call.due, LAST_MOMENT),
            priority=call.priority,
            source=call.source,
            request_id=call.request_id,
            callback_url=call.callback_url,
        )

    def _told(self, call: Call, record: Record, *, waited: bool = False) -> Outcome:
        if waited:
            return self.outcome(record, call.prefix)
        return Outcome(write_json(self.view(record, call.prefix)), job=record.id, pending=True)

    def outcome(self, record: Record, prefix: str) -> Outcome:
        """The result or the problem of a job that has ended; as long as it has not, the job."""
        view = self.view(record, prefix)
        if record.label not in TERMINAL:
            return Outcome(write_json(view), job=record.id, pending=True)
        if record.label == SUCCEEDED:
            return self._given(record, view, prefix)
        return Outcome(problem=problem_of(record, view), job=record.id)

    def _given(self, record: Record, view: Body, prefix: str) -> Outcome:
        """A result, or where it is, for what is too large to be answered."""
        file, claims = result_file(record.body), self._room.claims
        if file is None:
            return Outcome(write_json(view["result"]), job=record.id)
        if claims.size_of(file) > self._most:
            return Outcome(write_json(view), job=record.id, elsewhere=view["result"]["url"])
        whole = linked(claims.result(record), self._room.shelf.linker(record.owner, prefix))
        return Outcome(write_json(whole), job=record.id)


def _at(index: int, problem: Problem) -> Problem:
    """The problem of one of many, its pointers leading into the list."""
    if not isinstance(problem, Invalid):
        problem.members = {**problem.members, "index": index}
        return problem
    at = f"/jobs/{index}" if isinstance(problem, BadCallback) else f"/jobs/{index}/params"
    moved = [Wrong(at + e.pointer, e.detail) for e in problem.errors]
    return Invalid(problem.detail, errors=moved)


def _together(problems: Sequence[Problem]) -> Problem:
    """The first; with the fields of all that are invalid, if it is."""
    first = problems[0]
    if not isinstance(first, Invalid):
        return first
    fields = [each for one in problems if isinstance(one, Invalid) for each in one.errors]
    return Invalid(first.detail, errors=fields)
