"""Settings are read once from a mapping; what is wrong is told by its variable's name."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path

import pytest

from app.config import PREFIX, READERS, Settings, settable
from app.room.errors import BadSetting
from app.room.policy import Rate

KB, MB = 1024, 1024 * 1024

GOOD = {
    "data": {"store": Path("store"), " /srv/doors ": Path("/srv/doors")},
    "table": {"manydoors-dev": "manydoors-dev", " a_b.c ": "a_b.c"},
    "bucket": {"manydoors-dev": "manydoors-dev", " a.b.c ": "a.b.c"},
    "max_file": {"1": 1, "500MB": 500 * MB, "5GB": 5 * 1024 * MB},
    "file_quota": {"2048": 2048, "20GB": 20 * 1024 * MB},
    "keep_files": {"90s": 90.0, "7d": 7 * 86400.0},
    "queue": {
        "jobs-dev": "jobs-dev",
        "https://sqs.eu-central-1.amazonaws.com/1234/jobs": "https://sqs.eu-central-1.amazonaws.com/1234/jobs",
    },
    "topic": {"jobs": "jobs", "arn:aws:sns:us-east-1:12:jobs": "arn:aws:sns:us-east-1:12:jobs"},
    "ephemeral": {"0": False, "1": True},
    "operations": {"ours": ("ours",), "a.b, c_1.d ,": ("a.b", "c_1.d")},
    "slice": {"2": 2.0, "0.5": 0.5, "90s": 90.0, "15m": 900.0},
    "max_body": {"1": 1, "2048": 2048, "500KB": 500 * KB, "5MB": 5 * MB},
    "max_queued": {"1": 1, "250000": 250_000},
    "max_schedules": {"1": 1, "250000": 250_000},
    "min_free": {"1": 1, "64MB": 64 * MB},
    "callbacks": {"public": "public", "local": "local"},
    "deliveries": {"1": 1, "40": 40},
    "hosts": {"Cats.Example, ::1,": ("cats.example", "::1")},
    "origins": {
        "*": ("*",),
        "https://Cats.example, http://localhost:5173,": (
            "https://cats.example",
            "http://localhost:5173",
        ),
        "chrome-extension://abc,http://[::1]:81": ("chrome-extension://abc", "http://[::1]:81"),
    },
    "trusted_proxies": {"0": 0, "2": 2, "9": 9},
    "open": {"no": "no", " loopback ": "loopback"},
    "rate": {"none": None, "100/s": Rate(100, 1.0), "5/m": Rate(5, 60.0)},
    "burst": {"1": 1, "200": 200},
    "share": {"1": 1, "99": 99, "100": 100},
    "admin_key": {f"md_A1_{'0' * 64}": f"md_A1_{'0' * 64}"},
    "seal_keys": {
        "0a" * 32: (b"\n" * 32,),
        f"{'0A' * 32}, {'00' * 32}": (b"\n" * 32, b"\0" * 32),
    },
    "log": {"json": "json", "text": "text"},
    "log_level": {"DEBUG": "DEBUG", "ERROR": "ERROR"},
    "url": {
        "http://127.0.0.1:8000": "http://127.0.0.1:8000",
        " https://cats.example/dev/ ": "https://cats.example/dev",
        "http://[::1]:8000/": "http://[::1]:8000",
    },
    "key": {"md_a_b": "md_a_b", " md_1 ": "md_1"},
}
BAD = {
    "data": ["", "  "],
    "table": ["", "ab", "a b c", "a/b/c", "tablé", "a" * 256],
    "bucket": ["", "ab", "A-Bucket", "a_b_c", "-abc", "a" * 64],
    "max_file": ["", "0", "5TB", "5 GB"],
    "file_quota": ["", "0", "-1", "none"],
    "keep_files": ["", "0", "never"],
    "queue": [
        "",
        "a b",
        "jobs.fifo",
        "http://sqs/j.fifo",
        "ftp://x/jobs",
        "/jobs",
        "a" * 81,
    ],
    "topic": ["", "a b", "jobs.fifo", "arn:aws:sqs:us-east-1:12:jobs", "arn:jobs", "a:b:sns:d:e:f"],
    "ephemeral": ["", "yes", "2"],
    "operations": ["", ",", "a b", "a..b", ".a", "a.", "a/b", "1a", "os;x"],
    "slice": ["", "0", "-1", "soon", "1 s", "nan", "٣"],
    "max_body": [
        "",
        "0",
        "-1",
        "5 MB",
        "5mb",
        "5TB",
        "MB",
        "1.5MB",
        "٣",
        "1e6",
        "0x10",
        "9" * 5000,
    ],
    "max_queued": ["", "0", "-1", "1e5", "many"],
    "max_schedules": ["", "0", "-1", "1e5", "many"],
    "min_free": ["", "0MB", "all"],
    "callbacks": ["", "all", "Local"],
    "deliveries": ["", "0", "-1", "some"],
    "hosts": ["", ",", "http://cats.example", "[::1]:80"],
    "origins": [
        "",
        "null",
        "cats.example",
        "https://cats.example/",
        "https://*.example",
        "*,*",
        "https://cats.example:443",
        "http://cats.example:80",
        "https://a b",
        "https://a,*",
    ],
    "trusted_proxies": ["", "-1", "10", "1.0", "yes", "01", "٣"],
    "open": ["", "yes", "0.0.0.0"],
    "rate": ["", "0/s", "100", "fast", "1/w"],
    "burst": ["", "0", "-1", "1.5", "٣"],
    "share": ["", "0", "101", "-1", "50%", "1.5", "٣"],
    "admin_key": ["", "md_a_b", "secret"],
    "seal_keys": ["", "0a", "0a" * 32 + ",", "xy" * 32],
    "log": ["", "JSON", "xml"],
    "log_level": ["", "info", "TRACE", "10"],
    "url": [
        "",
        "cats.example",
        "127.0.0.1:8000",
        "ftp://cats.example",
        "http://",
        "http://:8000",
        "http://cats.example:99999",
        "http://cats.example:0",
        "http://me:secret@cats.example",
        "http://cats.example?a=b",
        "http://cats.example/#a",
        "http://cats.example/a b",
        "http://cäts.example",
        "http://cats\r\n.example",
    ],
    "key": ["", "md_a b", "md_ä", "md_a\r\nX-Other: b"],
}


def test_every_setting_has_a_reader_and_is_in_the_tables():
    """A new setting comes with how it is read, and with good and bad values here."""
    names = [field.name for field in settable()]
    assert list(READERS) == names == list(GOOD) == list(BAD)


def test_an_empty_environment_gives_the_defaults():
    """Nothing needs to be set."""
    assert Settings.read({}) == Settings()
    assert Settings.read({"PATH": "/bin", "MANYDOOR": "x", "manydoors_log": "x"}) == Settings()


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        pytest.param(name, text, value, id=f"{name}={text}")
        for name, texts in GOOD.items()
        for text, value in texts.items()
    ],
)
def test_reads(name, text, value):
    """A setting is read by its own rule, and changes nothing else."""
    settings = Settings.read({PREFIX + name.upper(): text})
    assert getattr(settings, name) == value
    others = [field.name for field in fields(Settings) if field.name != name]
    assert [getattr(settings, each) for each in others] == [
        getattr(Settings(), each) for each in others
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(name, text, id=f"{name}={text!r}"[:40])
        for name, texts in BAD.items()
        for text in texts
    ],
)
def test_refuses(name, text):
    """A wrong value is told with its variable, as it was written; a secret one is not shown."""
    variable = PREFIX + name.upper()
    with pytest.raises(BadSetting) as told:
        Settings.read({variable: text})
    shown = variable if name in ("key", "admin_key", "seal_keys") else f"{variable}={text!r}"
    assert str(told.value).startswith(f"{shown}: ")


def test_a_key_is_never_shown():
    """Neither by the settings when they are printed, nor when it cannot be read."""
    assert "md_secret" not in repr(Settings.read({"MANYDOORS_KEY": "md_secret"}))
    with pytest.raises(BadSetting) as told:
        Settings.read({"MANYDOORS_KEY": "md_secret x"})
    assert "md_secret" not in str(told.value)


@pytest.mark.parametrize(
    ("variable", "near"),
    [
        ("MANYDOORS_DTA", "MANYDOORS_DATA"),
        ("MANYDOORS_OPERATION", "MANYDOORS_OPERATIONS"),
        ("MANYDOORS_LOGLEVEL", "MANYDOORS_LOG_LEVEL"),
        ("MANYDOORS_data", "MANYDOORS_DATA"),
    ],
)
def test_an_unknown_name_is_told_with_the_nearest(variable, near):
    """A slip of the finger is no setting that silently does nothing."""
    with pytest.raises(BadSetting, match=rf"{variable} is no setting\..*{near}"):
        Settings.read({variable: "x"})


def test_an_unknown_name_far_from_all_lists_all():
    """Where nothing is near, all that there are is told."""
    with pytest.raises(BadSetting) as told:
        Settings.read({"MANYDOORS_QUITE_SOMETHING_ELSE": "x"})
    assert all(PREFIX + field.name.upper() in str(told.value) for field in settable())


@pytest.mark.parametrize(
    ("found", "platform"),
    [
        ({"AWS_LAMBDA_FUNCTION_NAME": "doors"}, "AWS Lambda"),
        ({"K_SERVICE": "doors", "FUNCTION_TARGET": "f"}, "Cloud Run"),
        ({"FUNCTION_TARGET": "f"}, ""),
        ({"K_SERVICE": ""}, ""),
    ],
)
def test_the_platform_is_found(found, platform):
    """By what it sets itself; a setting it is not."""
    assert Settings.read(found).platform == platform
    with pytest.raises(BadSetting, match="no setting"):
        Settings.read({"MANYDOORS_PLATFORM": "AWS Lambda"})


@pytest.mark.parametrize(
    ("found", "exporters"),
    [
        ({}, ()),
        ({"OTEL_SERVICE_NAME": "doors"}, ()),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c:4318"}, ("otlp_proto_http",)),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c/v1/traces"}, ("otlp_proto_http",)),
        ({"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://c/v1/metrics"}, ()),
        ({"OTEL_TRACES_EXPORTER": "otlp, console"}, ("otlp_proto_http", "console")),
        ({"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, ()),
        (
            {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"},
            ("otlp_proto_grpc",),
        ),
        (
            {
                "OTEL_TRACES_EXPORTER": "otlp",
                "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
                "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
            },
            ("otlp_proto_http",),
        ),
        ({"OTEL_TRACES_EXPORTER": "otlp", "OTEL_SDK_DISABLED": "True"}, ()),
    ],
)
def test_what_takes_spans_is_found(found, exporters):
    """In OpenTelemetry's own variables."""
    assert Settings.read(found).traces == exporters


def test_settings_are_frozen():
    """What was read does not change."""
    with pytest.raises(FrozenInstanceError):
        Settings().log = "text"
