"""What S3 answers to a file's bytes while an earlier sending of them is still under way."""

import hashlib
import io
from base64 import b64encode
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from app.ports.aws import files as module
from app.ports.aws import multipart
from app.ports.aws.files import AwsFiles
from app.ports.files import Content
from app.room.errors import Precondition, Unavailable

KEY = "file_00000000000000000000000001"
BODY = b"cat" * 10
Answers = dict[str, list[Any]]


def refusal(code: str, status: int, resent: int = 0) -> ClientError:
    about = {"HTTPStatusCode": status, "RetryAttempts": resent}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": about}, "any")  # type: ignore[typeddict-item]


CONFLICT = refusal("ConditionalRequestConflict", 409)
THERE, RESENT = refusal("PreconditionFailed", 412), refusal("PreconditionFailed", 412, resent=1)
GONE = refusal("NoSuchUpload", 404)
NO_OBJECT = refusal("404", 404)
SUM = b64encode(hashlib.sha256(BODY).digest()).decode()
MINE = {"ContentLength": len(BODY), "ChecksumSHA256": SUM}
OTHERS = {"ContentLength": len(BODY), "ChecksumSHA256": b64encode(b"x" * 32).decode()}


class Client:
    """S3, as it is told to answer: the last of a verb's answers stays."""

    def __init__(self, answers: Answers) -> None:
        self.answers = {
            "create_multipart_upload": [{"UploadId": "1"}],
            "upload_part": [{"ETag": "e"}],
        }
        self.answers |= {"abort_multipart_upload": [{}]} | answers
        self.asked: list[str] = []

    def __getattr__(self, verb: str) -> Callable[..., Any]:
        def answered(**request: Any) -> Any:
            self.asked.append(verb)
            left = self.answers[verb]
            answer = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(answer, Exception):
                raise answer
            return answer

        return answered


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Client]:
    monkeypatch.setattr(multipart.time, "sleep", lambda seconds: None)

    def put(answers: Answers, piece: int = 1000) -> Client:
        monkeypatch.setattr(module, "PIECE", piece)
        client, files = Client(answers), AwsFiles("bucket")
        monkeypatch.setattr(files._wire, "client", lambda: client)
        stored = files.put(KEY, io.BytesIO(BODY), type="text/plain")
        assert stored == (len(BODY), hashlib.sha256(BODY).hexdigest())
        return client

    return put


SENT_AGAIN: list[list[Any]] = [[CONFLICT, {}], [CONFLICT, CONFLICT, THERE], [RESENT]]


@pytest.mark.parametrize("answers", SENT_AGAIN, ids=["then free", "then there", "there"])
@pytest.mark.parametrize("verb", ["put_object", "complete_multipart_upload"])
def test_what_was_sent_twice_is_stored_once(
    put: Callable[..., Client], verb: str, answers: list[Any]
) -> None:
    """A sending that was taken for lost may be under way still, or have landed."""
    piece = 1000 if verb == "put_object" else 10
    client = put({verb: [*answers], "head_object": [MINE]}, piece)
    assert client.asked.count(verb) == len(answers)
    assert "abort_multipart_upload" not in client.asked


@pytest.mark.parametrize("piece", [1000, 10], ids=["at once", "in parts"])
@pytest.mark.parametrize(
    ("answers", "head"),
    [([THERE], MINE), ([CONFLICT, THERE], NO_OBJECT), ([RESENT], NO_OBJECT)],
    ids=["anothers", "gone again", "gone"],
)
def test_what_is_anothers_is_not_ones_own(
    put: Callable[..., Client], piece: int, answers: list[Any], head: Any
) -> None:
    """That is a problem, and none of this program's own."""
    verbs = {"put_object": [*answers], "complete_multipart_upload": [*answers]}
    with pytest.raises((Precondition, Unavailable)):
        put({**verbs, "head_object": [head]}, piece)


def test_another_content_of_the_same_size(put: Callable[..., Client]) -> None:
    """Is known by its hash."""
    with pytest.raises(Precondition):
        put({"put_object": [CONFLICT, THERE], "head_object": [OTHERS]})


@pytest.mark.parametrize("piece", [1000, 10], ids=["at once", "in parts"])
def test_a_conflict_that_stays(put: Callable[..., Client], piece: int) -> None:
    """Another try may help, later."""
    with pytest.raises(Unavailable):
        put({"put_object": [CONFLICT], "complete_multipart_upload": [CONFLICT]}, piece)


def test_an_upload_that_others_have_broken_off(put: Callable[..., Client]) -> None:
    """As a sweep does of what nobody needs."""
    with pytest.raises(Unavailable):
        put({"upload_part": [GONE]}, 10)


def test_what_its_source_raises_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Though S3 does not take the parts back either."""

    class Breaks(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell():
                raise EOFError
            return super().read(10)

    client, files = Client({"abort_multipart_upload": [refusal("SlowDown", 503)]}), AwsFiles("b")
    monkeypatch.setattr(module, "PIECE", 10)
    monkeypatch.setattr(files._wire, "client", lambda: client)
    with pytest.raises(EOFError):
        files.put(KEY, Breaks(BODY), type="text/plain")


def test_parts_that_another_puts_together_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two who look at once both find the file."""
    monkeypatch.setattr(module, "PART", 1)
    client = Client(
        {
            "head_object": [NO_OBJECT, MINE],
            "list_multipart_uploads": [{"Uploads": [{"Key": f"files/{KEY}", "UploadId": "1"}]}],
            "list_parts": [{"Parts": [{"PartNumber": 1, "ETag": "e", "Size": len(BODY)}]}],
            "complete_multipart_upload": [THERE],
        }
    )
    files = AwsFiles("bucket")
    monkeypatch.setattr(files._wire, "client", lambda: client)
    assert files.stat(KEY, Content("text/plain", len(BODY))) is not None
