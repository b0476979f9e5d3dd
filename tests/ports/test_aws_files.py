"""The suite of files on S3, as ministack plays it: it checks signatures, types and lengths."""

import time
from collections.abc import Iterator

import pytest

from app.ports.aws.files import AwsFiles
from tests.engines.ministack import Ministack
from tests.ports.suite_files import FilesSuite

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
