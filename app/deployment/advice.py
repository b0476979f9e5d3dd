"""Which limits of AWS an operation will meet, and what to do about each. Asks nothing of AWS."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from app.room.duration import seconds
from app.room.errors import Problem
from app.room.operation import Operation
from app.room.policy import Policy
from app.room.schema.json_schema import describe
from app.room.size import KB, MB
from app.room.trigger import Every, Queue, Stream, Topic, Upload

if TYPE_CHECKING:
    from app.deployment.function import Function

TICK = 60.0  # seconds between two looks at what is due
DAY = 86400.0
LARGEST_FUNCTION = 10_240  # MB of memory
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-messages.html,
# https://docs.aws.amazon.com/general/latest/gr/sns.html
MESSAGES: dict[type, int] = {Queue: MB, Topic: 256 * KB}


@dataclass(frozen=True)
class Platform:
    """What bounds an operation: a function as Zappa makes it, behind API Gateway."""

    answer: float = (
        29.0  # seconds; https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
    )
    run: float = 900.0  # seconds of one invocation
    memory: int = 512  # MB
    at_once: int = 1000  # functions of a whole account
    body: int = 5 * MB  # MANYDOORS_MAX_BODY
    response: int = (
        6 * MB
    )  # https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    sources: frozenset[str] | None = None  # ARNs of what brings events; None: not known
    seals: bool = True  # MANYDOORS_SEAL_KEYS


@dataclass(frozen=True)
class Advice:
    operation: str
    limit: str
    text: str

    @property
    def sentence(self) -> str:
        return f"{self.operation}: {self.text}"


def platform_of(function: "Function") -> Platform:
    """As AWS tells of it; whoever may not read the account's bound takes that of most."""
    at_once = Platform.at_once
    with suppress(Problem):
        at_once = function.at_once()
    return Platform(
        run=float(function.timeout),
        memory=function.memory,
        at_once=at_once,
        sources=function.sources(),
        seals="MANYDOORS_SEAL_KEYS" in function.variables,
    )


def advise(operations: Iterable[Operation], platform: Platform) -> list[Advice]:
    """In the order of their declaration."""
    return [
        Advice(operation.name, limit, text)
        for operation in operations
        for limit, text in _all(operation, platform)
    ]


def _all(operation: Operation, platform: Platform) -> Iterator[tuple[str, str]]:
    yield from _time(operation, platform)
    yield from _room(operation, platform)
    yield from _size(operation, platform)
    yield from _triggers(operation, platform)
    yield from _secrets(operation, platform)


def _time(operation: Operation, platform: Platform) -> Iterator[tuple[str, str]]:
    timeout, run = operation.policy.timeout, platform.run
    # Nobody asked for the 30 s that a call has by default.
    if not operation.long and timeout > max(platform.answer, Policy.timeout):
        yield (
            "answer",
            f"its timeout of {timeout:g} s is longer than the {platform.answer:g} s in which API "
            "Gateway wants an answer: a call that needs more is answered 504. Say long=True, and "
            "it is a job (202).",
        )
    if timeout <= run:
        return
    if operation.takes_run:
        yield (
            "run",
            f"one invocation ends after {run:g} s, and its timeout is {timeout:g} s: it "
            f"is continued, if no single step, item or piece between them takes so long.",
        )
    else:
        yield (
            "run",
            f"one invocation ends after {run:g} s, and its timeout is {timeout:g} s: it "
            "has no boundary to be continued at. Take `run` as its first parameter, and split the "
            "work by run.step, run.each or run.map.",
        )


