"""The commands for jobs, on the store of this machine."""

import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from app import testing, wiring
from app.cli import main
from app.client.local import Local
from app.config import Settings
from app.room.acceptance import Submission
from app.room.boundary import Control
from app.room.call import LOCAL
from app.room.errors import Refused
from app.room.operation import REGISTRY
from app.room.run import Run
from app.terminal.screens import Live, Silent, WaitedTooLong, follow

ROOT = Path(__file__).parents[1]


def count(run: Run, number: int) -> int:
    for each in run.each(range(number), note="counting"):
        run.log(f"at {each}\x1b[2J")
    return number


def refuse(run: Run) -> None:
    raise Refused("no such leaf")


def ask(run: Run) -> str:
    return run.wait_for("answer")


def split(run: Run) -> list[int]:
    return list(run.map("try.count", [{"number": 1}, {"number": 2}]))


DECLARED = {"try.split": split, "try.count": count, "try.refuse": refuse, "try.ask": ask}


@pytest.fixture(autouse=True)
def declared():
    """Long operations, in the registry for as long as a test takes."""
    wiring.load_operations(Settings())
    for name, function in DECLARED.items():
        REGISTRY.operation(name, long=True)(function)
    yield
    for name in DECLARED:
        del REGISTRY._operations[name]


@pytest.fixture
def run(tmp_path, capsys):
    def command(*arguments: str, **settings: str):
        code = main(arguments, {"MANYDOORS_DATA": str(tmp_path)} | settings)
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


@pytest.fixture
def work(tmp_path):
    """Runs what is due, as a worker would."""

    def until_done() -> None:
        room = wiring.make_room(Settings(data=tmp_path))
        while claimed := room.engine.claim(10):
            for record in claimed:
                room.engine.settle([(record, room.engine.execute(record, Control()))])
        room.ports.records.close()

    return until_done


def submitted(run, *arguments: str) -> str:
    code, out, _ = run("submit", *arguments)
    assert code == 0
    return out.strip()


def test_submit_prints_the_id_and_says_when_nobody_works(run):
    """The id alone on standard output; on standard error, what has to be done for it to run."""
    code, out, err = run("submit", "try.count", "number=3")
    assert (code, out.count("\n"), out[:4]) == (0, 1, "job_")
    assert out.strip() in err
    assert "python -m app up" in err


def test_submit_is_silent_while_a_worker_listens(run, tmp_path):
    """Its bell hangs in the data folder."""
    run("submit", "try.count", "number=3")
    with wiring.make_ports(Settings(data=tmp_path)).queue.listen():
        id = submitted(run, "try.count", "number=3")
        assert run("submit", "try.count", "number=3")[2] == ""
        assert run("job", id)[2] == ""


def test_whoever_looks_at_a_job_hears_that_nobody_works(run, work, tmp_path):
    """Of one that has not ended; a worker that was killed, and left its bell, is nobody."""
    id = submitted(run, "try.count", "number=3")
    (tmp_path / "bells").mkdir()
    os.mkfifo(tmp_path / "bells" / "1-dead.bell")
    for command in (["job", id], ["watch", id, "--timeout", "0.01"]):
        assert f"No worker runs: {id} is kept" in run(*command)[2]
    work()
    assert run("job", id)[2] == run("watch", id)[2] == ""


def test_a_submitted_job_is_rung_for(run, tmp_path):
    """Workers that run already look at once."""
    with wiring.make_ports(Settings(data=tmp_path)).queue.listen() as bell:
        run("submit", "try.count", "number=3")
        assert bell.wait(0)


def test_submit_for_machines_prints_the_job(run):
    """All that was asked for is in it; options may stand among the parameters."""
    _, out, _ = run(
        "--json", "submit", "hello", "--key", "k", "name=Ada", "--priority", "-5", "--delay", "1h"
    )
    job = json.loads(out)
    assert (job["params"], job["key"], job["priority"]) == ({"name": "Ada"}, "k", -5)
    assert job["source"] == "cli"
    assert job["due_at"] > job["created_at"]
    assert json.loads(run("submit", "hello", "name=Ada", "--key=k", "--json")[1])["id"] == job["id"]


