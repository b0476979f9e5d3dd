"""A part whose supervisor is gone leaves, whether it wants to or not."""

import os
import signal
import subprocess
import sys

import pytest

from tests.whole.service import ROOT

PROGRAM = """
import signal, sys, threading
from app.supervisor import lifeline
lifeline.LET_GO_SECONDS, lifeline.LEAVE_SECONDS = 0.1, 0.2
if sys.argv[2] == "deaf":
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
lifeline.hold(int(sys.argv[1]), lambda: print("let go", flush=True))
print("up", flush=True)
threading.Event().wait()
"""


@pytest.mark.parametrize(
    ("how", "said", "code"),
    [("hears", "", -signal.SIGTERM), ("deaf", "let go\n", -signal.SIGKILL)],
)
def test_a_part_ends_with_its_supervisor(how: str, said: str, code: int) -> None:
    """It is told to stop, lets go of what others wait for, and is killed if it does not end."""
    held, ours = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(held), how],
        pass_fds=[held], stdout=subprocess.PIPE, text=True, cwd=ROOT, start_new_session=True,
    )  # fmt: skip
    os.close(held)
    try:
        assert process.stdout
        assert process.stdout.readline() == "up\n"
        os.close(ours)
        assert process.communicate(timeout=20)[0] == said
        assert process.returncode == code
    finally:
        process.kill()
        process.wait()