def _room(operation: Operation, platform: Platform) -> Iterator[tuple[str, str]]:
    policy = operation.policy
    if policy.concurrency and policy.concurrency > platform.at_once:
        yield (
            "concurrency",
            f"concurrency={policy.concurrency:,} is more than the {platform.at_once:,} functions "
            "that an account runs at once: ask AWS for more (Service Quotas), or lower it.",
        )
    if policy.memory is None or policy.memory <= platform.memory * MB:
        return
    wanted = -(-policy.memory // MB)
    if wanted > LARGEST_FUNCTION:
        yield (
            "memory",
            f"it asks for {wanted:,} MB, and no function has more than {LARGEST_FUNCTION:,} MB: "
            "split the work by run.map, or run it on a machine of its own.",
        )
    else:
        yield (
            "memory",
            f"it asks for {wanted:,} MB, and the function has {platform.memory:,} MB: set "
            f'"memory_size": {wanted} in zappa_settings.json.',
        )


def _size(operation: Operation, platform: Platform) -> Iterator[tuple[str, str]]:
    """Of what a schema bounds on purpose: nobody means a megabyte by a plain `str`."""
    asked = _largest(describe(operation.params.schema)[0])
    if asked is not None and asked > platform.body:
        yield (
            "body",
            f"its params may have {_mb(asked)} MB by their schema, and a request has at most "
            f"{_mb(platform.body)} MB: take what is large as a File.",
        )
    for trigger in operation.triggers:
        if not isinstance(trigger, Queue | Topic):
            continue
        held = MESSAGES[type(trigger)]
        if asked is not None and asked > held:
            yield (
                "message",
                f"its params may have {_mb(asked)} MB by their schema, and a message of "
                f"{type(trigger).__name__}({trigger.name!r}) holds {_mb(held)} MB at most: send "
                "the name of what is large, a file's or an object's.",
            )
    if operation.long or operation.result.shape is None:
        return
    given = _largest(describe(operation.result.shape)[0])
    if given is not None and given > platform.response:
        yield (
            "response",
            f"its result may have {_mb(given)} MB by its schema, and an answer has at most "
            f"{_mb(platform.response)} MB: say long=True and give back a file.",
        )


def _triggers(operation: Operation, platform: Platform) -> Iterator[tuple[str, str]]:
    for trigger in operation.triggers:
        match trigger:
            case Every(interval) if seconds(interval) < TICK:
                yield (
                    "tick",
                    f"Every({interval!r}) is more often than the clock of AWS, which ticks once a "
                    "minute and rings ahead for what comes between: a start may be seconds off, "
                    f"and {DAY / seconds(interval):,.0f} jobs a day are paid for.",
                )
            case Upload() | Topic() | Queue() | Stream() if platform.sources is not None:
                if not any(_brings(arn, trigger) for arn in platform.sources):
                    own = ", if that is no collection of records(…), which needs none"
                    yield (
                        "source",
                        f"nothing brings it what {type(trigger).__name__}({trigger.name!r}) waits "
                        'for: name the event source under "events" in zappa_settings.json'
                        f"{own if isinstance(trigger, Stream) else ''}.",
                    )


def _secrets(operation: Operation, platform: Platform) -> Iterator[tuple[str, str]]:
    if operation.params.secrets and not platform.seals:
        yield (
            "secrets",
            "it takes a secret, and no job of it is accepted while there is nothing to keep that "
            "sealed with: set MANYDOORS_SEAL_KEYS (`openssl rand -hex 32` makes one).",
        )


def _brings(arn: str, trigger: Upload | Topic | Queue | Stream) -> bool:
    service, name = arn.split(":")[2], arn.split(":", 5)[5]
    match trigger:
        case Upload():
            return service == "s3"
        case Topic(wanted):
            return service == "sns" and name.removesuffix(".fifo") == wanted.removesuffix(".fifo")
        case Queue(wanted):
            return service == "sqs" and name.removesuffix(".fifo") == wanted.removesuffix(".fifo")
        case Stream(wanted):
            return service in ("dynamodb", "kinesis") and wanted in name.split("/")


def _largest(schema: Any) -> float | None:
    """Encoded bytes that fit the schema at most, as far as it bounds texts and lists itself; None
    of what it does not bound."""
    match schema:
        case {"type": "array", "maxItems": int(most), "items": dict() as items}:
            each = _largest(items)
            return most * (1.0 if each is None else each + 1)
        case {"maxLength": int(most)}:
            return most
        case {"type": "object", "properties": dict() as properties}:
            sizes = [size for size in map(_largest, properties.values()) if size is not None]
            return sum(sizes) if sizes else None
    return None


def _mb(size: float) -> str:
    return f"{size / MB:,.1f}"