@pytest.mark.parametrize(
    ("due", "read"),
    [
        ("2030-01-31T03:00:00Z", "2030-01-31T03:00:00.000Z"),
        ("2030-01-31 03:00+01:00", "2030-01-31T02:00:00.000Z"),
    ],
)
def test_a_due_time_is_a_date_with_a_time(run, due, read):
    """Of its own zone, or of this machine's."""
    assert json.loads(run("--json", "submit", "hello", "name=a", "--due", due)[1])["due_at"] == read


def test_what_is_wrong_with_parameters_is_named(run):
    """Each field, for people; as the problem's members, for machines."""
    submitted(run, "try.ask")
    code, out, err = run("submit", "try.count", "number=x")
    assert (code, out) == (1, "")
    assert err == "The parameters are not valid.\n  /number: Not a valid integer.\n"
    told = json.loads(run("--json", "submit", "try.count", "number=x")[2])
    assert told["errors"] == [{"pointer": "/number", "detail": "Not a valid integer."}]


@pytest.mark.parametrize("command", ["call", "submit"])
def test_an_unknown_operation_suggests_near_names(run, command):
    """A slip of the finger is told with what was meant."""
    code, _, err = run(command, "tyr.count")
    assert (code, "Did you mean try.count" in err) == (1, True)
    assert "`operations`" in run(command, "zzzzzz")[2]


def test_jobs_are_a_table(run, work):
    """Newest first: id, operation, status, progress, age, duration."""
    first = submitted(run, "try.count", "number=3")
    work()
    second = submitted(run, "try.refuse")
    lines = run("jobs")[1].splitlines()
    assert lines[0].split() == "ID OPERATION STATUS PROGRESS AGE DURATION".split()
    assert lines[1].split()[:3] == [second, "try.refuse", "queued"]
    assert lines[2].split()[:4] == [first, "try.count", "succeeded", "3/3"]
    assert run("jobs", "--status", "succeeded")[1].count("\n") == 2
    assert run("jobs", "--operation", "try.refuse")[1].count("\n") == 2
    assert run("jobs", "--operation", "nope") == (0, "", "")


def test_children_stand_with_their_parent(run, work):
    """They do not crowd the list; who asks for them, or for a status, sees them."""
    id = submitted(run, "try.split")
    work()
    listed = [each["id"] for each in json.loads(run("--json", "jobs")[1])["items"]]
    assert listed == [id]
    children = json.loads(run("--json", "jobs", "--parent", id)[1])["items"]
    assert [(each["parent"], each["index"]) for each in children] == [(id, 1), (id, 0)]
    every = json.loads(run("--json", "jobs", "--children")[1])["items"]
    assert len(every) == len(json.loads(run("--json", "jobs", "--status=succeeded")[1])["items"])
    assert {each["id"] for each in every} == {id, *(each["id"] for each in children)}
    assert run("jobs", "--parent", "job_nope")[0] == 1


def test_jobs_for_machines_are_pages(run):
    """`items` and where the `next` begin; --all and a great limit walk through all pages."""
    ids = [submitted(run, "try.count", f"number={n}") for n in range(5)][::-1]
    page = json.loads(run("--json", "jobs", "--limit", "2")[1])
    assert [job["id"] for job in page["items"]] == ids[:2]
    rest = json.loads(run("--json", "jobs", "--cursor", page["next"], "--all")[1])
    assert ([job["id"] for job in rest["items"]], rest["next"]) == (ids[2:], None)


def test_a_job_is_shown_whole(run, work):
    """With its log, its error and its traceback, and nothing that moves the cursor."""
    good, bad = submitted(run, "try.count", "number=2"), submitted(run, "try.refuse")
    work()
    page = run("job", good)[1]
    assert f"{good}  try.count  succeeded" in page
    assert 'params     {"number":2}' in page
    assert "progress   2/2  counting" in page
    assert "at 1\\x1b[2J" in page
    assert page.replace("\n", "").isprintable()
    page = run("job", bad)[1]
    assert "refused" in page
    assert "  no such leaf" in page
    job = json.loads(run("--json", "job", good)[1])
    assert (job["result"], [line["text"] for line in job["log"]]) == (
        2,
        ["at 0\x1b[2J", "at 1\x1b[2J"],
    )


