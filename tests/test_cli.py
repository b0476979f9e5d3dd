"""The commands of a terminal: what they print, where, and the exit code that scripts can use."""

import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.cli import main

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def logger():
    """`call` sets up the log; it is given back as it was."""
    root = logging.getLogger("manydoors")
    kept = (root.handlers[:], root.level, root.propagate)
    yield
    root.handlers[:], root.level, root.propagate = kept


@pytest.fixture
def run(tmp_path, capsys):
    """Runs a command in this process: code, standard output, standard error."""

    def command(*arguments: str, **settings: str):
        environ = {"MANYDOORS_DATA": str(tmp_path / "data")} | settings
        code = main(arguments, environ)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    """A module of operations of the test's own, on the path; gives its name."""
    name = f"declared_{abs(hash(request.node.name))}"

    def write(source: str) -> str:
        (tmp_path / f"{name}.py").write_text(source)
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    sys.modules.pop(name, None)


def test_a_call_prints_its_result(run):
    """The result, as JSON, on standard output; nothing else anywhere."""
    assert run("call", "hello", "name=Käthe") == (0, '"Hello, Käthe!"\n', "")


def test_what_functions_print_is_no_result(run, module):
    """Standard output is the result's alone: a program that reads it is not disturbed by what a
    module prints as it is loaded, nor by what its function prints."""
    source = """print("loading")
from app import operation
@operation("talks")
def talks() -> int:
    "Talk."
    print("talking")
    return 7
"""
    name = module(source)
    assert run("call", "talks", MANYDOORS_OPERATIONS=name) == (0, "7\n", "loading\ntalking\n")


def test_a_call_reads_text_as_its_type(run):
    """name=value is read as the schema's type."""
    code, out, _ = run("call", "cats.speak", "name=Tom", "times=2")
    assert (code, json.loads(out)) == (0, {"cat": "Tom", "says": "meow meow"})


def test_a_value_may_hold_an_equals_sign(run):
    """Only the first = parts the name from the value."""
    assert run("call", "hello", "name=a=b=")[1] == '"Hello, a=b=!"\n'


def test_a_value_from_a_file_is_json(run, tmp_path):
    """name=@file.json is the file's JSON, with its type."""
    (tmp_path / "times.json").write_text(" 2\n")
    code, out, _ = run("call", "cats.speak", "name=Tom", f"times=@{tmp_path / 'times.json'}")
    assert (code, json.loads(out)["says"]) == (0, "meow meow")
    (tmp_path / "times.json").write_text('"2"')
    code, _, err = run("call", "cats.speak", "name=Tom", f"times=@{tmp_path / 'times.json'}")
    assert (code, json.loads(err)["kind"]) == (1, "invalid")


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (["nope"], "unknown"),
        (["os.system", "name=x"], "unknown"),
        (["cats.get", "name=Nobody"], "unknown"),
        (["cats.speak"], "invalid"),
        (["cats.speak", "name=Tom", "times=2.5"], "invalid"),
        (["cats.speak", "name=Tom", "name=Mia"], "invalid"),
        (["hello", "name=Tom", "more=1"], "invalid"),
    ],
    ids=lambda part: " ".join(part) if isinstance(part, list) else part,
)
def test_a_problem_is_told_and_exits_with_1(run, arguments, kind):
    """The problem, as JSON, on standard error; nothing on standard output."""
    code, out, err = run("call", *arguments)
    told = json.loads(err.splitlines()[-1])
    assert (code, out, told["kind"]) == (1, "", kind)
    assert told["detail"]
    assert bool(told.get("errors")) is (kind == "invalid")


FILES = {"bad.json": b"{", "utf16.json": "{}".encode("utf-16"), "empty.json": b""}


@pytest.mark.parametrize("pair", ["name", "=x", "", "name=@", "name=@nowhere.json", *FILES])
def test_what_cannot_be_read_exits_with_2(run, tmp_path, pair):
    """A parameter that is no name=value, or names no JSON file, is quoted in one sentence."""
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content)
    pair = f"name=@{tmp_path / pair}" if pair in FILES else pair
    code, out, err = run("call", "hello", pair)
    assert (code, out) == (2, "")
    assert err.startswith(f"{pair!r}: ")
    assert err.count("\n") == 1


def test_a_parameter_given_twice_exits_with_2(run, tmp_path):
    """Of two files for one parameter neither wins."""
    (tmp_path / "a.json").write_text('"a"')
    pair = f"name=@{tmp_path / 'a.json'}"
    code, _, err = run("call", "hello", pair, pair)
    assert (code, "given twice" in err) == (2, True)


def test_operations_are_listed(run):
    """One line an operation, by name: its name and its summary."""
    code, out, err = run("operations")
    assert (code, err) == (0, "")
    assert out.splitlines() == sorted(out.splitlines())
    lines = dict(line.split(maxsplit=1) for line in out.splitlines())
    assert lines["cats.speak"] == "Let a cat speak."
    assert lines["hello"] == "Say hello."


