"""A handler that somebody writes for this one call."""

import json
from typing import Any


def handle(event: Any, context: Any) -> Any:
    try:
        body = json.loads(event["body"])
    except ValueError:
        return answer(400, {"errors": "not JSON"})
    if not isinstance(body, dict) or not isinstance(name := body.get("name"), str):
        return answer(422, {"errors": "name: a string"})
    times = body.get("times", 1)
    if type(times) is not int or not 1 <= times <= 100:
        return answer(422, {"errors": "times: 1 to 100"})
    return answer(200, {"says": " ".join([f"{name} says meow"] * times)})


def answer(status: int, body: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    return {"statusCode": status, "headers": headers, "body": json.dumps(body)}
