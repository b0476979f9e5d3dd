"""What a fuzzer brings to the handlers: recorded events with something else somewhere in them, and
requests in the form of each gateway."""

import json
from base64 import b64encode
from collections import Counter
from random import Random
from typing import Any

from handlers.ask import NotDone, UnknownEvent
from tests.handlers import gateways
from tests.handlers.gateways import FORMS
from tests.handlers.home import EVENTS
from tests.hostile.grammar import DOCUMENTS, hostile_text
from tests.hostile.mutation import changed
from tests.hostile.oracle import wrong
from tests.hostile.place import Asked, Got, Place

RECORDED = {
    path.stem: json.loads(path.read_text())
    for path in sorted(EVENTS.glob("*.json"))
    if not path.stem.startswith("http_")
}
MESSAGE = {"body", "Message", "data", "detail", "key", "N", "S"}
"""Where in an event stands what others have written."""


def brought(random: Random) -> Any:
    """An event that a platform could hand over."""
    event = RECORDED[random.choice(list(RECORDED))]
    if random.random() < 0.6:
        event = _with(random, event)
    if random.random() < 0.6:
        event = changed(random, event, 8)
    return through_json(event)


def through_json(event: Any) -> Any:
    """As the runtime of Lambda reads it, whose reader is not strict."""
    return json.loads(json.dumps(event))


def _with(random: Random, event: Any) -> Any:
    """Other words in every message."""
    if isinstance(event, list):
        return [_with(random, each) for each in event]
    if not isinstance(event, dict):
        return event
    return {
        name: _message(random, name) if name in MESSAGE else _with(random, each)
        for name, each in event.items()
    }


def _message(random: Random, name: str) -> Any:
    document = random.choice(DOCUMENTS)
    if name == "data":
        return b64encode(document).decode()
    text = document.decode(errors="surrogatepass" if is_text(document) else "replace")
    if random.random() < 0.4:
        text = hostile_text(random)
    if name != "detail":
        return random.choice((text, json.dumps({"operation": "echo.text", "params": text})))
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def tried(place: Place, random: Random, statuses: Counter[str]) -> tuple[str, str]:
    """An event, and what is wrong with what came of it."""
    event = brought(random)
    try:
        answer = place.bring(event)
    except UnknownEvent:
        statuses["unknown event"] += 1
        return "", ""
    except NotDone as error:
        return shown(event), f"to be brought again, for ever: {error}"
    except Exception as error:  # noqa: BLE001 - anything else is a finding
        return shown(event), f"{type(error).__name__} left the handler: {error}"[:500]
    statuses["event"] += 1
    failed = answer.get("batchItemFailures") if isinstance(answer, dict) else None
    return shown(event), f"to be brought again, for ever: {failed}" if failed else ""


def by_gateway(
    place: Place, random: Random, asked: Asked, statuses: Counter[str]
) -> tuple[str, str]:
    """A request over HTTP that some gateway hands over, and what is wrong with its answer."""
    form = random.choice(list(FORMS))
    encoded = random.random() < 0.7 or not is_text(asked.body)
    event = through_json(in_form(form, asked, encoded=encoded))
    if random.random() < 0.2:
        event = through_json(changed(random, event, 8))
    try:
        answer = place.bring(event)
    except UnknownEvent:
        statuses["unknown event"] += 1
        return "", ""
    except Exception as error:  # noqa: BLE001 - anything else is a finding
        return shown(event), f"{type(error).__name__} left the handler: {error}"[:500]
    if not isinstance(answer, dict) or "statusCode" not in answer:
        return shown(event), f"no answer of a gateway: {answer!r}"[:300]
    got = gateways.got(answer)
    statuses[f"{got.status} by a gateway"] += 1
    return shown(event), wrong(asked, Got(got.status, tuple(got.headers), got.body))


def by_form(place: Place, form: str, encoded: bool, asked: Asked) -> Got:
    """What that gateway makes of our answer."""
    got = gateways.got(place.bring(through_json(in_form(form, asked, encoded=encoded))))
    return Got(got.status, tuple(got.headers), got.body)


def in_form(form: str, asked: Asked, *, encoded: bool = True) -> Any:
    """As that gateway writes it; the body as it is, where it is text and not to be encoded."""
    path, _, query = asked.target.decode("latin-1").partition("?")
    sent = gateways.Asked(asked.method, path, query, dict(asked.headers), asked.body)
    event = FORMS[form][0](sent)
    if not encoded:
        text = asked.body.decode(errors="surrogatepass")
        event |= {"body": text, "isBase64Encoded": False}
    return event


def is_text(body: bytes) -> bool:
    try:
        body.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return False
    return True


def shown(event: Any) -> str:
    said = json.dumps(event)
    return said if len(said) <= 1500 else said[:1500] + "…"
