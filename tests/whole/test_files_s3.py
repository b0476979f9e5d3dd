"""Files in S3 through the real service: the bytes go past it, by signed URLs."""

import hashlib
import html
import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.engines.ministack import Ministack
from tests.whole.service import Service, running
from tests.whole.test_pictures import drop, ended, jpeg

pytestmark = pytest.mark.engine

BUCKET = "manydoors-files"
MB = 1024 * 1024
JPEG = b"\xff\xd8\xff"


@pytest.fixture
def service(ministack: Ministack, tmp_path: Path) -> Iterator[Service]:
    place = {"LocationConstraint": ministack.environ["AWS_REGION"]}
    ministack.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    modules = "tests.whole.filing,tests.whole.arriving,app.operations.pictures"
    settings = {"MANYDOORS_OPERATIONS": modules, "MANYDOORS_BUCKET": BUCKET}
    with running(tmp_path / "data", **settings, **ministack.environ) as up:
        yield up


def ask(method: str, url: str, body: Any = None, **headers: str) -> tuple[int, bytes]:
    if isinstance(body, dict):
        body, headers = json.dumps(body).encode(), {"Content-Type": "application/json", **headers}
    request = urllib.request.Request(url, body, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # which follows a 303
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def command(service: Service, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "app", "--url", service.url, *words],
        env=service.environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_up_through_a_job_and_down(service: Service, ministack: Ministack) -> None:
    """The service signs and looks after; the bytes lie in the bucket alone, and go when they are
    deleted."""
    body = os.urandom(300_000)
    told = {"name": "a.png", "type": "image/png", "size": len(body)}
    told["sha256"] = hashlib.sha256(body).hexdigest()
    made = json.loads(ask("POST", f"{service.url}/v1/files", told)[1])
    upload = made["upload"]
    assert upload["url"].startswith(ministack.url)
    assert ask("PUT", upload["url"], b"x" * len(body), **upload["headers"])[0] >= 400
    assert ask("PUT", upload["url"], body, **upload["headers"])[0] == 200
    here = f"{service.url}/v1/files/{made['id']}"
    shown = json.loads(ask("GET", here)[1])
    assert (shown["status"], shown["sha256"]) == ("ready", told["sha256"])
    assert ask("GET", f"{here}/content") == (200, body)
    params = {"file": made["id"]}
    call = f"{service.url}/v1/operations/filing.copy"
    status, said = ask("POST", call, params, Prefer="wait=20")
    assert status == 200
    copy = json.loads(said)
    assert ask("GET", copy["url"]) == (200, body)
    assert ask("DELETE", here)[0] == 409
    assert not list((service.data / "files").glob("file_*"))
    alone = json.loads(ask("POST", f"{service.url}/v1/files", {"name": "b"})[1])
    assert ask("PUT", alone["upload"]["url"], b"b", **alone["upload"]["headers"])[0] == 200
    assert ask("DELETE", f"{service.url}/v1/files/{alone['id']}")[0] == 204
    keys = {
        each["Key"] for each in ministack.client("s3").list_objects_v2(Bucket=BUCKET)["Contents"]
    }
    assert len(keys) == 2
    assert f"files/{alone['id']}" not in keys


def test_a_large_one_in_parts(service: Service, tmp_path: Path) -> None:
    """The command sends what is above 64 MB in parts, and nobody has to say that all came."""
    path = tmp_path / "large.bin"
    piece = os.urandom(MB)
    path.write_bytes(piece * 65)
    id = command(service, "files", "put", str(path))
    shown = json.loads(ask("GET", f"{service.url}/v1/files/{id}")[1])
    assert (shown["status"], shown["size"], shown["sha256"]) == ("ready", 65 * MB, None)
    digest = command(service, "call", "filing.digest", f"file={id}")
    assert json.loads(digest) == hashlib.sha256(piece * 65).hexdigest()
    command(service, "files", "get", id, "--to", str(tmp_path / "back.bin"))
    assert (tmp_path / "back.bin").read_bytes() == path.read_bytes()


def test_pictures_come_and_are_seen(
    service: Service, ministack: Ministack, require: Callable[[Any, str], None]
) -> None:
    """One that went to the bucket by a signed URL, and one that was dropped at home: both are
    noticed, and the page shows what the bucket gives."""
    require(find_spec("PIL"), "Pillow is not installed: requirements-pictures.txt")
    told = {"name": "pics/sent.jpg", "type": "image/jpeg"}
    upload = json.loads(ask("POST", f"{service.url}/v1/files", told)[1])
    sent = upload["upload"]
    assert ask("PUT", sent["url"], jpeg(), **sent["headers"])[0] == 200
    assert ask("GET", f"{service.url}/v1/files/{upload['id']}")[0] == 200  # so that it is noticed
    drop(service, "pics/dropped.jpg", jpeg())
    made = ended(service, {"pics/sent.jpg", "pics/dropped.jpg"})
    assert {job["status"] for job in made.values()} == {"succeeded"}
    page = html.unescape(ask("GET", f"{service.url}/pictures")[1].decode())
    for picture in json.loads(ask("GET", f"{service.url}/cat/pics")[1]):
        thumbnail = picture["thumbnail"]["url"]
        assert thumbnail.startswith(ministack.url)
        assert ask("GET", thumbnail)[1].startswith(JPEG)
        assert f'src="{ministack.url}' in page


def test_large_params_and_results(service: Service, ministack: Ministack) -> None:
    """In the bucket by themselves, and back whole; who follows the 303 has the result."""
    text = "\U0001f408" * 100_000
    call = f"{service.url}/v1/operations/arriving.news"
    status, said = ask("POST", call, {"message": text}, Prefer="wait=20")
    assert (status, json.loads(said)) == (200, text)
    (job,) = json.loads(ask("GET", f"{service.url}/v1/jobs?operation=arriving.news")[1])["items"]
    for large in (job["params"], job["result"]):
        assert large["url"].startswith(ministack.url)
    assert json.loads(ask("GET", f"{service.url}{job['links']['result']}")[1]) == text
    told = command(service, "call", "arriving.children", f"texts={'a' * 110_000}")
    assert json.loads(told) == ["a" * 110_000]


def test_an_upload_to_the_bucket_starts_its_job(service: Service) -> None:
    """Once somebody has looked; a bucket that tells its function does."""
    asked = {"name": "pics/a.txt", "type": "text/plain"}
    made = json.loads(ask("POST", f"{service.url}/v1/files", asked)[1])
    assert ask("PUT", made["upload"]["url"], b"cat", **made["upload"]["headers"])[0] == 200
    jobs = f"{service.url}/v1/jobs?operation=arriving.pic"
    assert json.loads(ask("GET", jobs)[1])["items"] == []
    for _ in range(2):
        assert ask("GET", f"{service.url}/v1/files/{made['id']}")[0] == 200
    (job,) = json.loads(ask("GET", jobs)[1])["items"]
    ended = json.loads(ask("GET", f"{service.url}/v1/jobs/{job['id']}?wait=20")[1])
    assert ended["result"] == ["pics/a.txt", 3, "cat"]
