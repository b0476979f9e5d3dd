"""Whose an event is, and what becomes of those that are nobody's."""

import json
import os
import random
import subprocess
import sys
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from app import wiring
from app.config import Settings
from handlers import DOORS
from handlers.ask import UnknownEvent, Unreadable, Visit
from handlers.door import recognised
from tests.handlers.gateways import let_in
from tests.handlers.home import EVENTS, Home, event

ROOT = Path(__file__).parents[2]
NAMES = sorted(path.stem for path in EVENTS.glob("*.json"))
KNOWN = [name for name in NAMES if not name.startswith("unknown")]


def test_each_file_has_its_page() -> None:
    """The index names every recorded event."""
    index = (EVENTS / "README.md").read_text()
    assert [name for name in NAMES if f"`{name}`" not in index] == []


@pytest.mark.parametrize("name", KNOWN)
def test_one_door_knows_a_recorded_event(name: str) -> None:
    """The one that the file is named after."""
    door: Any = recognised(DOORS, event(name))[0]
    assert door.__name__ == f"handlers.{name.partition('_')[0]}"


@pytest.mark.parametrize("name", sorted(set(NAMES) - set(KNOWN)))
def test_an_unknown_event_is_an_error(home: Home, name: str) -> None:
    """So that nobody takes it for read; Zappa's commands are among them."""
    with pytest.raises(UnknownEvent):
        home.bring(event(name))
    assert home.jobs() == home.ran == []


@pytest.mark.parametrize("given", [None, 1, "a", [], {}, [{}], {"Records": [None]}])
def test_what_is_no_event_is_an_error(given: Any) -> None:
    with pytest.raises(UnknownEvent):
        recognised(DOORS, given)


def test_two_doors_that_know_an_event_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that stands in two places is no two."""
    monkeypatch.setitem(sys.modules, "handlers.greedy", SimpleNamespace(knows=bool))
    with pytest.raises(UnknownEvent, match="Several"):
        recognised({"Records": ("queue", "greedy")}, event("queue"))
    assert recognised({"Records": ("queue",), "x": ("queue",)}, event("queue") | {"x": 1})


ODD = [
    None,
    0,
    -1,
    1.5,
    True,
    "",
    "\ud800",
    "a\0",
    [],
    {},
    [None],
    {"a": None},
    "%%%",
    [[]],
    {"": 1},
]


def test_no_torn_event_is_acknowledged_unread_or_ends_the_function(home: Home) -> None:
    """Of each recorded event some part is lost or is something else: then it is unknown, comes
    again, is answered, or what came has a job or a trace."""
    chance = random.Random(3)
    for _ in range(30):
        for name in KNOWN:
            given = event(name)
            for _ in range(chance.randint(1, 2)):
                torn(given, chance)
            before = home.ports.records.count("jobs")
            try:
                door, known = recognised(DOORS, deepcopy(given))
                asks = [] if isinstance(known, Visit) else door.asks(known, home.registry)
                answer = home.bring(given)
            except UnknownEvent:
                continue
            if name.startswith("http"):
                assert 200 <= answer["statusCode"] < 600
                json.dumps(answer)
            unread = [each for each in asks if isinstance(each.what, Unreadable)]
            if unread and before == 0:
                assert home.unreadable()
            if isinstance(answer, dict) and "batchItemFailures" in answer:
                assert answer == {"batchItemFailures": []}, given


def torn(value: Any, chance: random.Random) -> None:
    """Loses or changes one thing somewhere inside."""
    while True:
        places = list(value) if isinstance(value, dict) else range(len(value))
        if not places:
            return
        place = chance.choice(list(places))
        inner = value[place]
        if isinstance(inner, dict | list) and inner and chance.random() < 0.8:
            value = inner
            continue
        if isinstance(value, dict) and chance.random() < 0.3:
            del value[place]
        else:
            value[place] = chance.choice(ODD)
        return


def handled(folder: Path, *names: str) -> list[Any]:
    """What a fresh process answers to recorded events, and what it has loaded after each."""
    let_in(wiring.make_ports(Settings(data=folder, min_free=1)).records)
    code = f"""
import json, sys
import handlers
from tests.handlers.gateways import keyed
class Context:
    def get_remaining_time_in_millis(self): return 30000
for name in {names!r}:
    given = keyed(json.load(open("{EVENTS}/" + name + ".json")))
    answer = handlers.handle(given, Context())
    flask = sorted({{"flask", "flask_restx", "werkzeug", "boto3"}} & set(sys.modules))
    print(json.dumps([answer, flask]))
"""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("MANYDOORS_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**settings, "PYTHONPATH": str(ROOT), "MANYDOORS_DATA": str(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_no_door_but_that_of_pages_loads_flask(tmp_path: Path) -> None:
    """Neither a queue's event nor a call over HTTP; only what no endpoint answers."""
    names = ("queue_cloud_event", "schedule_tick", "http_rest", "http_function_url")
    told = handled(tmp_path / "data", *names)
    assert [loaded for _, loaded in told][:3] == [[], [], []]
    assert told[0][0] == {"batchItemFailures": []}
    assert told[2][0]["statusCode"] == 200
    assert json.loads(told[2][0]["body"]) == "Hello, Ada!"
    answer, loaded = told[3]  # a segment that only a router reads
    assert (answer["statusCode"], "flask" in loaded) == (200, True)
    assert json.loads(answer["body"]) == "Hello, Jürgen & Co!"


def test_an_unknown_event_fails_the_function(tmp_path: Path) -> None:
    """Through the function that Lambda calls."""
    with pytest.raises(AssertionError, match="UnknownEvent"):
        handled(tmp_path / "data", "unknown_zappa_task")
