"""A list's cursor: the last id of a page, in a form that no caller reads. The same in every store,
so that one which a caller has kept is good after a move."""

import base64

from app.room.errors import Invalid, Wrong


def cursor_after(id: str) -> str:
    return base64.urlsafe_b64encode(id.encode()).decode().rstrip("=")


def id_before(cursor: str) -> str:
    """The id, or `Invalid` for what no list gave."""
    try:
        text = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
        if text and cursor_after(text) == cursor:
            return text
    except ValueError:
        pass
    raise Invalid(errors=[Wrong("/cursor", "This is not a cursor that a list gave.")])
