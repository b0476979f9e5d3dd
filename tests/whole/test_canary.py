"""A secret goes through a busy service and is found nowhere afterwards."""

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.whole.service import Service, running

WORD = 'swordfish"and\nmore'
FORMS = [form.encode() for form in (WORD, json.dumps(WORD)[1:-1], repr(WORD)[1:-1], "swordfish")]


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("silent")
    with running(folder / "data", MANYDOORS_OPERATIONS="tests.whole.silent") as up:
        yield up


def asked(service: Service, method: str, path: str, body: Any = None, **more: str) -> Any:
    connection = http.client.HTTPConnection(service.address, timeout=60)
    headers = {"Content-Type": "application/json"} | more
    with closing(connection):
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        answer = connection.getresponse()
        content = answer.read()
    SAID.append(content)
    return json.loads(content) if "json" in str(answer.headers["Content-Type"]) else None


SAID: list[bytes] = []


def submitted(service: Service, operation: str, **params: Any) -> Any:
    made = asked(service, "POST", "/v1/jobs", {"operation": operation, "params": params})
    while (job := asked(service, "GET", f"/v1/jobs/{made['id']}?wait=25"))["status"] in (
        "queued", "running", "waiting",
    ):  # fmt: skip
        pass
    return job


@pytest.mark.slow
def test_a_secret_is_found_nowhere(service: Service) -> None:
    """Not in an answer, a page, a log, a title, nor in any file of the store or beside it."""
    well = submitted(service, "silent.job", word=WORD)
    assert (well["status"], well["result"]) == ("succeeded", len(WORD))
    assert well["params"]["word"] == "********"
    badly = [submitted(service, "silent.job", word=WORD, ends=how) for how in ("badly", "refused")]
    assert {job["status"] for job in badly} == {"failed"}
    assert "********" in badly[0]["error"]["traceback"]
    assert submitted(service, "silent.many", word=WORD)["result"] == 3 * len(WORD)
    large = submitted(service, "silent.job", word=WORD, text="x" * 200_000)
    assert large["result"] == len(WORD)
    again = asked(service, "POST", f"/v1/jobs/{large['id']}/retry")
    retried = asked(service, "POST", f"/v1/jobs/{badly[0]['id']}/retry")
    for job in (again, retried):
        asked(service, "GET", f"/v1/jobs/{job['id']}?wait=25")
    for place, how in enumerate(("well", "badly", "refused")):
        params = {"word": WORD, "ends": how}
        asked(service, "POST", "/v1/operations/silent.call", params)
        asked(service, "POST", "/v1/operations/silent.call", params, **{"Idempotency-Key": how})
        asked(service, "POST", "/rpc", {
            "jsonrpc": "2.0", "method": "silent.call", "params": params, "id": place,
        })  # fmt: skip
    again = {"word": WORD, "ends": "badly"}
    other = asked(
        service, "POST", "/v1/operations/silent.call", again, **{"Idempotency-Key": "well"}
    )
    assert other["status"] == 422
    asked(service, "POST", "/v1/operations/silent.call", {"word": [WORD], "more": WORD[:3]})
    plan = {"operation": "silent.job", "params": {"word": WORD}, "every": "1h"}
    assert asked(service, "PUT", "/v1/schedules/hourly", plan)["params"]["word"] == "********"
    kept = plan | {"params": {"word": "********"}, "every": "2h"}
    asked(service, "PUT", "/v1/schedules/hourly", kept)
    run = asked(service, "POST", "/v1/schedules/hourly/run")
    ended = asked(service, "GET", f"/v1/jobs/{run['id']}?wait=25")
    assert ended["result"] == len(WORD)  # not of the mask
    for path in ("/", "/jobs", f"/jobs/{badly[0]['id']}", "/schedules", "/v1/jobs?limit=200",
                 "/v1/schedules", f"/v1/jobs/{well['id']}/events", "/v1/stats"):  # fmt: skip
        asked(service, "GET", path)
    told = subprocess.run(
        [sys.executable, "-m", "app", "job", badly[0]["id"]],
        env=service.environ, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    titles = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in service.processes()]
    kept_files = {path: path.read_bytes() for path in service.data.rglob("*") if path.is_file()}
    log = (service.data.parent / "data.log").read_bytes()
    places = {"log": log, "titles": b"".join(titles), "command": told.stdout + told.stderr}
    places |= {str(path): content for path, content in kept_files.items()}
    places |= {f"answer {place}": said for place, said in enumerate(SAID)}
    found = {name: content for name, content in places.items() if any(f in content for f in FORMS)}
    assert not {name: _around(content) for name, content in found.items()}
    assert any(b"sealed:1:" in content for content in kept_files.values())
    assert b"the word is ********" in log


def _around(content: bytes) -> bytes:
    at = min(place for form in FORMS if (place := content.find(form)) >= 0)
    return content[max(0, at - 200) : at + 60]
