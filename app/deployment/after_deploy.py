"""Zappa's `post` callback: sets what Zappa can't, and says what it did."""

import sys
from pathlib import Path
from typing import Any

ROOT = str(Path(__file__).parents[2])


def settle(cli: Any) -> None:
    """After each `zappa deploy` and `zappa update`; one that finds all right changes nothing."""
    if ROOT not in sys.path:
        sys.path.insert(0, ROOT)
    from app.room.errors import ManydoorsError

    try:
        _settle(cli)
    except ManydoorsError as error:
        raise SystemExit(
            f"The code is deployed, but not all is set: {error}\n"
            f"Then run `zappa update {cli.api_stage}` again; "
            f"`python -m app doctor {cli.api_stage}` says what is missing."
        ) from None


def _settle(cli: Any) -> None:
    from app.deployment.cloud import Cloud, explained
    from app.deployment.function import Function
    from app.deployment.names import Names

    names = Names(cli.api_stage)
    function = Function(Cloud(cli.zappa.boto_session), names)
    given = cli.stage_config.get("events") or ()
    events = [each["event_source"] for each in given if each.get("event_source")]
    mended = 0
    for setting in function.settings(events):
        if not setting.is_right:
            with explained(f"set this ({setting.what})"):
                setting.mend()
            mended += 1
            _say(f"set      {setting.sentence}")
    _say(f"{mended} of the settings that Zappa can't set were set; the rest was right.")
    _advise(cli, function)


def _advise(cli: Any, function: Any) -> None:
    """Whatever keeps it from being told, the deployment is done."""
    from app.deployment.advice import advise, platform_of

    try:
        for advice in advise(_operations(cli), platform_of(function)):
            _say(f"advice   {advice.sentence}")
    except Exception as error:  # noqa: BLE001 - users' modules run, and may raise anything
        _say(f"advice   there is none: {type(error).__name__}: {error}")


def _operations(cli: Any) -> Any:
    from app import wiring
    from app.config import PREFIX, Settings

    named = PREFIX + "OPERATIONS"
    variables = cli.aws_environment_variables
    environ = {named: variables[named]} if named in variables else {}
    return wiring.load_operations(Settings.read(environ))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
