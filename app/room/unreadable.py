"""What came and could not become a job: a failed job stands for it, so that it leaves a trace."""

import hashlib
from base64 import b64encode
from typing import Any

from app.room.acceptance import Submission
from app.room.errors import Problem, sayable
from app.room.job_error import error_of
from app.room.job_view import UNREADABLE
from app.room.operation import Registry
from app.room.strict_json import write_json

LARGEST_RAW = 60 * 1024  # bytes of what could not be read that are kept


def unreadable(
    registry: Registry, why: Problem, *, source: str, id: str, raw: bytes, operation: str = ""
) -> Submission:
    """The same once for each id. `source`: the door, and the name of what stands before it;
    `operation`: the one that it was for."""
    params: dict[str, Any] = {"source": sayable(source), "id": sayable(id), "bytes": len(raw)}
    if operation:
        params["operation"] = operation
    if not _has_secrets(registry, operation):
        params["base64"] = b64encode(raw[:LARGEST_RAW]).decode()
        params["whole"] = len(raw) <= LARGEST_RAW
    key = hashlib.sha256(write_json(params) + raw).hexdigest()
    door = source.partition(":")[0]
    return Submission(UNREADABLE, params, key, source=door, failed=error_of(why))


def _has_secrets(registry: Registry, operation: str) -> bool:
    """Then nothing of what came is kept, for the secret is somewhere in it."""
    return operation in registry and bool(registry.get(operation).params.secrets)
