"""How many places of a process a key may hold, on a WSGI application of two lines."""

from collections.abc import Callable, Iterable
from typing import Any

import pytest

from app.doors.places import Places, Seated
from app.room.errors import Busy


class Closed(list[bytes]):
    """An answer that is sent bit by bit."""

    closed = 0

    def close(self) -> None:
        self.closed += 1
        raise OSError("the client has gone")


def held(places: Places, *keys: str) -> dict[str, int]:
    """How many more requests of each key find a place, the first key's first."""
    taken: dict[str, list[dict[str, Any]]] = {key: [] for key in keys}
    for key in keys:
        while True:
            environ: dict[str, Any] = {}
            try:
                places.take(environ, key)
            except Busy:
                break
            taken[key].append(environ)
    for environ in (each for many in taken.values() for each in many):
        answer(places, environ, lambda *_: [b""])
    return {key: len(many) for key, many in taken.items()}


def answer(places: Places, environ: dict[str, Any], wsgi: Callable[..., Any]) -> Iterable[bytes]:
    return Seated(wsgi, places)(environ, lambda *_: None)


def of(most: int, share: int = 50) -> Places:
    places = Places(share)
    places.most = most
    return places


@pytest.mark.parametrize(
    ("most", "share", "many"),
    [
        (256, 50, {"a": 128, "b": 64, "c": 32, "d": 16, "e": 8, "f": 4, "g": 2, "h": 1, "i": 1}),
        (256, 80, {"a": 204, "b": 41, "c": 8, "d": 2}),
        (256, 100, {"a": 256}),
        (256, 1, {"a": 2, "b": 2, "c": 2}),
        (1, 50, {"a": 1}),
    ],
)
def test_a_key_holds_what_is_left_free(most: int, share: int, many: dict[str, int]) -> None:
    """Half of all if it is alone, or its share; the next key half of the rest; and one at least.
    All come back."""
    places = of(most, share)
    for _ in range(2):
        assert held(places, *many) == many


def test_a_place_is_given_back_once() -> None:
    """When the answer was returned whole, was closed, or there is none; and by no second close."""
    places = of(2)

    def broken(*_: Any) -> None:
        raise RuntimeError

    def of_a_key(wsgi: Callable[..., Any]) -> Callable[..., Any]:
        def admitted(environ: dict[str, Any], start: Any) -> Any:
            places.take(environ, "a")
            places.take(environ, "a")  # asked twice on its way, it has one place
            return wsgi(environ, start)

        return admitted

    for _ in range(3):
        assert answer(places, {}, of_a_key(lambda *_: [b"whole"])) == [b"whole"]
        with pytest.raises(RuntimeError):
            answer(places, {}, of_a_key(broken))
        made: Any = answer(places, {}, of_a_key(lambda *_: Closed([b"bit", b"by bit"])))
        assert list(made) == [b"bit", b"by bit"]
        with pytest.raises(Busy):
            answer(places, {}, of_a_key(lambda *_: [b"too many"]))
        for _ in range(2):
            with pytest.raises(OSError, match="gone"):
                made.close()
    assert held(places, "a") == {"a": 1}


def test_where_nobody_knows_how_many_there_are_is_no_bound() -> None:
    """As under a server that is not ours."""
    places, environ = Places(1), dict[str, Any]()
    for _ in range(1000):
        places.take(environ, "a")
    assert environ == {}


def test_who_is_refused_is_told_when_to_come_again() -> None:
    """And holds nothing."""
    places, refused = of(2), dict[str, Any]()
    places.take({}, "a")
    with pytest.raises(Busy) as told:
        places.take(refused, "a")
    assert (told.value.after, refused) == (1, {})
