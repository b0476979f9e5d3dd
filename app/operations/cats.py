"""Cats: what one says, and who they are. State lives in the store, so every process agrees."""

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from marshmallow import validate

from app import Unknown, operation, records

Sound = Annotated[str, validate.Length(1, 100)]
Name = Annotated[str, validate.Length(1, 40)]


@dataclass
class Says:
    says: str
    code: int


@dataclass
class Cat:
    name: str
    colour: str
    lives: int


BORN: dict[str, dict[str, Any]] = {
    "Tom": {"colour": "grey", "lives": 9},
    "Mia": {"colour": "black", "lives": 7},
    "Findus": {"colour": "ginger", "lives": 8},
}
"""Cats that are there before anybody brings one."""


@operation("cats.says", http="GET /cat")
def says() -> Says:
    """What the cat says."""
    heard = records("cat").get("mouth") or {}
    return Says(says=heard.get("says", "meow"), code=200)


@operation("cats.say", http="POST /cat", examples=[{"says": "purr"}])
def say(says: Sound) -> Says:
    """Teach the cat what to say from now on."""
    records("cat").put("mouth", {"says": says})
    return Says(says=says, code=200)


@operation("cats.speak", http="GET /cats/<name>/speech", examples=[{"name": "Tom", "times": 3}])
def speak(name: Name, times: Annotated[int, validate.Range(1, 100)] = 1) -> dict[str, str]:
    """Let a cat speak.

    It says what the cat was last taught to say, as often as you like.
    """
    return {"cat": name, "says": " ".join([says().says] * times)}


@operation("cats.list", http="GET /cats")
def list_cats(colour: Literal["grey", "black", "ginger", "white"] | None = None) -> list[Cat]:
    """List the cats, all or those of one colour."""
    known = BORN | {record.id: record.body for record in records("cats")}
    cats = [Cat(name=name, **facts) for name, facts in sorted(known.items())]
    return [cat for cat in cats if colour in (None, cat.colour)]


@operation("cats.get", http="GET /cats/<name>", examples=[{"name": "Tom"}])
def get(name: Name) -> Cat:
    """Tell of one cat."""
    facts = records("cats").get(name) or BORN.get(name)
    if facts is None:
        raise Unknown(f"There is no cat called {name}.")
    return Cat(name=name, **facts)


@operation(
    "cats.bring",
    http="PUT /cats/<name>",
    examples=[{"name": "Snow", "colour": "white", "lives": 9}],
)
def bring(
    name: Name,
    colour: Literal["grey", "black", "ginger", "white"],
    lives: Annotated[int, validate.Range(0, 9)] = 9,
) -> Cat:
    """Bring a cat, or tell anew what it is like."""
    records("cats").put(name, {"colour": colour, "lives": lives})
    return Cat(name=name, colour=colour, lives=lives)
