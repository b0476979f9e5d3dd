"""What AWS may complain of, in this program's words: the one table.

What a condition refused is no trouble but an answer, and has classes of its own here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

from app.room.errors import BadSetting, ManydoorsError, TooLarge, Unavailable

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

Service = Literal["dynamodb", "s3", "sqs", "sns", "lambda", "sts"]

# What this program calls it, the thing in it, and the setting that names that.
NAMES: dict[Service, tuple[str, str, str]] = {
    "dynamodb": ("The store", "table", "MANYDOORS_TABLE"),
    "s3": ("S3", "bucket", "MANYDOORS_BUCKET"),
    "sqs": ("The queue", "queue", "MANYDOORS_QUEUE"),
    "sns": ("The topic", "topic", "MANYDOORS_TOPIC"),
    "lambda": ("Lambda", "function", "AWS_LAMBDA_FUNCTION_NAME"),
    "sts": ("AWS", "account", "AWS_PROFILE"),
}

Row = tuple[str, float]  # a text, and the seconds until another try
SLOW: Row = ("{service} is busy: it takes no more for now.", 1)
FAILED: Row = ("{service} failed.", 2)
DEAF: Row = (
    "{service} does not answer: check the network, AWS_REGION and AWS_ENDPOINT_URL.",
    2,
)
ABSENT: Row = (
    "{service}'s {thing} is not there: check {setting} and AWS_REGION, or make it.",
    60,
)
FORBIDDEN: Row = (
    "AWS does not let this service use its {thing}: allow that to its role or user, and check "
    "{setting}.",
    60,
)
STRANGER: Row = (
    "AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
    "the profile or role that they come from.",
    60,
)
EXPIRED: Row = ("The AWS credentials have expired: get new ones (aws sso login).", 60)
NOBODY: Row = (
    "There are no AWS credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, "
    "or AWS_PROFILE, or give this machine a role.",
    60,
)
CLOCK: Row = (
    "AWS refuses what this machine signs, for its clock is off: set it (timedatectl set-ntp true).",
    60,
)

# By the code of AWS's error.
TABLE: dict[str, Row] = {
    "ProvisionedThroughputExceededException": SLOW,
    "ThrottlingException": SLOW,
    "Throttling": SLOW,
    "Throttled": SLOW,
    "ThrottledException": SLOW,
    "TooManyRequestsException": SLOW,
    "RequestThrottled": SLOW,
    "RequestLimitExceeded": SLOW,
    "LimitExceededException": SLOW,
    "OverLimit": SLOW,
    "TransactionInProgressException": SLOW,
    "InternalServerError": FAILED,
    "InternalFailure": FAILED,
    "ServiceUnavailable": FAILED,
    "ResourceNotFoundException": ABSENT,
    "NonExistentQueue": ABSENT,
    "QueueDoesNotExist": ABSENT,
    "InvalidAddress": ABSENT,
    "NotFound": ABSENT,
    "NotFoundException": ABSENT,
    "InvalidParameter": ABSENT,  # of a topic: its ARN, or the region in it
    "InvalidParameterException": ABSENT,
    "AccessDenied": FORBIDDEN,
    "AccessDeniedException": FORBIDDEN,
    "AuthorizationError": FORBIDDEN,
    "AuthorizationErrorException": FORBIDDEN,
    "KMSAccessDeniedException": FORBIDDEN,
    "UnrecognizedClientException": STRANGER,
    "InvalidClientTokenId": STRANGER,
    "InvalidAccessKeyId": STRANGER,
    "InvalidSignatureException": STRANGER,
    "SignatureDoesNotMatch": STRANGER,
    "IncompleteSignature": STRANGER,
    "MissingAuthenticationToken": NOBODY,
    "MissingAuthenticationTokenException": NOBODY,
    "ExpiredToken": EXPIRED,
    "ExpiredTokenException": EXPIRED,
    "RequestExpired": CLOCK,
    "RequestTimeTooSkewed": CLOCK,
    # S3 has words of its own, and only a number for a HEAD.
    "SlowDown": SLOW,
    "OperationAborted": SLOW,
    "RequestTimeout": SLOW,
    "InternalError": FAILED,
    "NoSuchBucket": ABSENT,
    "403": FORBIDDEN,
}
NOT_THERE = frozenset(("NoSuchKey", "NoSuchUpload", "404"))
THERE = frozenset(("PreconditionFailed", "412"))
# Another transaction is at the same record, or another conditional request at the same object.
CONFLICTS = frozenset(("TransactionConflictException", "ConditionalRequestConflict"))
OFF = ("Signature expired", "Signature not yet current")  # texts of a wrong clock's signature
SQS = "AWS.SimpleQueueService."  # before some of its codes
# Of an item: "Item size has exceeded", "Item size to update has exceeded"; of a whole transaction.
FULL = ("Item size", "Transaction payload size", "ggregate size")


class Refused(Exception):
    """A condition did not hold. `found` is the item as it was then, for each write that was
    refused by its place; `resent`: an earlier sending of the same may have landed."""

    def __init__(self, found: dict[int, dict[str, Any]], *, resent: bool) -> None:
        super().__init__(found)
        self.found, self.resent = found, resent


class Absent(Exception):
    """There is no such object, or no such upload."""


class Conflicted(Exception):
    """Another is at the same record or object: another try can help."""

    def __init__(self, text: str, *, resent: bool) -> None:
        super().__init__(text)
        self.resent = resent


def ours(error: Exception, service: Service = "dynamodb") -> Exception:
    """The same trouble as this program says it; a bug stays what it is."""
    from botocore import exceptions as sdk  # late: with `client`, which raised it

    if isinstance(error, sdk.ClientError):
        return _told(error, service)
    if isinstance(error, sdk.NoRegionError):
        return BadSetting("AWS: name the region, as in AWS_REGION=eu-central-1.")
    if isinstance(error, sdk.PartialCredentialsError | sdk.ProfileNotFound):
        return BadSetting(f"AWS: {error}")
    if isinstance(error, sdk.NoCredentialsError):
        return _unavailable(NOBODY, service)
    if isinstance(error, sdk.CredentialRetrievalError | sdk.SSOError | sdk.TokenRetrievalError):
        return _unavailable(EXPIRED, service)
    if isinstance(error, sdk.HTTPClientError | sdk.ConnectionError):
        return _unavailable(DEAF, service)
    if isinstance(error, sdk.BotoCoreError):
        return Unavailable(f"{NAMES[service][0]}'s answer makes no sense.", after=2)
    return error


def _unavailable(row: Row, service: Service) -> Unavailable:
    named, thing, setting = NAMES[service]
    return Unavailable(row[0].format(service=named, thing=thing, setting=setting), after=row[1])


def _told(error: "ClientError", service: Service) -> Exception:
    response: dict[str, Any] = dict(error.response)
    told = response.get("Error", {})
    code, text = told.get("Code", "").removeprefix(SQS), told.get("Message", "")
    answer = response.get("ResponseMetadata", {})
    resent = answer.get("RetryAttempts", 0) > 0
    if code == "ConditionalCheckFailedException":
        return Refused({0: response.get("Item", {})}, resent=resent)
    if code in THERE:
        return Refused({}, resent=resent)
    if code in NOT_THERE:
        return Absent(text)
    if code in CONFLICTS:
        return Conflicted(text, resent=resent)
    if code == "TransactionCanceledException":
        return _cancelled(response.get("CancellationReasons", ()), resent)
    return _problem(code, text, answer.get("HTTPStatusCode", 0), service) or error


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
            known = _problem("ValidationException", text, 400, "dynamodb")
            return known or ValueError(text)
    return Conflicted(", ".join(code for code in codes if code), resent=resent)


def _problem(code: str, text: str, status: int, service: Service) -> ManydoorsError | None:
    if code == "ValidationException" and any(each in text for each in FULL):
        return TooLarge("That is more than the store can hold in one record, or take at once.")
    if code not in TABLE and status < 500:
        return None
    row = TABLE.get(code, FAILED)
    return _unavailable(CLOCK if row is STRANGER and text.startswith(OFF) else row, service)
