"""The page of pictures: what an operation lists, with links that are made as the page is."""

from flask import Response

from app.doors.console.page import page, policy_for
from app.doors.flask_forms import asked
from app.room.call import Call
from app.room.enter import Room

LIST, ADD = "cats.pics", "cats.picture"


def show(room: Room) -> Response:
    """Those that can be seen: one whose file is gone, or somebody else's, has no link."""
    sent = asked()
    call = Call(
        LIST,
        caller=sent.caller,
        source="console",
        request_id=sent.request_id,
        prefix=sent.prefix,
    )
    outcome = room.enter(call)
    if outcome.problem:
        raise outcome.problem
    listed = [each for each in outcome.value if "url" in each["thumbnail"]]
    urls = [each["thumbnail"]["url"] for each in listed]
    return page("pictures", policy=policy_for(images=urls), pictures=listed, add=ADD)
