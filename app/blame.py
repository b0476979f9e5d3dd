"""What is wrong with a module, for who wrote it: their own lines of a traceback, and the error."""

import os
import sysconfig
import traceback
from collections.abc import Iterator

LINES = 4  # of a traceback that are shown, the newest

OURS = os.path.dirname(os.path.abspath(__file__)) + os.sep
OPERATIONS = os.path.join(OURS, "operations", "")  # what users add


def blamed(error: BaseException) -> str:
    """A few lines: where, what stands there, and the error."""
    told = traceback.TracebackException.from_exception(error, limit=-200)
    own = [frame for frame in told.stack if _is_own(frame.filename)][-LINES:]
    return "\n".join([*_places(own), *_error(told)])


def _places(frames: list[traceback.FrameSummary]) -> Iterator[str]:
    for frame in frames:
        yield f"  {_short(frame.filename)}:{frame.lineno}: {frame.line or ''}".rstrip(": ")


def _error(told: traceback.TracebackException) -> Iterator[str]:
    """Of a syntax error its place too, with a mark below it."""
    for line in "".join(told.format_exception_only()).rstrip().split("\n"):
        place = line.strip()
        if place.startswith('File "') and '", line ' in place:
            file, _, number = place.removeprefix('File "').partition('", line ')
            yield f"  {_short(file)}:{number}:"
        else:
            yield f"  {line}"


def _is_own(file: str) -> bool:
    """Neither of this program, nor of Python, nor of a library."""
    if file.startswith(OPERATIONS):
        return True
    paths = sysconfig.get_paths()
    others = (OURS, *(paths[name] + os.sep for name in ("stdlib", "purelib", "platlib")))
    return not file.startswith(("<frozen", *others))


def _short(file: str) -> str:
    """As seen from here, if that is shorter."""
    return min(file, os.path.relpath(file), key=len)
