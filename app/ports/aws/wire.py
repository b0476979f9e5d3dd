"""Calls to AWS: a client for each process, made late, and every error in our words."""

import os
from collections.abc import Callable
from typing import Any, cast

import boto3.session
import botocore.session
from botocore.config import Config

from app.ports.aws.trouble import Service, ours

PATIENCE = 4.0  # seconds for one answer; with three more tries a call ends within half a minute
TRIES = 4
HINT_PATIENCE, HINT_TRIES = 2.0, 2  # of what may be lost: nobody's answer waits longer for it
# AWS's tools and other SDKs read the first; boto3 alone does not.
REGION = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}

# Checksums are given by hand: the SDK's own would stand in signed URLs, whose users know none.
S3 = Config(
    signature_version="s3v4",
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)

Answer = dict[str, Any]


class Wire:
    """`trace` is shown every verb and its answer, with the capacity that it took."""

    def __init__(
        self,
        url: str | None,
        patience: float,
        trace: Callable[[str, Answer], object] | None,
        service: Service = "dynamodb",
        tries: int = TRIES,
    ) -> None:
        self._url, self._trace, self._service = url, trace, service
        config = _config(patience, tries)
        self._config = config.merge(S3) if service == "s3" else config
        self._clients: dict[int, Any] = {}

    def ask(self, verb: str, **request: Any) -> Answer:
        """`ask("get_item", TableName=…, Key=…)`."""
        if self._trace and self._service == "dynamodb":
            request["ReturnConsumedCapacity"] = "INDEXES"
        try:
            answer: Answer = getattr(self.client(), verb)(**request)
        except Exception as error:
            raise ours(error, self._service) from error
        if self._trace:
            self._trace(verb, answer)
        return answer

    def presign(self, verb: str, request: Answer, seconds: int) -> str:
        """A URL that does this once it is asked for; signed here, without asking anybody."""
        try:
            client = self.client()
            url: str = client.generate_presigned_url(verb, Params=request, ExpiresIn=seconds)
        except Exception as error:
            raise ours(error, self._service) from error
        return url

    def close(self) -> None:
        if client := self._clients.pop(os.getpid(), None):
            client.close()

    def client(self) -> Any:
        """Of boto3."""
        pid = os.getpid()
        # Under a fresh key after a fork: a socket must not be two processes'.
        return self._clients.get(pid) or self._clients.setdefault(pid, self._made())

    def _made(self) -> Any:
        # No lock, which a fork could inherit held: threads that begin together make one each,
        # of a session of its own, and one of them stays.
        own = botocore.session.Session(session_vars=REGION)
        client = cast("Any", boto3.session.Session(botocore_session=own)).client
        return client(self._service, endpoint_url=self._url, config=self._config)


def _config(patience: float, tries: int) -> Config:
    return Config(
        connect_timeout=1.5,
        read_timeout=patience,
        # With jitter; of throttling, of 5xx and of answers that were lost.
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=32,
        tcp_keepalive=True,
    )
