"""AWS's errors in this program's words: what it is, and what to do."""

import pytest
from botocore import exceptions
from botocore.exceptions import BotoCoreError, ClientError

from app.cli_trouble import code_of
from app.client import Unreachable
from app.deployment.cloud import TABLE, Cloud, explained
from app.room.errors import Conflict, Forbidden, ManydoorsError, Unavailable, Unknown


def raised(error: Exception) -> ManydoorsError:
    with pytest.raises(ManydoorsError) as caught, explained("feed the cats"):
        raise error
    return caught.value


def said(code: str, text: str = "AWS's own words") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": text}}, "FeedCats")


@pytest.mark.parametrize(
    ("code", "kind", "exit_code"),
    [
        ("AccessDenied", Forbidden, 4),
        ("AccessDeniedException", Forbidden, 4),
        ("ExpiredToken", Forbidden, 4),
        ("InvalidClientTokenId", Forbidden, 4),
        ("RequestTimeTooSkewed", Forbidden, 4),
        ("ThrottlingException", Unavailable, 1),
        ("ResourceNotFoundException", Unknown, 1),
        ("AWS.SimpleQueueService.NonExistentQueue", Unknown, 1),
        ("404", Unknown, 1),
        ("403", Forbidden, 4),
        ("NoSuchPublicAccessBlockConfiguration", Unknown, 1),
        ("ChangeSetNotFoundException", Unknown, 1),
        ("ValidationError", Conflict, 1),
        ("SomethingNew", Conflict, 1),
    ],
)
def test_what_aws_says(code: str, kind: type[ManydoorsError], exit_code: int) -> None:
    """By its code; one that nobody foresaw is told as it is."""
    error = raised(said(code))
    assert type(error) is kind
    assert code_of(error) == exit_code
    if code not in TABLE:
        assert "feed the cats" in str(error)
        assert "AWS's own words" in str(error)


@pytest.mark.parametrize("code", ["SignatureDoesNotMatch", "InvalidSignatureException"])
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Signature expired: 20261122T014427Z is now earlier than 20261122T014428Z", "clock"),
        ("Signature not yet current: 20261122T024428Z is still later than", "clock"),
        ("The request signature we calculated does not match", "the access key and its secret"),
    ],
    ids=["behind", "ahead", "another secret"],
)
def test_a_clock_that_is_off_is_no_wrong_secret(code: str, text: str, words: str) -> None:
    """AWS has one code for both."""
    assert words in str(raised(said(code, text)))


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (exceptions.NoCredentialsError(), Forbidden, "set AWS_PROFILE"),
        (exceptions.ProfileNotFound(profile="cat"), Forbidden, "cat"),
        (exceptions.NoRegionError(), Conflict, "AWS_DEFAULT_REGION"),
        (exceptions.EndpointConnectionError(endpoint_url="http://x"), Unreachable, "http://x"),
        (exceptions.ReadTimeoutError(endpoint_url="http://x"), Unreachable, "http://x"),
        (exceptions.ConnectionClosedError(endpoint_url="http://x"), Unreachable, "http://x"),
        (BotoCoreError(), Conflict, "could not feed the cats"),
    ],
)
def test_what_keeps_aws_from_saying_it(
    error: Exception, kind: type[ManydoorsError], words: str
) -> None:
    """This machine's own trouble."""
    told = raised(error)
    assert type(told) is kind
    assert words in str(told)


def test_a_bug_stays_a_bug() -> None:
    """Nothing else is touched."""
    with pytest.raises(KeyError), explained("feed the cats"):
        raise KeyError("cat")


def test_the_region_is_the_services_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS_REGION first, as for the adapters: the doctor looks where the service does."""
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    assert Cloud().region == "eu-west-1"
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    assert Cloud().region == "eu-central-1"
