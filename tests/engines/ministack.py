"""ministack: SQS, SNS, S3, EventBridge, IAM, and a Lambda that really calls handlers; on loopback.

Its own environment stands under build/. What it keeps ends with it; its Lambda runs functions in
its own Python, so a function adds the folders that it imports from to `sys.path`.
"""

import hashlib
import io
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.engines import dynamo

ROOT = Path(__file__).parents[2]
LOCK = Path(__file__).with_name("ministack.lock")
FOLDER = (
    ROOT / "build" / "engines" / f"ministack-{hashlib.sha256(LOCK.read_bytes()).hexdigest()[:12]}"
)
ACCOUNT = "000000000000"
# Ends with who started it, however that ends: then its end of the pipe closes.
MAIN = """
import os, signal, sys, threading

def watch():
    sys.stdin.read()
    os.killpg(0, signal.SIGKILL)

threading.Thread(target=watch, daemon=True).start()
from ministack.app import main
main()
"""


@dataclass(frozen=True)
class Ministack:
    url: str
    folder: Path  # what it writes; its log is in `log.txt`

    @property
    def environ(self) -> dict[str, str]:
        """What AWS's SDKs and tools read."""
        return dynamo.ENVIRON | {"AWS_ENDPOINT_URL": self.url}

    def client(self, service: str, **options: Any) -> Any:
        """A client of boto3's, for what a test does besides."""
        import boto3

        region, (key, secret) = self.environ["AWS_REGION"], ("test", "test")
        named = {"region_name": region, "aws_access_key_id": key, "aws_secret_access_key": secret}
        return boto3.session.Session().client(service, **named, endpoint_url=self.url, **options)

    def reset(self) -> None:
        """Forgets all that was made."""
        self._ask("POST", "reset")

    def function(self, name: str, source: str, timeout: int = 30, **environ: str) -> str:
        """The ARN of a Lambda function that is `handle` in this source; its imports are ours."""
        zipped = io.BytesIO()
        with zipfile.ZipFile(zipped, "w") as file:
            file.writestr("entry.py", f"import sys\nsys.path[:0] = {self._path()}\n{source}")
        made = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.11",
            Role=f"arn:aws:iam::{ACCOUNT}:role/any",
            Handler="entry.handle",
            Code={"ZipFile": zipped.getvalue()},
            Timeout=timeout,
            Environment={"Variables": environ},
        )
        arn: str = made["FunctionArn"]
        return arn

    def _path(self) -> list[str]:
        return [str(ROOT), sysconfig.get_path("purelib")]

    def messages(self, queue: str) -> list[Any]:
        """What is in a queue, without receiving it."""
        (there,) = self._ask("GET", "sqs/messages")["messages"].values()
        queues = there[dynamo.ENVIRON["AWS_REGION"]].items()
        return [each for url, found in queues if url.endswith(f"/{queue}") for each in found]

    def log(self) -> str:
        return (self.folder / "log.txt").read_text()

    def _ask(self, method: str, path: str) -> Any:
        request = urllib.request.Request(f"{self.url}/_ministack/{path}", method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.loads(answer.read() or b"null")


@contextmanager
def running(require: Callable[[Any, str], None], **options: str) -> Iterator[Ministack]:
    """`options` are its own: `AUTH="true"` asks for signatures and policies as IAM does."""
    python = _installed(require)
    with tempfile.TemporaryDirectory(prefix="ministack-") as folder:
        port = _free_port()
        places = {"STATE_DIR": f"{folder}/state", "S3_DATA_DIR": f"{folder}/s3", "TMPDIR": folder}
        environ = dynamo.ENVIRON | places | {
            "GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "LAMBDA_EXECUTOR": "local",
            "LOG_LEVEL": "INFO", "PATH": os.environ["PATH"], "HOME": folder,
        } | options  # fmt: skip
        with (Path(folder) / "log.txt").open("w") as log:
            process = subprocess.Popen(
                [python, "-c", MAIN], env=environ, cwd=folder,
                stdin=subprocess.PIPE, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            stack = Ministack(f"http://127.0.0.1:{port}", Path(folder))
            try:
                _wait_for(stack, process)
                yield stack
            finally:
                _end(process)


def _wait_for(stack: Ministack, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        with suppress(OSError):
            stack._ask("GET", "health")
            return
        assert process.poll() is None, f"ministack did not start: {stack.log()}"
        time.sleep(0.05)
    raise AssertionError(f"ministack does not answer: {stack.log()}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """With the workers that run functions; all of them are its session's."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=10)
    if process.stdin:
        process.stdin.close()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    return port


def _installed(require: Callable[[Any, str], None]) -> Path:
    """Its Python. What the lock names is installed once for each version of the lock."""
    if not FOLDER.is_dir():
        fresh = FOLDER.with_name(f"{FOLDER.name}.{os.getpid()}")
        try:
            _run(sys.executable, "-m", "venv", fresh)
            pip = (fresh / "bin" / "python", "-m", "pip", "install", "--quiet", "--no-input")
            _run(*pip, "--disable-pip-version-check", "--require-hashes", "--requirement", LOCK)
        except subprocess.CalledProcessError as error:
            shutil.rmtree(fresh, ignore_errors=True)
            require(False, f"ministack could not be installed: {error.stderr[-500:]}")
        try:
            fresh.rename(FOLDER)  # only scripts would miss their place, and none is used
        except OSError:  # another was faster
            shutil.rmtree(fresh)
    return FOLDER / "bin" / "python"


def _run(*words: str | Path) -> None:
    subprocess.run(words, check=True, capture_output=True, text=True, timeout=280)
