import pytest

pytest.register_assert_rewrite(f"{__name__}.suite_records", f"{__name__}.suite_takes")