@pytest.mark.parametrize(
    ("operation", "code", "last"),
    [("try.count", 0, "succeeded"), ("try.refuse", 1, "failed"), ("try.ask", 1, "cancelled")],
)
def test_watch_exits_as_the_job_ended(run, work, operation, code, last):
    """0 when it succeeded, else 1; plain lines where there is no terminal."""
    id = submitted(run, operation, *(["number=2"] if operation == "try.count" else []))
    work()
    if operation == "try.ask":
        run("cancel", id)
    ended, out, err = run("watch", id)
    assert (ended, err) == (code, "")
    assert out.splitlines()[-1].startswith(f"{id} {last}")
    events = [json.loads(line) for line in run("--json", "watch", id)[1].splitlines()]
    assert [events[0]["event"], events[-1]["event"]] == ["status", "end"]
    assert events[-1]["data"]["id"] == id


def test_watch_gives_up_in_time(run):
    """124, as the program `timeout` says it."""
    code, _, err = run("watch", submitted(run, "try.ask"), "--timeout", "50ms")
    assert (code, "goes on" in err) == (124, True)


def test_a_long_call_waits_for_its_result(run, work, tmp_path):
    """The result alone on standard output; of a failure the problem, without its traceback."""
    with wiring.make_ports(Settings(data=tmp_path)).queue.listen() as bell:
        for operation, told in (("try.count", (0, "2\n", "")), ("try.refuse", (1, "", "refused"))):
            helper = Thread(target=lambda: bell.wait(20) and work())
            helper.start()
            params = ["number=2"] if operation == "try.count" else []
            code, out, err = run("call", operation, *params)
            helper.join()
            kind = json.loads(err.splitlines()[-1])["kind"] if told[2] else ""
            assert (code, out, kind) == told
    assert run("call", "try.ask", "--timeout", "0.05")[0] == 124


def test_cancel_and_retry_take_many(run, work):
    """What is wrong with one does not keep the next from its turn, and shows in the exit code."""
    one, two = submitted(run, "try.ask"), submitted(run, "try.refuse")
    code, out, err = run("cancel", "job_nope", one)
    assert (code, out) == (1, f"{one} cancelled\n")
    assert err == "job_nope: There is no such job.\n"
    work()
    told = json.loads(run("--json", "retry", one, two, "job_nope")[1])
    assert [job["retry_of"] for job in told["items"]] == [one, two]
    assert [problem["id"] for problem in told["problems"]] == ["job_nope"]


def test_all_that_failed_is_retried_but_once(run, work):
    """However often it is said; one that has failed again is retried again."""
    bad = submitted(run, "try.refuse")
    submitted(run, "try.count", "number=1")
    work()
    assert run("retry", "--failed", "--operation", "try.count") == (0, "", "")
    out = run("retry", "--failed")[1]
    assert out.endswith(f" is {bad} again\n")
    again = out.split()[0]
    work()
    assert run("retry", "--failed")[1].endswith(f" is {again} again\n")
    work()
    run("cancel", json.loads(run("--json", "retry", "--failed")[1])["items"][0]["id"])
    assert run("retry", "--failed") == (0, "", "")


