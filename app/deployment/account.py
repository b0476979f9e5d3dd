"""Is what a stage stands on there, and as infra.yaml wants it?"""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import fields
from email.utils import parsedate_to_datetime
from functools import partial

from app.config import PREFIX, Settings
from app.deployment.advice import advise, platform_of
from app.deployment.cloud import Cloud, explained
from app.deployment.finding import Finding, examined, found
from app.deployment.function import Function
from app.deployment.machine import writable
from app.deployment.names import Names
from app.deployment.stack import Stack
from app.ports import Records
from app.room.errors import ManydoorsError, Unknown
from app.room.operation import Operation

FEW = 100  # functions at once; new accounts have 10, others 1,000
OFF = 60.0  # seconds; AWS refuses from five minutes on, S3 from fifteen
WELL = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE", "UPDATE_ROLLBACK_COMPLETE")


class Account:
    """One stage, in the account and region of these credentials."""

    def __init__(self, cloud: Cloud, names: Names, now: Callable[[], float] = time.time) -> None:
        self._cloud, self._names, self._now = cloud, names, now
        self._provision = f"`python -m app provision {names.stage}`"

    def examine(
        self, records: Callable[[], Records], operations: Iterable[Operation]
    ) -> Iterator[Finding]:
        """All of it, but nothing behind credentials that are not known."""
        try:
            yield from self._identity()
        except ManydoorsError as error:
            yield Finding("credentials", "wrong", str(error))
            return
        full = self._names.full
        yield from examined("stack", self._stack)
        yield from examined("table", lambda: self._kept(self._table))
        yield from examined("store", lambda: writable(f"table {full}", records()))
        yield from examined("bucket", lambda: self._kept(self._bucket))
        yield from examined("queue", lambda: self._kept(self._queue))
        yield from examined("topic", lambda: self._kept(self._topic))
        yield from examined("function", lambda: self._function(operations))

    def _identity(self) -> Iterator[Finding]:
        who, endpoint = self._cloud.identity, self._cloud.endpoint
        yield Finding("credentials", "ok", f"account {who['account']}, as {who['arn']}")
        yield Finding("region", "ok", self._cloud.region)
        if "amazonaws.com" not in endpoint:
            yield Finding("endpoint", "advice", f"{endpoint} is asked, and not AWS")
        if not who["date"]:
            return
        off = self._now() - parsedate_to_datetime(who["date"]).timestamp()
        yield found(
            "clock",
            abs(off) < OFF,
            f"{abs(off):.0f} s off AWS's",
            f"it is {abs(off):,.0f} s {'ahead of' if off > 0 else 'behind'} AWS's, which refuses "
            "requests for that: set this machine's clock",
        )

    def _stack(self) -> Iterator[Finding]:
        status = Stack(self._cloud, self._names).status()
        yield found(
            "stack",
            status in WELL,
            f"{self._names.stack} is {status}",
            f"{self._names.stack} is {status or 'not there'}: run {self._provision}",
        )

    def _kept(self, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
        """CloudFormation does not make again what was taken away behind its back."""
        try:
            yield from look()
        except Unknown as error:
            raise Unknown(
                f"{error.detail.rstrip('.')}. If the stack is there, this was deleted by hand: "
                f"delete the stack {self._names.stack}, which table and bucket outlive, then run "
                f"{self._provision}"
            ) from None

    def _table(self) -> Iterator[Finding]:
        from app.ports.aws import table

        name, dynamo = self._names.full, self._cloud.client("dynamodb")
        with explained(f"look at the table {name}"):
            told = dynamo.describe_table(TableName=name)["Table"]
            backups = dynamo.describe_continuous_backups(TableName=name)
            expiry = dynamo.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        past = backups["ContinuousBackupsDescription"].get("PointInTimeRecoveryDescription", {})
        indexes = {each["IndexName"] for each in told.get("GlobalSecondaryIndexes", ())}
        yield from self._all(
            f"table {name}",
            {
                "it is not active": told["TableStatus"] == "ACTIVE",
                "it lacks indexes": indexes >= set(table.INDEXES),
                "it cannot be restored to a point in time": past.get("PointInTimeRecoveryStatus")
                == "ENABLED",
                "it is not protected from deletion": told.get("DeletionProtectionEnabled", False),
                "nothing tidies up what has expired": expiry.get("AttributeName") == table.EXPIRES,
            },
        )

    def _bucket(self) -> Iterator[Finding]:
        name, s3 = self._names.bucket(self._cloud.account), self._cloud.client("s3")
        with explained(f"look at the bucket {name}"):
            s3.head_bucket(Bucket=name)
            versions = s3.get_bucket_versioning(Bucket=name).get("Status")
        blocks: dict[str, bool] = {}
        with suppress(Unknown), explained(f"look at the bucket {name}"):
            told = s3.get_public_access_block(Bucket=name)
            blocks = told["PublicAccessBlockConfiguration"]
        yield from self._all(
            f"bucket {name}",
            {
                "the public may be let in": len(blocks) == 4 and all(blocks.values()),
                "what is overwritten or deleted cannot be got back": versions == "Enabled",
            },
        )

    def _queue(self) -> Iterator[Finding]:
        name, dead = self._names.full, self._names.dead_queue
        told, buried = self._attributes(name), self._attributes(dead)
        yield from self._all(
            f"queue {name}",
            {f"what fails again and again never goes to {dead}": dead in told["RedrivePolicy"]},
        )
        if waiting := int(buried["ApproximateNumberOfMessages"]):
            yield Finding(
                "queue",
                "advice",
                f"{waiting:,} messages lie in {dead}, for they failed too often: look at them in "
                "the SQS console, and start a redrive there once what was wrong is mended",
            )

    def _attributes(self, name: str) -> dict[str, str]:
        queues = self._cloud.client("sqs")
        with explained(f"look at the queue {name}"):
            url = queues.get_queue_url(QueueName=name)["QueueUrl"]
            told = queues.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
        attributes: dict[str, str] = told["Attributes"]
        return {"RedrivePolicy": "", "ApproximateNumberOfMessages": "0"} | attributes

    def _topic(self) -> Iterator[Finding]:
        arn = self._cloud.arn("sns", self._names.full)
        with explained(f"look at the topic {self._names.full}"):
            self._cloud.client("sns").get_topic_attributes(TopicArn=arn)
        yield Finding("topic", "ok", f"topic {self._names.full} is as it should be")

    def _function(self, operations: Iterable[Operation]) -> Iterator[Finding]:
        full, stage = self._names.full, self._names.stage
        try:
            function = Function(self._cloud, self._names)
        except Unknown:
            yield Finding(
                "function", "advice", f"{full} is not deployed: make deploy STAGE={stage}"
            )
            return
        yield Finding("function", "ok", f"{full}: {function.timeout} s, {function.memory:,} MB")
        yield from self._variables(function.variables)
        # Whoever may not look at one may look at others.
        for look in (self._clock, self._crowd, self._settings):
            yield from examined("function", partial(look, function))
        yield from examined("limits", lambda: self._limits(function, operations))

    def _clock(self, function: Function) -> Iterator[Finding]:
        yield found(
            "function",
            function.ticks(),
            "a clock calls it",
            "no clock calls it, so that nothing is done at its time and no lost job is found: name "
            f'the tick under "events" in zappa_settings.json, then `zappa update '
            f"{self._names.stage}`",
        )

    def _crowd(self, function: Function) -> Iterator[Finding]:
        if (most := function.at_once()) < FEW:
            yield Finding(
                "function",
                "advice",
                f"this account runs {most} functions at once, for all there is in it: ask AWS for "
                "more (Service Quotas, Lambda, concurrent executions)",
            )

    def _settings(self, function: Function) -> Iterator[Finding]:
        for setting in function.settings():
            right = f"{setting.what}: {setting.found}"
            wrong = f"{setting.sentence} `zappa update {self._names.stage}` sets it"
            yield found("function", setting.is_right, right, wrong)

    def _limits(self, function: Function, operations: Iterable[Operation]) -> Iterator[Finding]:
        for advice in advise(operations, platform_of(function)):
            yield Finding("limits", "advice", advice.sentence)

    def _variables(self, given: Mapping[str, str]) -> Iterator[Finding]:
        """Does it work on what is its stage's?"""
        full = self._names.full
        wanted = dict.fromkeys(("table", "queue", "topic"), full)
        wanted["bucket"] = self._names.bucket(self._cloud.account)
        wrong = []
        for setting in wanted.keys() & {field.name for field in fields(Settings)}:
            name = PREFIX + setting.upper()
            value = given.get(name, "")
            if value.rpartition("/")[2].rpartition(":")[2] != wanted[setting]:  # of a URL or an ARN
                wrong.append(f"its {name} is {value!r} and not {wanted[setting]!r}")
        yield found(
            "function",
            not wrong,
            "it works on its own stage's table, bucket, queue and topic",
            f"{'; '.join(sorted(wrong))}: mend aws_environment_variables in zappa_settings.json, "
            f"then `zappa update {self._names.stage}`",
        )

    def _all(self, what: str, right: dict[str, bool]) -> Iterator[Finding]:
        """One line if all is right, else one for each thing that is not."""
        check, wrong = what.partition(" ")[0], [why for why, holds in right.items() if not holds]
        if not wrong:
            yield Finding(check, "ok", f"{what} is as it should be")
        # CloudFormation changes only what its template changes: it would find nothing to do.
        back = "infra.yaml wants it otherwise, so set it back in AWS's console"
        yield from (Finding(check, "wrong", f"{what}: {why}; {back}") for why in wrong)
