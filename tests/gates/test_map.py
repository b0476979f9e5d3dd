"""The room has many files: its map names each of them, once."""

import re

import app.room
from tests.gates.house import ROOT


def test_the_map_of_the_room_is_whole():
    lines = (app.room.__doc__ or "").partition("\n\n")[2].partition("\n\n")[2]
    places = re.findall(r"^ {0,2}\S.*?(?: {2,}|$)(.*)$", lines, re.M)
    named = re.findall(r"(\w+/?)(?=[,;:]|$)", re.sub(r":[^;\n]*", ":", "\n".join(places)), re.M)
    there = [path.stem for path in (ROOT / "app/room").glob("*.py") if path.stem != "__init__"]
    assert sorted(name for name in named if not name.endswith("/")) == sorted(there)
