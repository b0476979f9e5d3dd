"""Operations that take a secret and talk of it wherever they can."""

import logging
from typing import Annotated

from app import Every, Refused, Run, Secret, operation

log = logging.getLogger(__name__)

Word = Annotated[str, Secret]


@operation("silent.call")
def call(word: Word, ends: str = "well") -> int:
    """Take a word, and say it in every way that a call has."""
    log.warning("the word is %s", word)
    return _end(word, ends)


@operation("silent.job", long=True, retries=0)
def job(run: Run, word: Word, ends: str = "well", text: str = "") -> int:
    """The same, as a job."""
    print(f"printed: {word}")
    log.warning("logged: %s", word)
    run.log(f"noted: {word}")
    run.progress(1, 2, f"told: {word}")
    return run.step("step", _end, word, ends)


@operation("silent.many", long=True)
def many(run: Run, word: Word) -> int:
    """The same, by children."""
    return sum(run.map("silent.job", [{"word": word}] * 3, batch=2))


@operation("silent.tick", on=[Every("1h")])
def nothing() -> None:
    """A schedule of the code's own, beside those that the test makes."""


def _end(word: str, ends: str) -> int:
    if ends == "refused":
        raise Refused(f"no such word: {word}")
    if ends == "badly":
        raise ValueError(f"it was {word!r}")
    return len(word)
