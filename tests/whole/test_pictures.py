"""Pictures from outside: dropped or uploaded, good or hostile, each becomes what can be seen."""

import io
import zipfile
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx

from tests.operations.test_pictures import boasting, bomb
from tests.whole.service import Service, running
from tests.whole.test_arrivals import eventually
from tests.whole.test_clock import jobs
from tests.whole.test_sheet import sent


def jpeg(size: tuple[int, int] = (1600, 900)) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.new("RGB", size, "teal").save(out, "JPEG")
    return out.getvalue()


def zipped() -> bytes:
    """Much of nothing."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tom.jpg", bytes(64 * 1024 * 1024))
    return out.getvalue()


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "pics/bomb.png": (bomb, "at most 50,000,000 pixels"),
    "pics/boasting.png": (boasting, "broken, or cut off"),
    "pics/zip.jpg": (zipped, "no picture"),
    "pics/text.jpg": (lambda: b"I am a cat, believe me.\n" * 100, "no picture"),
    "pics/cut.jpg": (lambda: jpeg()[:2000], "broken, or cut off"),
}


def drop(service: Service, name: str, content: bytes) -> None:
    """Into the inbox, as a whole."""
    path = service.data / "inbox" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.with_suffix(".part").write_bytes(content)
    path.with_suffix(".part").rename(path)


def ended(service: Service, names: set[str]) -> dict[str, Any]:
    """The job of each picture, once there are all and each has ended; one of each."""
    found: list[dict[str, Any]] = []

    def have_ended() -> bool:
        found[:] = jobs(service, "cats.picture")
        return len(found) >= len(names) and all(job["finished_at"] for job in found)

    eventually(have_ended)
    by_name = {_name(service, job["params"]["pic"]): job for job in found}
    assert (set(by_name), len(found)) == ({Path(name).name for name in names}, len(names))
    return by_name


def _name(service: Service, file: str) -> str:
    return str(httpx.get(f"{service.url}/v1/files/{file}").json()["name"])


def test_pictures_from_outside(tmp_path: Path, require: Callable[[Any, str], None]) -> None:
    """Good ones are on the page with a thumbnail. Each hostile one is a failed job that says why,
    at its first attempt, and its bytes are kept; the next picture finds the service well."""
    require(find_spec("PIL"), "Pillow is not installed: requirements-pictures.txt")
    with running(tmp_path / "data", workers=2) as service:
        ways = (partial(drop, service), lambda name, content: sent(service, content, name))
        hostile = {name: make() for name, (make, _) in HOSTILE.items()}
        for place, (name, content) in enumerate(hostile.items()):
            ways[place % 2](name, content)
        drop(service, "pics/dropped.jpg", jpeg())
        sent(service, jpeg((90, 160)), "pics/uploaded.jpg")
        good = {"pics/dropped.jpg", "pics/uploaded.jpg"}
        made = ended(service, {*hostile, *good})
        for name, (_, why) in HOSTILE.items():
            job = made.pop(Path(name).name)
            assert (job["status"], job["attempt"], job["error"]["kind"]) == ("failed", 1, "refused")
            assert why in job["error"]["detail"]
            kept = f"{service.url}/v1/files/{job['params']['pic']}/content"
            assert httpx.get(kept, follow_redirects=True).content == hostile[name]
        assert {job["status"] for job in made.values()} == {"succeeded"}
        page = httpx.get(f"{service.url}/pictures").text
        for picture in httpx.get(f"{service.url}/cat/pics").json():
            thumbnail = httpx.get(service.url + picture["thumbnail"]["url"])
            assert thumbnail.headers["Content-Type"] == "image/jpeg"
            assert max(picture["width"], picture["height"]) <= 320
            assert picture["name"] in page
        assert not [name for name in HOSTILE if Path(name).name in page]
        assert not [*(service.data / "inbox" / "pics").iterdir()]
