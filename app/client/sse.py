"""Server-sent events, read line by line as the HTML standard says."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Message:
    """One event; `data` is its JSON, or None where it is none."""

    name: str = "message"
    data: Any = None
    id: str = ""
    _lines: list[str] = field(default_factory=list)


def messages(lines: Iterable[bytes | None]) -> Iterator[Message | None]:
    """Each message that came whole, a comment too, nameless; None where the lines have None."""
    message, last = Message(), ""
    for raw in lines:
        if raw is None or raw.startswith(b":"):
            yield None if raw is None else Message("", id=last)
            continue
        line = raw.decode(errors="replace").rstrip("\r\n")
        if line == "":
            if message._lines:
                message.data, message.id = _json("\n".join(message._lines)), last
                yield message
            message = Message()
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "event":
            message.name = value
        elif name == "data":
            message._lines.append(value)
        elif name == "id" and "\0" not in value:
            last = value


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None
