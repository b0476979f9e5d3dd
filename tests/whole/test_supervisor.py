"""`up` as processes: whichever is killed, stopped or given new code, the service goes on."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.whole.service import ROOT, Service, running

ENDS_WITHIN = 10
OPERATIONS = """
import time
from pathlib import Path
from app import operation

@operation("answer")
def answer() -> str:
    \"\"\"Answer.\"\"\"
    return "old"

@operation("slow")
def slow(seconds: float, mark: str) -> str:
    \"\"\"Answer late.\"\"\"
    Path(mark).touch()
    time.sleep(seconds)
    return "late"
"""


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A module of operations of the test's own."""
    path = tmp_path / "code" / "supervised.py"
    path.parent.mkdir()
    path.write_text(OPERATIONS)
    return path


def settings(source: Path) -> dict[str, str]:
    return {"MANYDOORS_OPERATIONS": source.stem, "PYTHONPATH": f"{source.parent}:{ROOT}"}


def call(service: Service, operation: str, **params: object) -> object:
    request = urllib.request.Request(
        f"{service.url}/v1/operations/{operation}",
        json.dumps(params).encode(),
        {"Content-Type": "application/json"},
    )
    for last in (False, True):
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return json.loads(answer.read())
        except ConnectionResetError:  # a process that stops drops what has come to it just now
            if last:
                raise
    return None


def called(service: Service, seconds: float) -> Callable[[], object]:
    """A call of `slow`, once it is under way; gives what waits for its answer."""
    answers: list[object] = []
    mark = service.data / "under way"

    def ask() -> None:
        try:
            answers.append(call(service, "slow", seconds=seconds, mark=str(mark)))
        except OSError as error:
            answers.append(error)

    asking = threading.Thread(target=ask)
    asking.start()
    until(mark.exists)

    def answer() -> object:
        asking.join(timeout=20)
        return answers[0]

    return answer


def parts(service: Service, command: str) -> list[int]:
    """The processes that the supervisor keeps for a part."""
    pid = service.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [
        int(child)
        for child in children
        if Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[3:4] == [command.encode()]
    ]


def log(service: Service) -> str:
    return (service.data.parent / f"{service.data.name}.log").read_text()


def until(condition: Callable[[], object], seconds: float = ENDS_WITHIN) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come to pass in time"
        time.sleep(0.02)


def until_log(service: Service, said: str, times: int) -> None:
    until(lambda: log(service).count(said) == times)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


@pytest.mark.parametrize("command", ["web", "work"])
def test_a_part_that_is_killed_comes_back(tmp_path: Path, command: str) -> None:
    """On the same port, said once; the log says which part died and of what."""
    with running(tmp_path / "data", workers=2) as service:
        until(lambda: len(parts(service, "work")) == 2)
        before = parts(service, command)
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        for _ in range(20):  # nobody is refused meanwhile
            assert call(service, "hello", name="Tom") == "Hello, Tom!"
        until(lambda: _are_others(parts(service, command), before))
        service.process.terminate()
        assert service.process.wait(timeout=ENDS_WITHIN) == 0
        assert service.process.stdout
        assert service.process.stdout.read() == ""
        told = [json.loads(line) for line in log(service).splitlines()]
    ours = [line["message"] for line in told if line["logger"] == "manydoors.supervisor"]
    name = "web" if command == "web" else "worker 1"
    assert f"{name} was ended by SIGKILL; it is started again" in ours
    assert len(ours) == len(before) + 1  # and the stop


