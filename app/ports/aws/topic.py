"""What happened, published to an SNS topic."""

import json
import logging
from collections.abc import Callable

from app.ports import Event
from app.ports.aws.wire import HINT_PATIENCE, HINT_TRIES, Answer, Wire

MOST = 10  # events in one request

log = logging.getLogger("manydoors.topic")


class SnsTopic:
    """See `app.ports.Topic`. An event's type is an attribute too, for subscriptions that filter."""

    heard = True

    def __init__(
        self,
        name: str,
        *,
        url: str | None = None,
        patience: float = HINT_PATIENCE,
        trace: Callable[[str, Answer], object] | None = None,
    ) -> None:
        """`name`: the topic's, or its ARN, which saves a request in each process."""
        self._wire = Wire(url, patience, trace, "sns", HINT_TRIES)
        self._account = Wire(url, patience, trace, "sts", HINT_TRIES)
        self._name, self._arn = name, name if ":" in name else ""

    def publish(self, *events: Event) -> None:
        for start in range(0, len(events), MOST):
            try:
                entries = [
                    {
                        "Id": str(place),
                        "Message": json.dumps(event, ensure_ascii=False),
                        "MessageAttributes": {
                            "type": {"DataType": "String", "StringValue": event["type"]}
                        },
                    }
                    for place, event in enumerate(events[start : start + MOST])
                ]
                told = self._wire.ask(
                    "publish_batch", TopicArn=self._found(), PublishBatchRequestEntries=entries
                )
            except Exception as error:  # noqa: BLE001 - the job has ended, whoever hears of it
                log.warning("events are lost: %s", error)
                return
            if failed := told.get("Failed"):
                log.warning("SNS did not take %d events", len(failed))

    def close(self) -> None:
        self._wire.close()
        self._account.close()

    def _found(self) -> str:
        """A topic of this account and region has no other look-up by name."""
        if not self._arn:
            who = self._account.ask("get_caller_identity")
            partition, account = who["Arn"].split(":")[1], who["Account"]
            region = self._wire.client().meta.region_name
            self._arn = f"arn:{partition}:sns:{region}:{account}:{self._name}"
        return self._arn
