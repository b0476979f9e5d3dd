"""Operations of every kind of parameter, each giving back what it got: nothing here goes wrong by
itself, so whatever does is the service's fault."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal, TypedDict
from uuid import UUID

from marshmallow import validate

from app import File, Queue, Secret, Stream, Topic, Upload
from app.room.operation import Registry


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@dataclass
class Address:
    street: str
    number: int = 1


class Cat(TypedDict):
    name: str
    lives: int


def text(text: str, times: Annotated[int, validate.Range(1, 9)] = 1, loud: bool = False) -> str:
    """Say a text."""
    return (text.upper() if loud else text) * times


def pair(left: str, right: Annotated[list[int], validate.Length(max=3)]) -> dict[str, object]:
    """Put two together."""
    return {"left": left, "right": right}


def kinds(
    whole: int = 0,
    number: float = 0.0,
    exact: Decimal | None = None,
    day: date | None = None,
    moment: datetime | None = None,
    id: UUID | None = None,
    colour: Colour = Colour.RED,
    size: Literal["small", "large", 3] = "small",
    address: Address | None = None,
    cats: list[Cat] | None = None,
    named: dict[str, int] | None = None,
    either: int | str | None = None,
    anything: object = None,
    pin: Annotated[str, Secret] = "",
) -> str:
    """Take some of everything."""
    return repr((whole, number, exact, day, moment, id, colour, size, address, cats, named, either))


def anything(message: object) -> object:
    """Give it back."""
    return message


def where(where: str) -> str:
    """Say where."""
    return where


def day(day: date, whole: int = 0) -> str:
    """Say when."""
    return f"{day} {whole}"


def measured(file: File) -> int:
    """Say how large a file is."""
    return file.size or 0


ON: Any = [Queue("orders"), Queue("line"), Topic("news"), Stream("clicks"), Stream("cats"),
           Upload("pics/*")]  # fmt: skip


def declare(registry: Registry) -> None:
    registry.operation("echo.text", http="GET /echo/<text>", examples=[{"text": "hi"}])(text)
    registry.operation("echo.pair", http="POST /pairs/<left>")(pair)
    registry.operation("echo.kinds", http="PUT /kinds/<whole>")(kinds)
    registry.operation("echo.where", http="GET /deep/<path:where>")(where)
    registry.operation("echo.day", http="DELETE /days/<day>")(day)
    registry.operation("echo.file")(measured)
    registry.operation("echo.anything", on=ON)(anything)
    registry.operation("later", long=True)(text)
