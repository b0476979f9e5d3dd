"""What a fresh interpreter loads: the import rules, seen from outside."""

import os
import subprocess
import sys

from tests.gates.house import ROOT, modules

FLASK = {"flask", "flask_restx", "werkzeug"}
AWS = {"boto3", "botocore", "zappa"}


def test_handlers_load_no_flask_and_no_sdk(tmp_path):
    """A queue event pays for neither."""
    code = import_all("handlers")
    assert not loaded(code, tmp_path) & (FLASK | AWS)


def test_the_room_loads_no_world(tmp_path):
    code = import_all("app.room")
    assert not loaded(code, tmp_path) & (FLASK | AWS | {"sqlite3", "requests"})


def test_a_local_app_loads_no_sdk(tmp_path):
    code = "from app.wsgi import app; app.wsgi_app"
    names = loaded(code, tmp_path)
    assert "flask" in names
    assert not names & AWS


def test_what_is_loaded_is_seen(tmp_path):
    assert {"flask", "sqlite3"} <= loaded("import flask, sqlite3", tmp_path)


def import_all(package: str) -> str:
    names = [m.name for m in modules() if m.name == package or m.name.startswith(package + ".")]
    assert names
    return "import " + ", ".join(names)


def loaded(code: str, folder) -> set[str]:
    """The top-level packages in memory after `code`, run in `folder` with no settings."""
    settings = {k: v for k, v in os.environ.items() if not k.startswith(("MANYDOORS_", "AWS_"))}
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('loaded:', *sys.modules)"],
        cwd=folder,
        env={**settings, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    names = done.stdout.rpartition("loaded:")[2].split()
    return {name.partition(".")[0] for name in names}