def test_a_supervisor_that_is_killed_leaves_nobody_behind(tmp_path: Path, source: Path) -> None:
    """The parts leave within 10 s; the next `up` has the port before they do, and what is being
    answered is answered."""
    with running(tmp_path / "data", web=2, **settings(source)) as service:
        until(lambda: len(parts(service, "work")) == 1)
        processes = service.processes()
        assert len(processes) == 6
        answer = called(service, seconds=4)
        service.process.kill()
        began = time.monotonic()
        port = ("--port", service.address.rpartition(":")[2])
        with running(tmp_path / "data", options=port, **settings(source)) as again:
            assert call(again, "answer") == "old"
            assert again.address == service.address
            assert time.monotonic() - began < 4
            assert any(map(alive, processes))
            assert answer() == "late"
            until(lambda: not any(map(alive, processes)), began + ENDS_WITHIN - time.monotonic())


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stop_ends_every_part(tmp_path: Path, source: Path, how: signal.Signals) -> None:
    """Within 10 s, with code 0, and with an answer for those who wait for one."""
    with running(tmp_path / "data", **settings(source)) as service:
        until(lambda: len(parts(service, "work")) == 1)
        processes = service.processes()
        answer = called(service, seconds=1)
        service.process.send_signal(how)
        assert service.process.wait(timeout=ENDS_WITHIN) == 0
        assert not any(map(alive, processes))
        assert answer() == "late"


def test_a_second_interrupt_ends_at_once(tmp_path: Path, source: Path) -> None:
    """Whatever is still being done."""
    with running(tmp_path / "data", **settings(source)) as service:
        processes = service.processes()
        answer = called(service, seconds=15)
        began = time.monotonic()
        service.process.send_signal(signal.SIGINT)
        until_log(service, "SIGINT: the service stops", times=1)
        service.process.send_signal(signal.SIGINT)
        assert service.process.wait(timeout=5) == 128 + signal.SIGINT
        assert time.monotonic() - began < 5
        until(lambda: not any(map(alive, processes)), 1)
        assert isinstance(answer(), OSError)


@pytest.mark.slow
def test_a_part_that_does_not_stop_is_killed(tmp_path: Path) -> None:
    """The stop ends all the same, with code 0."""
    with running(tmp_path / "data") as service:
        until(lambda: len(parts(service, "work")) == 1)
        processes = service.processes()
        (worker,) = parts(service, "work")
        until(lambda: _catches_stop(worker))  # before that, it would end at once
        os.kill(worker, signal.SIGSTOP)  # it hears nothing
        service.process.terminate()
        assert service.process.wait(timeout=ENDS_WITHIN + 5) == 0
        assert not any(map(alive, processes))
        assert "worker 1 did not stop in time and is killed" in log(service)


def test_changed_operations_are_reloaded_and_broken_ones_are_not(
    tmp_path: Path, source: Path
) -> None:
    """While an edit does not load, it is shown, and the service answers as it did before."""
    with running(tmp_path / "data", options=("--reload",), **settings(source)) as service:
        until(lambda: len(parts(service, "work")) == 1)
        assert call(service, "answer") == "old"
        before = service.processes()[1:]
        source.write_text(OPERATIONS.replace('"old"', '"new"'))
        until(lambda: call(service, "answer") == "new")
        until(lambda: not any(map(alive, before)))

        for times, broken in enumerate(
            ("def broken(:", "@operation('x')\ndef x(a):\n    return a"), 1
        ):
            source.write_text(f"{OPERATIONS}\n{broken}\n")
            until_log(service, "the change is not taken on", times=times)
            assert call(service, "answer") == "new"
        assert "SyntaxError" in log(service)
        assert "parameter 'a' has no type hint" in log(service)

        source.write_text(OPERATIONS.replace('"old"', '"old again"'))
        until(lambda: call(service, "answer") == "old again")
        until(lambda: len(parts(service, "work")) == 1)
        assert service.process.poll() is None


def test_a_start_with_broken_operations_waits_for_their_change(
    tmp_path: Path, source: Path
) -> None:
    """With --reload, which is for those who are at work on them."""
    source.write_text("def broken(:\n")

    def mend() -> None:
        path = tmp_path / "data.log"
        until(lambda: path.exists() and "it waits for a change" in path.read_text())
        source.write_text(OPERATIONS)

    fix = threading.Thread(target=mend)
    fix.start()
    with running(tmp_path / "data", options=("--reload",), **settings(source)) as service:
        assert call(service, "answer") == "old"
        until(lambda: len(parts(service, "work")) == 1)
    fix.join()


