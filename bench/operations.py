"""The operation that bench.http calls: MANYDOORS_OPERATIONS=bench.operations."""

from typing import Annotated

from marshmallow import validate

from app import operation


@operation("bench.speak")
def speak(name: str, times: Annotated[int, validate.Range(1, 100)] = 1) -> dict[str, str]:
    """Let somebody speak."""
    return {"says": " ".join([f"{name} says meow"] * times)}
