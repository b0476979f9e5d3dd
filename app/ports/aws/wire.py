"""Calls to AWS: a client for each process, made late, and every error in our words."""

import os
from collections.abc import Callable
from typing import Any

from app.ports.aws.trouble import Service, ours
from app.ports.lasting import lasting

PATIENCE = 4.0  # seconds for one answer; with three more tries a call ends within half a minute
TRIES = 4
HINT_PATIENCE, HINT_TRIES = 2.0, 2  # of what may be lost: nobody's answer waits longer for it

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
        self._patience, self._tries = patience, tries
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
        """Of the SDK."""
        pid = os.getpid()
        # Under a fresh key after a fork: a socket must not be two processes'. Threads that begin
        # together make one each, and one of them stays.
        return self._clients.get(pid) or self._clients.setdefault(pid, self._made())

    def _made(self) -> Any:
        with lasting():
            from app.ports.aws.client import shop  # late: who asks AWS for nothing loads no SDK

            return shop().make(self._service, self._url, self._patience, self._tries)
