"""The CloudFormation stack of a stage: planned by a change set, then carried out or forgotten."""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from app.deployment.cloud import Cloud, explained
from app.deployment.names import PROJECT, Names
from app.deployment.plan import Plan, read_change
from app.room.errors import Conflict, ManydoorsError, Unknown

PAUSE = 2.0  # seconds between looks
PATIENCE = 1800.0  # seconds for all; a table with its indexes takes a minute or two
NOTHING = ("didn't contain changes", "No updates are to be performed")

# What a stack may be left in, and what is to be done with it.
STUCK = {
    "UPDATE_ROLLBACK_FAILED": "continue its rollback",
    "ROLLBACK_FAILED": "delete it",
    "DELETE_FAILED": "delete it",
}
EMPTY = ("ROLLBACK_COMPLETE", "CREATE_FAILED")  # nothing came of it, and it can't be changed


class Stack:
    def __init__(
        self, cloud: Cloud, names: Names, pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._formation = cloud.client("cloudformation")
        self.name, self._stage, self._pause = names.stack, names.stage, pause

    def status(self) -> str | None:
        """None while there is none."""
        found = self._described()
        return None if found is None else str(found["StackStatus"])

    def outputs(self) -> dict[str, str]:
        """What it made, by the names in infra.yaml; `Unknown` while there is no stack."""
        found = self._described()
        if found is None or not found.get("Outputs"):
            raise Unknown(
                f"There is no stack {self.name}: run `python -m app provision {self._stage}`."
            )
        return {each["OutputKey"]: each["OutputValue"] for each in found["Outputs"]}

    def plan(self, template: str) -> Plan | None:
        """What would change; None if nothing."""
        fresh = self._made_ready()
        options: dict[str, Any] = {"OnStackFailure": "DELETE"} if fresh else {}
        with explained(f"plan the stack {self.name}"):
            made = self._formation.create_change_set(
                StackName=self.name,
                ChangeSetName=f"{PROJECT}-{time.time_ns()}",
                ChangeSetType="CREATE" if fresh else "UPDATE",
                TemplateBody=template,
                Parameters=[{"ParameterKey": "Stage", "ParameterValue": self._stage}],
                Tags=[{"Key": PROJECT, "Value": self._stage}],
                ImportExistingResources=True,
                **options,
            )
        described = self._planned(made["Id"])
        changes = tuple(read_change(each["ResourceChange"]) for each in described)
        plan = Plan(made["Id"], made["StackId"], fresh, changes)
        if not changes:
            self.forget(plan)
            return None
        return plan

    def forget(self, plan: Plan) -> None:
        """Leaves everything as it was before the plan."""
        with explained("forget the plan"):
            self._formation.delete_change_set(ChangeSetName=plan.id)
            if plan.fresh:  # a stack that only waits for a review
                self._formation.delete_stack(StackName=plan.stack)

    def carry_out(self, plan: Plan, tell: Callable[[str], object]) -> None:
        """Tells each step; `Conflict` says why the first that failed did."""
        seen = {event["EventId"] for event in self._events(plan.stack)}
        with explained("carry out the plan"):
            self._formation.execute_change_set(ChangeSetName=plan.id)
        failed = ""
        for _ in self._looks():
            status = self._status_of(plan.stack)
            for event in reversed(list(self._events(plan.stack))):
                if event["EventId"] not in seen:
                    seen.add(event["EventId"])
                    failed = failed or self._why(event)
                    tell(f"{event['ResourceStatus'].lower():24} {event['LogicalResourceId']}")
            if not status.endswith("IN_PROGRESS"):
                break
        if failed or status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"):
            raise Conflict(f"{failed or f'The stack ended as {status}.'} Nothing was changed.")

    def _made_ready(self) -> bool:
        """Is it to be created?"""
        status = self.status()
        if status in STUCK:
            raise Conflict(
                f"The stack {self.name} is stuck ({status}): {STUCK[status]} in the console of "
                "CloudFormation, then try again."
            )
        if status in EMPTY:
            with explained(f"delete the empty stack {self.name}"):
                self._formation.delete_stack(StackName=self.name)
            for _ in self._looks():
                if self.status() is None:
                    return True
        if status is not None and status.endswith("IN_PROGRESS") and "REVIEW" not in status:
            raise Conflict(
                f"The stack {self.name} is being changed ({status}): try again when that is over."
            )
        return status is None or "REVIEW" in status

    def _planned(self, id: str) -> list[Any]:
        """The changes, once they are known."""
        for _ in self._looks():
            with explained("read the plan"):
                answer = self._formation.describe_change_set(ChangeSetName=id)
            if answer["Status"] == "CREATE_COMPLETE":
                return [each for page in self._pages(answer, id) for each in page["Changes"]]
            if answer["Status"] == "FAILED":
                reason = answer.get("StatusReason", "")
                if any(words in reason for words in NOTHING):
                    return []
                self._dropped(answer)
                raise Conflict(f"CloudFormation does not take this: {reason}")
        raise AssertionError("looks end by an error")

    def _pages(self, answer: Any, id: str) -> Iterator[Any]:
        yield answer
        while token := answer.get("NextToken"):
            with explained("read the plan"):
                answer = self._formation.describe_change_set(ChangeSetName=id, NextToken=token)
            yield answer

    def _dropped(self, answer: Any) -> None:
        """A plan that came to nothing; what went wrong there is the thing to tell."""
        fresh = self.status() == "REVIEW_IN_PROGRESS"
        with suppress(ManydoorsError):
            self.forget(Plan(answer["ChangeSetId"], answer["StackId"], fresh, ()))

    def _described(self) -> Mapping[str, Any] | None:
        try:
            with explained(f"look at the stack {self.name}"):
                (found,) = self._formation.describe_stacks(StackName=self.name)["Stacks"]
        except Conflict as problem:
            if "does not exist" in problem.detail:
                return None
            raise
        stack: Mapping[str, Any] = found
        return stack

    def _status_of(self, id: str) -> str:
        """By its id, which outlives it."""
        with explained("look at the stack"):
            (found,) = self._formation.describe_stacks(StackName=id)["Stacks"]
        return str(found["StackStatus"])

    def _events(self, id: str) -> Iterator[Any]:
        """The newest first."""
        with explained("follow the stack"):
            pages = self._formation.get_paginator("describe_stack_events").paginate(StackName=id)
            for page in pages:
                yield from page["StackEvents"]

    def _why(self, event: Mapping[str, Any]) -> str:
        if not event["ResourceStatus"].endswith("_FAILED"):
            return ""
        reason = event.get("ResourceStatusReason", "no reason was given")
        if "DescribeEvents" in reason:
            reason = "; ".join(self._refusals(event["StackId"])) or reason
        return f"{event['LogicalResourceId']} could not be made or changed: {reason.rstrip('.')}."

    def _refusals(self, id: str) -> list[str]:
        """What its validation found wrong, before anything was made."""
        with explained("ask what is wrong"):
            answer = self._formation.describe_events(StackName=id, Filters={"FailedEvents": True})
        wrong = [each for each in answer["OperationEvents"] if "ValidationStatusReason" in each]
        return [f"{each['LogicalResourceId']}: {each['ValidationStatusReason']}" for each in wrong]

    def _looks(self) -> Iterator[None]:
        waited = 0.0
        while waited < PATIENCE:
            yield
            self._pause(PAUSE)
            waited += PAUSE
        raise Conflict(
            f"CloudFormation is not done with {self.name} after {PATIENCE / 60:.0f} minutes: "
            "look at the stack in its console."
        )
