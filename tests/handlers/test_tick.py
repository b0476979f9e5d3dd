"""EventBridge's tick: what is due in the next minute is made, and rung for."""

from dataclasses import replace

from app.room.call import LOCAL
from app.room.schedule import Plan
from app.testing import BEGIN
from tests.handlers.home import Home

HOURLY = Plan("greet", {"name": "Ada"}, every="1h")


def put(home: Home, plan: Plan = HOURLY) -> None:
    home.room.calendar.put("s", plan, LOCAL, "test")


def test_a_tick_looks_a_minute_ahead(home: Home) -> None:
    """The job starts in its second, by a ring that is delayed until then."""
    put(home)
    home.clock.sleep(3600 - 25)
    home.bring("schedule_tick")
    (made,) = home.jobs("greet")
    assert (made["status"], made["due_at"]) == ("queued", "2026-01-01T01:00:00.000Z")
    assert home.rings.rung == [(made["id"], 25.0)]
    assert home.ran == []
    home.clock.sleep(25)
    home.bring({"Records": [_hint(made["id"])]})
    assert home.ran == ["Ada"]


def test_doubled_and_late(home: Home) -> None:
    """However often it ticks, and when: one job a due time."""
    put(home, replace(HOURLY, every="1m"))
    for late in (0, 0, 30, 59, 60, 60, 125, 1):
        home.clock.sleep(late)
        home.bring("schedule_tick")
    now = home.clock.now()
    dues = sorted(job["due_at"] for job in home.jobs("greet"))
    assert len(dues) == len(set(dues)) == int((now + 60 - BEGIN) // 60)
    assert home.ran.count("Ada") == int((now - BEGIN) // 60)


def test_triggers_of_the_code(home: Home) -> None:
    """Become schedules at the first tick of an instance."""
    from app import Every

    home.registry.operation("timed", on=[Every("2m")])(lambda: home.ran.append("timed"))
    for _ in range(5):
        home.bring("schedule_tick")
        home.clock.sleep(60)
    assert len(home.jobs("timed")) == 2
    assert home.ran == ["timed"] * 2


def _hint(id: str) -> dict[str, object]:
    from tests.handlers.home import sqs

    record: dict[str, object] = sqs({"job": id})["Records"][0]
    return record