def test_a_signal_brings_json(run, work, tmp_path):
    """Written there, or in a file; what is no JSON exits with 2."""
    id = submitted(run, "try.ask")
    work()
    code, _, err = run("signal", id, "answer", "yes")
    assert (code, err) == (2, "'yes': write JSON, as in 12, true or '\"yes\"'\n")
    assert "waits for  the signal answer\n" in run("job", id)[1]
    code, _, err = run("signal", id, "anwser", "1")
    assert "signals    anwser, kept until it asks for them\n" in run("job", id)[1]
    assert (code, err) == (0, "It waits for 'answer': 'anwser' is kept until it is asked for.\n")
    (tmp_path / "yes.json").write_text('"yes"')
    code, _, err = run("signal", id, "answer", f"@{tmp_path / 'yes.json'}")
    assert (code, err) == (0, "")
    work()
    assert json.loads(run("--json", "job", id)[1])["result"] == "yes"
    code, _, err = run("signal", id, "answer", "1")
    assert (code, "The job has" in err) == (1, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ["retry"], ["retry", "job_1", "--failed"], ["retry", "job_1", "--operation", "x"],
        ["submit", "hello", "--delay", "1h", "--due", "2030-01-01T00:00"],
        ["submit", "hello", "--delay", "soon"], ["submit", "hello", "--due", "soon"],
        ["submit", "hello", "--priority", "101"], ["submit", "hello", "name=a", "--nope"],
        ["jobs", "--status", "lost"], ["jobs", "--limit", "0"], ["jobs", "--limit", "1", "--all"],
        ["watch"], ["job"], ["cancel"], ["signal", "job_1"], ["jobs", "stray"],
        ["--url", "cats.example", "jobs"], ["--url", "http://a", "--data", "b", "jobs"],
        ["--url", "http://a", "jobs", "--data", "b"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_usage_exits_with_2(run, arguments, capsys):
    """What cannot be meant is told with how it is written."""
    with pytest.raises(SystemExit) as ended:
        run(*arguments)
    assert ended.value.code == 2
    assert "usage: python -m app" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["job", "watch", "cancel", "retry"])
def test_an_unknown_job_is_one_sentence(run, command):
    """Without a traceback, and with exit code 1."""
    submitted(run, "hello", "name=Ada")
    code, out, err = run(command, "job_nope")
    assert (code, out) == (1, "")
    assert err.endswith("There is no such job.\n")
    assert err.count("\n") == 1


class Working(testing.OwnClock):
    """Time in which jobs get done: one for each look."""

    def __init__(self, service: testing.Testing) -> None:
        super().__init__()
        self.service = service

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        for record in self.service.room.engine.claim():
            self.service.run_once(record)


class Terminal:
    """Keeps what is written."""

    encoding = "utf-8"

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> None:
        self.text += text

    def flush(self) -> None:
        """It is there already."""

    def fileno(self) -> int:
        raise OSError


def test_a_live_bar_stays_below_the_log(tmp_path):
    """Log lines scroll above it, and at the end it is gone."""
    with testing.Testing() as service:
        local, terminal = Local(service.room, lambda: False), Terminal()
        local.clock = Working(service)
        job = follow(local, service.submit("try.count", number=2), Live(terminal))
        assert job["result"] == 2
    shown = terminal.text.split("\r\x1b[K")
    assert shown[1] == "queued  0:00"
    assert any(part.endswith("at 1\\x1b[2J\nqueued  0:00") or "at 1" in part for part in shown)
    assert any("2/2" in part and "█" in part for part in shown)
    assert (shown[-2].split()[1], shown[-1]) == ("succeeded", "")


def test_following_ends_by_the_services_own_clock(tmp_path):
    """Nobody waits longer than they said."""
    with testing.Testing() as service:
        local = Local(service.room, lambda: False)
        with pytest.raises(WaitedTooLong):
            follow(local, service.submit("try.ask"), Silent(), timeout=3600.0)
        assert 3600 <= local.clock.monotonic() - 1_767_225_600.0 < 3601


@pytest.mark.parametrize("command", [["operations"], ["--json", "operations"]], ids=str)
def test_a_closed_pipe_ends_quietly(tmp_path, command):
    """`| head` is no reason for a traceback."""
    reading, writing = os.pipe()
    os.close(reading)
    clean = {name: text for name, text in os.environ.items() if "MANYDOORS" not in name}
    ran = subprocess.run(
        [sys.executable, "-m", "app", "--data", str(tmp_path), *command],
        cwd=ROOT, env=clean, stdout=writing, stderr=subprocess.PIPE, timeout=60,
    )  # fmt: skip
    os.close(writing)
    assert (ran.returncode, ran.stderr) == (130, b"")


def test_a_job_in_a_line_tells_what_it_waits_for(run, tmp_path):
    """`job` says which limit holds it back."""
    room = wiring.make_room(Settings(data=tmp_path, min_free=1))
    REGISTRY.operation("try.alone", concurrency=1)(lambda run: run.step("only", int))
    try:
        ids = [room.engine.submit(Submission("try.alone"), LOCAL).id for _ in range(2)]
        room.engine.claim(2)
        _, said, _ = run("job", ids[1])
    finally:
        del REGISTRY._operations["try.alone"]
        room.ports.records.close()
    assert "waits for  others to end: as many of try.alone run as may at once" in said
