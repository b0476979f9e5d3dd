"""A cold start of the package, as Lambda runs it: python -m bench.cold [--rounds 8]

Each row is a fresh process of AWS's own runtime client with the unpacked build/manydoors-dev.zip:
INIT until it asks for an event, then one event until its answer is there. DynamoDB Local is the
store, and moto has the queue. The rows take turns, so that the machine's moods meet all alike; the
ratios are of processor time, which they move least.
"""

import argparse
import compileall
import json
import os
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median
from typing import Any
from zipfile import ZipFile

from tests.engines import dynamo, lambda_runtime, moto

ROOT = Path(__file__).parents[1]
EVENTS = ROOT / "tests" / "events"
PACKAGE = ROOT / "build" / "manydoors-dev.zip"
TABLE = "manydoors-dev"

# What nobody can go below: the runtime alone, and an SDK that writes an item and a message.
BARE = """
import os

def nothing(event, context):
    return None

if os.environ.get("BARE") == "boto3":
    import boto3
    records, queue = boto3.client("dynamodb"), boto3.client("sqs")

def write(event, context):
    records.put_item(TableName=os.environ["MANYDOORS_TABLE"], Item={"k": {"S": "bare"}})
    url = queue.get_queue_url(QueueName=os.environ["MANYDOORS_QUEUE"])["QueueUrl"]
    queue.send_message(QueueUrl=url, MessageBody="bare")
    return {"batchItemFailures": []}

def look(event, context):
    records.get_item(TableName=os.environ["MANYDOORS_TABLE"], Key={"k": {"S": "bare"}})
    return {"statusCode": 200, "body": "{}"}
"""


@dataclass
class Row:
    name: str
    handler: str
    event: Any
    environ: Mapping[str, str] = field(default_factory=dict)
    inits: list[float] = field(default_factory=list)
    firsts: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    @property
    def total(self) -> float:
        return median(map(sum, zip(self.inits, self.firsts, strict=True)))

    @property
    def cpu(self) -> float:
        """Of both, INIT and the first answer."""
        return median(self.processor)

    def play(self, package: Path, environ: Mapping[str, str]) -> None:
        together = {**environ, **self.environ}
        with lambda_runtime.running(require, package, self.handler, together) as instance:
            _, first = instance.timed(self.event)
            self.processor.append(instance.cpu())
            _, second = instance.timed(self.event)
        self.inits.append(instance.seconds_to_begin)
        self.firsts.append(first)
        self.seconds.append(second)


def require(found: Any, reason: str) -> None:
    if not found:
        sys.exit(reason)


def events() -> dict[str, Any]:
    recorded = {path.stem: json.loads(path.read_text()) for path in EVENTS.glob("*.json")}
    message = {"operation": "hello", "params": {"name": "Ada"}}
    (record, *_) = recorded["queue"]["Records"]
    page = recorded["http_function_url"] | {"rawPath": "/"}
    page["headers"] = page["headers"] | {"accept": "text/html"}
    listed = recorded["http_function_url"] | {"rawPath": "/v1/jobs"}
    return {
        "call": recorded["http_api"],
        "rest call": recorded["http_rest"],
        "queue": {"Records": [record | {"body": json.dumps(message)}]},
        "page": page,
        "jobs": listed,
    }


def rows() -> list[Row]:
    given = events()
    sdk, zappa = {"BARE": "boto3"}, "handler.lambda_handler"
    return [
        Row("the runtime, and a handler that does nothing", "bare.nothing", {}),
        Row("boto3: an item, a message", "bare.write", {}, sdk),
        Row("Manydoors, a queue event", "handlers.handle", given["queue"]),
        Row("boto3: an item read", "bare.look", {}, sdk),
        Row("Manydoors, a request that reads the store", "handlers.handle", given["jobs"]),
        Row("Manydoors, a call that needs no store", "handlers.handle", given["call"]),
        Row("Zappa's handler, the same call", zappa, given["rest call"]),
        Row("Manydoors, a page", "handlers.handle", given["page"]),
        Row("Zappa's handler, the same page", zappa, given["page"]),
    ]


def unpacked(folder: Path) -> None:
    if not PACKAGE.is_file():
        sys.exit("There is no package yet: make package")
    with ZipFile(PACKAGE) as packed:
        packed.extractall(folder)
    (folder / "bare.py").write_text(BARE)
    compileall.compile_file(
        folder / "bare.py", quiet=1, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
    )


def show(played: list[Row]) -> None:
    print(f"{'median, ms':48}{'INIT':>8}{'first':>8}{'total':>8}{'of CPU':>8}{'second':>8}")
    for row in played:
        wall = (median(row.inits), median(row.firsts), row.total, row.cpu, median(row.seconds))
        print(f"{row.name:48}" + "".join(f"{figure * 1000:8.0f}" for figure in wall))
    _, write, queue, read, look, call, zappa, page, zappas = (row.cpu for row in played)
    print(f"\na queue event / boto3's item and message: {queue / write:.2f}")
    print(f"a request that reads the store / boto3's read: {look / read:.2f}")
    print(f"a call that needs no store / Zappa's: {call / zappa:.2f}")
    print(f"a page / Zappa's: {page / zappas:.2f}")


def main() -> None:
    options = argparse.ArgumentParser()
    options.add_argument("--rounds", type=int, default=8)
    rounds: int = options.parse_args().rounds
    os.environ.update(dynamo.ENVIRON)
    with (
        tempfile.TemporaryDirectory() as folder,
        dynamo.running(require) as url,
        moto.running(require) as queues,
    ):
        unpacked(Path(folder))
        dynamo.make_table(url, TABLE)
        moto.make_queue(queues, TABLE)
        environ = {
            "MANYDOORS_TABLE": TABLE,
            "MANYDOORS_QUEUE": TABLE,
            "MANYDOORS_LOG_LEVEL": "ERROR",
            "INSTANTIATE_LAMBDA_HANDLER_ON_IMPORT": "true",
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_ENDPOINT_URL_SQS": queues,
        }
        played = rows()
        for _ in range(rounds):
            for row in played:
                row.play(Path(folder), environ)
    show(played)


if __name__ == "__main__":
    main()
