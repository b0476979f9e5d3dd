"""What makes Zappa's zip fit for a cold start: bytecode that counts there, and little weight."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

MB = 1024 * 1024
MOST = 30 * MB
HEAVIEST = 10
TASK = "/var/task"  # where Lambda unpacks it


def finish(cli: Any) -> None:
    """Zappa's `zip` callback, before anything is uploaded."""
    path = Path(cli.zip_path)
    compile_in(path)
    sys.stdout.write(weight(path))
    check_size(path)


def compile_in(path: Path) -> None:
    """Puts bytecode beside the modules in the zip.

    Its entries are dated 1980, so the bytecode that is in an environment counts as stale there,
    and each cold start compiles anew. Unchecked bytecode counts always; that is right where files
    never change and wrong in a checkout, so it is made of the zip and not of the folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="manydoors-package-"))
    try:
        with ZipFile(path) as packed:
            packed.extractall(folder)
        command = [sys.executable, "-m", "compileall", "-q", "-f", "-j", str(os.cpu_count() or 1)]
        command += ["-d", TASK, "--invalidation-mode", "unchecked-hash", str(folder)]
        made = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603 - our own interpreter
        if made.returncode:
            raise SystemExit(f"Not all of the package is Python:\n{made.stdout}{made.stderr}")
        with ZipFile(path, "a", ZIP_DEFLATED) as packed:
            for code in sorted(folder.rglob("*.pyc")):
                entry = ZipInfo(str(code.relative_to(folder)))
                entry.external_attr = 0o644 << 16
                packed.writestr(entry, code.read_bytes(), ZIP_DEFLATED)
    finally:
        shutil.rmtree(folder)


def weight(path: Path) -> str:
    """The size of a package and its heaviest parts, for people."""
    packed, whole = Counter[str](), Counter[str]()
    with ZipFile(path) as package:
        for entry in package.infolist():
            part = entry.filename.partition("/")[0]
            packed[part] += entry.compress_size
            whole[part] += entry.file_size
    lines = [f"{path.name}: {_mb(path.stat().st_size)} MB, unpacked {_mb(whole.total())} MB"]
    lines += [
        f"  {_mb(size):>5} MB, unpacked {_mb(whole[part]):>5} MB  {part}"
        for part, size in packed.most_common(HEAVIEST)
    ]
    return "\n".join(lines) + "\n"


def check_size(path: Path, most: int = MOST) -> None:
    if (size := path.stat().st_size) > most:
        raise SystemExit(
            f"The package has {_mb(size)} MB, over the {_mb(most)} MB that we allow: leave out "
            "what runs nowhere by `exclude` or `exclude_glob` in zappa_settings.json, and use "
            "an environment with nothing but requirements.lock, as `make package` does."
        )


def _mb(size: int) -> str:
    return f"{size / MB:.1f}"
