"""Our own side of the comparison."""

from importlib.util import find_spec
from pathlib import Path

NAME = "Manydoors"
CROWDED = ("submit one by one", "drain", "list", "get")

Figures = dict[str, float | str | list[float]]


def there() -> bool:
    return find_spec("app.room.engine") is not None


def figures(folder: Path, jobs: int, samples: int) -> Figures:
    raise NotImplementedError


def beside_finished(folder: Path, finished: int, jobs: int) -> dict[str, float]:
    raise NotImplementedError
