"""The commands against the real service, as a process of its own."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from urllib.request import Request, urlopen

import pytest

from tests.whole.service import ROOT, running

OPERATIONS = '''
from app import Run, operation


@operation("try.count", long=True)
def count(run: Run, number: int) -> int:
    """Count."""
    for each in run.each(range(number), note="counting", every=1):
        run.log(f"at {each}")
    return number


@operation("try.fail", long=True, retries=0)
def fail(run: Run) -> None:
    raise ValueError("broken")


@operation("try.keep", long=True)
def keep(text: str) -> None:
    """For later."""


@operation("try.ask", long=True)
def ask(run: Run) -> str:
    return run.wait_for("answer")
'''


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli")
    (folder / "try_operations.py").write_text(OPERATIONS)
    modules = "app.operations,try_operations"
    path = f"{ROOT}{os.pathsep}{folder}"
    with running(folder / "data", PYTHONPATH=path, MANYDOORS_OPERATIONS=modules) as up:
        yield up


@pytest.fixture(params=["there", "here"])
def command(service, request):
    """The same commands by HTTP and by the store, in processes of their own."""
    where = ("--url", service.url) if request.param == "there" else ("--data", str(service.data))

    def start(*arguments: str, **options):
        return subprocess.Popen(
            [sys.executable, "-W", "error", "-m", "app", *where, *arguments],
            cwd=ROOT, env=service.environ, text=True,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options},
        )  # fmt: skip

    return start


@pytest.fixture
def run(command):
    def ended(*arguments: str):
        process = command(*arguments)
        out, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return process.returncode, out, err

    return ended


def test_a_job_from_its_submission_to_its_page(run):
    """The worker that runs already takes it; watch follows it; the page has its log."""
    code, id, err = run("submit", "try.count", "number=3")
    assert (code, err) == (0, "")
    code, out, err = run("watch", id.strip())
    assert (code, err) == (0, "")
    assert out.splitlines()[-1].startswith(f"{id.strip()} succeeded")
    page = run("job", id.strip())[1]
    assert "result     3\n" in page
    assert " at 2\n" in page
    assert id.strip() in run("jobs", "--operation", "try.count")[1]


def test_a_call_waits_for_a_long_operation(run):
    """And exits as it ended."""
    assert run("call", "try.count", "number=2") == (0, "2\n", "")
    assert run("call", "hello", "name=Käthe") == (0, '"Hello, Käthe!"\n', "")
    code, out, err = run("call", "try.fail")
    assert (code, out, json.loads(err)["detail"]) == (1, "", "ValueError: broken")


def test_a_job_is_signalled_cancelled_and_retried(run):
    """Each by its command."""
    id = run("submit", "try.ask")[1].strip()
    assert run("watch", id, "--timeout", "0.3")[0] == 124
    assert run("signal", id, "answer", '"yes"')[0] == 0
    assert run("watch", id)[0] == 0
    again = run("retry", id)[1].split()[0]
    assert run("cancel", again)[0] == 0
    assert run("watch", again)[0] == 1
    assert json.loads(run("--json", "job", again)[1])["retry_of"] == id


def test_a_list_of_large_jobs_is_whole(run, service):
    """Though each page has but a few of them: also for who asks for two hundred at once."""
    many, pages, cursor = 12, [], ""
    jobs = [
        {"operation": "try.keep", "params": {"text": "x" * 95_000}, "delay": 3600}
        for _ in range(many)
    ]
    made = [each["id"] for each in ask(service, "/v1/jobs/batch", {"jobs": jobs})["items"]][::-1]
    while True:
        page = ask(service, f"/v1/jobs?operation=try.keep&limit=200{cursor}")
        pages.append([each["id"] for each in page["items"]])
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    found = [id for page in pages for id in page]
    assert (found[:many], len(pages) > 2) == (made, True)
    listed = run("--json", "jobs", "--operation", "try.keep", "--all")[1]
    assert [each["id"] for each in json.loads(listed)["items"]] == found


def ask(service, path, body=None):
    content = None if body is None else json.dumps(body).encode()
    request = Request(service.url + path, content, {"Content-Type": "application/json"})
    with urlopen(request, timeout=40) as answer:
        return json.loads(answer.read())


def test_what_went_wrong_has_its_exit_code(run):
    """A problem 1, and it is named."""
    code, _, err = run("submit", "try.coutn", "number=1")
    assert (code, "Did you mean try.count" in err) == (1, True)
    code, _, err = run("submit", "try.count", "number=x")
    assert (code, "number: Not a valid integer." in err) == (1, True)


def test_a_watch_of_a_quiet_job_ends_with_its_reader(command, run):
    """`watch | head -1` does not wait for a second line."""
    with command("watch", run("submit", "try.ask")[1].strip()) as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == ""


def test_an_interrupt_ends_quietly(command, run):
    """130, and nothing said."""
    with command("watch", run("submit", "try.ask")[1].strip()) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
        assert process.stderr.read() == ""


def test_a_terminal_gets_a_bar(command, run):
    """It is drawn anew in its place, and gone at the end."""
    id = run("submit", "try.count", "number=2")[1].strip()
    ours, theirs = pty.openpty()
    with command("watch", id, stdout=theirs) as process:
        os.close(theirs)
        assert process.wait(timeout=30) == 0
    shown = drained(ours)
    assert " at 1\r\n" in shown
    assert f"\r\x1b[K\x1b[32m{id} succeeded after" in shown
    assert shown.endswith("\r\x1b[K")


def drained(terminal: int) -> str:
    parts = []
    until = time.monotonic() + 10
    while time.monotonic() < until:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # its other end is closed
            break
        parts.append(part)
    os.close(terminal)
    return b"".join(parts).decode()
