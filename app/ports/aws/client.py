"""Clients of AWS's SDK, all of a process of one session.

Loaded with the first request to AWS: the SDK takes as long to load as all of this program. It is
botocore alone, for what boto3 adds to it (resources, transfers) is used by nobody here and would
add a third to that.
"""

import os
from threading import Lock
from typing import Any, cast

from botocore.config import Config
from botocore.session import Session

CONNECTIONS = 256  # as many as a web worker has threads; each is opened when it is wanted

# AWS's tools and other SDKs read the first; Python's alone does not.
REGION = {"region": ("region", ["AWS_REGION", "AWS_DEFAULT_REGION"], None, None)}


# Checksums are given by hand: the SDK's own would stand in signed URLs, whose users know none.
S3 = Config(
    signature_version="s3v4",
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class Shop:
    """Makes clients, one at a time. A second one of the same session takes a fifth of the time,
    for the files that all read are read."""

    def __init__(self) -> None:
        self._lock, self._session = Lock(), Session(session_vars=REGION)

    def make(self, service: str, url: str | None, patience: float, tries: int) -> Any:
        with self._lock:
            make = cast("Any", self._session).create_client
            config = _config(patience, tries)
            config = config.merge(S3) if service == "s3" else config
            return make(service, endpoint_url=url, config=config)


def shop() -> Shop:
    """This process's, of what its environment says of AWS now."""
    # The process is in the key, for a lock could be inherited held and a session half made.
    told = (each for each in os.environ.items() if each[0].startswith("AWS_"))
    key = (os.getpid(), *sorted(told))
    return _shops.get(key) or _shops.setdefault(key, Shop())


_shops: dict[tuple[Any, ...], Shop] = {}


def _config(patience: float, tries: int) -> Config:
    return Config(
        connect_timeout=1.5,
        read_timeout=patience,
        # With jitter; of throttling, of 5xx and of answers that were lost.
        retries={"mode": "standard", "total_max_attempts": tries},
        max_pool_connections=CONNECTIONS,
        tcp_keepalive=True,
    )
