"""The documentation's completeness: what can be written, set, said or raised is named in it."""

import inspect
import re
from pathlib import Path

import app
from app.cli import _parser
from app.config import PREFIX, settable
from app.doors.http import STATUS
from app.doors.mcp import message as mcp
from app.doors.rpc import CODES
from app.room.operation import Registry
from app.room.policy import Options

DOCS = Path(__file__).parents[2] / "docs"


def missing(page: str, names: list[str]) -> list[str]:
    text = (DOCS / page).read_text()
    return [name for name in names if not re.search(rf"\b{re.escape(name)}\b", text)]


def test_every_option_is_explained() -> None:
    """All that @operation takes stands in docs/writing-operations.md."""
    named = list(inspect.signature(Registry.operation).parameters)[2:-1]
    assert not missing("writing-operations.md", named + list(Options.__annotations__))


def test_every_public_name_is_explained() -> None:
    """All that `app` exports stands there too, or is a kind of problem."""
    pages = (DOCS / "writing-operations.md").read_text() + (DOCS / "problems.md").read_text()
    kinds = {name for name in app.__all__ if getattr(getattr(app, name), "kind", "") in STATUS}
    others = [name for name in app.__all__ if name not in kinds and name not in pages]
    assert others == []


def test_every_setting_is_explained() -> None:
    """All that the environment can set stands in docs/settings.md, with its default's name."""
    assert not missing("settings.md", [PREFIX + field.name.upper() for field in settable()])


def test_every_command_is_explained() -> None:
    """All that `python -m app` takes stands in docs/cli.md."""
    (commands,) = (a for a in _parser()._actions if a.choices and not a.option_strings)
    assert not missing("cli.md", list(commands.choices or ()))


def test_the_table_of_problems_is_the_doors() -> None:
    """docs/problems.md gives each kind the numbers that the doors give it."""
    rows = re.findall(
        r"^\| `(\w+)` \| (\d+) \| ([^|]+) \| ([^|]+) \|", (DOCS / "problems.md").read_text(), re.M
    )
    assert {kind: int(status) for kind, status, *_ in rows} == dict(STATUS)
    assert {kind: int(codes.split(",")[0]) for kind, _, _, codes in rows} == dict(mcp.CODES)
    for kind, _, codes, _ in rows:
        if codes.strip() != "–":
            assert str(CODES[kind]) in codes, kind
