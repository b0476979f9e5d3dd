"""What breaks between this program and S3 doubles no file, loses none, and leaves none half."""

import hashlib
import io
from collections.abc import Iterator

import pytest

from app.ports.aws.files import AwsFiles
from app.ports.files import Content
from app.room.errors import Precondition, Unavailable
from tests.engines import lossy as proxy
from tests.engines.lossy import Lossy
from tests.engines.ministack import Ministack
from tests.ports.suite_files import MB, Endless

pytestmark = pytest.mark.engine

BUCKET = "manydoors-files"
KEY = "file_00000000000000000000000001"
FAULTS = ("lost", "reset", "slow")
SMALL, LARGE = 1000, 20 * MB


@pytest.fixture(scope="module")
def proxied(one_ministack: Ministack) -> Iterator[Lossy]:
    with proxy.running(one_ministack.url) as lossy:
        yield lossy


@pytest.fixture
def files(ministack: Ministack, proxied: Lossy) -> Iterator[AwsFiles]:
    place = {"LocationConstraint": ministack.environ["AWS_REGION"]}
    ministack.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration=place)
    proxied.plan = []
    files = AwsFiles(BUCKET, url=proxied.url, patience=5)
    yield files
    files.close()


def under_way(ministack: Ministack) -> int:
    return len(ministack.client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", ()))


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("size", "operation"),
    [
        (SMALL, "PutObject"),
        (LARGE, "CreateMultipartUpload"),
        (LARGE, "UploadPart"),
        (LARGE, "CompleteMultipartUpload"),
    ],
)
def test_a_put_that_breaks_once(
    files: AwsFiles, proxied: Lossy, ministack: Ministack, size: int, operation: str, fault: str
) -> None:
    """It is done once, whatever was lost on the way, and nothing of it is left under way but by an
    upload whose name never came back."""
    proxied.break_(operation, fault)
    stored = files.put(KEY, Endless(size), type="text/plain")
    assert proxied.fired == 1
    assert stored.sha256 == hashlib.sha256(b"x" * size).hexdigest()
    with files.open(KEY) as stream:
        assert len(stream.read()) == size
    unknown = (operation, fault) == ("CreateMultipartUpload", "lost")
    assert under_way(ministack) == int(unknown)
    files.delete(KEY)
    assert under_way(ministack) == 0


def test_what_anothers_put_was_first_at(files: AwsFiles, proxied: Lossy) -> None:
    """An answer that was lost is no reason to take another's file for one's own."""
    files.put(KEY, io.BytesIO(b"other"), type="text/plain")
    proxied.break_("PutObject", "lost")
    with pytest.raises(Precondition):
        files.put(KEY, io.BytesIO(b"mine"), type="text/plain")


def test_a_put_that_keeps_breaking(files: AwsFiles, proxied: Lossy, ministack: Ministack) -> None:
    """It is said, and nothing stays."""
    proxied.break_("UploadPart", "slow", times=100)
    with pytest.raises(Unavailable):
        files.put(KEY, Endless(LARGE), type="text/plain")
    proxied.plan = []
    assert files.stat(KEY) is None
    assert under_way(ministack) == 0


def test_a_source_that_breaks(files: AwsFiles, ministack: Ministack) -> None:
    """Its parts are taken back at once."""

    class Breaks(Endless):
        def read(self, size: int = -1, /) -> bytes:
            if self.left < 4 * MB:
                raise ConnectionError("gone")
            return super().read(size)

    with pytest.raises(ConnectionError):
        files.put(KEY, Breaks(LARGE), type="text/plain")
    assert under_way(ministack) == 0


@pytest.mark.parametrize("fault", ["lost", "slow", "cut"])
def test_a_stream_that_breaks(files: AwsFiles, proxied: Lossy, fault: str) -> None:
    """It goes on where it was; not a byte is missing or twice."""
    body = bytes(range(256)) * 4096 * 8
    files.put(KEY, io.BytesIO(body), type="text/plain")
    proxied.break_("GetObject", fault)
    with files.open(KEY) as stream:
        assert stream.read() == body
    assert proxied.fired == 1


@pytest.mark.parametrize("verb", ["stat", "open", "delete"])
def test_nobody_there(ministack: Ministack, verb: str) -> None:
    """A store that does not answer is unavailable, in words that say what to look at."""
    files = AwsFiles(BUCKET, url="http://127.0.0.1:9", patience=0.2)
    with pytest.raises(Unavailable, match="does not answer"):
        getattr(files, verb)(KEY)


def test_no_bucket(ministack: Ministack) -> None:
    """The setting that names it is told."""
    files = AwsFiles("not-there", url=ministack.url)
    with pytest.raises(Unavailable, match="MANYDOORS_BUCKET"):
        files.put(KEY, io.BytesIO(b"x"), type="text/plain")


def test_an_upload_in_parts_is_given_up(files: AwsFiles, ministack: Ministack) -> None:
    """A file that is deleted before all its parts came leaves none of them."""
    files.presign_upload(KEY, Content("text/plain", 200 * MB), now=0, until=600)
    assert under_way(ministack) == 1
    files.delete(KEY)
    assert under_way(ministack) == 0
