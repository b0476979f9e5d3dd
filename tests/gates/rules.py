"""Who may import whom: imports point inwards, from the doors to the room."""

from collections.abc import Iterator
from dataclasses import dataclass

from tests.gates.house import LIBRARIES, STDLIB, Import, Module, imports, within

AWS_SDK = ("boto3", "botocore", "zappa")
FLASK = ("flask", "flask_restx", "flask_swagger_ui", "werkzeug")
ADAPTERS = ("app.ports.local", "app.ports.aws")
PORTS = (STDLIB, "app.ports", "app.room.errors", "app.room.strict_json")
INNER = ("app.room", "app.ports", "app.doors", "app.config", "app.wiring", "app.wsgi", "app.cli")

Text = tuple[str, str]  # the name of a module, and a source for it


@dataclass(frozen=True)
class Rule:
    """What the modules inside `binds` may import; `breaches` and `fine` show that it can tell."""

    reason: str
    binds: tuple[str, ...]
    breaches: tuple[Text, ...]
    fine: tuple[Text, ...]
    spares: tuple[str, ...] = ()  # modules inside `binds` that the rule does not bind
    only: tuple[str, ...] = ()  # nothing but these, when given
    never: tuple[str, ...] = ()
    only_late: tuple[str, ...] = ()  # these inside functions alone

    def breaches_in(self, module: Module) -> Iterator[Import]:
        if not _inside(module.name, self.binds) or _inside(module.name, self.spares):
            return
        yield from (found for found in imports(module) if not self._allows(found))

    def _allows(self, found: Import) -> bool:
        if _any(found, self.never) or (self.only and not _any(found, self.only)):
            return False
        return found.late or found.for_types or not _any(found, self.only_late)


def _any(found: Import, patterns: tuple[str, ...]) -> bool:
    return any(found.is_of(pattern) for pattern in patterns)


def _inside(name: str, packages: tuple[str, ...]) -> bool:
    return any(within(name, package) for package in packages)


