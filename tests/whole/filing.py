"""Operations on files, for the real service."""

import hashlib
import time

from app import File, Run, operation


@operation("filing.digest", long=True)
def digest(run: Run, file: File) -> str:
    """Read all of a file."""
    hash = hashlib.sha256()
    with run.open(file) as stream:
        while piece := stream.read(1_000_000):
            hash.update(piece)
    return hash.hexdigest()


@operation("filing.copy", long=True)
def copy(run: Run, file: File, note: str = "") -> File:
    """Save what is read."""
    with run.open(file) as stream:
        return run.save(stream, name=f"copy{note} of {file.name}", type=file.type)


@operation("filing.slowly", long=True)
def slowly(run: Run, marker: str) -> File:
    """Save, and take long over it."""
    made = run.save(b"slowly", name="slow.txt")
    if run.attempt == 1:
        with open(marker, "w") as file:
            file.write(str(run.attempt))
        time.sleep(60)
    return made


@operation("filing.name")
def name(file: File) -> str | None:
    """Say its name."""
    return file.name


@operation("filing.names")
def names(files: list[File]) -> list[str | None]:
    """Say their names."""
    return [file.name for file in files]
