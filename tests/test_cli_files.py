"""The commands on files, here and there, against the real service."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.whole.service import Service, running

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    data = tmp_path_factory.mktemp("cli-files") / "data"
    with running(data, MANYDOORS_OPERATIONS="tests.whole.filing") as up:
        yield up


@pytest.fixture(params=["there", "here"])
def run(service: Service, request: pytest.FixtureRequest, tmp_path: Path) -> Run:
    where = ("--url", service.url) if request.param == "there" else ("--data", str(service.data))

    def ended(*arguments: str) -> tuple[int, str, str]:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-m", "app", *where, *arguments],
            cwd=tmp_path, env=service.environ, capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        assert b"Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode()

    return ended


def test_a_file_is_a_parameter(run: Run, tmp_path: Path) -> None:
    """`file=@path` uploads it first, for a call and for a job."""
    (tmp_path / "cat.txt").write_bytes(b"meow")
    assert run("call", "filing.name", "file=@cat.txt") == (0, '"cat.txt"\n', "")
    code, out, _ = run("call", "filing.copy", "file=@cat.txt")
    made = json.loads(out)
    assert (code, made["name"], made["size"]) == (0, "copy of cat.txt", 4)
    code, out, _ = run("submit", "filing.digest", "file=@cat.txt")
    assert code == 0
    assert run("watch", out.strip())[0] == 0


def test_many_files_are_a_parameter(run: Run, tmp_path: Path) -> None:
    """A list of them is written by repeating its name."""
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text(name)
    assert run("call", "filing.names", "files=@a.txt", "files=@b.txt")[1] == '["a.txt","b.txt"]\n'


def test_json_is_still_read(run: Run, tmp_path: Path) -> None:
    """Where no file is taken, `@path` is JSON."""
    (tmp_path / "note.json").write_text('"!"')
    (tmp_path / "cat.txt").write_bytes(b"meow")
    _, out, _ = run("call", "filing.copy", "file=@cat.txt", "note=@note.json")
    assert json.loads(out)["name"] == "copy! of cat.txt"


def test_put_list_get_delete(run: Run, tmp_path: Path) -> None:
    """What was put is listed, comes back, and goes."""
    body = os.urandom(3_000_000)
    (tmp_path / "up.bin").write_bytes(body)
    code, out, _ = run("files", "put", "up.bin")
    id = out.strip()
    assert code == 0
    assert id in run("files")[1]
    assert json.loads(run("--json", "files")[1])["items"][0]["id"] == id
    assert run("files", "get", id, "--to", "down.bin")[:2] == (0, "down.bin\n")
    assert (tmp_path / "down.bin").read_bytes() == body
    code, _, err = run("files", "get", id)
    assert (code, "up.bin is there already" in err) == (2, True)
    assert run("files", "delete", id)[0] == 0
    assert run("files", "get", id, "--to", "-")[0] == 1


def test_slips(run: Run, tmp_path: Path) -> None:
    """What is wrong is said in a sentence."""
    code, _, err = run("call", "filing.name", "file=@nowhere.txt")
    assert (code, "No such file" in err) == (2, True)
    assert run("files", "put")[0] == 2
    assert run("files", "list", "x")[0] == 2
    assert run("files", "get", "file_01ARZ3NDEKTSV4RRFFQ69G5FAV", "--to", "x")[0] == 1
    assert not (tmp_path / "x").exists()
    code, _, err = run("submit", "filing.nothing", "file=@nowhere.txt")
    assert code == 1
    code, _, err = run("call", "filing.name", "file=@nowhere.txt", "other=1")
    assert code == 2
