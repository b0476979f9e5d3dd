"""What `doctor` says of a machine."""

from pathlib import Path
from typing import Any

import pytest

from app import wiring
from app.config import Settings
from app.deployment import machine
from app.deployment.finding import Finding
from app.ports import Record, Write
from app.ports.local.records import LocalRecords
from app.room.size import MB

OPERATIONS = ["one"]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data=tmp_path / "data")


def found(settings: Settings, records: Any = None, load: Any = None) -> dict[str, Finding]:
    opened = records or (lambda: wiring.make_ports(settings).records)
    findings = machine.examine(settings, load or (lambda: OPERATIONS), opened)
    return {finding.check: finding for finding in findings}


def wrong(findings: dict[str, Finding]) -> list[str]:
    return [check for check, finding in findings.items() if finding.state == "wrong"]


def test_a_machine_that_is_fit(settings: Settings) -> None:
    """Nothing is wrong, and nothing is left behind: not even the folder of the data."""
    findings = found(settings)
    assert set(findings) == {"python", "operations", "disk", "folder", "store"}
    assert wrong(findings) == []
    assert "`up` makes it" in findings["store"].detail
    assert not settings.data.exists()


def test_a_store_is_written_read_and_left_as_it_was(settings: Settings) -> None:
    """By a record of the doctor's own."""
    records = wiring.make_ports(settings).records
    records.ping()
    assert "takes records, and gives them back" in found(settings)["store"].detail
    assert not records.list(machine.COLLECTION).items
    records.close()


def test_a_store_that_forgets_is_wrong(settings: Settings) -> None:
    """Whatever it says of itself."""

    class Forgetful(LocalRecords):
        def commit(self, *writes: Write) -> tuple[Record | None, ...]:
            return (None,) * len(writes)

    wiring.make_ports(settings).records.ping()
    path = settings.data / "manydoors.db"
    assert wrong(found(settings, lambda: Forgetful(path))) == ["store"]


def test_a_store_that_cannot_be_opened_is_wrong(settings: Settings) -> None:
    """In the store's own sentence."""
    settings.data.mkdir()
    (settings.data / "manydoors.db").write_bytes(b"this is no database" * 100)
    findings = found(settings)
    assert wrong(findings) == ["store"]
    assert findings["store"].detail


def test_a_folder_that_cannot_be_written_is_wrong(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says which, and what to do. (Root may write anywhere, hence not by its permissions.)"""

    def refused(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    findings = found(settings)
    assert wrong(findings) == ["folder"]
    assert "Permission denied. Give it to this user" in findings["folder"].detail


def test_a_disk_that_is_nearly_full_is_wrong(settings: Settings) -> None:
    """Below the setting's bound the store would write nothing."""
    full = Settings(data=settings.data, min_free=1 << 60)
    findings = found(full)
    assert wrong(findings) == ["disk"]
    assert f"{(1 << 60) // MB:,} MB nothing more is written" in findings["disk"].detail


@pytest.mark.parametrize("error", [ImportError("no module cats"), ValueError("bad"), KeyError()])
def test_operations_that_do_not_import_are_wrong(settings: Settings, error: Exception) -> None:
    """Whatever users' modules raise."""

    def load() -> list[str]:
        raise error

    findings = found(settings, load=load)
    assert wrong(findings) == ["operations"]
    assert (str(error) or "KeyError") in findings["operations"].detail


def test_a_service_without_operations_is_wrong(settings: Settings) -> None:
    """It would start, and serve nothing."""
    assert wrong(found(settings, load=list)) == ["operations"]


def test_of_a_table_the_disk_is_not_asked(settings: Settings) -> None:
    """Its records are elsewhere."""
    findings = found(
        Settings(data=settings.data, table="far"),
        records=lambda: LocalRecords(settings.data / "stands-in.db"),
    )
    assert set(findings) == {"python", "operations", "store"}
    assert findings["store"].detail.startswith("table far takes records")
