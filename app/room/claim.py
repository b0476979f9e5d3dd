"""The claim check: parameters and results too large for a job's record are files, and come back
whole.

Parameters are an object, or a list of them; where a record has a text in their place, it is the id
of the file that they are in. Such a file is written before the record that names it, and goes soon
after its job: one whose job was never accepted goes as soon.
"""

import hashlib
import io
import json
from collections.abc import Callable, Mapping
from typing import Any

from app.ports import Body, Ports, Record
from app.room.errors import TooLarge, Unavailable, Unknown
from app.room.file_uses import FILES, SOON, note_uses
from app.room.files import ids_in
from app.room.operation import Operation
from app.room.schema.secret import with_secrets
from app.room.seal import MARK, Seal
from app.room.shelf import Shelf, Wish, is_ready
from app.room.strict_json import write_json

INLINE = 102_400  # encoded bytes that a job's record keeps of its params, and of its result
MOST_FILES = 10_000  # that the parameters of one job may name
JSON = "application/json"
PARAMS, RESULT = "params.json", "result.json"
RESULT_FILE = "result_file"  # the member of a job's body, beside a result that is null


class Claims:
    """Of one store."""

    def __init__(self, ports: Ports) -> None:
        self._ports, self._shelf, self._seal = ports, Shelf(ports), Seal(ports.seal_keys)

    def params(self, given: Any, owner: str, operation: Operation | None, *, id: str = "") -> Any:
        """Parameters as a job's record keeps them, secrets sealed: they, or the id of their file.

        Of a file with secrets nobody is shown more than that it is there. `id`: of the file, where
        another try is to find the one of this.
        """
        if isinstance(given, str):  # of a job that is retried
            return given
        sealed = operation is not None and bool(operation.params.secrets)
        if operation is not None:
            given = self.closed(given, owner, operation)
        encoded = write_json(given)
        if len(encoded) <= INLINE:
            return given
        check_files(self._ports, len(encoded), "The parameters have")
        named = ids_in(encoded)
        if len(named) > MOST_FILES:
            told = f"The parameters name {len(named):,} files, and may name {MOST_FILES:,}."
            raise TooLarge(told, limit=MOST_FILES)
        wish = Wish(PARAMS, JSON, len(encoded), brief=SOON, sealed=sealed)
        kept = self._shelf.keep(wish, io.BytesIO(encoded), owner, id)
        note_uses(self._ports, owner, [(kept.id, named)])
        return kept.id

    def of_job(self, record: Record, operation: Operation) -> Any:
        """Parameters as they were given, from what a job's record keeps of them."""
        kept = record.body["params"]
        params = json.loads(self.bytes_of(kept)) if isinstance(kept, str) else kept
        return self.opened(params, record.owner, operation)

    def closed(self, params: Any, owner: str, operation: Operation) -> Any:
        """With its secrets as a store may keep them."""
        return _with(params, owner, operation, self._seal.close)

    def opened(self, params: Any, owner: str, operation: Operation) -> Any:
        """With its secrets as they were given. Raises `Unavailable` for one that no key opens."""
        return _with(params, owner, operation, self._opened)

    def _opened(self, text: str, place: str) -> str | None:
        opened = self._seal.open(text, place)
        if opened is None and text.startswith(MARK):
            raise Unavailable(
                "A secret was sealed with a key that is not here: add it to MANYDOORS_SEAL_KEYS, "
                "or to the file seal.keys."
            )
        return opened

    def digests(self, params: Any, operation: Operation | None) -> list[str]:
        """The same for the same parameters, whether 15 came as 15.0; they tell nobody what a secret
        among these is. The first is to be kept; the others may have been, before there was a newer
        key to seal with."""
        content = json.dumps(_alike(params), sort_keys=True).encode()
        if operation is not None and operation.params.secrets:
            return self._seal.marks(content)
        return [hashlib.sha256(content).hexdigest()]

    def result(self, record: Record) -> Any:
        """Of a job that succeeded, wherever it is kept."""
        id = result_file(record.body)
        return json.loads(self.bytes_of(id)) if id else record.body["result"]

    def bytes_of(self, id: str) -> bytes:
        with self._ports.files.open(self._found(id).body["keys"][-1]) as stream:
            return stream.read()

    def size_of(self, id: str) -> int:
        return int(self._found(id).body["size"])

    def _found(self, id: str) -> Record:
        found = self._ports.records.get(FILES, id)
        if found is None or not is_ready(found):
            raise Unknown(f"The file {id}, which holds what is too large for the job, is gone.")
        return found


def _alike(value: Any) -> Any:
    """With whole numbers as integers."""
    if isinstance(value, float):
        return int(value) if value.is_integer() else value
    if isinstance(value, Mapping):
        return {name: _alike(each) for name, each in value.items()}
    return [_alike(each) for each in value] if isinstance(value, list) else value


def _with(
    params: Any, owner: str, operation: Operation, change: Callable[[str, str], str | None]
) -> Any:
    if not operation.params.secrets:
        return params
    place, schema = f"{owner}/{operation.name}", operation.params.schema

    def changed(secret: Any) -> Any:
        found = change(secret, place) if isinstance(secret, str) else None
        return secret if found is None else found

    if isinstance(params, list):  # of a child that runs it on each
        return [with_secrets(schema, each, changed) for each in params]
    return with_secrets(schema, params, changed)


def result_file(body: Body) -> str | None:
    """The file of a job's result, if it is in one."""
    id: str | None = body.get(RESULT_FILE)
    return id


def check_files(ports: Ports, size: int, told: str) -> None:
    """Raises `TooLarge` where there is no place for files."""
    if not ports.files.there:
        raise TooLarge(
            f"{told} {size:,} bytes, and a job's record keeps {INLINE:,}: what is larger needs a "
            "place for files (MANYDOORS_BUCKET).",
            limit=INLINE,
        )
