"""The schedules of a store: who may do what to them, and what comes of it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest

from app import Secret
from app.ports import Record
from app.room.calendar import has_revision
from app.room.call import LOCAL, Caller
from app.room.claim import Claims
from app.room.errors import (
    Conflict,
    Forbidden,
    Invalid,
    Precondition,
    TooLarge,
    Unknown,
    UnknownOperation,
)
from app.room.schedule import Plan, plan_of, revision
from app.room.seal import MARK
from app.room.tick import Ticker
from app.room.trigger import Cron, Every
from app.testing import Testing

ADA, BOB = Caller("ada", "run"), Caller("bob", "run")
HOURLY = Plan("tried", {"n": 1}, every="1h")


@pytest.fixture(autouse=True)
def operation(declare: Callable[..., Any]) -> None:
    @declare
    def tried(n: int = 0, word: Annotated[str, Secret] = "") -> int:
        return n


def put(lab: Testing, plan: Plan = HOURLY, caller: Caller = ADA, **how: Any) -> Record:
    return lab.room.calendar.put("a", plan, caller, "rest", **how)[0]


def test_names_belong_to_their_owner(lab: Testing) -> None:
    """Another's schedule of the same name is another schedule, and unknown to all others."""
    calendar = lab.room.calendar
    assert calendar.put("a", HOURLY, ADA, "rest")[1]
    assert not calendar.put("a", HOURLY, ADA, "rest")[1]
    with pytest.raises(Unknown):
        calendar.get("a", BOB)
    assert calendar.put("a", HOURLY, BOB, "rest")[1]
    calendar.delete("a", BOB)
    assert calendar.get("a", ADA).owner == "ada"
    assert [each.owner for each in calendar.list(ADA).items] == ["ada"]


def test_a_list_goes_by_names(lab: Testing) -> None:
    """Page by page."""
    for name in ("b", "a b", "a", "ä", "a-c"):
        lab.room.calendar.put(name, HOURLY, ADA, "rest")
    first = lab.room.calendar.list(ADA, limit=3)
    rest = lab.room.calendar.list(ADA, cursor=first.next)
    names = [each.body["name"] for each in (*first.items, *rest.items)]
    assert names == ["a", "a b", "a-c", "b", "ä"]


def test_what_a_schedule_reads(lab: Testing) -> None:
    """Flat, in the contract's words, with the next five due times."""
    shown = lab.room.calendar.view(put(lab))
    assert shown == {
        "name": "a",
        "owner": "ada",
        "source": "rest",
        "operation": "tried",
        "params": {"n": 1},
        "cron": None,
        "every": "1h",
        "tz": None,
        "enabled": True,
        "catch_up": "one",
        "next_due": "2026-01-01T01:00:00.000Z",
        "upcoming": [f"2026-01-01T0{hour}:00:00.000Z" for hour in (1, 2, 3, 4, 5)],
        "last_job": None,
        "created_at": "2026-01-01T00:00:00.000Z",
        "updated_at": "2026-01-01T00:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("plan", "problem", "pointers"),
    [
        ({"operation": "gone"}, UnknownOperation, []),
        ({"params": {"n": "x"}}, Invalid, ["/params/n"]),
        ({"params": {"m": 1}}, Invalid, ["/params/m"]),
        ({"params": {"word": "x" * 103_000}}, TooLarge, []),
        ({"every": "1ms"}, Invalid, ["/every"]),
    ],
)
def test_what_could_not_run_is_refused(
    lab: Testing, plan: dict[str, Any], problem: type[Exception], pointers: list[str]
) -> None:
    """As the call of it would be; nothing is written."""
    with pytest.raises(problem) as told:
        put(lab, replace(HOURLY, **plan))
    assert [each.pointer for each in getattr(told.value, "errors", ())] == pointers
    assert not lab.room.calendar.list(ADA).items


def test_scopes(lab: Testing) -> None:
    """Who may only read does not change anything; who may not call makes no schedule of it."""
    reader = Caller("ada", "read")
    put(lab)
    assert lab.room.calendar.get("a", reader)
    for change in (
        lambda: put(lab, caller=reader),
        lambda: lab.room.calendar.delete("a", reader),
        lambda: lab.room.calendar.run("a", reader, "rest"),
    ):
        with pytest.raises(Forbidden):
            change()
    lab.room.registry.operation("guarded", scope="admin")(lambda: None)
    with pytest.raises(Forbidden):
        put(lab, Plan("guarded", every="1h"))


def test_a_change_of_what_was_not_seen(lab: Testing) -> None:
    """Is refused; that it came due meanwhile is no change."""
    seen = revision(put(lab))
    lab.advance("3h")
    lab.tick()
    put(lab, replace(HOURLY, params={"n": 2}), expected=has_revision("other", seen))
    with pytest.raises(Precondition):
        put(lab, HOURLY, expected=has_revision(seen))
    with pytest.raises(Precondition):
        lab.room.calendar.delete("a", ADA, expected=has_revision(seen))
    assert plan_of(lab.room.calendar.get("a", ADA)).params == {"n": 2}


