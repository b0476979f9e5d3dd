"""The call as API Gateway's REST API brings it to each of them."""

import json
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parents[2] / "tests" / "events"
BODY = {"name": "Tom", "times": 2}
SAYS = "Tom says meow Tom says meow"
KEY = f"md_bench_{0:064}"  # ours takes it as MANYDOORS_ADMIN_KEY; the others do not look
THEIRS, OURS = "/v1/speak", "/v1/operations/bench.speak"


def call(path: str, resource: str = "") -> dict[str, Any]:
    """`resource`: the route's own, where the gateway knows more than one."""
    event = recorded("http_rest")
    context = event["requestContext"]
    event["multiValueHeaders"]["Authorization"] = [f"Bearer {KEY}"]
    event["headers"]["Authorization"] = f"Bearer {KEY}"
    event |= {"path": path, "resource": resource or "/{proxy+}", "body": json.dumps(BODY)}
    event["pathParameters"] = None if resource else {"proxy": path.strip("/")}
    context |= {"path": f"/{context['stage']}{path}", "resourcePath": event["resource"]}
    return event


def recorded(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((RECORDED / f"{name}.json").read_text())
    return found
