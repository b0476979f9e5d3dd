"""A backup of the real service under load, restored elsewhere, by the commands that people give."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.whole.service import ROOT, Service, running
from tests.whole.test_files import ask, asked, send, uploaded
from tests.whole.workers import until

OPERATIONS = "tests.whole.filing"


def command(data: Path, *words: str | Path, **settings: str) -> tuple[int, str, str]:
    clean = {name: text for name, text in os.environ.items() if "MANYDOORS" not in name}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "app", "--data", data, *words],
        cwd=ROOT, env=clean | settings, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout, done.stderr


class Clients:
    """They upload, submit what reads the upload, upload and delete, until they are told to stop."""

    def __init__(self, service: Service) -> None:
        self.accepted: dict[str, str] = {}  # each job whose acceptance was answered, and its result
        self._service, self._over = service, threading.Event()
        self.trouble: list[BaseException] = []

    def submit(self) -> None:
        content = os.urandom(2000)
        id = uploaded(self._service, content)
        made = ask(self._service, "POST", "/v1/operations/filing.digest", {"file": id})
        assert made.status == 202, made.body
        self.accepted[made.json["id"]] = hashlib.sha256(content).hexdigest()

    def come_and_go(self) -> None:
        id = uploaded(self._service, b"gone soon")
        assert ask(self._service, "DELETE", f"/v1/files/{id}").status == 204
        send(self._service, asked(self._service, size=9), b"half")

    @contextmanager
    def at_work(self) -> Iterator[None]:
        def again(act: Any) -> None:
            try:
                while not self._over.is_set():
                    act()
            except BaseException as error:  # noqa: BLE001 - told by the test itself
                self.trouble.append(error)

        acts = (self.submit, self.submit, self.come_and_go)
        crowd = [threading.Thread(target=again, args=(act,)) for act in acts]
        for thread in crowd:
            thread.start()
        try:
            yield
        finally:
            self._over.set()
            for thread in crowd:
                thread.join()


def test_a_backup_under_load(tmp_path: Path) -> None:
    """Each job that was acknowledged before it began is in it; and the service that is started on
    it elsewhere brings them to their ends."""
    data = tmp_path / "data"
    with running(data, workers=2, web=2, MANYDOORS_OPERATIONS=OPERATIONS) as up:
        clients = Clients(up)
        with clients.at_work():
            until(lambda: len(clients.accepted) > 25 or clients.trouble, 60)
            before = dict(clients.accepted)
            code, out, _ = command(data, "backup", tmp_path / "kept", "--json")
            during = len(clients.accepted) - len(before)
        assert (clients.trouble, code) == ([], 0)
        assert during > 0
        code, _, told = command(data, "restore", tmp_path / "kept", "--replace")
        assert (code, "in use" in told) == (2, True)
    made = json.loads(out)
    assert sum(made["jobs"].values()) >= len(before)
    code, out, told = command(tmp_path / "there", "restore", tmp_path / "kept")
    assert code == 0, told
    with running(tmp_path / "there", workers=2, MANYDOORS_OPERATIONS=OPERATIONS) as up:
        for id, digest in before.items():
            reply = ask(up, "GET", f"/v1/jobs/{id}?wait=20")
            assert (reply.status, reply.json["status"]) == (200, "succeeded"), reply.body
            assert ask(up, "GET", f"/v1/jobs/{id}/result").json == digest


@pytest.mark.parametrize("words", [("backup", "x"), ("restore", "x")])
def test_where_the_store_is_elsewhere(tmp_path: Path, words: tuple[str, str]) -> None:
    """Both say where to go: to the service's machine, or to AWS."""
    code, _, told = command(tmp_path, "--url", "http://127.0.0.1:1", *words)
    assert code == 2
    code, _, told = command(tmp_path, *words, MANYDOORS_TABLE="manydoors-dev")
    assert (code, "DynamoDB" in told) == (2, True)


def test_files_in_a_bucket(tmp_path: Path) -> None:
    """Are named and not copied; restored is only where that bucket is set."""
    assert command(tmp_path / "data", "submit", "hello", "name=Ada")[0] == 0
    bucket = {"MANYDOORS_BUCKET": "cats-files"}
    code, _, told = command(tmp_path / "data", "backup", tmp_path / "kept", **bucket)
    assert (code, "in the bucket cats-files" in told) == (0, True), told
    code, _, told = command(tmp_path / "there", "restore", tmp_path / "kept")
    assert (code, "set MANYDOORS_BUCKET=cats-files" in told) == (2, True)
    assert command(tmp_path / "there", "restore", tmp_path / "kept", **bucket)[0] == 0
