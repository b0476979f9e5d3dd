"""Keys for tests: made in a room's own store, shown as clients show them."""

from app.room.call import LOCAL
from app.room.enter import Room
from app.room.keyring import Keyring


def made(room: Room, scope: str = "admin", owner: str = "local") -> str:
    """A fresh key."""
    ring = Keyring(room.ports, room.access, LOCAL)
    return str(ring.create(f"{owner}'s {scope}", [scope], owner)["key"])


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def shown(room: Room, scope: str = "admin", owner: str = "local") -> dict[str, str]:
    """The header that shows a fresh key."""
    return bearer(made(room, scope, owner))