def test_run_now(lab: Testing) -> None:
    """Makes a job beside those of the due times, of a paused one too."""
    put(lab, replace(HOURLY, enabled=False))
    made = lab.room.calendar.run("a", ADA, "rest", key="k")
    assert lab.room.calendar.run("a", ADA, "rest", key="k").id == made.id
    assert (made.body["params"], made.body["source"], made.owner) == ({"n": 1}, "rest", "ada")
    shown = lab.room.calendar.view(lab.room.calendar.get("a", ADA))
    assert (shown["last_job"], shown["next_due"]) == (made.id, None)


def test_secrets(lab: Testing) -> None:
    """Are never shown; who sends back what was shown leaves them as they are."""
    put(lab, Plan("tried", {"word": "sesame", "n": 1}, every="1h"))
    shown = lab.room.calendar.view(lab.room.calendar.get("a", ADA))
    assert "sesame" not in str(shown)
    again = put(lab, Plan("tried", {**shown["params"], "n": 2}, every="1h"))
    assert given(lab, again) == {"word": "sesame", "n": 2}
    assert given(lab, put(lab, Plan("tried", {"word": "new"}, every="1h")))["word"] == "new"


def given(lab: Testing, schedule: Record) -> Any:
    """Its parameters, of which the record has no secret in clear."""
    kept = plan_of(schedule).params
    assert kept["word"].startswith(MARK)
    return Claims(lab.room.ports).opened(kept, ADA.owner, lab.room.registry.get("tried"))


# Of the code


def declared(lab: Testing, *triggers: Any, name: str = "timed") -> None:
    lab.room.registry.operation(name, on=list(triggers), long=True)(lambda: None)


def test_a_trigger_is_a_schedule(lab: Testing) -> None:
    """By itself; its jobs come as of any other."""
    declared(lab, Cron("0 3 * * *", tz="Europe/Berlin"), Every("10m"), Every("10m"))
    lab.tick()
    lab.tick()
    shown = [lab.room.calendar.view(each) for each in lab.room.calendar.list(LOCAL).items]
    assert sorted((each["cron"], each["every"], each["tz"]) for each in shown if each["cron"])
    assert len(shown) == 2
    assert {each["source"] for each in shown} == {"code"}
    lab.advance("10m")
    assert lab.tick() == 1
    lab.advance("110m")
    assert lab.tick() == 2
    assert {each["source"] for each in lab.jobs("timed")} == {"schedule"}


def test_a_time_that_cannot_run_its_operation_is_told_at_once(
    lab: Testing, caplog: pytest.LogCaptureFixture
) -> None:
    """What comes due brings no parameters: the log says which are missing when the schedule is
    made, once; an operation whose parameters have defaults is none of its business."""

    def needs(sheet: str, copies: int) -> None: ...
    def defaults(sheet: str = "a") -> None: ...

    for name, function in (("needs", needs), ("defaults", defaults)):
        lab.room.registry.operation(name, on=[Every("1h")])(function)
    lab.tick()
    lab.tick()
    told = [each for each in caplog.records if "brings no parameters" in each.message]
    assert [each.__dict__["operation"] for each in told] == ["needs"]
    assert told[0].__dict__["why"].count("Missing data") == 2


def test_the_code_decides(lab: Testing) -> None:
    """Through the API it can be paused, and nothing else."""
    declared(lab, Every("10m"))
    lab.tick()
    calendar = lab.room.calendar
    (record,) = calendar.list(LOCAL).items
    name, plan = record.body["name"], plan_of(record)
    for other in (replace(plan, every="20m"), replace(plan, params={"a": 1})):
        with pytest.raises(Conflict, match="comes from the code"):
            calendar.put(name, other, LOCAL, "rest")
    with pytest.raises(Conflict, match="comes from the code"):
        calendar.delete(name, LOCAL)
    calendar.put(name, replace(plan, enabled=False), LOCAL, "rest")
    lab.advance("1h")
    assert lab.tick() == 0
    calendar.put(name, plan, LOCAL, "rest")
    lab.advance("10m")
    assert lab.tick() == 1
    assert calendar.run(name, LOCAL, "rest").body["operation"] == "timed"


def test_gone_from_the_code(lab: Testing) -> None:
    """It makes no jobs where nobody declares it, and goes after an hour of that."""
    declared(lab, Every("10m"))
    lab.tick()
    del lab.room.registry._operations["timed"]
    lab.advance("10m")
    assert lab.tick() == 0
    (left,) = lab.room.calendar.list(LOCAL).items
    shown = lab.room.calendar.view(left)
    assert (shown["next_due"], shown["upcoming"]) == (None, [])
    lab.advance("55m")
    lab.tick()
    assert lab.room.calendar.list(LOCAL).items
    lab.advance("6m")
    lab.tick()
    assert not lab.room.calendar.list(LOCAL).items


