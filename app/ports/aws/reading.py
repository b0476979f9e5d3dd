"""What is read of the table and its indexes."""

from collections.abc import Callable, Iterator, Sequence
from random import random
from typing import Any

from app.ports import PAGE_CAP
from app.ports.aws import items, table
from app.ports.aws.items import Item
from app.ports.aws.wire import Wire
from app.room.errors import Unavailable

BATCH = 100  # items that one BatchGetItem takes
FIRST = 16  # of those that may be more than are wanted, while nobody knows how large they are
LEAST = 4
TRIES = 8  # of what DynamoDB left undone of a batch


class Reading:
    def __init__(self, wire: Wire, name: str, pause: Callable[[float], object]) -> None:
        self._wire, self._name, self._pause = wire, name, pause

    def get(self, key: str, *, consistent: bool = True) -> Item | None:
        answer = self._wire.ask(
            "get_item", TableName=self._name, Key={"k": {"S": key}}, ConsistentRead=consistent
        )
        found: Item | None = answer.get("Item")
        return found

    def get_all(self, keys: Sequence[str]) -> dict[str, Item]:
        """Consistently, by their keys, those that are there."""
        found: dict[str, Item] = {}
        for start in range(0, len(keys), BATCH):
            for item in self._batch(keys[start : start + BATCH]):
                found[item["k"]["S"]] = item
        return found

    def in_portions(self, keys: Sequence[str]) -> Iterator[Item]:
        """The same in their order, for whoever may stop before the end: as they get larger, fewer
        are asked for at once."""
        start, size, portion = 0, 0, FIRST
        while some := keys[start : start + portion]:
            found = self.get_all(some)
            yield from (found[key] for key in some if key in found)
            start += len(some)
            size += sum(len(items.text(each, "b")) for each in found.values())
            portion = max(LEAST, min(BATCH, start * PAGE_CAP // max(1, size) - start))

    def _batch(self, keys: Sequence[str]) -> Iterator[Item]:
        """An answer ends at 16 MB, and where throughput ends: the rest is asked for again."""
        left = {self._name: {"Keys": [{"k": {"S": key}} for key in keys], "ConsistentRead": True}}
        vain = 0
        while left:
            answer = self._wire.ask("batch_get_item", RequestItems=left)
            got: list[Item] = answer["Responses"].get(self._name, [])
            yield from got
            left = answer.get("UnprocessedKeys", {})
            vain = 0 if got else vain + 1
            if vain > TRIES:
                raise Unavailable("The store is busy: it takes no more for now.", after=1)
            if vain:
                self._pause(random() * 0.02 * 2**vain)  # noqa: S311 (no secret)

    def keys(
        self, index: str, form: str, *, after: str | None, forward: bool, most: int
    ) -> Iterator[Sequence[str]]:
        """Pages of the keys of the records in a partition of an index, in its order."""
        order = table.INDEXES[index][1]
        bound = (order, ">" if forward else "<", after) if after is not None else None
        for page in self.entries(index, form, bound, ScanIndexForward=forward, Limit=most):
            yield [entry["k"]["S"] for entry in page]

    def entries(
        self, index: str, form: str, bound: tuple[str, str, str] | None, **more: Any
    ) -> Iterator[list[Item]]:
        """Pages of the entries themselves; `bound` is an attribute, a sign and a text."""
        request = self._query(index, form) | more
        if bound:
            attribute, sign, value = bound
            request["KeyConditionExpression"] += f" AND {attribute} {sign} :bound"
            request["ExpressionAttributeValues"][":bound"] = {"S": value}
        for answer in self._answers(request):
            yield answer["Items"]

    def count(self, index: str, form: str) -> int:
        request = self._query(index, form) | {"Select": "COUNT"}
        return sum(answer["Count"] for answer in self._answers(request))

    def _query(self, index: str, form: str) -> dict[str, Any]:
        return {
            "TableName": self._name,
            "IndexName": index,
            "KeyConditionExpression": f"{table.INDEXES[index][0]} = :form",
            "ExpressionAttributeValues": {":form": {"S": form}},
        }

    def _answers(self, request: dict[str, Any]) -> Iterator[dict[str, Any]]:
        while True:
            answer = self._wire.ask("query", **request)
            yield answer
            if "LastEvaluatedKey" not in answer:
                return
            request["ExclusiveStartKey"] = answer["LastEvaluatedKey"]
