"""A cold start of the package, as Lambda runs it: python -m bench.cold [--rounds 8]

Each row is a fresh process of AWS's own runtime client: INIT until it asks for an event, then one
event until its answer is there. Ours have the unpacked build/manydoors-dev.zip, others an
environment of their own, all with valid bytecode. DynamoDB Local is the store, and moto has the
queue. The rows take turns, so that the machine's moods meet all alike; the ratios are of processor
time, which they move least.
"""

import argparse
import compileall
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from py_compile import PycInvalidationMode
from statistics import median
from typing import Any
from zipfile import ZipFile

from bench.on_lambda import events
from tests.engines import dynamo, lambda_runtime, moto
from tests.engines.environment import installed

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / "lambda_peers.lock"
PACKAGE = ROOT / "build" / "manydoors-dev.zip"
TABLE = "manydoors-dev"

# What nobody can go below: the runtime alone, and an SDK that writes an item and a message.
BARE = """
import os

def nothing(event, context):
    return None

if "BARE" in os.environ:
    import boto3
    records, *others = map(boto3.client, os.environ["BARE"].split())

def write(event, context):
    records.put_item(TableName=os.environ["MANYDOORS_TABLE"], Item={"k": {"S": "bare"}})
    (queue,) = others
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
    package: Path | None = None  # where it is not in ours
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
        where = self.package or package
        with lambda_runtime.running(require, where, self.handler, together) as instance:
            answer, first = instance.timed(self.event)
            if answer and answer.get("statusCode", 200) > 202:
                sys.exit(f"{self.name}: {answer}")
            self.processor.append(instance.cpu())
            _, second = instance.timed(self.event)
        self.inits.append(instance.seconds_to_begin)
        self.firsts.append(first)
        self.seconds.append(second)


def require(found: Any, reason: str) -> None:
    if not found:
        sys.exit(reason)


def given() -> dict[str, Any]:
    message = {"operation": "bench.speak", "params": events.BODY}
    (record, *_) = events.recorded("queue")["Records"]
    keyed = events.call(events.OURS)
    more = {"Idempotency-Key": ["one"], "Prefer": ["respond-async"]}
    keyed["multiValueHeaders"] |= more
    page = events.recorded("http_function_url") | {"rawPath": "/"}
    shown = {"authorization": f"Bearer {events.KEY}"}
    page["headers"] = page["headers"] | shown | {"accept": "text/html"}
    jobs = events.recorded("http_function_url") | {"rawPath": "/v1/jobs"}
    jobs["headers"] = jobs["headers"] | shown
    return {
        "call": events.call(events.OURS),
        "keyed": keyed,
        "theirs": events.call(events.THEIRS),
        "routed": events.call(events.THEIRS, events.THEIRS),
        "queue": {"Records": [record | {"body": json.dumps(message)}]},
        "page": page,
        "jobs": jobs,
    }


def rows(others: Path) -> dict[str, Row]:
    """Of ours, and of the others in `others`."""
    came, ours = given(), "handlers.handle"
    both, one, zappa = {"BARE": "dynamodb sqs"}, {"BARE": "dynamodb"}, "handler.lambda_handler"
    bare_zappa = "bench.on_lambda.on_zappa.handle"

    def peer(name: str, module: str, event: str = "theirs") -> Row:
        return Row(name, f"bench.on_lambda.{module}.handle", came[event], package=others)

    return {
        "nothing": Row("the runtime, and a handler that does nothing", "bare.nothing", {}),
        "write": Row("boto3: an item, a message", "bare.write", {}, both),
        "queue": Row("Manydoors, a queue event", ours, came["queue"]),
        "keyed": Row("Manydoors, a call with a key, as a job", ours, came["keyed"]),
        "look": Row("boto3: an item read", "bare.look", {}, one),
        "jobs": Row("Manydoors, a request that reads the store", ours, came["jobs"]),
        "call": Row("Manydoors, a call that needs no store", ours, came["call"]),
        "hand": peer("hand-written, that call alone", "hand_written"),
        "powertools": peer("Powertools' resolver, pydantic", "on_powertools"),
        "chalice": peer("Chalice, marshmallow", "on_chalice", "routed"),
        "mangum": peer("Mangum, FastAPI", "on_mangum"),
        "zappa": Row("Zappa's handler, bare flask-restx", bare_zappa, came["theirs"]),
        "whole": Row("Zappa's handler, all of Manydoors", zappa, came["call"]),
        "page": Row("Manydoors, a page", ours, came["page"]),
        "zappas": Row("Zappa's handler, the same page", zappa, came["page"]),
    }


def unpacked(folder: Path) -> None:
    """The package; and beside it what is measured with it, compiled as it is."""
    if not PACKAGE.is_file():
        sys.exit("There is no package yet: make package")
    with ZipFile(PACKAGE) as packed:
        packed.extractall(folder)
    (folder / "bare.py").write_text(BARE)
    shutil.copytree(ROOT / "bench", folder / "bench", ignore=shutil.ignore_patterns("*.pyc"))
    for each in (folder / "bare.py", *(folder / "bench").rglob("*.py")):
        compileall.compile_file(
            each, quiet=1, force=True, invalidation_mode=PycInvalidationMode.UNCHECKED_HASH
        )


def peers(folder: Path) -> Path:
    """The others' package: their own environment, which pip has compiled, and no line of ours."""
    (packages,) = installed(PEERS, require).parents[1].glob("lib/python*/site-packages")
    others = folder / "others"
    others.mkdir()
    for each in (*packages.iterdir(), folder / "bench"):
        (others / each.name).symlink_to(each)
    return others


def show(played: Mapping[str, Row]) -> None:
    print(f"{'median, ms':48}{'INIT':>8}{'first':>8}{'total':>8}{'of CPU':>8}{'second':>8}")
    for row in played.values():
        wall = (median(row.inits), median(row.firsts), row.total, row.cpu, median(row.seconds))
        print(f"{row.name:48}" + "".join(f"{figure * 1000:8.0f}" for figure in wall))
    print(f"\n{'of CPU':48}{'ratio':>8}{'target':>8}")
    for one, other, target in (
        ("queue", "write", "1.35"),
        ("keyed", "write", "1.35"),
        ("jobs", "look", ""),
        ("call", "powertools", "0.60"),
        ("call", "chalice", ""),
        ("call", "mangum", ""),
        ("call", "zappa", ""),
        ("call", "whole", ""),
        ("page", "zappas", "1.00"),
    ):
        print(f"{f'{one} / {other}':48}{played[one].cpu / played[other].cpu:8.2f}{target:>8}")
    print(f"\n{PACKAGE.name}: {PACKAGE.stat().st_size / 1024**2:.1f} MB (at most 30)")


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
            "MANYDOORS_OPERATIONS": "bench.operations",
            "MANYDOORS_ADMIN_KEY": events.KEY,
            "MANYDOORS_RATE": "none",
            "INSTANTIATE_LAMBDA_HANDLER_ON_IMPORT": "true",
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_ENDPOINT_URL_SQS": queues,
        }
        played = rows(peers(Path(folder)))
        for _ in range(rounds):
            for row in played.values():
                row.play(Path(folder), environ)
    show(played)


if __name__ == "__main__":
    main()
