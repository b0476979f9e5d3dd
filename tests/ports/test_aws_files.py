"""The suite of files on S3, as ministack plays it: it checks signatures, types and lengths."""

import time
from collections.abc import Iterator

import pytest

from app.ports.aws.files import AwsFiles
from app.ports.files import Content, Files, Part
from tests.engines.ministack import Ministack
from tests.ports.suite_files import MB, FilesSuite

BUCKET = "manydoors-files"


class TestAwsFiles(FilesSuite):
    @pytest.fixture
    def files(self, ministack: Ministack) -> Iterator[AwsFiles]:
        ministack.client("s3").create_bucket(
            Bucket=BUCKET,
            CreateBucketConfiguration={"LocationConstraint": ministack.environ["AWS_REGION"]},
        )
        files = AwsFiles(BUCKET)
        yield files
        files.close()

    def pass_time(self, seconds: float) -> None:
        """S3 knows no clock but its own."""
        time.sleep(seconds)

    def test_parts_are_put_together(self, files: Files, key: str) -> None:
        """Parts come in any order, and again; once all have come, they are one file."""
        size = 64 * MB + 3
        content = Content("text/plain", size)
        way = self.way(files, key, content)
        assert [part.size for part in way.parts] == [64 * MB, 3]
        assert files.stat(key, content) is None
        self.part(way.parts[1], b"end")
        assert files.stat(key, content) is None
        self.part(way.parts[0], b"z" * 64 * MB)
        self.part(way.parts[1], b"END")
        stored = files.stat(key, content)
        assert stored is not None
        assert stored.size == size
        with files.open(key, 64 * MB - 1) as stream:
            assert stream.read() == b"zEND"

    def part(self, part: Part, body: bytes) -> None:
        assert self.send("PUT", part.url, body).status == 200
