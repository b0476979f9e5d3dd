"""What a function asks wrongly of its run: it is told what to write, before anything is kept."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest

from app import Run
from app.testing import Testing

WRONG: dict[str, tuple[Callable[[Any], Any], str]] = {
    "a step that was called": (lambda run: run.step("draw", 5), "give it the function itself"),
    "a date": (lambda run: run.until(date(2030, 1, 1)), "give it a datetime with a zone"),
    "a text": (lambda run: run.until("2030-01-01T00:00:00Z"), "give it a datetime with a zone"),
    "no name": (lambda run: run.wait_for(""), "a signal's name has 1 to 128 characters"),
    "a long name": (lambda run: run.wait_for("x" * 129), "a signal's name has 1 to 128"),
    "a number": (lambda run: run.wait_for(5), "a signal's name has 1 to 128 characters"),
    "no file": (lambda run: run.open(None), "run.open takes a File, an id or what a result says"),
    "no file's result": (lambda run: run.open({"a": 1}), "run.open takes a File, an id"),
}


@pytest.mark.parametrize(("ask", "said"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_is_told(
    lab: Testing, declare: Callable[..., Any], ask: Callable[[Any], Any], said: str
) -> None:
    """In the job's error, with what to write."""
    declare(ask, retries=0)
    id = lab.submit("tried")
    lab.run()
    assert said in lab.error(id)["detail"]


def test_any_real_number_is_progress(lab: Testing, declare: Callable[..., Any]) -> None:
    """A number of whatever library reads as JSON's."""

    def counts(run: Run) -> None:
        run.progress(Fraction(1, 2), Decimal("1.5"))  # type: ignore[arg-type]

    declare(counts)
    id = lab.submit("tried")
    lab.run()
    assert lab.job(id)["progress"] == {"done": 0.5, "total": 1.5, "note": ""}
