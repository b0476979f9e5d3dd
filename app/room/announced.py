"""An upload that says how large it is only as it comes: from then on its owner's quota has it."""

from dataclasses import replace

from app.ports import Ports, Put, Record
from app.room.errors import Stale
from app.room.file_uses import FILES
from app.room.shelf import Shelf


def announced(ports: Ports, shelf: Shelf, record: Record, size: int) -> Record:
    """Before any byte is taken, for what breaks off stays until its upload is over. Raises
    `TooLarge` where it is over the quota; another size than before takes that one's place."""
    asked, charged = record.body["asked"], record.body["charged"]
    if not ports.file_limits.quota or asked[0] is not None or charged == size:
        return record
    body = record.body | {"charged": size}
    put = Put(replace(record, body=body), expect=record.version)
    try:
        return shelf.commit(lambda: [put, shelf.charge(record.owner, size - charged)])
    except Stale:  # another upload to the same URL was faster
        return ports.records.get(FILES, record.id) or record
