"""A service as a terminal speaks to it: by its store, on the same machine, or by HTTP."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

from app.ports import Clock
from app.room.call import Outcome
from app.room.errors import ManydoorsError

if TYPE_CHECKING:
    from app.client.schedules import Schedules

Job = dict[str, Any]
"""As GET /v1/jobs/{id} shows it."""

Key = Mapping[str, Any]
"""As GET /v1/keys lists it; when it is made, with the key itself."""


class Unreachable(ManydoorsError):
    """No service answers there. Its text says what to do."""


@dataclass(frozen=True)
class Wish:
    """A call or a job that is asked for. A delay is in seconds, a due time since the epoch."""

    operation: str
    params: Mapping[str, Any] = field(default_factory=dict)
    texts: Mapping[str, Sequence[str]] = field(default_factory=dict)  # read as the schema's types
    key: str | None = None
    delay: float | None = None
    due: float | None = None
    priority: int | None = None
    callback_url: str | None = None


@dataclass(frozen=True)
class Event:
    """What happened to a job: its status, its progress, a log line, its end.

    `data` of an end is the whole job; of a log line its time, level and text.
    """

    name: str
    data: Mapping[str, Any]


class Service(Protocol):
    """What every command may ask. All of it raises `Problem`, and `Unreachable`."""

    clock: Clock
    schedules: "Schedules"

    def operations(self) -> Sequence[Mapping[str, Any]]:
        """What can be called, each with its name and summary."""

    def call(self, wish: Wish) -> Outcome:
        """What came of a call: a value, a job that is pending, or a problem."""

    def submit(self, wish: Wish) -> Job:
        """The job, accepted."""

    def get(self, id: str) -> Job:
        """The job as it is now."""

    def result(self, job: Job) -> Any:
        """Of a job that succeeded, whole, also where the job only says which file it is in."""

    def list(
        self,
        *,
        status: str | None,
        operation: str | None,
        parent: str | None,
        cursor: str | None,
        limit: int,
    ) -> tuple[list[Job], str | None]:
        """A page, newest first, and where the next one begins. A page may be short."""

    def events(self, id: str) -> Iterator[Event | None]:
        """From now to the job's end; None now and then while nothing happens."""

    def log(self, id: str) -> Sequence[Mapping[str, Any]]:
        """The job's log lines so far."""

    def cancel(self, id: str) -> Job:
        """Cancelled, or asked to stop at its next boundary."""

    def retry(self, id: str, key: str | None = None) -> Job:
        """A new job like it; for a key that was used, the one that it made then."""

    def signal(self, id: str, name: str, value: Any) -> Job:
        """The job, with a value for its `run.wait_for(name)`."""

    def create_key(
        self, name: str, scopes: Sequence[str], owner: str | None, expires: float | None
    ) -> Key:
        """A new key; it expires at that time since the epoch."""

    def keys(self) -> Iterator[Key]:
        """All of them, the newest first."""

    def rotate_key(self, id: str, overlap: float) -> Key:
        """With another secret; the former is good for so many seconds still."""

    def revoke_key(self, id: str, *, disable: bool) -> Mapping[str, Any] | None:
        """Refused from now on. What stays of an owner who has no other key, if anything does:
        `{"id", "owner", "schedules": {"enabled", "disabled"}}`. `disable`: their schedules, too."""

    def webhook_secret(self) -> str:
        """What callbacks are signed with."""

    def rotate_webhook_secret(self, overlap: float) -> str:
        """A new one; the former signs too for so many seconds."""

    def test_webhook(self, url: str) -> Job:
        """A job that sends a test event there."""

    def params(self, operation: str) -> Mapping[str, Any]:
        """The JSON Schema of what an operation takes."""

    def upload(self, path: Path) -> Mapping[str, Any]:
        """The file, whole, as GET /v1/files/{id} shows it; `OSError` for a bad path."""

    def files(self, limit: int) -> Sequence[Mapping[str, Any]]:
        """The newest."""

    def file(self, id: str) -> Mapping[str, Any]:
        """What is known of it."""

    def download(self, id: str, to: BinaryIO) -> None:
        """Its bytes."""

    def delete_file(self, id: str) -> None:
        """`Conflict` while a job names it."""

    def is_deserted(self) -> bool:
        """Surely nobody is there to run a job just now; False where that cannot be told."""

    def modules(self) -> Sequence[str]:
        """Whose operations these are; none where that cannot be told."""

    def close(self) -> None:
        """Gives back what is held open."""
