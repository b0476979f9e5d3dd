"""`python -m app …`: the commands that a terminal gives."""

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import closing, redirect_stdout, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

from app import cli_aws, cli_backup, cli_jobs, cli_schedules, cli_serving, logs, wiring
from app.cli_params import BadArgument, whole
from app.cli_trouble import STOPPED, USAGE, code_of, document, sentences
from app.client import Service
from app.config import Settings, service_url
from app.logs import escaped
from app.room.errors import BadSetting, ManydoorsError, Unimportable, sayable
from app.terminal.text import paint_for


def main(arguments: Sequence[str], environ: Mapping[str, str] = os.environ) -> int:
    """Runs one command; gives the exit code."""
    if bad := [each for each in arguments if sayable(each) != each]:
        print(f"{escaped(bad[0])!r} is no text in UTF-8: write it in that.", file=sys.stderr)
        return USAGE
    given = _parse(arguments)
    try:
        code = _run(given, environ)
        sys.stdout.flush()
        return code
    except KeyboardInterrupt:
        return STOPPED
    except BrokenPipeError:  # `| head` has seen enough
        _forget_output()
        return STOPPED
    except BadArgument as error:
        print(escaped(str(error)), file=sys.stderr)
        return USAGE
    except ManydoorsError as error:
        print(document(error) if given.json else sentences(error), file=sys.stderr)
        return _code(given, error)


def _code(given: argparse.Namespace, error: ManydoorsError) -> int:
    """Of a part of `up`, whether another start may help it."""
    if isinstance(error, Unimportable) and getattr(given, "lifeline", None) is not None:
        from app.supervisor.part import TRY_AGAIN

        return TRY_AGAIN
    return code_of(error)


def _run(given: argparse.Namespace, environ: Mapping[str, str]) -> int:
    if "diagnose" in given:  # settings that can't be read are what it looks for
        return int(given.diagnose(given, environ))
    settings = Settings.read(environ)
    if given.data is not None:
        settings = replace(settings, data=Path(given.data), url="")
    if given.url is not None:
        settings = replace(settings, url=given.url)
    if "ask" not in given:
        return int(given.command(given, settings))
    given.paint = paint_for(sys.stdout, environ)
    with closing(_reach(settings, given)) as service:
        return int(given.ask(given, service))


def _reach(settings: Settings, given: argparse.Namespace) -> Service:
    """Whom a command asks: the service at the URL, or else the store in the folder, which not
    every command may make."""
    if settings.url:
        from app.client.remote import Remote
        from app.ports.local.clock import SystemClock

        return Remote(settings.url, settings.key, SystemClock())
    from app.client.local import Local

    store = wiring.store_of(settings)
    if store is not None and store.parent.exists() and not store.parent.is_dir():
        raise BadSetting(
            f"The data folder {store.parent} is a file: name another one, by --data or "
            "MANYDOORS_DATA."
        )
    if store is not None and not given.makes and not store.exists():
        raise BadSetting(
            f"There is no store at {store}: name its folder by --data or MANYDOORS_DATA. "
            "`up --data DIR` makes one, and so does `submit`."
        )
    logs.set_up("text", "ERROR")
    with redirect_stdout(sys.stderr):  # what a module prints as it is loaded is no result
        room = wiring.make_room(settings)
    return Local(
        room,
        partial(wiring.is_deserted, settings),
        store=store,
        tell_made=_ignore if given.json else _tell_made,
        modules=settings.operations,
    )


def _ignore(store: Path) -> None:
    """Programs know where they work."""


def _tell_made(store: Path) -> None:
    print(escaped(f"There was no store at {store}: it is made, and empty."), file=sys.stderr)


def _forget_output() -> None:
    """So that nothing is written to a closed pipe as the process ends."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = _parser()
    given, more = parser.parse_known_args(arguments)
    if more and "params" in given and not any(each.startswith("-") for each in more):
        given.params += more  # those behind an option; argparse takes only one row of them
    elif more:
        parser.error(f"unrecognized arguments: {' '.join(more)}")
    if given.url is not None and given.data is not None:
        parser.error("give --url or --data, not both")
    if "check" in given and (wrong := given.check(given)):
        parser.error(wrong)
    return given


def _url(text: str) -> str:
    try:
        return service_url(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r}: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m app", description=__doc__)
    parser.set_defaults(makes=True)
    parser.add_argument("--url", type=_url, help="the service to ask (or set MANYDOORS_URL)")
    parser.add_argument("--data", help="the folder of the store (default ./var)")
    parser.add_argument("--json", action="store_true", help="print for machines")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    cli_serving.add_to(commands, whole)
    asking = cli_jobs.add_to(commands, _url)
    cli_schedules.add_to(commands, asking)
    cli_backup.add_to(commands)
    cli_aws.add_to(commands)
    return parser
