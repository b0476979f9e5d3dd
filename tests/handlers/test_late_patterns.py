"""marshmallow's e-mail validator is the same whether its patterns are compiled late or at once."""

import subprocess
import sys

import pytest

from tests.gates.house import ROOT

TOLD = """
import re
from marshmallow import ValidationError, fields, validate

def told(address):
    try:
        return fields.Email().deserialize(address)
    except ValidationError as error:
        return error.messages

addresses = ["ada@example.com", "a.b+c@sub.example.co", '"a b"@example.com', "ada@[192.0.2.7]",
    "ada@bücher.example", "ada", "ada@", "@example.com", "a b@example.com", "ada@exa mple.com",
    "ada@-", "ADA@EXAMPLE.COM", "ada@localhost", "ada@example.com\\n", ""]
print([told(each) for each in addresses], validate.Email.USER_REGEX.pattern)
print(re.compile("a+").fullmatch("aaa"), re.compile.__module__)
print(validate.Regexp("[a-z]+")("abc"), validate.URL()("https://example.com/a"))
"""
LATE = "import handlers; "
IS_LATE = "from marshmallow import validate as v, validate; import re; print(\
isinstance(v.Email.DOMAIN_REGEX, re.Pattern), isinstance(v.Email.USER_REGEX, re.Pattern))"


def ran(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_an_address_is_told_the_same() -> None:
    """Right or wrong, with the same words; and `re` is what it was."""
    assert ran(LATE + TOLD) == ran(TOLD)


@pytest.mark.parametrize(("first", "compiled"), [(LATE, "False False\n"), ("", "True True\n")])
def test_nothing_is_compiled_before_it_is_asked(first: str, compiled: str) -> None:
    """Else a start pays for it; and this would be for nothing once marshmallow does it itself."""
    assert ran(first + IS_LATE) == compiled
