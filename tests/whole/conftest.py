"""What the tests of whole processes share: a package takes half a minute."""

import pytest

from tests.whole.deployed import Checkout, Package, Require, checked_out, packaged


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    """A checkout of its own, with an environment of requirements.lock once something is made."""
    return checked_out(tmp_path_factory.mktemp("checkout"))


@pytest.fixture(scope="session")
def package(
    require: Require, checkout: Checkout, tmp_path_factory: pytest.TempPathFactory
) -> Package:
    """`make package`, unpacked where nothing may be written."""
    return packaged(require, checkout, tmp_path_factory.mktemp("task"))
