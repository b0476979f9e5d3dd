"""What AWS may complain of, in this program's words: the one table.

What a condition refused is no trouble but an answer, and has classes of its own here.
"""

from collections.abc import Sequence
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
    PartialCredentialsError,
)

from app.room.errors import BadSetting, ManydoorsError, TooLarge, Unavailable

SLOW = (Unavailable, "The store is busy: it takes no more for now.", 1)
FAILED = (Unavailable, "The store failed.", 2)
FORBIDDEN = (Unavailable, "The store does not let this service in.", 60)
NO_BUCKET = (Unavailable, "The store's bucket is not there.", 60)
ABSENT = (Unavailable, "The store's table is not there.", 60)

# By the code of AWS's error: class, text, seconds until another try.
TABLE: dict[str, tuple[type[Unavailable], str, float]] = {
    "ProvisionedThroughputExceededException": SLOW,
    "ThrottlingException": SLOW,
    "RequestLimitExceeded": SLOW,
    "LimitExceededException": SLOW,
    "TransactionInProgressException": SLOW,
    "InternalServerError": FAILED,
    "InternalFailure": FAILED,
    "ServiceUnavailable": FAILED,
    "ResourceNotFoundException": ABSENT,
    "AccessDeniedException": FORBIDDEN,
    "UnrecognizedClientException": FORBIDDEN,
    "InvalidSignatureException": FORBIDDEN,
    "MissingAuthenticationTokenException": FORBIDDEN,
    "ExpiredTokenException": FORBIDDEN,
    # S3 has words of its own, and none at all for a HEAD.
    "SlowDown": SLOW,
    "RequestTimeout": SLOW,
    "InternalError": FAILED,
    "NoSuchBucket": NO_BUCKET,
    "AccessDenied": FORBIDDEN,
    "InvalidAccessKeyId": FORBIDDEN,
    "SignatureDoesNotMatch": FORBIDDEN,
    "ExpiredToken": FORBIDDEN,
    "403": FORBIDDEN,
}
NOT_THERE = frozenset(("NoSuchKey", "NoSuchUpload", "404"))
THERE = frozenset(("PreconditionFailed", "ConditionalRequestConflict", "412"))
FULL = "Item size"  # begins so: "Item size has exceeded", "Item size to update has exceeded"
SETTINGS = (NoRegionError, PartialCredentialsError)


class Refused(Exception):
    """A condition did not hold. `found` is the item as it was then, for each write that was
    refused by its place; `resent`: an earlier sending of the same may have landed."""

    def __init__(self, found: dict[int, dict[str, Any]], *, resent: bool) -> None:
        super().__init__(found)
        self.found, self.resent = found, resent


class Absent(Exception):
    """There is no such object, or no such upload."""


class Conflicted(Exception):
    """Another transaction is at the same record: another try can help."""

    def __init__(self, text: str, *, resent: bool) -> None:
        super().__init__(text)
        self.resent = resent


def ours(error: Exception) -> Exception:
    """The same trouble as this program says it; a bug stays what it is."""
    if isinstance(error, ClientError):
        return _told(error)
    if isinstance(error, SETTINGS):
        return BadSetting(f"AWS: {error}")
    if isinstance(error, NoCredentialsError):
        return Unavailable("AWS knows nothing of who asks: there are no credentials.", after=60)
    if isinstance(error, HTTPClientError):
        return Unavailable("The store does not answer.", after=2)
    if isinstance(error, BotoCoreError):
        return Unavailable("The store's answer makes no sense.", after=2)
    return error


def _told(error: ClientError) -> Exception:
    response: dict[str, Any] = dict(error.response)
    told = response.get("Error", {})
    code, text = told.get("Code", ""), told.get("Message", "")
    answer = response.get("ResponseMetadata", {})
    resent = answer.get("RetryAttempts", 0) > 0
    if code == "ConditionalCheckFailedException":
        return Refused({0: response.get("Item", {})}, resent=resent)
    if code in THERE:
        return Refused({}, resent=resent)
    if code in NOT_THERE:
        return Absent(text)
    if code == "TransactionConflictException":
        return Conflicted(text, resent=resent)
    if code == "TransactionCanceledException":
        return _cancelled(response.get("CancellationReasons", ()), resent)
    return _problem(code, text, answer.get("HTTPStatusCode", 0)) or error


def _cancelled(reasons: Sequence[dict[str, Any]], resent: bool) -> Exception:
    codes = [reason.get("Code") for reason in reasons]
    refused = {
        place: reasons[place].get("Item", {})
        for place, code in enumerate(codes)
        if code == "ConditionalCheckFailed"
    }
    if refused:
        return Refused(refused, resent=resent)
    for reason in reasons:
        if reason.get("Code") == "ValidationError":
            text = reason.get("Message", "")
            return _problem("ValidationException", text, 400) or ValueError(text)
    return Conflicted(", ".join(code for code in codes if code), resent=resent)


def _problem(code: str, text: str, status: int) -> ManydoorsError | None:
    if code == "ValidationException" and FULL in text:
        return TooLarge("That is more than the store can hold in one record.")
    kind, detail, after = TABLE.get(code, FAILED)
    if code not in TABLE and status < 500:
        return None
    return kind(detail, after=after)
