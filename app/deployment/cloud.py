"""AWS, as the credentials of this machine see it: clients of one session, errors in sentences."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any

from app.client import Unreachable
from app.room.errors import Conflict, Forbidden, ManydoorsError, Unavailable, Unknown

NO_CREDENTIALS = (
    "AWS knows nothing of who asks: set AWS_PROFILE, or AWS_ACCESS_KEY_ID and "
    "AWS_SECRET_ACCESS_KEY, or run `aws configure`."
)
NO_REGION = (
    "AWS needs a region: set AWS_DEFAULT_REGION, as in AWS_DEFAULT_REGION=eu-central-1. "
    "(AWS_REGION would do here, but `zappa` itself does not read it.)"
)
STALE = "The credentials for AWS are no longer valid: sign in again (`aws sso login`)."
WRONG = "AWS does not know these credentials: check AWS_PROFILE, or the access key and its secret."
CLOCK = "AWS finds the request's time wrong: set this machine's clock."
BUSY = "AWS takes no more requests for now."

# By the code of AWS's error.
TABLE: dict[str, tuple[type[Forbidden | Unavailable], str]] = {
    "ExpiredToken": (Forbidden, STALE),
    "ExpiredTokenException": (Forbidden, STALE),
    "UnrecognizedClientException": (Forbidden, WRONG),
    "InvalidClientTokenId": (Forbidden, WRONG),
    "AuthFailure": (Forbidden, WRONG),
    "SignatureDoesNotMatch": (Forbidden, WRONG),
    "InvalidSignatureException": (Forbidden, WRONG),
    "RequestExpired": (Forbidden, CLOCK),
    "RequestTimeTooSkewed": (Forbidden, CLOCK),
    "Throttling": (Unavailable, BUSY),
    "ThrottlingException": (Unavailable, BUSY),
    "TooManyRequestsException": (Unavailable, BUSY),
}
DENIED = (
    *("AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "AuthorizationError"),
    "403",  # of a HEAD, which has no words
)
ABSENT = (
    *("404", "ResourceNotFoundException"),
    *("AWS.SimpleQueueService.NonExistentQueue", "QueueDoesNotExist"),
)
NO_SUCH = ("NotFound", "NoSuch")  # somewhere in other codes of what is not there


class Cloud:
    """Of a session of boto3's, or of one that is made of the environment."""

    def __init__(self, session: Any = None) -> None:
        self._session = session
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        if service not in self._clients:
            with explained(f"ask {service}"):
                self._clients[service] = self._made().client(service, config=_config())
        return self._clients[service]

    @cached_property
    def region(self) -> str:
        return str(self.client("sts").meta.region_name)

    @property
    def endpoint(self) -> str:
        """Whom it asks: AWS, or an emulator that AWS_ENDPOINT_URL names."""
        return str(self.client("cloudformation").meta.endpoint_url)

    @cached_property
    def identity(self) -> dict[str, str]:
        """Account and ARN of who asks, and AWS's time."""
        with explained("learn who asks"):
            answer = self.client("sts").get_caller_identity()
        date = answer["ResponseMetadata"]["HTTPHeaders"].get("date", "")
        return {"account": answer["Account"], "arn": answer["Arn"], "date": date}

    @property
    def account(self) -> str:
        return self.identity["account"]

    @property
    def partition(self) -> str:
        """`aws`; others are China's and the government's."""
        return str(self.client("sts").meta.partition)

    def arn(self, service: str, resource: str) -> str:
        """Of something of this account in this region."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def _made(self) -> Any:
        if self._session is None:
            import boto3.session
            import botocore.session

            from app.ports.aws.client import REGION

            own = botocore.session.Session(session_vars=REGION)
            self._session = boto3.session.Session(botocore_session=own)
        if not self._session.region_name:  # an empty one would be part of an address
            raise Conflict(NO_REGION)
        return self._session


@contextmanager
def explained(doing: str) -> Iterator[None]:
    """AWS's errors as this program's: a sentence that says what to do. `Unknown` of what is not
    there."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise _told(error.response.get("Error", {}), doing) from error
    except BotoCoreError as error:
        raise _untold(error, doing) from error


def _told(error: Any, doing: str) -> ManydoorsError:
    from app.ports.aws.trouble import OFF

    code, text = str(error.get("Code", "")), str(error.get("Message", ""))
    if code in DENIED:
        return Forbidden(f"AWS does not let these credentials {doing}: {text}")
    if text.startswith(OFF):  # the signature is right, and of another time
        return Forbidden(CLOCK)
    if code in TABLE:
        kind, sentence = TABLE[code]
        return kind(sentence)
    is_absent = code in ABSENT or any(words in code for words in NO_SUCH)
    problem = Unknown if is_absent else Conflict
    return problem(f"AWS could not {doing}: {text or code}", code=code)


def _untold(error: Exception, doing: str) -> ManydoorsError:
    from botocore import exceptions

    match error:
        case exceptions.NoCredentialsError() | exceptions.PartialCredentialsError():
            return Forbidden(NO_CREDENTIALS)
        case exceptions.ProfileNotFound() | exceptions.TokenRetrievalError():
            return Forbidden(f"{error}. {STALE}")
        case exceptions.NoRegionError():
            return Conflict(NO_REGION)
        case exceptions.HTTPClientError() | exceptions.ConnectionError():
            return Unreachable(f"AWS does not answer, or there is no way to it: {error}")
    return Conflict(f"AWS could not {doing}: {error}")


def _config() -> Any:
    from botocore.config import Config

    return Config(
        connect_timeout=5,
        read_timeout=30,
        retries={"mode": "standard", "total_max_attempts": 4},
    )
