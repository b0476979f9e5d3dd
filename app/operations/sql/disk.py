"""A file of the service under a path, for what reads paths and no streams."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory

from app import File, Run, TooLarge

MARGIN = 128 * 1024 * 1024  # bytes that stay free beside it
PIECE = 1024 * 1024


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder for a while; nobody else may look into it."""
    with TemporaryDirectory(prefix="manydoors-file-") as folder:
        yield Path(folder)


def placed(run: Run, file: File, folder: Path) -> Path:
    """Its path in that folder: a link where the store is a folder itself, and else a copy.

    `TooLarge` when there is no room for a copy, as on Lambda beyond its temporary storage.
    """
    place = folder / "data"
    with run.open(file) as stream:
        near = getattr(stream, "name", None)  # of a stream that is a file on this machine
        if isinstance(near, str | PathLike):
            place.symlink_to(Path(near).resolve())
            return place
        size = file.size or 0
        free = shutil.disk_usage(folder).free
        if size + MARGIN > free:
            raise TooLarge(
                f"The file has {size:,} bytes, and the temporary storage here has room for "
                f"{max(0, free - MARGIN):,}: give it more (on Lambda up to 10 GB).",
                limit=max(0, free - MARGIN),
            )
        done = 0
        with place.open("xb") as copy:
            while piece := stream.read(PIECE):
                copy.write(piece)
                done += len(piece)
                run.progress(done, size or None, "fetching")
                if run.cancelled:
                    run.sleep(0)  # ends here
    return place
