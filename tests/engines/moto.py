"""moto's server on loopback: plays AWS for `zappa`, from an environment of its own."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.engines.environment import installed

HERE = Path(__file__).parent
ACCOUNT, REGION = "123456789012", "eu-central-1"  # moto's account
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running(require: Callable[[Any, str], None]) -> Iterator[str]:
    """Its URL, for AWS_ENDPOINT_URL. It ends with this process, however that ends."""
    process = subprocess.Popen(
        [installed(HERE / "moto.lock", require), "-P", HERE / "moto_server.py"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ENVIRON,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = process.stdout.readline()
        found = re.match(r"listens on (\d+)", said)
        assert found, f"moto did not start: {said}"
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def make_queue(url: str, name: str) -> str:
    """Its own URL."""
    import boto3

    client = boto3.client("sqs", endpoint_url=url)
    made: str = client.create_queue(QueueName=name)["QueueUrl"]
    client.close()
    return made
