"""The commands for a stage on AWS: `provision` makes what it stands on, `doctor` says what ails."""

import argparse
import sys
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from app.cli_trouble import DONE, FAILED
from app.config import Settings
from app.deployment.finding import Finding
from app.logs import escaped
from app.room.errors import BadSetting
from app.terminal.text import as_json

NOTHING = "Nothing to do: all is as infra.yaml says."


def provision(given: argparse.Namespace, settings: Settings) -> int:
    """Shows what would change, asks, and does it."""
    from app.deployment.cloud import Cloud
    from app.deployment.names import Names
    from app.deployment.stack import Stack
    from app.deployment.template import INFRA, rendered

    names = Names(given.stage)
    names.check_declared()
    cloud = Cloud()
    _say(f"{names.full} in account {cloud.account}, region {cloud.region}:")
    stack = Stack(cloud, names)
    plan = stack.plan(rendered(INFRA.read_text(encoding="utf-8"), names.stage, cloud.account))
    if plan is None:
        _say(NOTHING)
    else:
        for change in plan.changes:
            _say(f"  {change.sentence}")
        if given.plan or not _agreed(given, bool(plan.dangers)):
            stack.forget(plan)
            if given.json:
                print(as_json({"changes": [change.as_json() for change in plan.changes]}))
            return DONE if given.plan else FAILED
        stack.carry_out(plan, lambda step: _say(f"  {step}"))
    changes = [] if plan is None else [change.as_json() for change in plan.changes]
    if given.json:
        print(as_json({"changes": changes, "outputs": stack.outputs() if not given.plan else {}}))
    return DONE


def _agreed(given: argparse.Namespace, dangerous: bool) -> bool:
    if dangerous and not given.lose_data:
        _say(
            "This would take away what holds data, so nothing was done. If you mean it, and have "
            "a backup: --lose-data"
        )
        return False
    if given.yes:
        return True
    if not sys.stdin.isatty():
        _say("Nothing was done: --yes carries it out, --plan only shows it.")
        return False
    sys.stderr.write("Carry this out? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def doctor(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    """One line for each thing; 1 if something is wrong."""
    findings = []
    for finding in _examined(given, environ):
        findings.append(finding)
        if not given.json:
            print(escaped(f"{finding.state:7} {finding.check:12} {finding.detail}"), flush=True)
    well = all(finding.state != "wrong" for finding in findings)
    if given.json:
        print(as_json({"well": well, "findings": [vars(finding) for finding in findings]}))
    return DONE if well else FAILED


def _examined(given: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[Finding]:
    from app import logs, wiring
    from app.deployment import machine

    try:
        settings = Settings.read(environ)
    except BadSetting as error:
        yield Finding("settings", "wrong", str(error))
        return
    logs.set_up("text", "ERROR")
    count = sum(name.startswith("MANYDOORS_") for name in environ)
    yield Finding("settings", "ok", f"{count} given" if count else "the defaults")
    if given.data is not None:
        from pathlib import Path

        settings = replace(settings, data=Path(given.data))
    yield from machine.examine(
        settings,
        lambda: wiring.load_operations(settings),
        lambda: wiring.make_ports(settings).records,
    )
    if settings.bucket or settings.queue or settings.topic:
        from app.deployment import beside
        from app.deployment.cloud import Cloud

        yield from beside.examine(settings, Cloud())
    if given.stage is not None:
        yield from _stage(given.stage, settings)


def _stage(stage: str, settings: Settings) -> Iterator[Finding]:
    from app import wiring
    from app.deployment.account import Account
    from app.deployment.cloud import Cloud
    from app.deployment.names import Names
    from app.room.operation import REGISTRY

    names = Names(stage)
    there = replace(settings, table=names.full)
    account = Account(Cloud(), names)
    yield from account.examine(lambda: wiring.make_ports(there).records, REGISTRY)


def add_to(commands: Any) -> None:
    """Their options."""
    making = commands.add_parser("provision", help="make or change what a stage on AWS stands on")
    making.add_argument("stage", help="as in zappa_settings.json: dev, prod")
    making.add_argument("--yes", action="store_true", help="do not ask")
    making.add_argument("--plan", action="store_true", help="show what would change, and stop")
    making.add_argument(
        "--lose-data", action="store_true", help="even if a table, a bucket or a queue goes"
    )
    making.set_defaults(command=provision)

    examining = commands.add_parser("doctor", help="say what is wrong here, or with a stage on AWS")
    examining.add_argument("stage", nargs="?", help="a stage to look at too")
    examining.add_argument("--data", default=argparse.SUPPRESS, help="the folder of the store")
    examining.set_defaults(diagnose=doctor)
    for command in (making, examining):
        command.add_argument("--json", action="store_true", default=argparse.SUPPRESS)


def _say(line: str) -> None:
    """To people; standard output is for what programs read."""
    print(escaped(line), file=sys.stderr, flush=True)
