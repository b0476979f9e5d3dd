"""The judge of broken lives on doctored ones: whatever it is there to find, it finds."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.crash.judge import wrong
from tests.crash.life import CONTENT, Told, live, opened
from tests.crash.work import SINK


@pytest.fixture(scope="module")
def lived(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A life that nothing broke, and what was acknowledged."""
    folder, told = tmp_path_factory.mktemp("lived"), Told(to=None)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv(SINK, str(folder / "sink"))
        room = opened(folder)
        live(room, told)
        room.ports.records.close()
    return folder, "".join(json.dumps(what) + "\n" for what in told)


def changed(folder: Path, statement: str) -> None:
    with closing(sqlite3.connect(folder / "data" / "manydoors.db")) as database, database:
        assert database.execute(statement).rowcount


def lose_a_job(folder: Path) -> None:
    changed(folder, "DELETE FROM records WHERE json_extract(body, '$.key') = 'each'")


def change_a_result(folder: Path) -> None:
    changed(
        folder,
        "UPDATE records SET body = json_set(body, '$.result', 7) WHERE collection = 'jobs'"
        " AND json_extract(body, '$.key') = 'each'",
    )


def revive_what_was_cancelled(folder: Path) -> None:
    changed(
        folder,
        "UPDATE records SET label = 'queued', due = 1 WHERE collection = 'jobs'"
        " AND json_extract(body, '$.key') = 'cancelled'",
    )


def never_end(folder: Path) -> None:
    changed(
        folder,
        "UPDATE records SET label = 'waiting', due = NULL WHERE collection = 'jobs'"
        " AND json_extract(body, '$.key') = 'nap'",
    )


def lose_a_due_time(folder: Path) -> None:
    changed(
        folder,
        "DELETE FROM records WHERE collection = 'jobs'"
        " AND json_extract(body, '$.due') = 1800000120.0",
    )


def lose_the_schedule(folder: Path) -> None:
    changed(folder, "DELETE FROM records WHERE collection = 'schedules'")


def change_a_file(folder: Path) -> None:
    files = (folder / "data" / "files").glob("file_*")
    (mine,) = [path for path in files if path.stat().st_size == len(CONTENT)]
    mine.write_bytes(b"another")


def run_a_step_again(folder: Path) -> None:
    sink = folder / "sink"
    lines = sink.read_text().splitlines()
    sink.write_text("\n".join([*lines, next(line for line in lines if '"s0"' in line), ""]))


DOCTORED: dict[Callable[[Path], None], str] = {
    lose_a_job: "is gone",
    change_a_result: "had ended as",
    revive_what_was_cancelled: "was cancelled, and is",
    never_end: "never ended",
    lose_a_due_time: "not every due time",
    lose_the_schedule: "the schedule is gone",
    change_a_file: "the file has changed",
    run_a_step_again: "ran again",
}


def test_a_life_that_nothing_broke(lived: tuple[Path, str], tmp_path: Path) -> None:
    shutil.copytree(lived[0], tmp_path / "life", ignore=shutil.ignore_patterns("bells"))
    assert wrong(tmp_path / "life", lived[1]) == []


@pytest.mark.parametrize("doctor", DOCTORED, ids=lambda doctor: doctor.__name__)
def test_what_is_wrong_is_found(
    lived: tuple[Path, str], tmp_path: Path, doctor: Callable[[Path], None]
) -> None:
    folder = tmp_path / "life"
    shutil.copytree(lived[0], folder, ignore=shutil.ignore_patterns("bells"))
    doctor(folder)
    assert any(DOCTORED[doctor] in each for each in wrong(folder, lived[1]))
