"""One line each, whatever is in it: parseable for machines, harmless for a terminal."""

import json
import logging
import sys
import time
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import logs
from app.logs import FACTS, JsonLines, TextLines, access_log

HOSTILE = {
    "newline": 'a\n{"level": "ERROR"}',
    "carriage return": "a\rb",
    "ANSI escape": "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "C1 control": "\x9b2J",
    "quotes": '"\\" \\',
    "non-ASCII": "Käse 😀 猫",
    "line separators": "a\u2028b\u2029c\x85d\x0be\x0cf",
    "right to left": "\u202eevil",
    "lone surrogate": "\ud800 \udcff",
    "NUL": "\0",
    "percent": "%s %d %(x)s",
}


def record(message: str, *, error: BaseException | None = None, **facts: object):
    raised = (type(error), error, error.__traceback__) if error else None
    made = logging.LogRecord("manydoors.x", logging.ERROR, "f", 1, message, None, raised)
    made.__dict__.update(facts)
    return made


def raised(text: str) -> BaseException:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_line_for_machines(text):
    """One line of ASCII that reads back as what was said, in every place where text can be."""
    facts = dict.fromkeys(FACTS, text)
    line = JsonLines().format(record(text, error=raised(text), **facts))
    assert line.isascii()
    assert line.isprintable()
    said = json.loads(line)
    assert (said["message"], said["level"], said["logger"]) == (text, "ERROR", "manydoors.x")
    assert {name: said[name] for name in FACTS} == facts
    assert f"ValueError: {text}" in said["traceback"]
    assert datetime.fromisoformat(said["time"]).tzinfo


def test_a_line_for_machines_says_what_is_no_json():
    """A fact of any type is told somehow rather than lost with its line."""
    said = json.loads(JsonLines().format(record("m", status=object(), ms=1.5, other="unknown")))
    assert said["status"].startswith("<object")
    assert said["ms"] == 1.5
    assert "other" not in said


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_a_line_for_people(text):
    """Only the traceback has lines of its own, and nothing moves the terminal's cursor."""
    facts = dict.fromkeys(FACTS, text)
    line = TextLines().format(record(text, **facts))
    assert line.isprintable()
    line.encode()
    traced = TextLines().format(record(text, error=raised(text))).split("\n")
    assert all(each.isprintable() for each in traced)
    assert traced[1].startswith("Traceback")


def test_a_line_for_people_leaves_words_as_they_are():
    """People read their own letters."""
    assert "error   Käse 猫  operation=cats.speak" in TextLines().format(
        record("Käse 猫", operation="cats.speak")
    )


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_access_line_for_machines(capsys, text):
    """One JSON object with the method and path as they came, the status and the time."""
    access_log("json", "INFO")(text, f"/{text}", 404, 1.234, "req-1")
    (line,) = capsys.readouterr().err.removesuffix("\n").split("\n")
    said = json.loads(line)
    assert said["message"] == f"{text} /{text}"
    assert (said["status"], said["ms"], said["request_id"]) == (404, 1.23, "req-1")
    assert (said["level"], said["logger"]) == ("INFO", "manydoors.access")
    assert abs(datetime.fromisoformat(said["time"]).timestamp() - time.time()) < 60


@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_an_access_line_for_people(capsys, text):
    """One printable line."""
    access_log("text", "DEBUG")(text, f"/{text}", 200, 1.26, "req-1")
    (line,) = capsys.readouterr().err.removesuffix("\n").split("\n")
    assert line.isprintable()
    assert " 200 " in line
    assert line.endswith("  1.3 ms  req-1")


@pytest.mark.parametrize("level", ["WARNING", "ERROR"])
@pytest.mark.parametrize("form", ["json", "text"])
def test_above_info_there_are_no_access_lines(capsys, form, level):
    """A request is information."""
    access_log(form, level)("GET", "/", 200, 1.0, "req-1")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("form", ["json", "text"])
@pytest.mark.parametrize("error", [BrokenPipeError, OSError, ValueError], ids=lambda e: e.__name__)
def test_a_log_that_nobody_reads_fails_no_request(monkeypatch, form, error):
    """A closed pipe, a full disk or a closed stream loses the line and nothing else."""

    class Gone:
        def write(self, _: str) -> None:
            raise error

    monkeypatch.setattr(sys, "stderr", Gone())
    access_log(form, "INFO")("GET", "/", 200, 1.0, "req-1")


@given(st.floats(1, 4e9))
def test_the_stamp_is_the_time(now):
    """The part that is kept for a second is that second's, whichever comes next."""
    with pytest.MonkeyPatch.context() as patch:
        stamp = logs._Stamp()
        for moment in (now, now + 0.5, now + 61, now):
            patch.setattr(logs.time, "time", lambda moment=moment: moment)
            read = datetime.fromisoformat(stamp()).timestamp()
            assert moment - 0.0011 <= read <= moment + 0.00001


@pytest.fixture
def root():
    """The program's own logger, given back as it was."""
    logger = logging.getLogger("manydoors")
    kept = (logger.handlers[:], logger.level, logger.propagate)
    yield logger
    logger.handlers[:], logger.level, logger.propagate = kept


@pytest.mark.parametrize("form", ["json", "text"])
def test_set_up_twice_says_each_thing_once(capsys, root, form):
    """Each line is said once, from its level on, in the form asked for."""
    logs.set_up(form, "WARNING")
    logs.set_up(form, "WARNING")
    logging.getLogger("manydoors.room").info("not this")
    logging.getLogger("manydoors.room").warning("that %s", "one")
    (line,) = capsys.readouterr().err.splitlines()
    assert "that one" in line
    assert line.startswith("{") is (form == "json")
