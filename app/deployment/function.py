"""What a deployed function needs that Zappa can't set: each as found, as wanted, and why.

The callback after a deployment mends what is not right, and `doctor` tells of it.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from app.config import PREFIX
from app.deployment.cloud import Cloud, explained
from app.deployment.names import Names
from app.room.errors import Conflict, Unknown

VISIBLE = 6  # times the function's timeout; AWS's advice for queues that feed functions
MOST_AT_ONCE = 50  # functions that one queue may occupy, unless its event source says otherwise
LOG_DAYS = 30
BUSY = ("Creating", "Updating", "Enabling", "Disabling")
SETTLED_WITHIN = 120.0  # seconds for a mapping that Zappa has just made
PAUSE = 2.0

Event = Mapping[str, Any]  # an event source in zappa_settings.json


@dataclass(frozen=True)
class Setting:
    what: str
    why: str
    found: Any
    wanted: Any
    mend: Callable[[], object]

    @property
    def is_right(self) -> bool:
        return bool(self.found == self.wanted)

    @property
    def sentence(self) -> str:
        return f"{self.what}: {_shown(self.found)}, not {_shown(self.wanted)}. {self.why}"


class Function:
    """The one of a stage; `Unknown` if it is not deployed."""

    def __init__(
        self, cloud: Cloud, names: Names, pause: Callable[[float], object] = time.sleep
    ) -> None:
        self._cloud, self._names, self._pause = cloud, names, pause
        self._lambda = cloud.client("lambda")
        with explained(f"look at the function {names.full}"):
            found = self._lambda.get_function_configuration(FunctionName=names.full)
        self.arn = str(found["FunctionArn"])
        self.timeout, self.memory = int(found["Timeout"]), int(found["MemorySize"])
        self.variables: Mapping[str, str] = found.get("Environment", {}).get("Variables", {})
        self._rings = f"{PREFIX}QUEUE" in self.variables

    def sources(self) -> frozenset[str]:
        """The ARNs of all that brings it events."""
        mapped = {str(mapping["EventSourceArn"]) for mapping in self._mappings()}
        return frozenset(mapped | set(filter(None, map(_caller, self._statements()))))

    def ticks(self) -> bool:
        """Is it called by a clock?"""
        events = self._cloud.client("events")
        with explained("look at the clock that calls the function"):
            names = events.list_rule_names_by_target(TargetArn=self.arn)["RuleNames"]
            rules = [events.describe_rule(Name=name) for name in names]
        return any(rule["State"] == "ENABLED" and "ScheduleExpression" in rule for rule in rules)

    def at_once(self) -> int:
        """Functions that the account runs at once."""
        with explained("read the account's limits"):
            limits = self._lambda.get_account_settings()["AccountLimit"]
        return int(limits["ConcurrentExecutions"])

    def settings(self, events: Sequence[Event] | None = None) -> Iterator[Setting]:
        """`events`: the event sources as zappa_settings.json has them; where that is not known,
        the queue that the function writes to."""
        if events is None:
            own = self._cloud.arn("sqs", self._names.full)
            events = [{"arn": own}] if self._rings else []
        yield self._recursion()
        yield self._retries()
        yield self._log()
        yield self._permissions()
        mappings = list(self._mappings())
        given = {event["arn"]: event for event in events}
        for mapping in mappings:
            yield from self._mapping(mapping, given.get(mapping["EventSourceArn"], {}))
        unmapped = given.keys() - {mapping["EventSourceArn"] for mapping in mappings}
        yield from (self._unread(given[arn]) for arn in sorted(filter(is_read, unmapped)))

    def _recursion(self) -> Setting:
        with explained("read whether the function may call itself"):
            found = self._lambda.get_function_recursion_config(FunctionName=self.arn)

        def mend() -> None:
            self._lambda.put_function_recursion_config(FunctionName=self.arn, RecursiveLoop="Allow")

        why = (
            "Lambda else ends a chain of runs that call each other by a queue at the 16th: a job "
            "would stop in its 16th slice. Its own cap is 10,000 continuations."
        )
        return Setting("Recursion", why, found["RecursiveLoop"], "Allow", mend)

    def _retries(self) -> Setting:
        """Nobody keeps an upload or a topic's message but Lambda; all else is in the store."""
        unkept = any(arn.split(":")[2] in ("s3", "sns") for arn in self.sources())
        dead = self._cloud.arn("sqs", self._names.dead_queue)
        destination = {"OnFailure": {"Destination": dead}} if unkept else {}
        wanted = {"retries": 2 if unkept else 0, "after": dead if unkept else None}
        found = None
        with suppress(Unknown), explained("read how the function is tried again"):
            told = self._lambda.get_function_event_invoke_config(FunctionName=self.arn)
            failed = told.get("DestinationConfig", {}).get("OnFailure", {})
            found = {
                "retries": told.get("MaximumRetryAttempts", 2),
                "after": failed.get("Destination"),
            }

        def mend() -> None:
            self._lambda.put_function_event_invoke_config(
                FunctionName=self.arn,
                MaximumRetryAttempts=wanted["retries"],
                DestinationConfig=destination,
            )

        why = (
            "Uploads and messages of topics that fail are tried again, then kept in the dead queue."
            if unkept
            else "A blind retry runs what leases and the sweep look after already."
        )
        return Setting("Retries of asynchronous calls", why, found, wanted, mend)

    def _log(self) -> Setting:
        logs, group = self._cloud.client("logs"), self._names.log_group
        with explained("look at the function's log"):
            answer = logs.describe_log_groups(logGroupNamePrefix=group)
        found = [each for each in answer["logGroups"] if each["logGroupName"] == group]
        days = found[0].get("retentionInDays") if found else None

        def mend() -> None:
            if not found:
                logs.create_log_group(logGroupName=group)
            logs.put_retention_policy(logGroupName=group, retentionInDays=LOG_DAYS)

        # Another bound than ours is somebody's choice.
        why = "Logs are else kept, and paid for, for ever."
        return Setting("Days that the log is kept", why, days, days or LOG_DAYS, mend)

    def _permissions(self) -> Setting:
        kept: set[str] = set()
        doubled = []
        for statement in self._statements():
            told = json.dumps({**statement, "Sid": ""}, sort_keys=True)
            if told in kept:
                doubled.append(str(statement["Sid"]))
            kept.add(told)

        def mend() -> None:
            for sid in doubled:
                self._lambda.remove_permission(FunctionName=self.arn, StatementId=sid)

        why = (
            "Zappa adds one more for each topic and bucket at each update, until the function's "
            "policy is full, after some thirty, and no update passes."
        )
        return Setting("Permissions given twice", why, len(doubled), 0, mend)

    def _mapping(self, mapping: Mapping[str, Any], event: Event) -> Iterator[Setting]:
        """Of one queue or stream that Lambda reads."""
        arn, id = str(mapping["EventSourceArn"]), mapping["UUID"]
        where = _last(arn)
        reads = "Disabled" if mapping["State"].startswith("Disabl") else "Enabled"
        yield Setting(
            f"Reading of {where}",
            UNREAD,
            reads,
            "Enabled" if event.get("enabled", True) else reads,
            lambda: self._change(id, Enabled=True),
        )
        yield Setting(
            f"Partial failures of {where}",
            "One bad message is else lost, or brings its whole batch again.",
            list(mapping.get("FunctionResponseTypes", ())),
            ["ReportBatchItemFailures"],
            lambda: self._change(id, FunctionResponseTypes=["ReportBatchItemFailures"]),
        )
        if is_stream(arn):
            return
        found = mapping.get("ScalingConfig", {}).get("MaximumConcurrency")
        most = event.get("maximum_concurrency") or found or MOST_AT_ONCE
        yield Setting(
            f"Functions at once for {where}",
            "A full queue else takes all that the account may run, and requests get 429.",
            found,
            most,
            lambda: self._change(id, ScalingConfig={"MaximumConcurrency": most}),
        )
        yield self._visibility(arn)

    def _visibility(self, arn: str) -> Setting:
        queues, (account, name) = self._cloud.client("sqs"), arn.split(":")[4:6]
        with explained(f"look at the queue {name}"):
            url = queues.get_queue_url(QueueName=name, QueueOwnerAWSAccountId=account)["QueueUrl"]
            told = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])
        found = int(told["Attributes"]["VisibilityTimeout"])
        wanted = max(found, VISIBLE * self.timeout)

        def mend() -> None:
            queues.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(wanted)})

        why = f"{VISIBLE} × the function's timeout: a message else comes again while it is at work."
        return Setting(f"Seconds that {name} hides a message", why, found, wanted, mend)

    def _unread(self, event: Event) -> Setting:
        """Zappa names no starting position, without which AWS maps no stream; and what AWS refuses
        it only logs."""
        arn = str(event["arn"])
        size = event.get("batch_size", 100 if is_stream(arn) else 10)
        most = {"MaximumConcurrency": event.get("maximum_concurrency", MOST_AT_ONCE)}
        window = event.get("batch_window", int(size > LARGEST_PLAIN_BATCH))
        position = event.get("starting_position", "TRIM_HORIZON")
        own: dict[str, Any] = (
            {"StartingPosition": position}
            if is_stream(arn)
            else {"ScalingConfig": most, "MaximumBatchingWindowInSeconds": window}
        )

        def mend() -> None:
            self._lambda.create_event_source_mapping(
                FunctionName=self.arn,
                EventSourceArn=arn,
                BatchSize=size,
                Enabled=event.get("enabled", True),
                FunctionResponseTypes=["ReportBatchItemFailures"],
                **own,
            )

        if is_stream(arn):
            why = "Zappa cannot say where to begin in a stream."
            return Setting(f"Where {_last(arn)} is read from", why, None, position, mend)
        return Setting(f"Reading of {_last(arn)}", UNREAD, None, "Enabled", mend)

    def _mappings(self) -> Iterator[Mapping[str, Any]]:
        """Of queues and streams; what else Lambda can read is not for Zappa to map."""
        with explained("look at what feeds the function"):
            pages = self._lambda.get_paginator("list_event_source_mappings")
            for page in pages.paginate(FunctionName=self.arn):
                for mapping in page["EventSourceMappings"]:
                    if is_read(mapping.get("EventSourceArn", "::")):
                        yield mapping

    def _statements(self) -> list[dict[str, Any]]:
        """Who may call it."""
        with suppress(Unknown), explained("read who may call the function"):
            policy = json.loads(self._lambda.get_policy(FunctionName=self.arn)["Policy"])
            return list(policy["Statement"])
        return []

    def _change(self, id: str, **what: Any) -> None:
        """Once the mapping is not busy with the last change."""
        waited = 0.0
        while self._lambda.get_event_source_mapping(UUID=id)["State"] in BUSY:
            if waited >= SETTLED_WITHIN:
                raise Conflict("An event source mapping stays busy: run `zappa update` again.")
            self._pause(PAUSE)
            waited += PAUSE
        self._lambda.update_event_source_mapping(UUID=id, **what)


STREAMS = ("dynamodb", "kinesis")
LARGEST_PLAIN_BATCH = 10  # messages; AWS waits a second at least for more
UNREAD = "What is in it else waits: jobs for the next tick, messages for ever."
SOURCE = "aws:sourcearn"


def is_stream(arn: str) -> bool:
    """Is it read by position?"""
    return arn.split(":")[2] in STREAMS


def is_read(arn: str) -> bool:
    """By Lambda, through a mapping; what else brings events calls the function."""
    return arn.split(":")[2] in ("sqs", *STREAMS)


def _caller(statement: Mapping[str, Any]) -> str | None:
    """The ARN that a statement names as its caller's."""
    conditions = statement.get("Condition", {}).values()
    named = (pair for condition in conditions for pair in condition.items())
    return next((str(arn) for key, arn in named if key.lower() == SOURCE), None)


def _last(arn: str) -> str:
    """`queue manydoors-dev`; of a table's stream the table."""
    parts = arn.split(":", 5)
    return f"{parts[2]} {parts[5].removeprefix('table/').split('/stream/')[0]}"


def _shown(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{name} {_shown(each)}" for name, each in value.items())
    if isinstance(value, list):
        return ", ".join(value) or "none"
    return "none" if value is None else str(value)
