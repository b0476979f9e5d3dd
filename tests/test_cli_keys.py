"""`keys …`: a key is printed once and alone, so that scripts can take it."""

import json
import re
from pathlib import Path

import pytest

from app import wiring
from app.cli import main
from app.config import Settings
from app.room.call import Caller
from app.room.schedule import Plan

KEY = re.compile(r"md_[0-9A-Z]{26}_[0-9a-f]{64}")


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    return {"MANYDOORS_DATA": str(tmp_path / "data")}


def made(environ, capsys, *words: str) -> str:
    assert main(["keys", "create", *words], environ) == 0
    return str(capsys.readouterr().out.strip())


def listed(environ, capsys) -> list[dict[str, object]]:
    assert main(["--json", "keys", "list"], environ) == 0
    items = json.loads(capsys.readouterr().out)["items"]
    assert isinstance(items, list)
    return items


def test_a_key_stands_alone_on_standard_output(environ, capsys):
    """What else is to be said goes to standard error, and has the id but not the key."""
    assert main(["keys", "create", "Ada", "--scope", "run", "--owner", "ada"], environ) == 0
    told = capsys.readouterr()
    assert KEY.fullmatch(told.out.strip())
    assert told.out.split("_")[1] in told.err
    assert told.out.strip()[-64:] not in told.err
    (key,) = listed(environ, capsys)
    assert (key["name"], key["scopes"], key["owner"]) == ("Ada", ["run"], "ada")


def test_a_key_may_end(environ, capsys):
    """At a time, or after one."""
    made(environ, capsys, "a", "--scope", "read", "--expires", "2099-01-31T03:00:00Z")
    made(environ, capsys, "b", "--scope", "read", "--lasts", "90d")
    later, at = listed(environ, capsys)
    assert at["expires_at"] == "2099-01-31T03:00:00.000Z"
    assert str(later["expires_at"]) > str(later["created_at"])


def test_keys_are_rotated_and_revoked(environ, capsys):
    """By their ids; the rotated key is printed as a new one is."""
    key = made(environ, capsys, "a", "--scope", "admin")
    id = key.split("_")[1]
    assert main(["keys", "rotate", id, "--overlap", "1h"], environ) == 0
    again = capsys.readouterr().out.strip()
    assert KEY.fullmatch(again)
    assert (again.split("_")[1], again != key) == (id, True)
    assert main(["keys", "revoke", id], environ) == 0
    assert "revoked" in capsys.readouterr().out
    assert listed(environ, capsys) == []
    assert main(["keys", "revoke", id], environ) == 1


def test_who_revokes_hears_of_schedules_that_go_on(environ, capsys):
    """Of an owner who has no other key; and pauses them if that is asked for."""
    first = made(environ, capsys, "a", "--scope", "run", "--owner", "ada").split("_")[1]
    last = made(environ, capsys, "b", "--scope", "run", "--owner", "ada").split("_")[1]
    room = wiring.make_room(Settings.read(environ))
    ada, plan = Caller("ada", "run"), Plan("hello", {"name": "Ada"}, every="1h")
    room.calendar.put("nightly", plan, ada, "rest")
    assert main(["keys", "revoke", first], environ) == 0
    assert "Schedules" not in capsys.readouterr().out
    assert main(["keys", "revoke", last], environ) == 0
    told = capsys.readouterr().out
    assert "ada has no key any more. Schedules that go on: 1." in told
    assert "keys create NAME --owner ada" in told
    again = made(environ, capsys, "c", "--scope", "run", "--owner", "ada").split("_")[1]
    assert main(["--json", "keys", "revoke", again, "--disable-schedules"], environ) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["revoked"] == [again]
    assert told["left"][0]["schedules"] == {"enabled": 0, "disabled": 1}
    assert list(room.calendar.enabled("ada")) == []
    room.ports.records.close()


def test_a_name_moves_no_cursor(environ, capsys):
    """What could is refused; what is wide is cut in the table, and whole in JSON."""
    assert main(["keys", "create", "\x1b[31m", "--scope", "run"], environ) == 1
    assert "\x1b" not in capsys.readouterr().err
    made(environ, capsys, "Ada's key for the night shift's orders", "--scope", "run")
    assert main(["keys", "list"], environ) == 0
    assert "Ada's key for the night…" in capsys.readouterr().out


def test_keys_are_looked_for_where_a_store_is(environ, capsys):
    """Only making one makes a store."""
    for words in (["list"], ["revoke", "x"], ["rotate", "x"]):
        assert main(["keys", *words], environ) == 2
        assert "no store" in capsys.readouterr().err
