"""Operations of a user's own: what the recorded events are for."""

from app import Queue, Stream, Topic, Upload, operation


@operation("greet")
def greet(name: str) -> str:
    return f"Hello, {name}!"


@operation("orders.take", on=[Queue("orders"), Queue("line"), Stream("clicks")])
def take(message: object) -> object:
    return message


@operation("news.read", on=[Topic("news"), Queue("titled")])
def read(title: str) -> str:
    return title


@operation("pics.look", on=[Upload("pics/*.jpg")])
def look(key: str, bucket: str) -> str:
    return f"{bucket}/{key}"


@operation("cats.watch", on=[Stream("cats")])
def watch(event: str) -> str:
    return event
