"""Breaks chosen requests to AWS, each at its number, and counts whom it was felt by."""

import threading
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from app.ports.aws.wire import Wire
from tests.engines.faults import BROKEN, LOST, RESET, Faults, slow
from tests.engines.lossy import Lossy

LATE_MS = 600  # what is late comes when its sender has given it up, and has sent it again
PATIENCE = 0.5
LASTING = " for long"  # so often that it outlasts the SDK's own tries

CODES = {
    "dynamodb": {"code": "ProvisionedThroughputExceededException"},
    "sqs": {"code": "ServiceUnavailable", "status": 503},  # microburst prefixes its other codes
    "sns": {"code": "Throttling", "status": 400},
    "sts": {"code": "Throttling", "status": 400},
}
RULES = {"lost": LOST, "reset": RESET, "broken": BROKEN, "late": slow(LATE_MS)}
LOSSY = ("s3", "lambda")
HOWS = ("lost", "reset", "broken", "throttled", "late", f"lost{LASTING}", f"broken{LASTING}")


@dataclass(frozen=True)
class Point:
    """The n-th asking of a verb, and what befalls it."""

    verb: str
    number: int
    how: str

    def __str__(self) -> str:
        return f"{self.verb} {self.number} {self.how}"

    @property
    def lasts(self) -> bool:
        return self.how.endswith(LASTING)


class Breaker:
    """`asked`: how often each verb was; `felt`: the points whose fault has come, and has made the
    SDK send its request again."""

    def __init__(self, tables: Faults, sky: Faults, files: Lossy, points: Iterable[Point]) -> None:
        """The proxies before DynamoDB, before SQS, SNS and STS, and before S3 and Lambda: of an
        answer without a body microburst can lose nothing."""
        self._tables, self._sky, self._files = tables, sky, files
        self.points = {(point.verb, point.number): point for point in points}
        self.asked: Counter[str] = Counter()
        self.felt: set[Point] = set()
        self._lock = threading.Lock()

    def watch(self, wire: Wire) -> None:
        wire.ask = partial(self._ask, wire, wire.ask)  # type: ignore[method-assign]

    def _ask(self, wire: Wire, ask: Any, verb: str, **request: Any) -> Any:
        with self._lock:
            self.asked[verb] += 1
            point = self.points.get((verb, self.asked[verb]))
            if point is None:
                return ask(verb, **request)
            sent: list[None] = []
            events = wire.client().meta.events
            count = lambda **_: sent.append(None)  # noqa: E731 - registered, and taken away
            events.register("before-send", count)
            self._arm(point, wire)
            try:
                return ask(verb, **request)
            finally:
                events.unregister("before-send", count)
                if self._disarm(wire) and len(sent) > 1:
                    self.felt.add(point)

    def _arm(self, point: Point, wire: Wire) -> None:
        operation = wire.client().meta.method_to_api_mapping[point.verb]
        how, times = point.how.removesuffix(LASTING), wire._tries if point.lasts else 1
        if wire._service in LOSSY:
            self._files.break_(operation, how, times)
            return
        rule = {"error": CODES[wire._service]} if how == "throttled" else RULES[how]
        about = {"service": wire._service, "operation": operation, "times": times}
        self._proxy(wire).set(about | rule)

    def _disarm(self, wire: Wire) -> int:
        if wire._service in LOSSY:
            self._files.plan = []
            return self._files.fired
        proxy = self._proxy(wire)
        fired = proxy.fired()
        proxy.set()
        return fired

    def _proxy(self, wire: Wire) -> Faults:
        return self._tables if wire._service == "dynamodb" else self._sky
