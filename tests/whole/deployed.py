"""A checkout as a user has it, the package that comes of it, and instances of that."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from app.deployment.stage import filled
from tests.engines import dynamo, lambda_runtime, moto
from tests.handlers.gateways import KEY

ROOT = Path(__file__).parents[2]
# What nobody wants on Lambda, and what `git` knows nothing of.
PRIVATE = {
    ".env": "SECRET=planted",
    ".aws/credentials": "planted",
    "var/manydoors.db": "planted",
    "build/older.zip": "planted",
    "node_modules/left/pad.js": "planted",
    "server.key": "planted",
    "server.pem": "planted",
    "venv/lib/older.py": "PLANTED = 'planted'",
    "manydoors-dev-template-1795313988.json": "planted",  # of a deployment that was broken off
}
OURS = "ours"  # a module of the user's own, beside the program
Require = Callable[[Any, str], None]
LONGEST = 400  # seconds for one command


@dataclass(frozen=True)
class Checkout:
    folder: Path

    def make(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return self._run("make", *words, **environ)

    def zappa(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        """The command as it is typed where the environment is active."""
        venv = self.folder / ".venv"
        active = {"VIRTUAL_ENV": str(venv), "PATH": f"{venv}/bin:{os.environ['PATH']}"}
        return self._run("zappa", *words, **active, **environ)

    def _run(self, *words: str, **environ: str) -> subprocess.CompletedProcess[str]:
        foreign = ("AWS_", "MANYDOORS_", "VIRTUAL_ENV", "PYTHON", "MAKE", "ARGS")
        clean = {n: v for n, v in os.environ.items() if not n.startswith(foreign)}
        return subprocess.run(
            words, cwd=self.folder, env=clean | environ, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=LONGEST, check=False,
        )  # fmt: skip


@dataclass(frozen=True)
class Package:
    """`make package`, and what it left, unpacked as Lambda does it."""

    require: Require
    checkout: Checkout
    told: str
    zip: Path
    folder: Path

    def running(
        self, environ: Mapping[str, str], handler: str | None = None
    ) -> AbstractContextManager[lambda_runtime.Instance]:
        """An instance with the variables of its stage, and these."""
        own = stage_settings()["aws_environment_variables"] | environ
        return lambda_runtime.running(
            self.require, self.folder, handler or stage_settings()["lambda_handler"], own
        )


def checked_out(folder: Path) -> Checkout:
    """What is in git or may come to it, a module of operations, and things to leave out."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    for name, text in PRIVATE.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    shutil.copy(Path(__file__).with_name("ours.py"), folder / f"{OURS}.py")
    return Checkout(folder)


def packaged(require: Require, checkout: Checkout, folder: Path) -> Package:
    runtime, here = stage_settings()["runtime"], "python{}.{}".format(*sys.version_info[:2])
    require(here == runtime, f"this is {here}, and a package is made by {runtime}")
    made = checkout.make("package", f"PYTHON={sys.executable}")
    assert made.returncode == 0, made.stdout + made.stderr
    zip = checkout.folder / "build" / "manydoors-dev.zip"
    with ZipFile(zip) as packed:
        packed.extractall(folder)
    for path in folder.rglob("*"):
        path.chmod(path.stat().st_mode & 0o555)
    folder.chmod(0o555)
    return Package(require, checkout, made.stdout, zip, folder)


def stage_settings(stage: str = "dev") -> dict[str, Any]:
    """As Zappa has them after our callback."""
    told = json.loads((ROOT / "zappa_settings.json").read_text())
    whole = told["dev"] | told[stage]
    known = {"stage": stage, "account": moto.ACCOUNT, "region": moto.REGION, "partition": "aws"}
    settings: dict[str, Any] = filled(whole, known)
    return settings


@contextmanager
def with_table(url: str, queues: str, name: str) -> Iterator[dict[str, str]]:
    """The variables of an instance whose records are in a fresh table, and its hints in a queue."""
    dynamo.make_table(url, name)
    moto.make_queue(queues, name)
    yield {
        "MANYDOORS_TABLE": name,
        "MANYDOORS_QUEUE": name,
        "AWS_ENDPOINT_URL_SQS": queues,
        "MANYDOORS_OPERATIONS": f"app.operations,{OURS}",
        "MANYDOORS_LOG_LEVEL": "ERROR",
        "MANYDOORS_ADMIN_KEY": KEY,
        "AWS_ENDPOINT_URL_DYNAMODB": url,
    }
