"""The file of the keys: one for all processes, and nobody else reads it."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.ports.local.seal_keys import LocalSealKeys
from app.room.errors import Unavailable


def test_all_who_come_first_have_the_same_key(tmp_path: Path) -> None:
    path = tmp_path / "new" / "seal.keys"
    with ThreadPoolExecutor(8) as threads:
        made = [*threads.map(lambda _: tuple(LocalSealKeys(path)()), range(32))]
    assert len({*made}) == 1
    assert [len(key) for key in made[0]] == [32]
    assert [each.name for each in path.parent.iterdir()] == ["seal.keys"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_line_before_closes_and_those_behind_open(tmp_path: Path) -> None:
    path = tmp_path / "seal.keys"
    (first,) = LocalSealKeys(path)()
    path.write_text(f"# a comment\n{'ab' * 32}\n{first.hex()}\n\n")
    assert LocalSealKeys(path)() == (b"\xab" * 32, first)


@pytest.mark.parametrize("content", [b"", b"# a comment\n", b"ab\n", b"xy" * 32, b"\xff" * 64])
def test_a_damaged_file_is_told_and_left(tmp_path: Path, content: bytes) -> None:
    """No key is made in its place, for it would open nothing."""
    path = tmp_path / "seal.keys"
    path.write_bytes(content)
    with pytest.raises(Unavailable, match=r"seal\.keys"):
        LocalSealKeys(path)()
    assert path.read_bytes() == content


def test_where_none_can_be_made_it_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "a file").write_text("")
    with pytest.raises(Unavailable):
        LocalSealKeys(tmp_path / "a file" / "seal.keys")()


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    LocalSealKeys(tmp_path / "seal.keys")
    assert not [*tmp_path.iterdir()]
