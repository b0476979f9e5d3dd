"""A room with something of everything in it, asked as a server asks: by WSGI's own names, with any
bytes; and a house that events are brought to."""

import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import unquote_to_bytes

from app import wiring
from app.config import Settings
from app.ports import Clock
from app.room.acceptance import Submission
from app.room.call import LOCAL, SCOPES
from app.room.enter import Room
from app.room.operation import Registry
from app.room.schedule import Plan
from app.room.shelf import Wish
from app.testing import Mailbox, OwnClock, Silent
from app.wsgi import create_app
from handlers import DOORS
from handlers.door import House, recognised
from handlers.http import Front
from tests.doors.at_work import work
from tests.doors.shown import made
from tests.handlers.gateways import let_in
from tests.handlers.home import Context
from tests.hostile.operations import declare

HOST = "127.0.0.1"
JSON = "application/json"
QUICK = "/dev/shm" if Path("/dev/shm").is_dir() else None
PIECES = 3  # of a stream, which may have no end
SECONDS = 30.0  # that an event may take, by the house's clock


@dataclass(frozen=True)
class Asked:
    """A request as a client writes it."""

    method: str
    target: bytes  # the path and the query
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def __str__(self) -> str:
        body = self.body if len(self.body) <= 300 else self.body[:300] + b"..."
        shown = [(name, text[:200]) for name, text in self.headers]
        return f"{self.method} {self.target[:300]!r} {shown} {body!r}"


@dataclass(frozen=True)
class Got:
    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def header(self, name: str) -> str:
        found = [text for each, text in self.headers if each.lower() == name.lower()]
        return found[0] if found else ""


@dataclass
class Names:
    """What is there to be named."""

    jobs: list[str] = field(default_factory=list)
    file: str = ""
    schedule: str = "each-hour"
    key: str = ""  # its id
    shown: dict[str, str] = field(default_factory=dict)  # the keys themselves, by their scope


class Place:
    def __init__(self, folder: Path, *, keyed: bool = False, clock: Clock | None = None) -> None:
        self.settings = Settings(open="loopback", data=folder, log_level="ERROR", min_free=1)
        registry = Registry()
        declare(registry)
        ports = wiring.make_ports(self.settings)
        self.clock: Any = clock or OwnClock()
        ports = replace(ports, clock=self.clock, queue=Silent(), post=Mailbox())
        self.room = Room(registry, ports, limit=None)
        self.app = create_app(self.room, self.settings)
        self.house = House(self.room, Front(self.room, self.settings))
        self.names = Names()
        self.keyed = keyed
        if keyed:
            let_in(self.room.ports.records)
            self.names.shown = {scope: made(self.room, scope) for scope in SCOPES}
        self.fill()

    def fill(self) -> None:
        """Jobs in several states, a file, a schedule, a key; anew, for requests take them away."""
        names, engine = self.names, self.room.engine
        first = engine.submit(Submission("later", {"text": "done"}), LOCAL).id
        work(self.room)
        waiting = [engine.submit(Submission("later", {"text": text}), LOCAL).id for text in "ab"]
        engine.cancel(waiting[1], LOCAL)
        names.jobs = [first, *waiting]
        wish = Wish("a.txt", "text/plain", 3)
        names.file = self.room.shelf.keep(wish, io.BytesIO(b"abc"), "local").id
        plan = Plan("later", {"text": "a"}, every="1h")
        self.room.calendar.put(names.schedule, plan, LOCAL, "test")
        if self.keyed:
            names.key = made(self.room, "read").split("_")[1]

    def ask(self, asked: Asked) -> Got:
        """What WSGI answers to a server that hands on whatever came."""
        started: list[Any] = []

        def start(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:
            started[:] = [int(status[:3]), tuple(headers)]

        made = self.app.wsgi_app(environ(asked), start)
        try:
            pieces = [piece for piece, _ in zip(made, range(PIECES), strict=False)]
        finally:
            if close := getattr(made, "close", None):
                close()
        return Got(started[0], started[1], b"".join(pieces))

    def bring(self, event: Any) -> Any:
        """What the platform gets for an event."""
        context = Context(self.clock, self.clock.monotonic() + SECONDS)
        return self.house.answer(*recognised(DOORS, event), context)

    def kept(self) -> list[dict[str, Any]]:
        """What came and could not become a job, the newest first."""
        page = self.room.engine.list(LOCAL, operation="inbox.unreadable", limit=50)
        return [self.room.view(record) for record in page.items]

    def close(self) -> None:
        self.room.ports.records.close()


@contextmanager
def brief(*, keyed: bool = False) -> Iterator[Place]:
    """One whose store need not outlive a loss of power."""
    with TemporaryDirectory(prefix="hostile-", dir=QUICK) as folder:
        place = Place(Path(folder), keyed=keyed)
        try:
            yield place
        finally:
            place.close()


def environ(asked: Asked) -> dict[str, Any]:
    path, _, query = asked.target.partition(b"?")
    made: dict[str, Any] = {
        "REQUEST_METHOD": asked.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
        "QUERY_STRING": query.decode("latin-1"),
        "SERVER_NAME": HOST,
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": HOST,
        "HTTP_HOST": HOST,
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(asked.body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    if asked.body:
        made["CONTENT_LENGTH"] = str(len(asked.body))
    for name, text in asked.headers:
        named = name.upper().replace("-", "_")
        own = named in ("CONTENT_TYPE", "CONTENT_LENGTH")
        made[named if own else f"HTTP_{named}"] = octets(text)
    return made


def octets(text: str) -> str:
    """As WSGI hands bytes over: each as the character of its number."""
    return text.encode(errors="surrogatepass").decode("latin-1")


def headers(**given: str) -> tuple[tuple[str, str], ...]:
    return tuple((name.replace("_", "-"), text) for name, text in given.items())


def post(path: str, body: bytes, *, method: str = "POST", **more: str) -> Asked:
    """JSON, as most send it."""
    sent: Mapping[str, str] = {"Content_Type": JSON, **more}
    return Asked(method, path.encode(), headers(**sent), body)
