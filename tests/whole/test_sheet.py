"""The contact sheet on the real service, cut into slices and shot at: no pixel is another."""

import hashlib
import io
import json
import os
import signal
import time
import urllib.request
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.whole.service import Service, running

MANY = 24
pytestmark = pytest.mark.slow


def asked(service: Service, path: str, body: Any = None) -> Any:
    request = urllib.request.Request(service.url + path)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def sent(service: Service, content: bytes, name: str) -> str:
    ticket = asked(service, "/v1/files", {"name": name})
    request = urllib.request.Request(ticket["upload"]["url"], content, method="PUT")
    for header, value in ticket["upload"]["headers"].items():
        request.add_header(header, value)
    urllib.request.urlopen(request, timeout=30).close()
    return str(ticket["id"])


def pictures() -> list[bytes]:
    """Of some size, so that a sheet takes seconds."""
    from PIL import Image

    noise = Image.effect_noise((2400, 1800), 60)
    made = []
    for n in range(MANY):
        out = io.BytesIO()
        Image.merge("RGB", (noise.rotate(n), noise, noise)).save(out, "PNG", compress_level=1)
        made.append(out.getvalue())
    return made


def runners(service: Service) -> list[int]:
    """Those that run a job: processes of a worker, which leads to the supervisor."""
    found = []
    for pid in service.processes()[1:]:
        parent = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1]
        if "work" in Path(f"/proc/{parent}/cmdline").read_bytes().decode().split("\0"):
            found.append(pid)
    return found


def drawn(service: Service, pics: list[bytes], kills: int) -> tuple[str, Any]:
    """The sheet's hash, and the job as it ended."""
    ids = [sent(service, content, f"{n}.png") for n, content in enumerate(pics)]
    params = {"pics": ids, "columns": 6, "edge": 96}
    job = asked(service, "/v1/jobs", {"operation": "cats.sheet", "params": params})["id"]
    told: Any = {"status": "queued"}
    seen = 0
    until = time.monotonic() + 100
    while told["status"] not in ("succeeded", "failed", "cancelled"):
        assert time.monotonic() < until, told
        told = asked(service, f"/v1/jobs/{job}")
        done = (told["progress"] or {}).get("done") or 0
        if kills and told["status"] == "running" and done >= seen + 4:
            for pid in runners(service):
                os.kill(pid, signal.SIGKILL)
            kills, seen = kills - 1, done
        time.sleep(0.05)  # between two looks at another process
    assert told["status"] == "succeeded", told
    with urllib.request.urlopen(f"{service.url}/v1/jobs/{job}/result", timeout=30) as answer:
        return hashlib.sha256(answer.read()).hexdigest(), (told, kills)


def test_slices_and_kills_change_no_pixel(
    tmp_path: Path, require: Callable[[Any, str], None]
) -> None:
    require(find_spec("PIL"), "Pillow is not installed")
    pics = pictures()
    with running(tmp_path / "calm") as service:
        calm, _ = drawn(service, pics, kills=0)
    with running(tmp_path / "wild", workers=2, MANYDOORS_SLICE="1s") as service:
        wild, (told, left) = drawn(service, pics, kills=2)
    assert wild == calm
    assert left == 0
    assert told["attempt"] in (2, 3)  # a kill may come just between two slices, and costs none
