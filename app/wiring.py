"""Settings in, a room out: the one file that knows which adapters there are."""

import importlib
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from app.config import LAMBDA, Settings
from app.ports import FileLimits, Files, Inbox, Ports, Queue, Records, Tidings, Topic
from app.ports.absent import Alone, Untold
from app.ports.spans import Tracer, Untraced
from app.room.enter import Room
from app.room.errors import BadOperation, BadSetting, Unimportable
from app.room.operation import REGISTRY, Registry
from app.room.rate import Limit

if TYPE_CHECKING:
    from app.ports.local.queue import Bell, LocalQueue

SHORTEST_ON_AWS = 60.0  # seconds of a schedule's interval; EventBridge ticks each minute

STORE = "manydoors.db"  # in the data folder
INBOX = "inbox"  # in the data folder
SEAL_KEYS = "seal.keys"  # in the data folder
TIDINGS = "tidings"  # in the data folder

log = logging.getLogger("manydoors.traces")


def make_room(settings: Settings, lease: float | None = None) -> Room:
    """The room of the operations and the store that the settings name."""
    return Room(
        load_operations(settings),
        make_ports(settings),
        lease,
        counts=not settings.table,  # in a table each ending would be a transaction, twice the price
        limit=_limit(settings),
        admin_key=settings.admin_key,
        deliveries=settings.deliveries or (None if settings.table else 1),
        shortest=SHORTEST_ON_AWS if settings.table else None,
        most_queued=settings.max_queued,
        most_schedules=settings.max_schedules,
    )


def _limit(settings: Settings) -> Limit | None:
    rate = settings.rate
    return Limit(rate.calls / rate.per, settings.burst) if rate else None


def load_operations(settings: Settings) -> Registry:
    """Imports the modules that declare operations; `BadOperation` says which line is wrong."""
    for name in settings.operations:
        try:
            importlib.import_module(name)
        except ModuleNotFoundError as error:
            if error.name and f"{name}.".startswith(f"{error.name}."):
                raise BadSetting(
                    f"MANYDOORS_OPERATIONS: there is no module {name} on Python's path; "
                    "PYTHONPATH adds folders to it."
                ) from None
            raise _unimportable(name, error) from error
        except (BadOperation, BadSetting):
            raise
        except (Exception, SystemExit) as error:
            raise _unimportable(name, error) from error
    return REGISTRY


def _unimportable(module: str, error: BaseException) -> Unimportable:
    from app.blame import blamed

    return Unimportable(f"MANYDOORS_OPERATIONS: {module} cannot be imported:\n{blamed(error)}")


def store_of(settings: Settings) -> Path | None:
    """The file of the embedded store, whether or not it is there; None where a table is used."""
    return None if settings.table else settings.data / STORE


def is_deserted(settings: Settings) -> bool:
    """No worker listens on the store; False of a table, for workers may listen elsewhere."""
    from app.ports.local.queue import LocalQueue

    return not settings.table and not LocalQueue(settings.data).is_heard()


def listen(settings: Settings) -> "Bell":
    """What a worker of this machine wakes by."""
    from app.ports.local.queue import LocalQueue

    return LocalQueue(settings.data).listen()


def listen_for_schedules(settings: Settings) -> "Bell":
    """What a clock of this machine wakes by."""
    return _clock_bells(settings).listen()


def _clock_bells(settings: Settings) -> "LocalQueue":
    """Bells of their own: whoever hears of jobs is a worker."""
    from app.ports.local.queue import LocalQueue

    return LocalQueue(settings.data / "clock")


def reclaim(settings: Settings, room: Room) -> int:
    """After the death of the whole service nobody need wait for its leases to end.

    Never of a table: other machines may be at work on it.
    """
    from app.ports.local.queue import LocalQueue

    if settings.table or LocalQueue(settings.data).is_heard():
        return 0
    return room.engine.reclaim()


