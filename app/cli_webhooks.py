"""The commands that look after callbacks: their secret, and a test of an address."""

import argparse
import sys
from collections.abc import Callable

from app.cli_params import duration
from app.cli_trouble import DONE, FAILED
from app.client import Service
from app.logs import escaped
from app.room.egress import LONGEST_URL
from app.room.job import SUCCEEDED
from app.room.signing import OVERLAP
from app.terminal.screens import Silent, follow
from app.terminal.text import as_json

Add = Callable[..., argparse.ArgumentParser]


def secret(given: argparse.Namespace, service: Service) -> int:
    """Prints the secret that callbacks are signed with, or a new one."""
    shown = (
        service.rotate_webhook_secret(given.overlap) if given.rotate else service.webhook_secret()
    )
    print(as_json({"secret": shown}) if given.json else shown)
    return DONE


def test(given: argparse.Namespace, service: Service) -> int:
    """Sends a signed test event to an address, and tells whether it arrived."""
    made = service.test_webhook(given.address)
    if service.is_deserted():
        told = f"No worker runs: {made['id']} is kept, and sent once `python -m app up` does."
        print(escaped(told), file=sys.stderr)
    job = follow(service, made["id"], Silent(), given.timeout)
    arrived = job["status"] == SUCCEEDED
    if given.json:
        print(as_json(job))
    elif arrived:
        print(f"It arrived: the receiver answered {job['result']['status']}.")
    else:
        error = job["error"] or {"detail": f"The test is {job['status']}."}
        print(escaped(str(error["detail"])), file=sys.stderr)
    return DONE if arrived else FAILED


def add_to(add: Add) -> None:
    """`webhooks` and its own commands."""
    commands = add("webhooks", None, "the secret of callbacks, and a test").add_subparsers(
        required=True, metavar="WEBHOOKS"
    )
    telling = add("secret", secret, "print what callbacks are signed with", commands)
    telling.add_argument("--rotate", action="store_true", help="make a new one")
    telling.add_argument(
        "--overlap", type=duration, default=OVERLAP, help="how long both sign (default 1d)"
    )
    testing = add("test", test, "send a test event to an address, and wait for it", commands)
    testing.add_argument("address", metavar="URL", help=f"at most {LONGEST_URL:,} characters")
    testing.add_argument("--timeout", type=duration, default=30.0, help="how long to wait: 30s")
