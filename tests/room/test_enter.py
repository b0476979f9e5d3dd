"""The one way in gives an outcome for every call, whatever the operation does."""

import json
import logging
import math
from typing import Annotated, Any

import pytest
from marshmallow import Schema, fields, validate

from app import BadOperation, Busy, Conflict, Internal, Invalid, Problem, Refused, Retry, Unknown
from app.doors.http import problem_answer
from app.doors.rpc import respond
from app.room.call import Call, Caller
from app.room.strict_json import read_json

SECRET = "the vault's number is 1234"  # what no caller may read


def speak(name: Annotated[str, validate.Length(1, 5)], times: int = 1) -> str:
    return " ".join([name] * times)


@pytest.mark.parametrize(
    ("call", "kind"),
    [
        (Call("nope", {"bad": 1}, caller=Caller("ada", "read")), "unknown"),
        (Call("tried", {"bad": 1}, caller=Caller("ada", "read")), "forbidden"),
        (Call("tried", {"bad": 1}, caller=Caller("ada", "run")), "invalid"),
        (Call("tried", {"name": "Tom"}, caller=Caller("ada", "run")), None),
    ],
)
def test_known_then_allowed_then_valid(outcome, call, kind):
    """Nobody learns that parameters are wrong who may not call, nor what there is not."""
    got = outcome(speak, call)
    assert (got.problem and got.problem.kind) == kind


GIVEN = {
    "by name": (Call("tried", {"name": "Tom", "times": 2}), "Tom Tom"),
    "by position": (Call("tried", ["Tom", 2]), "Tom Tom"),
    "by fewer positions": (Call("tried", ["Tom"]), "Tom"),
    "as text": (Call("tried", texts={"name": ["Tom"], "times": ["2"]}), "Tom Tom"),
    "both": (Call("tried", {"times": 2}, {"name": ["Tom"]}), "Tom Tom"),
    "position and text": (Call("tried", ["Tom"], {"times": ["2"]}), "Tom Tom"),
    "too few": (Call("tried", []), ["/name"]),
    "too many": (Call("tried", ["Tom", 2, 3, 4]), ["/2", "/3"]),
    "twice": (Call("tried", {"name": "Tom"}, {"name": ["Tom"]}), ["/name"]),
    "twice by position": (Call("tried", ["Tom"], {"name": ["Mia"]}), ["/name"]),
    "a text twice": (Call("tried", texts={"name": ["Tom", "Mia"]}), ["/name"]),
    "no number": (Call("tried", {"name": "Tom"}, {"times": ["2.5"]}), ["/times"]),
    "text for a number": (Call("tried", {"name": "Tom", "times": "2"}), ["/times"]),
    "all wrong": (Call("tried", {"name": "", "times": None, "x": 1}), ["/name", "/times", "/x"]),
}


@pytest.mark.parametrize(("call", "expected"), GIVEN.values(), ids=GIVEN)
def test_parameters(outcome, call, expected):
    """By name, by position or as text; what is wrong is named, each field once."""
    got = outcome(speak, call)
    if isinstance(expected, str):
        assert got.value == expected
    else:
        assert got.problem.kind == "invalid"
        assert [wrong.pointer for wrong in got.problem.errors] == expected


class Worse(Exception):
    def __str__(self) -> str:
        raise RuntimeError(SECRET)


class Own(BaseException):
    pass


class Odd(Problem):
    kind, title = "odd", SECRET


def endless() -> None:
    endless()


def raising(error: BaseException) -> Any:
    def raises() -> None:
        raise error

    return raises


def giving(value: Any) -> Any:
    return lambda: value


cycle: list[Any] = []
cycle.append({"again": cycle})
deep: list[Any] = []
for _ in range(100_000):
    deep = [deep]

INTERNAL = {
    "an exception": raising(ValueError(SECRET)),
    "a look-up": lambda: {}[SECRET],
    "an endless recursion": endless,
    "SystemExit": raising(SystemExit(SECRET)),
    "GeneratorExit": raising(GeneratorExit(SECRET)),
    "a BaseException": raising(Own(SECRET)),
    "MemoryError": raising(MemoryError(SECRET)),
    "a group": raising(ExceptionGroup(SECRET, [Refused(SECRET)])),
    "one that cannot be told": raising(Worse()),
    "StopIteration": raising(StopIteration(SECRET)),
    "a declaration's": raising(BadOperation(SECRET)),
    "an Internal of its own": raising(Internal(SECRET)),
    "a problem of no kind": raising(Problem(SECRET)),
    "a problem without a text": lambda: (_ for _ in ()).throw(Problem()),
    "a problem of an unknown kind": raising(Odd()),
    "members that are no JSON": raising(Refused("no", what=object())),
    "members that are NaN": raising(Refused("no", what=math.nan)),
    "members half a character": raising(Refused("no", what="\ud800")),
    "members in a cycle": raising(Refused("no", what=cycle)),
    "members too deep": raising(Refused("no", what=deep)),
    "a wrong member": lambda: (_ for _ in ()).throw(Refused("no", status=1)),
    "an object": giving(object()),
    "bytes": giving(SECRET.encode()),
    "NaN": giving(math.nan),
    "infinity inside": giving({"a": [math.inf]}),
    "half a character": giving(SECRET + "\ud800"),
    "NUL": giving(SECRET + "\0"),
    "39 digits": giving(10**38),
    "5,000 digits": giving(10**5000),
    "a cycle": giving(cycle),
    "too deep": giving(deep),
    "keys that are no strings": giving({1: 0, "1": 0}),
    "a class": giving(ValueError),
}


