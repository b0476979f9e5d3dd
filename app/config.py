"""The settings: read once from a mapping, frozen, every one of them in the table below."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import Field, dataclass, field, fields
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from app.room import key
from app.room.duration import seconds
from app.room.errors import BadSetting
from app.room.policy import Rate
from app.room.size import GB, MB, size

PREFIX = "MANYDOORS_"
_ORIGIN = re.compile(
    r"(?!https://[^/]*:443$|http://[^/]*:80$)"  # browsers leave these out
    r"[a-z][a-z0-9+.-]*://(?:[a-z0-9_.-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?"
)
OTLP = ("TRACES_", "")  # what stands in the names of its variables: for spans alone, for all
LAMBDA = "AWS Lambda"
# By the variable that each sets. Cloud Functions run on Cloud Run and set its variable; theirs,
# FUNCTION_TARGET, is set on a laptop also, by Google's own server for trials.
PLATFORMS = {"AWS_LAMBDA_FUNCTION_NAME": LAMBDA, "K_SERVICE": "Cloud Run"}


@dataclass(frozen=True)
class Settings:
    """Each is set by MANYDOORS_ and its name in capitals; the values here are the defaults."""

    data: Path = Path("var")
    """The folder of the embedded store."""

    table: str = ""
    """The DynamoDB table of the records; the embedded store, while there is none."""

    bucket: str = ""
    """The S3 bucket of the files; a folder in `data`, while there is none."""

    max_file: int = 5 * GB
    """The largest file, in bytes, or as 500MB, 5GB."""

    file_quota: int = 0
    """Bytes of all files of one owner; no bound, while it is 0."""

    keep_files: float = 30 * 86400.0
    """How long a file is kept, as 7d; longer, while a job is kept that names it."""

    queue: str = ""
    """The SQS queue that starts functions for jobs, by name or URL; needs a table."""

    topic: str = ""
    """The SNS topic that hears how jobs ended, by name or ARN."""

    ephemeral: bool = False
    """May the embedded store be lost, on a platform that forgets its disk?"""

    platform: str = field(default="", metadata={"found": True})
    """What this runs on, if that forgets its disk; found in the environment, not set."""

    traces: tuple[str, ...] = field(default=(), metadata={"found": True})
    """What takes spans: OpenTelemetry's exporters, found in its own part of the environment."""

    operations: tuple[str, ...] = ("app.operations",)
    """The modules that declare operations, comma-separated."""

    slice: float | None = None
    """How long one run of a job may last before it is continued in another, as 90s or 15m."""

    max_body: int = 5 * MB
    """The largest body of a request, in bytes, or as 500KB, 5MB."""

    max_queued: int = 100_000
    """How many jobs of one owner may be queued; submissions beyond that are told to come again."""

    max_schedules: int = 1000
    """How many schedules one owner may have; to make one more is a conflict."""

    min_free: int = 64 * MB
    """Free space on the disk below which nothing more is written."""

    callbacks: str = "public"
    """Where callbacks may go: public addresses by https; with local also to this machine."""

    deliveries: int = 0
    """How many callbacks are sent at once; half as many as there are workers, while it is 0."""

    hosts: tuple[str, ...] = ()
    """The names that requests may ask for, comma-separated; any, while there are none."""

    origins: tuple[str, ...] = ()
    """The origins of pages elsewhere that may call with a key, comma-separated, or *."""

    trusted_proxies: int = 0
    """How many proxies stand in front, whose X-Forwarded headers count."""

    open: str = "no"
    """Who may call without a key, until the first is made: no, or loopback for this machine."""

    rate: Rate | None = Rate(100, 1.0)  # noqa: RUF009 - frozen
    """How often each key may call, as 100/s, 5000/m, or none."""

    burst: int = 200
    """How many calls of a key may come at once."""

    share: int = 50
    """How much of a web process's places one key may hold while no other does, in percent."""

    admin_key: str = field(default="", repr=False, metadata={"secret": True})
    """An admin's key that is good while it is set, for stores that do not last."""

    seal_keys: tuple[bytes, ...] = field(default=(), repr=False, metadata={"secret": True})
    """What secrets in the store are sealed with, 64 hex digits each, comma-separated: the first
    closes, each opens; a file in `data`, while there is neither a key nor a table."""

    log: str = "json"
    """How log lines look: json, or text for people."""

    log_level: str = "INFO"
    """The least level that is logged: DEBUG, INFO, WARNING, ERROR."""

    url: str = ""
    """The service that the commands of a terminal ask; the store in `data`, while there is none."""

    key: str = field(default="", repr=False, metadata={"secret": True})
    """The API key that they show to it."""

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that an environment names, or `BadSetting`."""
        given = {name: text for name, text in environ.items() if name.startswith(PREFIX)}
        known = {PREFIX + each.name.upper(): each for each in settable()}
        values: dict[str, Any] = {"platform": _platform(environ), "traces": _traces(environ)}
        for variable, text in given.items():
            if variable not in known:
                raise BadSetting(f"{variable} is no setting.{_nearest(variable, known)}")
            name, secret = known[variable].name, "secret" in known[variable].metadata
            try:
                values[name] = READERS[name](text.strip())
            except ValueError as error:
                shown = variable if secret else f"{variable}={text!r}"
                raise BadSetting(f"{shown}: {error}") from None
        return cls(**values)


def settable() -> Iterator[Field[Any]]:
    """All that the environment can set."""
    return (each for each in fields(Settings) if "found" not in each.metadata)


def _platform(environ: Mapping[str, str]) -> str:
    return next((name for variable, name in PLATFORMS.items() if environ.get(variable)), "")


def _traces(environ: Mapping[str, str]) -> tuple[str, ...]:
    """The exporters by the names that packages give them; none, while nothing asks for any."""
    asked = environ.get("OTEL_TRACES_EXPORTER") or (
        "otlp" if any(environ.get(f"OTEL_EXPORTER_OTLP_{name}ENDPOINT") for name in OTLP) else ""
    )
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        return ()
    said = (environ.get(f"OTEL_EXPORTER_OTLP_{name}PROTOCOL") for name in OTLP)
    otlp = "otlp_proto_grpc" if next(filter(None, said), "") == "grpc" else "otlp_proto_http"
    names = (name.strip() for name in asked.split(","))
    return tuple(otlp if name == "otlp" else name for name in names if name not in ("", "none"))


def _nearest(variable: str, known: Collection[str]) -> str:
    import difflib  # late: most processes never misspell

    names = [name.removeprefix(PREFIX) for name in known]  # the prefix would make all alike
    near = difflib.get_close_matches(variable.removeprefix(PREFIX).upper(), names, n=1)
    return (
        f" Did you mean {PREFIX}{near[0]}?" if near else f" There are {', '.join(sorted(known))}."
    )


def _folder(text: str) -> Path:
    if not text:
        raise ValueError("name a folder")
    return Path(text)


def _table(text: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.-]{3,255}", text):
        raise ValueError("a table's name has 3 to 255 letters, digits, dots, hyphens, underscores")
    return text


def _bucket(text: str) -> str:
    if not re.fullmatch(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", text):
        raise ValueError("a bucket's name has 3 to 63 small letters, digits, dots, hyphens")
    return text


def _queue(text: str) -> str:
    name = text.rpartition("/")[2]
    if name.endswith(".fifo"):
        raise ValueError("name a standard queue; a FIFO queue holds no single message back")
    if "/" in text and urlsplit(text).scheme not in ("http", "https"):
        raise ValueError("write its name, or its URL as in https://sqs.…/1234/jobs")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", name):
        raise ValueError("a queue's name has 1 to 80 letters, digits, hyphens, underscores")
    return text


def _topic(text: str) -> str:
    parts = text.split(":")
    name = parts[-1]
    if len(parts) > 1 and not (len(parts) == 6 and parts[0] == "arn" and parts[2] == "sns"):
        raise ValueError("write its name, or its ARN as in arn:aws:sns:eu-central-1:1234:jobs")
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,256}", name):
        raise ValueError("a topic's name has 1 to 256 letters, digits, hyphens, underscores")
    return text


def _yes_or_no(text: str) -> bool:
    if text not in ("0", "1"):
        raise ValueError("write 1 for yes, 0 for no")
    return text == "1"


def _modules(text: str) -> tuple[str, ...]:
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    if not names or not all(part.isidentifier() for name in names for part in name.split(".")):
        raise ValueError("name modules, as in app.operations,ours.operations")
    return names


def _names(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if not names or any("/" in name or ("]" in name) for name in names):
        raise ValueError("write names without scheme or port, as in cats.example,127.0.0.1,::1")
    return names


def _origins(text: str) -> tuple[str, ...]:
    names = tuple(name.strip().lower() for name in text.split(",") if name.strip())
    if names == ("*",):
        return names
    if not names or not all(map(_ORIGIN.fullmatch, names)):
        raise ValueError(
            "write whole origins as browsers send them, as in https://cats.example,"
            "http://localhost:5173, or * for any"
        )
    return names


def _many(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 10**9):
        raise ValueError("write a whole number from 1 to 1,000,000,000")
    return int(text)


def _some_time(text: str) -> float:
    is_number = text.isascii() and text.replace(".", "", 1).isdigit()
    time = seconds(float(text) if is_number else text)
    if not time:
        raise ValueError("that would let nothing run")
    return time


def _hops(text: str) -> int:
    if text not in map(str, range(10)):
        raise ValueError("write how many proxies there are, 0 to 9")
    return int(text)


def _rate(text: str) -> Rate | None:
    return None if text == "none" else Rate.read(text)


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise ValueError("write a whole number from 1 on")
    return int(text)


def _percent(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]?|100", text):
        raise ValueError("write a whole number from 1 to 100")
    return int(text)


def service_url(text: str) -> str:
    """The address of a service, with the prefix it may have, or ValueError."""
    try:
        parts = urlsplit(text)
        port_is_fine = parts.port != 0
    except ValueError:
        raise ValueError("write an address, as in http://127.0.0.1:8000") from None
    is_plain = text.isascii() and text.isprintable() and " " not in text
    if parts.scheme not in ("http", "https") or not (parts.hostname and port_is_fine and is_plain):
        raise ValueError("write an address, as in http://127.0.0.1:8000")
    if "@" in parts.netloc:
        raise ValueError("write it without a user's name; MANYDOORS_KEY holds the key")
    if parts.query or parts.fragment:
        raise ValueError("write it without ? and #")
    return text.rstrip("/")


def _key(text: str) -> str:
    if not text or not all("!" <= character <= "~" for character in text):
        raise ValueError("a key is one word of printable ASCII, as in md_…")
    return text


def _whole_key(text: str) -> str:
    if key.read(text) is None:
        raise ValueError("set a whole key, as `keys create` prints it")
    return text


def _seal_keys(text: str) -> tuple[bytes, ...]:
    keys = text.split(",")
    if not all(re.fullmatch("[0-9a-fA-F]{64}", each.strip()) for each in keys):
        raise ValueError("write 64 hex digits, as `openssl rand -hex 32` makes them")
    return tuple(bytes.fromhex(each.strip()) for each in keys)


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"choose one of {', '.join(choices)}")
        return text

    return read


READERS: dict[str, Callable[[str], Any]] = {
    "data": _folder,
    "table": _table,
    "bucket": _bucket,
    "max_file": size,
    "file_quota": size,
    "keep_files": _some_time,
    "queue": _queue,
    "topic": _topic,
    "ephemeral": _yes_or_no,
    "operations": _modules,
    "slice": _some_time,
    "max_body": size,
    "max_queued": _many,
    "max_schedules": _many,
    "min_free": size,
    "callbacks": _one_of("public", "local"),
    "deliveries": _many,
    "hosts": _names,
    "origins": _origins,
    "trusted_proxies": _hops,
    "open": _one_of("no", "loopback"),
    "rate": _rate,
    "burst": _count,
    "share": _percent,
    "admin_key": _whole_key,
    "seal_keys": _seal_keys,
    "log": _one_of("json", "text"),
    "log_level": _one_of("DEBUG", "INFO", "WARNING", "ERROR"),
    "url": service_url,
    "key": _key,
}
