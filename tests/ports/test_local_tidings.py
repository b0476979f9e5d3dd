"""Tidings on one folder: whoever tells is heard by all, at once."""

from pathlib import Path

from app.ports.local.tidings import LocalTidings


def test_whoever_tells_is_heard_by_all(tmp_path: Path):
    """By those that looked before, by those that look later, and by the teller; each time anew."""
    first, second = (LocalTidings(tmp_path / "made" / "tidings") for _ in range(2))
    seen = {first.latest()}
    assert second.latest() in seen
    for teller in (first, second, LocalTidings(tmp_path / "made" / "tidings")):
        teller.tell()
        assert first.latest() == second.latest()
        assert first.latest() not in seen
        seen.add(first.latest())


def test_where_there_is_no_place_nobody_hears(tmp_path: Path):
    """And nothing is raised: what is remembered ends by its time."""
    (tmp_path / "file").touch()
    tidings = LocalTidings(tmp_path / "file" / "tidings")
    before = tidings.latest()
    tidings.tell()
    assert tidings.latest() == before
