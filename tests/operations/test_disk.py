"""A file under a path: where the store is far away it is copied, if there is room."""

import io
from collections import namedtuple
from collections.abc import Callable
from typing import Any

import pytest

import app.operations  # noqa: F401 - importing declares
from app.operations.sql import disk
from app.testing import Testing

TABLE = b"n\n" + b"1\n" * 3_000_000
Usage = namedtuple("Usage", "total used free")


@pytest.fixture
def far(service: Testing, need: Callable[[str], None], monkeypatch: pytest.MonkeyPatch) -> Testing:
    """A service whose store gives streams that are no files of this machine, as S3's."""
    need("duckdb")
    files: Any = service.room.ports.files
    near = files.open

    def open(key: str, *span: Any) -> io.BufferedReader:
        with near(key, *span) as stream:
            return io.BufferedReader(io.BytesIO(stream.read()))

    monkeypatch.setattr(files, "open", open)
    return service


def test_what_is_far_is_copied_whole(far: Testing) -> None:
    sql = "SELECT sum(n) AS s FROM data"
    job = far.submit("data.query", file=far.file(TABLE, "t.csv"), sql=sql)
    far.run()
    assert far.result(job)["rows"] == [{"s": 3_000_000}]


def test_what_has_no_room_is_too_large_and_says_how_much_there_is(
    far: Testing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before a byte is fetched, and without another try."""
    monkeypatch.setattr(disk.shutil, "disk_usage", lambda _: Usage(1, 0, disk.MARGIN + 1000))
    job = far.submit("data.profile", file=far.file(TABLE, "t.csv"))
    far.run()
    error = far.error(job)
    assert (error["kind"], error["limit"]) == ("too_large", 1000)
    assert "room for 1,000" in error["detail"]
    assert far.job(job)["attempt"] == 1
