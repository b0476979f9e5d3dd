"""A file as people and programs read it, whichever door they came through."""

from app.ports import Body, Record
from app.room.moment import moment
from app.room.shelf import READY, WAITING, is_ready


def described(record: Record, base: str = "") -> Body:
    """`base` is what stands before /v1 in its links."""
    body, here = record.body, f"{base}/v1/files/{record.id}"
    ready = is_ready(record)
    return {
        "id": record.id,
        "name": body["name"],
        "type": body["type"],
        "size": body["size"] if ready else None,
        "sha256": (body["sha256"] or None) if ready else None,
        "status": READY if ready else WAITING,
        "job": body.get("job"),
        "owner": record.owner,
        "created_at": moment(body["created"]),
        "expires_at": moment(record.due),
        "links": {"self": here, "content": f"{here}/content"},
    }
