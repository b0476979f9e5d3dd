"""What counts as a catch, on a small checkout with tests of its own."""

import shutil
from pathlib import Path

import pytest

from tests.mutants.__main__ import code, table, trials
from tests.mutants.mutant import Mutant, Unfit
from tests.mutants.trial import Checkout, Judged, judge

HERE = Path(__file__).parent
PROGRAM = '''"""A sum."""


def total(first, second):
    return first + second


def untested():
    return 1
'''
TESTS = """from app.sums import total


def test_total():
    assert total(1, 2) == 3
"""
WRONG = """def test_that_is_red_anyway():
    assert 1 == 2
"""
SKIPPED = """import pytest

pytest.skip("there is no engine", allow_module_level=True)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    files = {
        "app/__init__.py": "",
        "app/sums.py": PROGRAM,
        "tests/test_sums.py": TESTS,
        "tests/test_wrong.py": WRONG,
        "tests/test_skipped.py": SKIPPED,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "tests/mutants").mkdir()
    for name in ("__init__.py", "witness.py"):
        shutil.copy(HERE / name, tmp_path / "tests/mutants" / name)
    witness = ("tests/mutants/__init__.py", "tests/mutants/witness.py")
    return Checkout(tmp_path, (*files, *witness), shared=())


def mutant(old: str, new: str, *tests: str) -> Mutant:
    return Mutant("one", "app/sums.py", old, new, "Sums are wrong.", tests or ("tests",))


SUMS = "tests/test_sums.py"


@pytest.mark.parametrize(
    ("new", "verdict", "by"),
    [
        ("    return first - second\n", "caught", "tests/test_sums.py::test_total"),
        ("    return second + first\n", "missed", ""),
        ("    return frist + second\n", "broken", "NameError"),
        ("    return first +\n", "broken", "does not compile"),
        ("    return first + second\n\n\nraise RuntimeError('no')\n", "broken", "RuntimeError: no"),
    ],
    ids=["a wrong sum", "the same sum", "a slip", "no Python", "cannot be imported"],
)
def test_only_a_failing_test_is_a_catch(checkout: Checkout, new: str, verdict: str, by: str):
    with checkout.copied() as clean:
        judged = judge(mutant("    return first + second\n", new, SUMS), checkout, clean)
    assert judged.verdict == verdict
    assert by in judged.by


def test_a_test_that_fails_without_the_bug_catches_nothing(checkout: Checkout):
    with checkout.copied() as clean:
        (clean / SUMS).write_text(WRONG)
        judged = judge(mutant("first + second", "first - second", SUMS), checkout, clean)
    assert judged.verdict == "broken"
    assert "without the bug" in judged.by


@pytest.mark.parametrize("tests", ["tests/test_wrong.py", "tests/test_skipped.py"])
def test_there_is_no_trial_by_tests_that_are_red_or_do_not_run(checkout: Checkout, tests: str):
    (judged,) = trials([mutant("first + second", "first - second", tests)], checkout, 1)
    assert (judged.verdict, judged.seconds) == ("broken", 0.0)


def test_the_checkout_stays_as_it_was(checkout: Checkout):
    with checkout.copied() as copy:
        assert mutant("first + second", "first - second").put_into(copy) == 5
        assert "first - second" in (copy / "app/sums.py").read_text()
    assert not copy.exists()
    assert (checkout.root / "app/sums.py").read_text() == PROGRAM


@pytest.mark.parametrize(
    ("old", "new"),
    [("third", "fourth"), ("return", "yield"), ("return 1\n", "return 1  # one\n")],
    ids=["gone", "there twice", "a comment"],
)
def test_a_mutant_that_has_no_place_or_changes_nothing_is_unfit(
    checkout: Checkout, old: str, new: str
):
    with pytest.raises(Unfit):
        mutant(old, new).mutated(checkout.root)


def test_a_mutant_of_a_file_that_is_gone_is_unfit(tmp_path: Path):
    with pytest.raises(Unfit, match="there is no"):
        mutant("a", "b").mutated(tmp_path)


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (["caught"] * 20, 0),
        (["caught"] * 19 + ["missed"], 0),
        (["caught"] * 18 + ["missed"] * 2, 1),
        (["caught"] * 20 + ["broken"], 3),
    ],
)
def test_nineteen_of_twenty_are_enough_and_a_broken_trial_is_none(verdicts, expected):
    assert code([Judged(mutant("a", "b"), verdict) for verdict in verdicts]) == expected


def test_the_table_says_where_and_by_what():
    one = mutant("first + second", "x")
    told = table([Judged(one, "caught", "tests/a.py::b[c|d]", 2.6, 5), Judged(one, "missed")])
    assert told[2:] == [
        "| one | app/sums.py:5 | Sums are wrong. | tests/a.py::b[c\\|d] | 3 |",
        "| one | app/sums.py | Sums are wrong. | **missed** | 0 |",
    ]
