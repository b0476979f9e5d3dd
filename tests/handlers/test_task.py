"""A task of Zappa's runs one job, and nothing that it names."""

from copy import deepcopy
from typing import Any

import pytest

from app.room.acceptance import Submission
from app.room.call import LOCAL
from handlers.ask import UnknownEvent
from tests.handlers.home import Home, event


def asked(home: Home, name: str) -> str:
    return home.room.engine.submit(Submission("greet", {"name": name}), LOCAL).id


@pytest.mark.parametrize("form", ["task", "task_zappa"])
def test_it_runs_the_job(home: Home, form: str) -> None:
    """One job, by the same path as a message's."""
    given = event(form)
    id = asked(home, "Ada")
    if form == "task":
        given["manydoors"]["job"] = id
    else:
        given["args"] = [id]
    assert home.bring(given) is None
    assert home.ran == ["Ada"]
    assert [job["status"] for job in home.jobs()] == ["succeeded"]


@pytest.mark.parametrize(
    "other",
    [
        {"task_path": "os.system"},
        {"task_path": "app.ports.aws.task.work "},
        {"args": []},
        {"args": ["a", "b"]},
        {"args": [1]},
        {"args": [""]},
        {"args": "job_1"},
        {"kwargs": {"x": 1}},
        {"capture_response": True},
        {"command": "zappa.asynchronous.route_sns_task"},
        {"Records": []},
    ],
    ids=str,
)
def test_any_other_task_no_door_knows(home: Home, other: dict[str, Any]) -> None:
    """It is an error, so that nobody takes it for done."""
    given = deepcopy(event("task_zappa")) | other
    asked(home, "Ada")
    with pytest.raises(UnknownEvent):
        home.bring(given)
    assert home.ran == []


def test_a_hint_finds_what_no_index_shows_yet(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """DynamoDB's indexes follow the table: the hinted job is looked at by itself."""
    id = asked(home, "Ada")
    monkeypatch.setattr(home.store, "take", lambda *args, **kwargs: [], raising=False)
    home.bring({"manydoors": {"job": id}})
    assert home.ran == ["Ada"]
    (job,) = home.jobs()
    assert (job["status"], job["attempt"]) == ("succeeded", 1)
    home.bring({"manydoors": {"job": id}})  # doubled
    assert home.ran == ["Ada"]


@pytest.mark.parametrize(("ahead", "ran"), [(1.4, ["Ada"]), (2.0, [])])
def test_a_hint_that_comes_early_waits(home: Home, ahead: float, ran: list[str]) -> None:
    """SQS counts whole seconds, and clocks differ; of much more it is no hint yet."""
    due = home.clock.now() + ahead
    made = Submission("greet", {"name": "Ada"}, due=due)
    id = home.room.engine.submit(made, LOCAL).id
    home.bring({"manydoors": {"job": id}})
    assert home.ran == ran
    assert (home.clock.now() >= due) == bool(ran)


def test_a_hint_of_a_running_job_takes_nothing(home: Home) -> None:
    """Its lease is another's, for as long as it is renewed."""
    id = asked(home, "Ada")
    (claimed,) = home.room.engine.claim()
    home.bring({"manydoors": {"job": id}})
    assert home.ran == []
    assert home.room.engine.ledger.look(claimed).lease == claimed.lease
