"""marshmallow's pattern of domains is made when it is asked for, and is the same."""

import re
import subprocess
import sys

import pytest
from marshmallow import ValidationError, validate

import app.room.files  # noqa: F401 - any module of ours
from app.room.schema.late_pattern import LatePattern
from tests.gates.house import ROOT

SEEN = """
import re
compiled = re.compile
import app
from marshmallow import validate
assert re.compile is compiled
print(type(validate.Email.DOMAIN_REGEX).__name__)
"""


def test_it_is_not_made_at_the_start() -> None:
    """Whatever of the program is imported first."""
    for first in ("app", "app.room.operation", "handlers", "app.wsgi"):
        code = SEEN.replace("import app\n", f"import {first}\n")
        ran = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
        )
        assert ran.stdout == "LatePattern\n"


@pytest.mark.parametrize("address", ["ada@example.org", "ada@bücher.example", "ada@localhost"])
def test_addresses_that_are_right(address: str) -> None:
    assert validate.Email()(address) == address


@pytest.mark.parametrize("address", ["ada@-example.org", "ada@exa mple.org", "ada@", "@x.org"])
def test_addresses_that_are_wrong(address: str) -> None:
    with pytest.raises(ValidationError):
        validate.Email()(address)


def test_it_is_as_the_pattern_itself() -> None:
    late, made = LatePattern("a(b)", re.IGNORECASE), re.compile("a(b)", re.IGNORECASE)
    found = late.match("AB")
    assert found is not None
    assert found[1] == "B"
    assert (late.pattern, late.flags, late.search("x")) == (made.pattern, made.flags, None)
