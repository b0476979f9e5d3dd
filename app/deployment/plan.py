"""What CloudFormation would change, as a value."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from app.deployment.template import HOLDS_DATA

Action = Literal["add", "adopt", "change", "replace", "remove"]

WORDS: Mapping[Action, str] = {
    "add": "is made",
    "adopt": "is there already, and taken over as it is",
    "change": "is changed",
    "replace": "IS REPLACED by a new, empty one",
    "remove": "IS REMOVED",
}


@dataclass(frozen=True)
class Change:
    action: Action
    resource: str  # its name in infra.yaml
    type: str
    id: str = ""
    properties: tuple[str, ...] = ()

    @property
    def is_dangerous(self) -> bool:
        """Does something that holds data go?"""
        return self.action in ("replace", "remove") and self.type in HOLDS_DATA

    @property
    def sentence(self) -> str:
        what = f"{self.resource} ({self.id or self.type})"
        why = f": {', '.join(self.properties)}" if self.properties else ""
        return f"{what} {WORDS[self.action]}{why}"

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "properties": list(self.properties), "dangerous": self.is_dangerous}


@dataclass(frozen=True)
class Plan:
    """`id` is the change set's."""

    id: str
    stack: str
    fresh: bool
    changes: tuple[Change, ...]

    @property
    def dangers(self) -> tuple[Change, ...]:
        return tuple(each for each in self.changes if each.is_dangerous)


def read_change(change: Mapping[str, Any]) -> Change:
    """Of what DescribeChangeSet says of one resource."""
    # https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_ResourceChange.html
    details = change.get("Details", ())
    targets = [detail.get("Target", {}) for detail in details]
    properties = {target.get("Name") or target.get("Attribute", "") for target in targets}
    return Change(
        _action(change),
        change["LogicalResourceId"],
        change["ResourceType"],
        change.get("PhysicalResourceId", ""),
        tuple(sorted(properties - {""})),
    )


def _action(change: Mapping[str, Any]) -> Action:
    match change["Action"], change.get("Replacement"):
        case "Add", _:
            return "add"
        case "Import", _:
            return "adopt"
        case "Modify", None | "False":
            return "change"
        case "Modify", _:  # "Conditional" is told too: nobody knows before it has happened
            return "replace"
    return "remove"