@pytest.mark.parametrize(
    ("code", "exit_code", "said"),
    [
        ("from app import operation\n@operation('x')\ndef x(a):\n    return a\n", 2, "py:2: x: "),
        ("raise ValueError('not today')\n", 2, "py:1: raise ValueError"),
    ],
)
def test_operations_that_do_not_load_end_the_start(
    tmp_path: Path, source: Path, code: str, exit_code: int, said: str
) -> None:
    """Said once; to start again would not help."""
    source.write_text(code)
    ran = up(tmp_path, "--port", "0", **settings(source))
    assert ran.returncode == exit_code
    assert ran.stderr.count(said) == 1
    assert ran.stdout == ""


def test_operations_that_do_not_load_just_now_are_tried_again(tmp_path: Path, source: Path) -> None:
    """Once the service stands: what a module needs may be away for a while."""
    away = tmp_path / "away"
    needs = f"if Path({str(away)!r}).exists():\n    raise OSError('away')\n"
    source.write_text(f"{OPERATIONS}\n{needs}")
    with running(tmp_path / "data", **settings(source)) as service:
        until(lambda: len(parts(service, "work")) == 1)
        away.touch()
        (worker,) = parts(service, "work")
        os.kill(worker, signal.SIGKILL)
        until(lambda: "OSError: away" in log(service))
        assert call(service, "answer") == "old"
        away.unlink()
        until(lambda: len(parts(service, "work")) == 1 and worker not in parts(service, "work"))
        assert service.process.poll() is None


def test_a_part_that_refuses_to_start_again_ends_the_service(tmp_path: Path, source: Path) -> None:
    """With the part's own code and sentence, and not in a loop."""
    with running(tmp_path / "data", **settings(source)) as service:
        # The others have read the source once they hang their bells.
        for folder in ("bells", "clock/bells"):
            until(lambda folder=folder: any((tmp_path / "data" / folder).glob("*.bell")))
        source.write_text("from app import operation\n@operation('x')\ndef x(a): pass\n")
        os.kill(parts(service, "web")[0], signal.SIGKILL)
        assert service.process.wait(timeout=20) == 2
        assert log(service).count("supervised.py:2: x: ") == 1


def test_a_taken_port_ends_the_start(tmp_path: Path) -> None:
    """With one sentence, whoever has it."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        ran = up(tmp_path, "--port", str(port))
    assert ran.returncode == 1
    assert ran.stderr.startswith(f"Port {port} on 127.0.0.1 is taken")
    assert ran.stderr.count("\n") == 1


@pytest.mark.parametrize("command", ["web", "work"])
def test_a_part_runs_by_itself(tmp_path: Path, command: str) -> None:
    """And ends on SIGTERM, with code 0."""
    options = ["--port", "0", "--web", "1"] if command == "web" else []
    process = subprocess.Popen(
        [sys.executable, "-m", "app", command, *options, "--data", str(tmp_path)],
        stdout=subprocess.PIPE, text=True, cwd=ROOT,
    )  # fmt: skip
    try:
        if command == "web":
            assert process.stdout
            url = process.stdout.readline().removeprefix("Manydoors listens on ").strip()
            with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
                assert answer.status == 200
        else:
            until(lambda: _catches_stop(process.pid))
        process.terminate()
        assert process.wait(timeout=ENDS_WITHIN) == 0
    finally:
        process.kill()
        process.communicate()


def up(tmp_path: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "app", "up", "--data", str(tmp_path / "data"), *options],
        capture_output=True, text=True, timeout=30, cwd=ROOT, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | settings,
    )  # fmt: skip


def _are_others(now: list[int], before: list[int]) -> bool:
    return len(now) == len(before) and not set(now) & set(before)


def _catches_stop(pid: int) -> bool:
    """Has it a handler for SIGTERM?"""
    status = Path(f"/proc/{pid}/status").read_text()
    handlers = int(status.partition("SigCgt:")[2].split()[0], 16)
    return bool(handlers & 1 << signal.SIGTERM - 1)
