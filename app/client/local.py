"""The service of this machine, by its store: whether or not anything serves it just now."""

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import redirect_stdout
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from app.client import Event, Job, Key, Wish
from app.client.changes import Changes, lines_of
from app.client.schedules import LocalSchedules, Schedules
from app.room.call import LOCAL, Call, Outcome
from app.room.engine import Engine
from app.room.enter import Room
from app.room.file_view import described
from app.room.files import guessed_type, safe_name
from app.room.keyring import Keyring
from app.room.parting import revoke
from app.room.schema.json_schema import describe
from app.room.shelf import Shelf
from app.room.shelf import Wish as FileWish
from app.room.signing import Secrets
from app.room.webhook import trial

SOURCE = "cli"
SOONEST, LATEST = 0.005, 0.25  # seconds between two looks at a job that is watched


class Local:
    """Asks a room. Jobs that it makes are run by the workers of the same store."""

    def __init__(
        self,
        room: Room,
        is_deserted: Callable[[], bool],
        *,
        store: Path | None = None,
        tell_made: Callable[[Path], None] = lambda store: None,
        modules: Sequence[str] = (),
    ) -> None:
        """`store`: its file, where it has one; `tell_made` hears of it if there was none before.
        `modules`: what declares the room's operations."""
        self.clock = room.ports.clock
        self._room, self._is_deserted, self._modules = room, is_deserted, modules
        self._missing = store if store is not None and not store.exists() else None
        self._tell_made = tell_made
        self.schedules: Schedules = LocalSchedules(room, SOURCE, self._look_for_store)

    @cached_property
    def _engine(self) -> Engine:
        """Of a store that can be reached."""
        self._room.ports.records.ping()
        return self._room.engine

    @cached_property
    def _keyring(self) -> Keyring:
        self._room.ports.records.ping()
        return Keyring(self._room.ports, self._room.access, LOCAL)

    @cached_property
    def _shelf(self) -> Shelf:
        self._room.ports.records.ping()
        return self._room.shelf

    def operations(self) -> Sequence[Mapping[str, Any]]:
        shown = sorted(self._room.registry, key=lambda each: each.name)
        return [{"name": each.name, "summary": each.summary} for each in shown]

    def call(self, wish: Wish) -> Outcome:
        return self._enter(self._asked(wish))

    def submit(self, wish: Wish) -> Job:
        outcome = self._enter(self._asked(wish)._replace(asynchronous=True))
        if outcome.problem:
            raise outcome.problem
        job: Job = outcome.value
        return job

    def get(self, id: str) -> Job:
        return self._room.view(self._engine.get(id, LOCAL))

    def result(self, job: Job) -> Any:
        record = self._engine.get(job["id"], LOCAL)
        return self._room.linked(self._room.claims.result(record), record.owner)

    def list(
        self,
        *,
        status: str | None,
        operation: str | None,
        parent: str | None,
        cursor: str | None,
        limit: int,
    ) -> tuple[list[Job], str | None]:
        page = self._engine.list(
            LOCAL, status=status, operation=operation, parent=parent, cursor=cursor, limit=limit
        )
        return [self._room.view(record) for record in page.items], page.next

    def events(self, id: str) -> Iterator[Event | None]:
        changes = Changes()
        began = self.clock.monotonic()
        while True:
            record = self._engine.get(id, LOCAL)
            for event in changes.of(self._room.view(record), record.body.get("log")):
                yield event
                if event.name == "end":
                    return
            yield None
            waited = self.clock.monotonic() - began
            self.clock.sleep(min(max(SOONEST, waited / 10), LATEST))

    def log(self, id: str) -> Sequence[Mapping[str, Any]]:
        return lines_of(self._engine.get(id, LOCAL).body.get("log", {}))

    def cancel(self, id: str) -> Job:
        return self._room.view(self._engine.cancel(id, LOCAL))

    def retry(self, id: str, key: str | None = None) -> Job:
        return self._room.view(self._engine.retry(id, LOCAL, key=key, source=SOURCE))

    def signal(self, id: str, name: str, value: Any) -> Job:
        return self._room.view(self._engine.signal(id, name, value, LOCAL))

    def create_key(
        self, name: str, scopes: Sequence[str], owner: str | None, expires: float | None
    ) -> Key:
        return self._keyring.create(name, scopes, owner, expires)

    def keys(self) -> Iterator[Key]:
        cursor: str | None = None
        while True:
            page = self._keyring.list(cursor)
            yield from page["items"]
            if (cursor := page["next"]) is None:
                return

    def rotate_key(self, id: str, overlap: float) -> Key:
        return self._keyring.rotate(id, overlap)

    def revoke_key(self, id: str, *, disable: bool) -> Mapping[str, Any] | None:
        stays = revoke(self._keyring, self._room.calendar, id, disable=disable)
        return stays.told() if stays else None

    def webhook_secret(self) -> str:
        return self._secrets.newest()

    def rotate_webhook_secret(self, overlap: float) -> str:
        return self._secrets.rotate(overlap)

    def test_webhook(self, url: str) -> Job:
        made = trial(url, self._room.ports, source=SOURCE)
        return self._room.view(self._engine.submit(made, LOCAL))

    @property
    def _secrets(self) -> Secrets:
        return Secrets(self._engine.ports.records, self.clock, LOCAL.owner)

    def params(self, operation: str) -> Mapping[str, Any]:
        return describe(self._room.registry.get(operation).params.schema)[0]

    def upload(self, path: Path) -> Mapping[str, Any]:
        with path.open("rb") as content:
            name = safe_name(path.name)
            wish = FileWish(name, guessed_type(name), path.stat().st_size)
            return described(self._shelf.keep(wish, content, LOCAL.owner))

    def files(self, limit: int) -> Sequence[Mapping[str, Any]]:
        page = self._shelf.list(LOCAL.owner, cursor=None, limit=limit)
        return [described(record) for record in page.items]

    def file(self, id: str) -> Mapping[str, Any]:
        return described(self._shelf.look(id, LOCAL.owner))

    def download(self, id: str, to: BinaryIO) -> None:
        with self._shelf.open(id, LOCAL.owner) as stream:
            shutil.copyfileobj(stream, to)

    def delete_file(self, id: str) -> None:
        self._shelf.delete(id, LOCAL.owner)

    def is_deserted(self) -> bool:
        return self._is_deserted()

    def modules(self) -> Sequence[str]:
        return self._modules

    def close(self) -> None:
        self._room.ports.records.close()

    def _enter(self, call: Call) -> Outcome:
        if self._missing is None or self._is_kept(call):
            self._room.ports.records.ping()
        self._look_for_store()
        with redirect_stdout(sys.stderr):  # what the function prints is no result
            outcome = self._room.enter(call)
        self._look_for_store()
        return outcome

    def _is_kept(self, call: Call) -> bool:
        """A call that leaves nothing behind makes no store; nor does one of no operation."""
        if call.operation not in self._room.registry:
            return False
        is_long = self._room.registry.get(call.operation).long
        return is_long or call.asynchronous or call.key is not None

    def _look_for_store(self) -> None:
        if self._missing is not None and self._missing.exists():
            self._tell_made(self._missing)
            self._missing = None

    def _asked(self, wish: Wish) -> Call:
        due = wish.due
        if wish.delay is not None:
            due = self.clock.now() + wish.delay
        return Call(
            wish.operation,
            params=wish.params,
            texts=wish.texts,
            source=SOURCE,
            key=wish.key,
            due=due,
            priority=wish.priority,
            callback_url=wish.callback_url,
        )
