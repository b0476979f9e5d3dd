"""A sample of the points at which `python -m tests.severed` breaks a life of the service on AWS."""

import re
from pathlib import Path

import pytest

from tests.engines.ministack import Ministack
from tests.severed.breaker import HOWS
from tests.severed.trial import sample, show, sky, tried

pytestmark = [pytest.mark.engine, pytest.mark.slow]

ADAPTERS = Path(__file__).parents[2] / "app" / "ports" / "aws"


def verbs() -> set[str]:
    """All that the program asks of AWS."""
    source = "".join(path.read_text() for path in ADAPTERS.glob("*.py"))
    return set(re.findall(r'\.ask\(\s*"(\w+)"', source))


@pytest.mark.timeout(600)
def test_every_request_broken_in_every_way(
    dynamo: str, ministack: Ministack, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is lost, nothing is done or counted twice, and nobody gets a 500: whichever request
    to AWS breaks, and however; and each has been broken so."""
    with sky(dynamo, ministack) as over:
        sound = tried(over, [])
        lives = [sound, *(tried(over, points) for points in sample(sound.asked))]
    with capsys.disabled():
        show(lives)
    assert [life.wrong for life in lives if life.wrong] == []
    assert {(p.verb, p.how) for life in lives for p in life.felt} == {
        (verb, how) for verb in verbs() for how in HOWS
    }