def test_operations_are_listed_for_machines(run):
    """--json gives the same as one JSON document."""
    code, out, _ = run("--json", "operations")
    items = json.loads(out)["items"]
    assert code == 0
    assert {"name": "hello", "summary": "Say hello."} in items
    assert out.count("\n") == 1


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"MANYDOORS_LOG": "xml"}, "MANYDOORS_LOG='xml': choose one of json, text"),
        ({"MANYDOORS_LGO": "json"}, "Did you mean MANYDOORS_LOG?"),
        ({"MANYDOORS_OPERATIONS": "ours.nowhere"}, "there is no module ours.nowhere"),
        ({"MANYDOORS_OPERATIONS": "app.operations.dogs"}, "there is no module app.operations.dogs"),
    ],
)
@pytest.mark.parametrize("command", [["operations"], ["call", "hello", "name=x"]], ids=str)
def test_a_bad_setting_is_one_sentence_and_exits_with_2(run, settings, said, command):
    """What is wrong with the environment is told without a traceback, before anything runs."""
    code, out, err = run(*command, **settings)
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "declaration",
    [
        "@operation('declared.bad')\ndef bad(name): pass",
        "@operation('declared.bad', retries=-1)\ndef bad(): pass",
        "@operation('declared.bad', on=[Cron('often')])\ndef bad(): pass",
        "@operation\ndef bad(): pass",
        "@operation('jobs.bad')\ndef bad(): pass",
        "@operation('hello')\ndef bad(): pass",
    ],
)
def test_a_bad_declaration_is_one_sentence_and_exits_with_2(run, module, declaration):
    """The sentence names the file and the line."""
    name = module(f"from app import Cron, operation\n\n{declaration}\n")
    modules = f"app.operations,{name}"
    code, out, err = run("operations", MANYDOORS_OPERATIONS=modules)
    assert (code, out) == (2, "")
    assert f"{name}.py:3: " in err
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("source", "line", "error"),
    [
        ("import declared_\n", 1, "ModuleNotFoundError: No module named 'declared_'"),
        ("import json\n\njson.loads('{')\n", 3, "JSONDecodeError: Expecting property name"),
        ("def f():\n    return [1\n\n", 2, "SyntaxError: '[' was never closed"),
        ("def f():\n    return nope\n\nf()\n", 4, "NameError: name 'nope' is not defined"),
        ("raise SystemExit('no token')\n", 1, "SystemExit: no token"),
    ],
    ids=["import", "library", "syntax", "name", "exit"],
)
def test_a_module_with_an_error_is_told_by_its_own_lines(run, module, source, line, error):
    """File, line and error, and none of the lines that led there through this program."""
    name = module(source)
    code, out, err = run("operations", MANYDOORS_OPERATIONS=name)
    assert (code, out) == (2, "")
    assert f"{name} cannot be imported" in err.splitlines()[0]
    assert f"{name}.py:{line}:" in err
    assert error in err
    assert "wiring" not in err
    assert "decoder.py" not in err
    assert err.count("\n") <= 6


@pytest.mark.parametrize(
    "arguments", [[], ["nope"], ["call"], ["operations", "x"], ["up", "--port", "x"], ["--nope"]]
)
def test_wrong_usage_exits_with_2(run, arguments, capsys):
    """What is no command is told with how it is used."""
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith("usage: python -m app")


def test_a_plain_call_makes_no_store(run, tmp_path):
    """What leaves nothing behind, or is no call at all, litters no folder."""
    assert run("call", "hello", "name=Ada")[0] == 0
    assert run("submit", "nope")[0] == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("command", [["submit", "hello", "name=a"], ["call", "cats.say", "says=a"]])
def test_a_store_that_is_made_is_told_of_once(run, tmp_path, command):
    """A slip in --data shows, and programs that write before `up` are let."""
    first, again = run(*command)[2], run(*command)[2]
    made = f"There was no store at {tmp_path / 'data' / 'manydoors.db'}: it is made, and empty.\n"
    assert made in first
    assert "no store" not in again


@pytest.mark.parametrize(
    "command",
    [["jobs"], ["job", "job_1"], ["watch", "job_1"], ["cancel", "job_1"], ["retry", "--failed"],
     ["signal", "job_1", "a"]],
    ids=lambda command: command[0],
)  # fmt: skip
def test_who_looks_at_jobs_makes_no_store(run, tmp_path, command):
    """There can be none in a new one: the folder is named, and stays as it was."""
    code, out, err = run(*command)
    assert (code, out) == (2, "")
    assert str(tmp_path / "data") in err
    assert "`up --data DIR` makes one" in err
    assert not (tmp_path / "data").exists()


def test_a_forgotten_module_shows(run):
    """Whose operations these are is said, and how others are named; near names are offered."""
    err = run("submit", "cats.spek")[2]
    assert "Did you mean cats.speak?" in err
    assert "modules loaded are app.operations; MANYDOORS_OPERATIONS names others" in err


def test_data_names_the_store(run, tmp_path):
    """What one call put with --data, the next finds there, and nobody elsewhere."""
    here = ("--data", str(tmp_path / "here"))
    assert run(*here, "call", "cat.nope")[0] == 1
    assert run(*here, "call", "cats.say", "says=purr")[0] == 0
    assert json.loads(run(*here, "call", "cats.says")[1])["says"] == "purr"
    assert json.loads(run("call", "cats.says")[1])["says"] == "meow"
    assert (tmp_path / "here" / "manydoors.db").exists()


def test_the_program_itself(tmp_path):
    """`python -m app` as a process: code, streams and UTF-8 are what they are in here."""
    clean = {name: text for name, text in os.environ.items() if "MANYDOORS" not in name}
    ran = [
        subprocess.run(
            [sys.executable, "-W", "error", "-m", "app", "--data", str(tmp_path), *arguments],
            cwd=ROOT,
            env=clean,
            capture_output=True,
            timeout=60,
            check=False,
        )
        for arguments in (["call", "hello", "name=Käthe"], ["call", "nope"], ["nope"])
    ]
    assert [each.returncode for each in ran] == [0, 1, 2]
    assert [each.stdout.decode() for each in ran] == ['"Hello, Käthe!"\n', "", ""]
    assert json.loads(ran[1].stderr)["kind"] == "unknown"
    assert b"Traceback" not in b"".join(each.stderr for each in ran)
