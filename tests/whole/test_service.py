"""The service from outside: its processes agree on the state, and any WSGI server can serve it."""

import json
import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from http.client import HTTPConnection
from pathlib import Path

import pytest

from app import cli, cli_serving
from tests.whole.service import ROOT, running


def ask(address: str, method: str, path: str, body: object = None) -> tuple[int, object]:
    """Over a connection of its own, so that any worker may answer."""
    connection = HTTPConnection(address, timeout=10)
    try:
        sent = None if body is None else json.dumps(body)
        connection.request(method, path, sent, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_every_process_hears_the_cat(tmp_path: Path) -> None:
    """What one process is told, the next answer says, whichever process gives it."""
    with running(tmp_path / "data", web=2) as service:
        meow = (200, {"says": "meow", "code": 200})
        assert [ask(service.address, "GET", "/cat") for _ in range(20)] == [meow] * 20
        for sound in ("purr", "hiss", "mrrp"):
            said = (200, {"says": sound, "code": 200})
            assert ask(service.address, "POST", "/cat", {"says": sound}) == said
            assert [ask(service.address, "GET", "/cat") for _ in range(20)] == [said] * 20


def test_what_was_told_outlives_the_service(tmp_path: Path) -> None:
    """Also when everything is killed at once."""
    with running(tmp_path / "data") as service:
        ask(service.address, "POST", "/cat", {"says": "purr"})
        for process in service.processes():
            with suppress(ProcessLookupError):  # some end with those above them
                os.kill(process, signal.SIGKILL)
    with running(tmp_path / "data") as service:
        assert ask(service.address, "GET", "/cat") == (200, {"says": "purr", "code": 200})


def test_a_bad_declaration_stops_the_start(tmp_path: Path) -> None:
    """With one sentence that names file and line, and no traceback."""
    (tmp_path / "bad.py").write_text(
        "from app import operation\n\n\n@operation('x')\ndef x(a):\n    return a\n"
    )
    environ = os.environ | {
        "MANYDOORS_OPERATIONS": "bad",
        "PYTHONPATH": f"{tmp_path}:{ROOT}",
        "MANYDOORS_DATA": str(tmp_path / "data"),
    }
    ran = subprocess.run(
        [sys.executable, "-m", "app", "up", "--port", "0"],
        env=environ, capture_output=True, text=True, timeout=30, cwd=tmp_path,
    )  # fmt: skip
    assert ran.returncode == 2
    assert re.fullmatch(r".*bad\.py:4: x: parameter 'a' has no type hint; .*\n", ran.stderr)


@pytest.mark.parametrize("has_key", [True, False])
@pytest.mark.parametrize(
    ("host", "needs"), [("0.0.0.0", True), ("::", True), ("127.0.0.1", False), ("::1", False)]
)
def test_an_open_address_needs_a_key(
    host: str,
    needs: bool,
    has_key: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever binds more than loopback without one is told how to make it, and nothing listens."""
    for name in ("MANYDOORS_DATA", "MANYDOORS_HOSTS", "MANYDOORS_LOG"):
        monkeypatch.setenv(name, "restored after the test")
    environ = {"MANYDOORS_DATA": str(tmp_path)}
    if has_key:
        assert cli.main(["keys", "create", "a", "--scope", "admin"], environ) == 0
    served: list[str] = []
    monkeypatch.setattr("app.sockets.listen", lambda host, *_: served.append(host) or [])
    monkeypatch.setattr("app.supervisor.supervisor.Supervisor.run", lambda _: 0)
    refuses = needs and not has_key
    assert cli.main(["up", "--host", host], environ) == (2 if refuses else 0)
    assert served == ([] if refuses else [host])
    assert (cli_serving.MAKE_KEY in capsys.readouterr().err) is refuses


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--data", __file__, "up"], "data folder"),
        (["--data", __file__, "call", "cats.says"], "data folder"),
        (["up", "--port", "99999"], "from 0 to 65535"),
        (["up", "--port", "-1"], "from 0 to 65535"),
        (["up", "--workers", "0"], "from 1 to 64"),
        (["up", "--web", "0"], "from 1 to 64"),
    ],
)
def test_a_start_that_cannot_work_says_why(arguments: list[str], said: str) -> None:
    """In one sentence, with exit code 2, before anything listens."""
    ran = subprocess.run(
        [sys.executable, "-m", "app", *arguments],
        capture_output=True, text=True, timeout=30, cwd=ROOT,
    )  # fmt: skip
    assert ran.returncode == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""
