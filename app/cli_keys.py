"""The commands that look after keys, in the store of this machine or on a service elsewhere."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.cli_params import duration, time
from app.cli_trouble import DONE
from app.client import Key, Service
from app.logs import escaped
from app.room.call import SCOPES
from app.room.key import OVERLAP
from app.terminal.text import as_json, fitted

NAMES = 24  # columns

Add = Callable[..., argparse.ArgumentParser]


def create(given: argparse.Namespace, service: Service) -> int:
    """Makes a key, and prints it this once."""
    expires = given.expires
    if given.lasts is not None:
        expires = service.clock.now() + given.lasts
    return _show(given, service.create_key(given.name, [given.scope], given.owner, expires))


def list_keys(given: argparse.Namespace, service: Service) -> int:
    """Lists the keys, the newest first."""
    listed = [*service.keys()]
    if given.json:
        print(as_json({"items": listed}))
        return DONE
    if listed:
        print(f"{'ID':26}  {'NAME':{NAMES}}  {'SCOPE':5}  {'OWNER':12}  {'LAST USED':16}  EXPIRES")
    for each in listed:
        used, expires = _day(each["last_used_at"]), _day(each["expires_at"])
        name, owner = fitted(each["name"], NAMES), fitted(each["owner"], 12)
        scope = max(each["scopes"], key=SCOPES.index)
        line = f"{each['id']:26}  {name:{NAMES}}  {scope:5}  {owner:12}  {used:16}  {expires}"
        print(escaped(line))
    return DONE


def rotate(given: argparse.Namespace, service: Service) -> int:
    """Gives a key another secret, and prints the new key this once."""
    return _show(given, service.rotate_key(given.id, given.overlap))


def revoke(given: argparse.Namespace, service: Service) -> int:
    """Ends keys."""
    left: list[Mapping[str, Any]] = []
    for id in given.ids:
        stays = service.revoke_key(id, disable=given.disable_schedules)
        left += [stays] if stays else []
        if not given.json:
            print(escaped(f"{id} is revoked: refused everywhere within a minute"))
            if stays:
                print(escaped(_left(stays)))
    if given.json:
        print(as_json({"revoked": given.ids, "left": left}))
    return DONE


def _left(stays: Mapping[str, Any]) -> str:
    owner, schedules = stays["owner"], stays["schedules"]
    told = f"{owner} has no key any more."
    if disabled := schedules["disabled"]:
        told += f" Schedules that were paused: {disabled}."
    if enabled := schedules["enabled"]:
        told += (
            f" Schedules that go on: {enabled}. A key for it (keys create NAME --owner {owner} "
            "--scope run --lasts 1h) can pause them."
        )
    return told


def add_to(add: Add) -> Sequence[argparse.ArgumentParser]:
    """`keys` and its own commands; gives those that want keys to be there."""
    commands = add("keys", None, "make, list, rotate and revoke keys").add_subparsers(
        required=True, metavar="KEYS"
    )
    making = add("create", create, "make a key, and print it this once", commands)
    making.add_argument("name", metavar="NAME", help="whose it is, or what for")
    making.add_argument("--scope", choices=SCOPES, required=True, help="what it lets do")
    making.add_argument("--owner", help="whose jobs it makes and sees (default: yours)")
    end = making.add_mutually_exclusive_group()
    end.add_argument("--expires", type=time, help="good until: 2030-01-31T03:00")
    end.add_argument("--lasts", type=duration, help="good for: 12h, 90d")
    listing = add("list", list_keys, "list the keys", commands)
    rotating = add("rotate", rotate, "give a key another secret, and print it", commands)
    rotating.add_argument("id", metavar="ID", help="as `keys list` shows it")
    rotating.add_argument(
        "--overlap", type=duration, default=OVERLAP, help="how long both are good (default 1d)"
    )
    revoking = add("revoke", revoke, "end keys", commands)
    revoking.add_argument("ids", nargs="+", metavar="ID", help="as `keys list` shows it")
    revoking.add_argument(
        "--disable-schedules",
        action="store_true",
        help="pause those of an owner who has no other key",
    )
    return listing, rotating, revoking


def _show(given: argparse.Namespace, made: Key) -> int:
    if given.json:
        print(as_json(made))
        return DONE
    print(made["key"])
    sys.stdout.flush()
    scope = max(made["scopes"], key=SCOPES.index)
    told = f"Keep it now, it is not shown again. Its id is {made['id']}, its scope {scope}."
    print(escaped(told), file=sys.stderr)
    return DONE


def _day(moment: Any) -> str:
    if moment is None:
        return "–"
    return f"{datetime.fromisoformat(moment).astimezone():%Y-%m-%d %H:%M}"
