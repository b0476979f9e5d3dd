import pytest

SUITES = ("suite_records", "suite_takes", "suite_queue", "suite_topic")
pytest.register_assert_rewrite(*(f"{__name__}.{suite}" for suite in SUITES))