def make_ports(settings: Settings) -> Ports:
    """The adapters that the settings ask for; `BadSetting` for those that cannot work together."""
    from app.ports.late_post import LatePost
    from app.ports.local.clock import SystemClock, Ulids

    return Ports(
        records=_records(settings),
        clock=SystemClock(),
        new_id=Ulids(),
        queue=_queue(settings),
        files=_files(settings),
        file_limits=FileLimits(settings.max_file, settings.file_quota, settings.keep_files),
        topic=_topic(settings),
        inbox=_inbox(settings),
        post=LatePost(local=settings.callbacks == "local"),
        bell=_clock_bells(settings),
        seal_keys=_seal_keys(settings),
        tidings=_tidings(settings),
        tracer=_tracer(settings),
    )


def _tracer(settings: Settings) -> Tracer:
    """Nothing of OpenTelemetry is looked for until its variables, or the operations' own code, ask
    for it."""
    if not settings.traces and "opentelemetry.sdk.trace" not in sys.modules:
        return Untraced()
    try:
        from app.ports.otel import OtelTracer, is_set_up

        return OtelTracer(settings.traces) if settings.traces or is_set_up() else Untraced()
    except ImportError as error:
        log.warning("no spans are sent, install opentelemetry-sdk and the exporter: %s", error)
        return Untraced()


def _queue(settings: Settings) -> Queue:
    """A table is many machines'; without a queue that all have, the workers of this one alone are
    woken, and others find by themselves what is due."""
    if settings.queue and not settings.table:
        raise BadSetting(
            "MANYDOORS_QUEUE starts functions that look into a table: set MANYDOORS_TABLE too."
        )
    queue: Queue | None = None
    if settings.queue:
        from app.ports.aws.queue import SqsQueue

        queue = SqsQueue(settings.queue)
    if settings.table and settings.platform == LAMBDA:
        from app.ports.aws.task import TaskQueue

        return TaskQueue(queue)
    if queue is None:
        from app.ports.local.queue import LocalQueue

        return LocalQueue(settings.data)
    return queue


def _seal_keys(settings: Settings) -> Callable[[], Sequence[bytes]]:
    """Of a table they are set, for no file of this machine is there where it is read."""
    if settings.seal_keys or settings.table:
        return lambda: settings.seal_keys
    from app.ports.local.seal_keys import LocalSealKeys

    return LocalSealKeys(settings.data / SEAL_KEYS)


def _tidings(settings: Settings) -> Tidings:
    """A table is many machines', which hear nothing of each other."""
    if settings.table:
        return Alone()
    from app.ports.local.tidings import LocalTidings

    return LocalTidings(settings.data / TIDINGS)


def _inbox(settings: Settings) -> Inbox | None:
    """A folder of this machine's, whatever holds the files."""
    if settings.platform:
        return None
    from app.ports.local.inbox import LocalInbox

    return LocalInbox(settings.data / INBOX)


def _topic(settings: Settings) -> Topic:
    if not settings.topic:
        return Untold()
    from app.ports.aws.topic import SnsTopic

    return SnsTopic(settings.topic)


def _records(settings: Settings) -> Records:
    if settings.table:
        from app.ports.aws.records import AwsRecords

        return AwsRecords(settings.table)
    if settings.platform and not settings.ephemeral:
        raise BadSetting(
            f"{settings.platform} forgets its disk, and the jobs on it: set MANYDOORS_TABLE to a "
            "DynamoDB table, or MANYDOORS_EPHEMERAL=1 if all may be lost at any time."
        )
    from app.ports.local.records import LocalRecords

    return LocalRecords(settings.data / STORE, floor=settings.min_free)


def _files(settings: Settings) -> Files:
    if settings.bucket:
        from app.ports.aws.files import AwsFiles

        return AwsFiles(settings.bucket)
    if settings.platform and not settings.ephemeral:
        from app.ports.local.no_files import NoFiles

        return NoFiles(settings.platform)
    from app.ports.local.files import LocalFiles

    return LocalFiles(settings.data / "files", floor=settings.min_free)
