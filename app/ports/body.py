"""A record's body as text, and how large it may be: the same in every store."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from app.ports import BODY_CAP, Body
from app.room.errors import TooLarge

_encode = json.JSONEncoder(allow_nan=False, ensure_ascii=False, separators=(",", ":")).encode


class Spelled(dict[str, Any]):
    """A body whose members' texts are known: what is written again and again is encoded once.

    Nothing in it changes any more; what is made of it by `|` or `dict` is a body like any other.
    """

    __slots__ = ("_rest", "_texts")

    def __init__(self, members: Body, texts: Mapping[str, str], rest: str = "") -> None:
        """`texts` of members by their names, which JSON writes as they are, and of all others
        together, as `rest`."""
        super().__init__(members)
        self._texts, self._rest = texts, rest

    def over(self, body: Body) -> "Spelled":
        """`body | self`, of which only the members that are `body`'s alone are encoded; and not
        even they if it was made so too, by one with members of the same names."""
        if isinstance(body, Spelled) and body._texts.keys() == self._texts.keys():
            rest = body._rest
        else:
            alone = {name: value for name, value in body.items() if name not in self._texts}
            rest = _encode(alone)[1:-1]
        whole = Spelled(body, self._texts, rest)
        dict.update(whole, self)
        return whole

    def text(self) -> str:
        members = [f'"{name}":{text}' for name, text in self._texts.items()]
        return "{" + ",".join([self._rest, *members] if self._rest else members) + "}"

    def __reduce__(self) -> tuple[type[Body], tuple[Body]]:
        """A copy is a body like any other."""
        return dict, (dict(self),)

    def _refuse(self, *_: object, **__: object) -> NoReturn:
        raise TypeError("This body is spelled out already: make a new one of it.")

    __setitem__ = __delitem__ = __ior__ = _refuse
    update = setdefault = pop = popitem = clear = _refuse


def encode(body: Body) -> str:
    return body.text() if isinstance(body, Spelled) else _encode(body)


def size_of(text: str) -> int:
    """Encoded bytes."""
    return len(text) if text.isascii() else len(text.encode())


def check_sizes(bodies: Sequence[str], most: int) -> None:
    """Raises TooLarge for one that is over its cap, or for all that are over `most` together."""
    whole = 0
    for body in bodies:
        size = size_of(body)
        if size > BODY_CAP:
            raise TooLarge(f"A record's body has {size} bytes, and may have {BODY_CAP}.")
        whole += size
    if whole > most:
        raise TooLarge(f"A commit's bodies have {whole} bytes, and may have {most}.")