def test_two_versions_of_the_code(lab: Testing) -> None:
    """Side by side they take nothing from each other: whoever declares it makes its jobs, and
    keeps it there."""
    operation = lab.room.registry
    declared(lab, Every("10m"))
    lab.tick()
    with_it = dict(operation._operations)
    for _ in range(12):
        lab.advance("10m")
        operation._operations.pop("timed")
        assert lab.tick() == 0
        operation._operations.update(with_it)
        lab.advance("5s")  # the other has put it back for so long
        assert lab.tick() == 1
    assert len(lab.jobs("timed")) == 12


def test_another_declaration_is_another_schedule(lab: Testing) -> None:
    """A pause of the old one is none of the new one's."""
    declared(lab, Every("10m"))
    lab.tick()
    (old,) = lab.room.calendar.list(LOCAL).items
    del lab.room.registry._operations["timed"]
    declared(lab, Every("20m"))
    lab.tick()
    assert len(lab.room.calendar.list(LOCAL).items) == 2
    lab.advance("2h")
    lab.tick()
    (new,) = lab.room.calendar.list(LOCAL).items
    assert new.body["name"] != old.body["name"]


def test_a_clock_that_ran_ahead(lab: Testing) -> None:
    """What was dealt with then is not waited for, and no due time has a second job."""
    declared(lab, Every("10m"))
    put(lab, replace(HOURLY, catch_up="all"))
    lab.tick()
    lab.advance("3d")
    ticker = Ticker(lab.room.registry, lab.room.ports)
    ticker.tick()
    before = len(lab.room.ports.records.list("jobs", limit=200).items)
    lab.clock._now -= 3 * 86400 - 3600
    for _ in range(8):
        lab.advance("10m")
        lab.tick()
    jobs = lab.room.ports.records.list("jobs", limit=200).items
    assert len({each.body["key"] for each in jobs}) == len(jobs)
    assert len(jobs) == before + 7  # the eighth came due as it was noticed


def test_an_owner_has_so_many(lab: Testing) -> None:
    """One more is a conflict, also to look at; what is there can be changed, and makes room."""
    calendar = lab.room.calendar
    calendar.most = 2
    for name in ("a", "b"):
        calendar.put(name, HOURLY, ADA, "rest")
    for make in (calendar.put, calendar.preview):
        with pytest.raises(Conflict, match="MANYDOORS_MAX_SCHEDULES") as told:
            make("c", HOURLY, ADA, "rest")
        assert told.value.members == {"limit": 2}
    calendar.put("b", replace(HOURLY, every="2h"), ADA, "rest")
    calendar.put("c", HOURLY, BOB, "rest")
    calendar.delete("a", ADA)
    assert calendar.put("c", HOURLY, ADA, "rest")[1]


def test_what_the_code_asks_for_is_made_all_the_same(lab: Testing) -> None:
    """However many there are."""
    lab.room.calendar.most = 1
    lab.room.calendar.put("a", HOURLY, LOCAL, "rest")
    declared(lab, Every("10m"))
    lab.tick()
    assert len(lab.room.calendar.list(LOCAL).items) == 2


def test_a_schedule_of_nothing_can_be_paused(lab: Testing) -> None:
    """Its operation may be gone, or take other parameters by now."""
    calendar = lab.room.calendar
    put(lab)
    lab.room.registry._operations.pop("tried")
    paused = calendar.enable("a", False, ADA, "rest")
    assert (plan_of(paused).enabled, paused.due) == (False, None)
    lab.advance("2h")
    assert lab.tick() == 0
    with pytest.raises(UnknownOperation):
        calendar.enable("a", True, ADA, "rest")


def test_a_pause_calls_off_what_was_made_ahead(lab: Testing) -> None:
    """As every change does."""
    put(lab, replace(HOURLY, every="30s"))
    lab.advance("10s")
    assert Ticker(lab.room.registry, lab.room.ports).tick(60).jobs == 2
    lab.room.calendar.enable("a", False, ADA, "rest")
    made = lab.room.engine.list(ADA).items
    assert [each.label for each in made] == ["cancelled"] * 2


def test_all_of_one_owner_are_paused(lab: Testing) -> None:
    """But for those of the code, which are the code's."""
    calendar = lab.room.calendar
    for name in ("a", "b", "c"):
        for caller in (ADA, BOB, LOCAL):
            calendar.put(name, replace(HOURLY, enabled=name != "c"), caller, "rest")
    declared(lab, Every("10m"))
    lab.tick()
    assert [calendar.pause_all(owner, "keys") for owner in ("ada", "ada", "local")] == [2, 0, 2]
    assert [len(list(calendar.enabled(each.owner))) for each in (ADA, BOB, LOCAL)] == [0, 2, 0]
    assert [plan_of(each).enabled for each in calendar.list(LOCAL).items].count(True) == 1
