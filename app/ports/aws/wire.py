"""Calls to DynamoDB: a client for each process, made late, and every error in our words."""

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import boto3.session
from botocore.config import Config

from app.ports.aws.trouble import ours

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

PATIENCE = 4.0  # seconds for one answer; with three more tries a call ends within half a minute

Answer = dict[str, Any]


class Wire:
    """`trace` is shown every verb and its answer, with the capacity that it took."""

    def __init__(
        self,
        url: str | None,
        patience: float,
        trace: Callable[[str, Answer], object] | None,
    ) -> None:
        self._url, self._patience, self._trace = url, patience, trace
        self._clients: dict[int, DynamoDBClient] = {}

    def ask(self, verb: str, **request: Any) -> Answer:
        """`ask("get_item", TableName=…, Key=…)`."""
        if self._trace:
            request["ReturnConsumedCapacity"] = "INDEXES"
        try:
            answer: Answer = getattr(self._client(), verb)(**request)
        except Exception as error:
            raise ours(error) from error
        if self._trace:
            self._trace(verb, answer)
        return answer

    def close(self) -> None:
        if client := self._clients.pop(os.getpid(), None):
            client.close()

    def _client(self) -> "DynamoDBClient":
        pid = os.getpid()
        # Under a fresh key after a fork: a socket must not be two processes'.
        return self._clients.get(pid) or self._clients.setdefault(pid, self._made())

    def _made(self) -> "DynamoDBClient":
        # No lock, which a fork could inherit held: threads that begin together make one each,
        # of a session of its own, and one of them stays.
        session = boto3.session.Session()
        return session.client("dynamodb", endpoint_url=self._url, config=_config(self._patience))


def _config(patience: float) -> Config:
    return Config(
        connect_timeout=1.5,
        read_timeout=patience,
        # With jitter; of throttling, of 5xx and of answers that were lost.
        retries={"mode": "standard", "total_max_attempts": 4},
        max_pool_connections=32,
        tcp_keepalive=True,
    )