RULES = {
    "room": Rule(
        reason="The room is pure, so that it runs the same everywhere and its tests take no time.",
        binds=("app.room",),
        only=(STDLIB, "marshmallow", "cronsim", "app.room", "app.ports"),
        never=("sqlite3", *ADAPTERS),
        breaches=(
            ("app.room.job", "import flask"),
            ("app.room.job", "import boto3"),
            ("app.room.job", "import sqlite3"),
            ("app.room.job", "import app"),
            ("app.room.job", "from app import config"),
            ("app.room.job", "from app.config import Settings"),
            ("app.room.job", "from app.ports.local.records import LocalRecords"),
            ("app.room.job", "from app.ports import aws"),
            ("app.room.job", "from ..ports import local"),
            ("app.room.job", "def f():\n    from .. import doors"),
            ("app.room.job", "import importlib\nimportlib.import_module('app.wiring')"),
            ("app.room.job", "from importlib import import_module\nimport_module('..wiring')"),
            ("app.room.job", "__import__('requests')"),
            (
                "app.room.job",
                "if x:\n    try:\n        import orjson\n    except ImportError: pass",
            ),
        ),
        fine=(
            ("app.room.job", "import json, datetime\nfrom marshmallow import Schema"),
            ("app.room.job", "from app.ports import Records\nfrom . import errors"),
            ("app.room.schedule", "from cronsim import CronSim"),
        ),
    ),
    "ports": Rule(
        reason="A port knows records, errors and strict JSON: so any adapter can be swapped.",
        binds=("app.ports",),
        spares=("app.ports.aws", "app.ports.otel"),
        only=PORTS,
        never=("app.ports.aws",),
        breaches=(
            ("app.ports.local.records", "from app.room.engine import submit"),
            ("app.ports.local.records", "from app.room import job"),
            ("app.ports.local.records", "import boto3"),
            ("app.ports.local.records", "from app.ports.aws import records"),
            ("app.ports", "import marshmallow"),
            ("app.ports.local", "from ...app import wiring"),
        ),
        fine=(
            ("app.ports.local.records", "import sqlite3\nfrom app.ports import Record"),
            ("app.ports.local.records", "from app.room.errors import Stale"),
            ("app.ports.local.records", "from app.room import strict_json, errors"),
        ),
    ),
    "ports/aws": Rule(
        reason="The AWS adapters are ports too, and the one place for AWS's packages.",
        binds=("app.ports.aws",),
        only=(*PORTS, *AWS_SDK, "mypy_boto3_*"),
        never=("app.ports.local", "sqlite3"),
        breaches=(
            ("app.ports.aws.records", "from app.ports.local import records"),
            ("app.ports.aws.records", "import requests"),
            ("app.ports.aws.queue", "from app.room.engine import claim"),
        ),
        fine=(
            ("app.ports.aws.records", "import boto3\nfrom botocore.exceptions import ClientError"),
            ("app.ports.aws.queue", "from zappa.asynchronous import run"),
        ),
    ),
    "spans": Rule(
        reason="One place knows OpenTelemetry, and is loaded where somebody traces.",
        binds=("app", "handlers"),
        spares=("app.ports.otel",),
        never=("opentelemetry",),
        only_late=("app.ports.otel",),
        breaches=(
            ("app.room.execute", "from opentelemetry import trace"),
            ("app.wiring", "from app.ports.otel import OtelTracer"),
        ),
        fine=(("app.wiring", "def tracer():\n    from app.ports.otel import OtelTracer"),),
    ),
    "aws late": Rule(
        reason="A local run must never load AWS's packages: importing boto3 alone costs 140 ms.",
        binds=("app", "handlers"),
        spares=("app.ports.aws",),
        only_late=(*AWS_SDK, "app.ports.aws"),
        breaches=(
            ("app.wiring", "from app.ports.aws.records import AwsRecords"),
            ("app.cli", "import boto3"),
            ("handlers.task", "from zappa.asynchronous import task"),
        ),
        fine=(
            ("app.wiring", "def ports():\n    from app.ports.aws.records import AwsRecords"),
            ("app.ports.aws.records", "import boto3"),
        ),
    ),
    "operations": Rule(
        reason="What users write stands on `app` alone, so that everything behind it can change.",
        binds=("app.operations",),
        only=(STDLIB, LIBRARIES, "=app", "app.operations"),
        never=INNER,
        breaches=(
            ("app.operations.cats", "from app.room.operation import operation"),
            ("app.operations.cats", "from app import wiring"),
            ("app.operations.cats", "from ..ports import Record"),
            ("app.operations.cats", "import app.room.errors"),
            ("app.operations.cats", "import handlers"),
        ),
        fine=(
            ("app.operations.cats", "from app import Run, operation\nimport requests, json"),
            ("app.operations.cats", "from app.operations.dogs import bark"),
        ),
    ),
    "doors": Rule(
        reason="A door turns a form into calls: what stands behind the room is not its matter.",
        binds=("app.doors",),
        never=(
            *ADAPTERS,
            "app.wiring",
            "app.wsgi",
            "app.cli",
            "app.operations",
            "sqlite3",
            *AWS_SDK,
        ),
        breaches=(
            ("app.doors.rpc", "from app.ports.local import records"),
            ("app.doors.rpc", "from app.ports import aws"),
            ("app.doors.rest.jobs", "def f():\n    from app.wiring import room"),
            ("app.doors.rest.jobs", "from ... import wiring"),
            ("app.doors.console", "import sqlite3"),
        ),
        fine=(
            ("app.doors.rest.jobs", "import flask\nfrom app.ports import Record\nimport app.room"),
        ),
    ),
    "wiring": Rule(
        reason="Adapters are chosen in one place, and asked for only where a program starts.",
        binds=("app", "handlers"),
        spares=(
            *("app.wsgi", "app.cli", "app.cli_aws", "app.cli_backup", "app.cli_serving"),
            *("app.testing", "app.__main__", "app.deployment.after_deploy"),
            "handlers.door",
        ),
        never=("app.wiring",),
        breaches=(
            ("app", "from . import wiring"),
            ("app.config", "import app.wiring"),
            ("handlers.queue", "from app.wiring import room"),
        ),
        fine=(
            ("handlers.door", "from app.wiring import room"),
            ("app.wsgi", "from app import wiring"),
        ),
    ),
    "app without handlers": Rule(
        reason="The program runs without any platform: handlers know it, it does not know them.",
        binds=("app",),
        never=("handlers",),
        breaches=(
            ("app.wsgi", "import handlers"),
            ("app.cli", "def f():\n    from handlers.queue import handle"),
        ),
        fine=(("app.wsgi", "import flask"),),
    ),
    "deployment stays at home": Rule(
        reason="What deploys a stage is not in its package: the service would not start there.",
        binds=("app", "handlers"),
        spares=("app.deployment", "app.cli_aws"),
        never=("app.deployment",),
        breaches=(
            ("app.wiring", "def f():\n    from app.deployment.cloud import Cloud"),
            ("app.ports.aws.wire", "import app.deployment"),
            ("handlers.door", "from app.deployment import names"),
        ),
        fine=(
            ("app.cli_aws", "from app.deployment.finding import Finding"),
            ("app.deployment.stack", "from app.deployment.names import Names"),
        ),
    ),
    "handlers without Flask": Rule(
        reason="A queue event must not load Flask or flask-restx: it never uses them.",
        binds=("handlers",),
        spares=("handlers.http", "handlers.gcp"),
        never=(*FLASK, "app.wsgi", "app.doors"),
        breaches=(
            ("handlers.queue", "import flask"),
            ("handlers.queue", "def f():\n    from werkzeug.wrappers import Response"),
            ("handlers", "from app.wsgi import app"),
            ("handlers.door", "from app.doors import rpc"),
        ),
        fine=(("handlers.queue", "from app.room.call import Call\nimport json"),),
    ),
    "Flask late": Rule(
        reason="Even the HTTP handlers load Flask only when a request needs it.",
        binds=("handlers.http", "handlers.gcp"),
        only_late=(*FLASK, "app.wsgi", "app.doors"),
        breaches=(
            ("handlers.http", "import flask"),
            ("handlers.gcp", "class Door:\n    from werkzeug.wrappers import Request"),
            ("handlers.http", "from app.wsgi import app"),
        ),
        fine=(("handlers.http", "def answer():\n    from app.wsgi import app\n    import flask"),),
    ),
}
