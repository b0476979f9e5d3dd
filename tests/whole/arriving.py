"""Operations that what arrives starts, for the real service."""

from app import File, Queue, Run, Topic, Upload, operation


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
