"""The trial of one mutant: a fresh copy of the checkout, the bug put in, its tests run by pytest.

Caught is a mutant by a test that fails with it and passes without it. All else that goes wrong is
the trial's own trouble: it breaks the trial, and is never taken for a catch.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.mutants.mutant import Mutant, Unfit
from tests.mutants.witness import WITNESS

LONGEST = 600.0  # seconds that the tests of one mutant may take, on a machine that is slow and busy
LONGEST_TEST = 120  # the same of one test: a bug that makes it hang is caught by then
LAST_WORDS = 30.0  # seconds for pytest to end what it has started
# The others, which nothing here uses, take three quarters of the time in which pytest starts.
PLUGINS = ("pytest_timeout", "_hypothesis_pytestplugin", "tests.mutants.witness")
NO_CATCH = {"SyntaxError", "ImportError", "NameError"}  # a slip in the mutant, not what it does

Verdict = Literal["caught", "missed", "broken"]


@dataclass(frozen=True)
class Ran:
    """What a run of tests came to."""

    code: int
    passed: int = 0
    test: str = ""  # the first that failed
    when: str = ""  # setup, call or teardown
    kinds: tuple[str, ...] = ()  # of its exception, from its own class to the root
    why: str = ""
    seconds: float = 0.0

    @property
    def is_green(self) -> bool:
        return self.code == 0 and self.passed > 0

    @property
    def has_failed_test(self) -> bool:
        return self.code == 1 and self.when == "call" and not NO_CATCH & {*self.kinds}

    @property
    def told(self) -> str:
        """What went wrong, in a line."""
        if self.code == 0:
            return "no test of it ran: each was skipped"
        where = f"{self.test} ({self.when})" if self.test else f"pytest's exit code {self.code}"
        return f"{where}: {self.why or 'no test failed'}"[:300]


@dataclass(frozen=True)
class Judged:
    """`by`: the test that caught it, or what is broken; `line`: where it was put in."""

    mutant: Mutant
    verdict: Verdict
    by: str = ""
    seconds: float = 0.0
    line: int | None = None


@dataclass(frozen=True)
class Checkout:
    """The files that are copied, as they are now, and what the tests need that is no part of them.

    `shared`: folders that every copy has by a link, such as engines that were installed once.
    """

    root: Path
    files: tuple[str, ...]
    shared: tuple[str, ...] = ("build/engines",)

    @classmethod
    def of(cls, root: Path) -> "Checkout":
        """What git knows there, and what it would add."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=root, check=True, capture_output=True, text=True,
        )  # fmt: skip
        files = {name for name in listed.stdout.split("\0") if name and (root / name).is_file()}
        return cls(root, tuple(sorted(files)))

    @contextmanager
    def copied(self) -> Iterator[Path]:
        """A fresh copy, gone afterwards."""
        folder = Path(tempfile.mkdtemp(prefix="mutants-")).resolve()
        try:
            for name in self.files:
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(self.root / name, folder / name)
            for name in self.shared:
                (self.root / name).mkdir(parents=True, exist_ok=True)
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
                (folder / name).symlink_to((self.root / name).resolve())
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def judge(mutant: Mutant, checkout: Checkout, clean: Path) -> Judged:
    """`clean`: a copy without any bug, in which the mutant's tests are green."""
    began = time.monotonic()
    with checkout.copied() as copy:
        try:
            line = mutant.put_into(copy)
        except Unfit as unfit:
            return Judged(mutant, "broken", str(unfit))
        ran = run_tests(copy, mutant.tests, "-x")
    verdict, by = _verdict(ran, clean)
    return Judged(mutant, verdict, by, time.monotonic() - began, line)


def _verdict(ran: Ran, clean: Path) -> tuple[Verdict, str]:
    if ran.is_green:
        return "missed", ""
    if not ran.has_failed_test:
        return "broken", ran.told
    without = run_tests(clean, [ran.test])
    if not without.is_green:
        return "broken", f"it fails without the bug, too: {without.told}"
    return "caught", ran.test


def run_tests(folder: Path, tests: Sequence[str], *options: str) -> Ran:
    """Of that folder, by this interpreter."""
    with tempfile.TemporaryDirectory(prefix="mutants-") as aside:
        witness, output = Path(aside, "witness.json"), Path(aside, "output")
        command = [
            *(sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"),
            *(part for plugin in PLUGINS for part in ("-p", plugin)),
            *(f"--timeout={LONGEST_TEST}", "--hypothesis-seed=0"),
            *(f"--basetemp={aside}/tests", *options, *tests),
        ]
        # Of the suite's short form; and no path leads to another checkout's program.
        environ = {k: v for k, v in os.environ.items() if k not in ("CI", "PYTHONPATH")}
        environ |= {WITNESS: str(witness), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        began = time.monotonic()
        with output.open("wb") as out:
            process = subprocess.Popen(
                command, cwd=folder, env=environ, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )  # fmt: skip
            in_time = _waited(process)
        seconds = time.monotonic() - began
        if not in_time:
            return Ran(-1, why=f"the tests took over {LONGEST:g} s", seconds=seconds)
        if not witness.exists():
            return Ran(-1, why=_last_line(output), seconds=seconds)
        return _read(process.returncode, witness, output, seconds)


def _waited(process: "subprocess.Popen[bytes]") -> bool:
    """Until it ends; False where it had to be ended."""
    try:
        process.wait(LONGEST)
        return True
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)  # so that its fixtures end what they have started
        with suppress(subprocess.TimeoutExpired):
            process.wait(LAST_WORDS)
        return False
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _read(code: int, witness: Path, output: Path, seconds: float) -> Ran:
    seen = json.loads(witness.read_text(encoding="utf-8"))
    if seen["stranger"]:
        return Ran(-1, why=f"the tests ran {seen['stranger']}", seconds=seconds)
    failed = seen["failed"]
    if failed is None:
        why = "" if code == 0 else _last_line(output)
        return Ran(code, seen["passed"], why=why, seconds=seconds)
    kinds = tuple(failed["kinds"])
    why = f"{kinds[0]}: {failed['why']}"
    return Ran(code, seen["passed"], failed["test"], failed["when"], kinds, why, seconds)


def _last_line(output: Path) -> str:
    lines = output.read_text(encoding="utf-8", errors="replace").split("\n")
    told = [line for line in lines if line.startswith(("E ", "ERROR"))] or [*filter(None, lines)]
    return told[-1] if told else "it said nothing"
