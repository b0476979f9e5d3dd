"""A missing engine skips on a laptop and fails in CI."""

import pytest


def test_what_is_there_lets_the_test_go_on(require):
    require("/usr/bin/chromium", "chromium is not installed")


def test_a_laptop_skips_and_says_why(require, monkeypatch):
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(pytest.skip.Exception, match="no engine"):
        require(None, "no engine")


@pytest.mark.parametrize("value", ["true", "1"])
def test_ci_fails(require, monkeypatch, value):
    monkeypatch.setenv("CI", value)
    with pytest.raises(pytest.fail.Exception, match="no engine"):
        require(None, "no engine")
