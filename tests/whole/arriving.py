"""Operations that what arrives starts, for the real service."""

from typing import Any

from app import File, Queue, Run, Stream, Topic, Upload, operation, records


@operation("arriving.pic", on=[Upload("pics/*.txt")])
def pic(run: Run, pic: File, key: str, size: int) -> list[str | int]:
    """Read what came."""
    with run.open(pic) as stream:
        return [key, size, stream.read(20).decode()]


@operation("arriving.news", on=[Topic("news"), Queue("orders")], long=True)
def news(message: object) -> object:
    """Say it again."""
    return message


@operation("arriving.children", long=True)
def children(run: Run, texts: list[str]) -> list[str]:
    """Let each be said by a child."""
    items = [{"message": {"text": text}} for text in texts]
    return [each["text"] for each in run.map("arriving.news", items)]


@operation("arriving.count", retries=100, backoff=0)
def count(run: Run, id: str, upto: int) -> int:
    """Change one document again and again."""
    found = {"n": 0}
    while found["n"] < upto:
        found = run.records("counts").change(id, lambda body: {"n": body.get("n", 0) + 1})
    return found["n"]


@operation("arriving.counted", on=[Stream("counts")], long=True)
def counted(keys: dict[str, str], new: dict[str, Any], old: dict[str, Any] | None) -> None:
    """Keep what was heard of a change."""
    records("heard").put(f"{keys['id']}-{new['n']}", {"before": old["n"] if old else 0})