@pytest.mark.parametrize("function", INTERNAL.values(), ids=INTERNAL)
def test_a_bug_is_told_by_its_id_alone(outcome, function, caplog):
    """Whatever is raised or returned: an id for the caller, the traceback under it in the log."""
    got = outcome(function, Call("tried", request_id="req-1"))
    assert got.problem.kind == "internal"
    assert got.problem.retry
    assert got.problem.members == {"error_id": "err_1"}
    assert SECRET not in problem_answer(got.problem, "/").body.decode()
    (record,) = caplog.records
    assert (record.levelno, record.error_id) == (logging.ERROR, "err_1")
    assert (record.operation, record.request_id) == ("tried", "req-1")
    assert "Traceback" in caplog.text


TOLD = {
    "refused": (Refused("not today", left=3), False),
    "unavailable": (Retry("later", after="2m"), True),
    "unknown": (Unknown("no cat"), False),
    "conflict": (Conflict(), False),
    "busy": (Busy(), True),
    "invalid": (Invalid("no"), False),
}


@pytest.mark.parametrize(("error", "retry"), TOLD.values(), ids=TOLD)
def test_a_problem_raised_is_the_outcome(outcome, request, error, retry, caplog):
    """What an operation raises on purpose reaches the caller as it is, and is no bug to log."""
    problem = outcome(raising(error)).problem
    assert problem is error
    assert (problem.kind, problem.retry) == (request.node.callspec.id, retry)
    assert caplog.records == []


def test_every_door_can_say_what_was_refused(room):
    """An exception given as the reason is told as its text, by HTTP and by RPC."""

    @room.registry.operation("tried")
    def tried() -> None:
        try:
            int("ü\0")
        except ValueError as error:
            raise Refused(error) from error

    answer = problem_answer(room.enter(Call("tried")).problem, "/")
    said = read_json(respond(room, b'{"jsonrpc": "2.0", "method": "tried", "id": 1}'))
    detail = "invalid literal for int() with base 10: 'ü\\x00'"
    assert read_json(answer.body)["detail"] == said["error"]["data"]["detail"] == detail


def test_the_terminals_interrupt_passes(room):
    """Ctrl-C is meant for the process, not for the call."""
    room.registry.operation("tried")(raising(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        room.enter(Call("tried"))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (None, b"null"),
        ("ü", '"ü"'.encode()),
        ((1, {"a": 2.0}), b'[1,{"a":2.0}]'),
        (10**38 - 1, b"9" * 38),
    ],
)
def test_a_value_is_written_in_the_room(outcome, value, written):
    """Every door sends the same bytes: compact UTF-8."""
    assert outcome(giving(value)).json == written


def test_a_result_may_have_more_keys_than_a_request(outcome):
    """The caps of what comes in do not bind what goes out."""
    value = {f"k{number}": number for number in range(10_001)}
    got = outcome(giving(value))
    assert got.value == value == json.loads(got.json)


def test_a_schema_of_ones_own_is_given_what_it_loads(outcome):
    """Attributes, defaults and conversions are the schema's; the function gets what it loads."""

    class Takes(Schema):
        moment = fields.DateTime(required=True, data_key="when", attribute="at")
        colour = fields.String(load_default="grey")

    def tell(at: Any, colour: str) -> list[Any]:
        return [at.year, colour]

    assert outcome(tell, Call("tried", ["2024-02-29T00:00:00Z"]), params=Takes).value == [
        2024,
        "grey",
    ]


def test_a_default_that_is_a_list_is_fresh_each_time(room):
    """What one call does to a default, the next does not see."""

    @room.registry.operation("tried")
    def tried(names: list[str] = ["Tom"]) -> list[str]:  # noqa: B006 - what people write
        names.append("Mia")
        return names

    assert [room.enter(Call("tried")).value for _ in range(2)] == [["Tom", "Mia"]] * 2


def test_what_is_long_becomes_a_job(room):
    """A long operation, and one that asks for its run, give the job that will run them."""

    def long() -> None:
        """Take hours."""

    def running(run, a: int) -> int:
        """Speak to the job."""
        return a

    room.registry.operation("long", long=True)(long)
    room.registry.operation("running")(running)
    for call in (Call("long"), Call("running", {"a": 1})):
        outcome = room.enter(call)
        assert outcome.pending
        assert outcome.value["id"] == outcome.job
        assert outcome.value["status"] == "queued"
