"""Each seeded bug still fits the code: none of them rots unseen until somebody tries them."""

from tests.gates.house import ROOT
from tests.mutants.catalogue import MUTANTS
from tests.mutants.mutant import Unfit

FEWEST = 24


def test_each_mutant_fits_the_code():
    """Its old text is there once, what comes of it compiles, and is another program."""
    assert not [why for mutant in MUTANTS if (why := unfit(mutant))]


def test_each_mutant_names_tests_that_there_are():
    """And not these gates, which see every mutant by its text."""
    missing = [(m.name, test) for m in MUTANTS for test in m.tests if not (ROOT / test).exists()]
    assert not missing
    assert not [m.name for m in MUTANTS if any("gates" in t or "mutants" in t for t in m.tests)]
    assert all(mutant.tests for mutant in MUTANTS)


def test_each_mutant_has_a_name_of_its_own_and_one_sentence_on_its_harm():
    names = [mutant.name for mutant in MUTANTS]
    assert len(names) == len({*names}) >= FEWEST
    assert not [m.name for m in MUTANTS if not m.harm.endswith(".") or ". " in m.harm]


def unfit(mutant):
    try:
        mutant.mutated(ROOT)
    except Unfit as why:
        return str(why)
    return None
