"""Tables in files: what is told of them, what SQL makes of them, and what it may not reach."""

import csv
import gzip
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import app.operations  # noqa: F401 - importing declares
from app.testing import Testing

SALES = b"city,amount,day\nBonn,3.5,2026-01-01\nKiel,4,2026-01-02\n,7,\n"

# What is asked for, and a word of the reason why not.
FORBIDDEN = {
    "another file": ("SELECT * FROM read_csv('/etc/passwd')", "read_csv()"),
    "another file by its name": ("FROM '/etc/passwd'", "no table '/etc/passwd'"),
    "another file as text": ("SELECT * FROM read_text('/etc/passwd')", "read_text()"),
    "another file as a value": ("SELECT read_text('/etc/passwd')", "read_text"),
    "another file, deep down": (
        "SELECT (SELECT count(*) FROM read_blob('/etc/passwd')) FROM data",
        "read_blob()",
    ),
    "another file in a name": ('SELECT * FROM "data" JOIN "/etc/passwd" ON true', "/etc/passwd"),
    "a folder": ("SELECT * FROM glob('/etc/*')", "glob()"),
    "the network": ("FROM 'https://127.0.0.1:1/x.csv'", "no table"),
    "a bucket": ("SELECT * FROM read_parquet('s3://bucket/x')", "read_parquet()"),
    "another schema": ("SELECT * FROM information_schema.tables", "information_schema"),
    "settings": ("SELECT * FROM duckdb_settings()", "duckdb_settings()"),
    "a setting": ("SELECT current_setting('temp_directory')", "current_setting()"),
    "the environment": ("SELECT getenv('HOME')", "getenv()"),
    "memory by its address": ("SELECT * FROM pandas_scan(1)", "pandas_scan()"),
    "SQL in a text": ("SELECT * FROM query('SELECT 1')", "query()"),
    "a table in a text": ("SELECT * FROM query_table('data')", "query_table()"),
    "a log": ("SELECT * FROM enable_logging(storage := 'file')", "enable_logging()"),
    "writing": ("INSERT INTO data VALUES (1)", "INSERT"),
    "writing inside": (
        "WITH x AS (INSERT INTO data VALUES ('a', 1, NULL) RETURNING *) SELECT * FROM x",
        "a part of this writes",
    ),
    "deleting inside": (
        "WITH x AS (DELETE FROM data RETURNING *) SELECT * FROM x",
        "a part of this writes",
    ),
    "changing": ("UPDATE data SET amount = 0", "UPDATE"),
    "making": ("CREATE TABLE x (a INT)", "CREATE"),
    "dropping": ("DROP VIEW data", "DROP"),
    "a copy": ("COPY data TO '{canary}'", "COPY"),
    "an export": ("EXPORT DATABASE '{canary}'", "Only SELECT"),
    "a database": ("ATTACH '{canary}'", "ATTACH"),
    "an extension": ("INSTALL httpfs", "Only SELECT"),
    "a loaded extension": ("LOAD httpfs", "LOAD"),
    "a pragma": ("PRAGMA database_list", "PRAGMA"),
    "a change of settings": ("SET memory_limit = '64GB'", "SET"),
    "a call": ("CALL pragma_version()", "CALL"),
    "a plan": ("EXPLAIN ANALYZE SELECT 1", "EXPLAIN"),
    "a catalogue by another's name": (
        "SELECT sql FROM sqlite_master, (WITH sqlite_master AS (SELECT 1) SELECT 1)",
        "DuckDB's own",
    ),
    "how the table is made": ("SELECT pg_get_viewdef(i) FROM range(9999) t(i)", "tells of this"),
    "two statements": ("SELECT 1; SELECT 2", "these are 2"),
    "a second after a comment": ("SELECT 1 -- ;\n; COPY data TO '{canary}'", "these are 2"),
    "a way out of brackets": ("SELECT 1) TO '{canary}' --", "syntax error"),
    "an open comment": ("SELECT 1 /* ", "unterminated"),
    "nothing": ("  -- nothing", "these are 0"),
    "a parameter": ("SELECT $1", "parameters"),
    "no column": ("SELECT nix FROM data", 'column "nix" not found'),
}

ENORMOUS = {
    "a text": "SELECT length(repeat('x', 4000000000))",
    "a list from a text": "SELECT string_split(repeat('a,', 100000000), ',')[5]",
    "a list": "SELECT len(range(400000000))",
    "a list of rows": "SELECT len(list(i)) FROM range(1000000000) t(i)",
    "texts that grow": "SELECT length(string_agg(repeat('x', 100000), '')) FROM range(100000)",
}

ENDLESS = {
    "a recursion": "WITH RECURSIVE t(n) AS (SELECT 1 UNION ALL SELECT n FROM t) "
    "SELECT count(*) FROM t",
    "a product": "SELECT count(*) FROM range(10000000) a, range(10000000) b "
    "WHERE a.range * b.range % 7 = 3",
}

BROKEN = {
    "empty": (b"", "empty"),
    "blank": (b"\n\n  \n", "empty"),
    "cut off in a row": (b"a,b,c\n1,2,3\n4,5", "Line: 3"),
    "cut off in quotes": (b'a,b\n1,"x"\n2,"y', "unterminated quote"),
    "ragged": (b"a,b,c\n1,2,3\n4,5\n6,7,8,9\n", "Line: 3"),
    "ragged late": (b"a,b\n" + b"1,2\n" * 30_000 + b"3\n", "Line: 30002"),
    "another encoding": ("name,x\nJürgen,1\n".encode("latin-1"), "not utf-8"),
    "a type that lies": (b"n\n" + b"1\n" * 30_000 + b"x\n", "as_text"),
    "zero bytes": (b"a,b\n1,\0\n", "zero bytes"),
    "an Excel sheet": (b"PK\x03\x04" + b"x" * 100, "Excel"),
    "a picture": (b"\x89PNG\r\n\x1a\n", "picture"),
    "Parquet cut off": (b"PAR1" + b"x" * 100, "magic bytes"),
    "JSON cut off": (b'[{"a": 1}, {"a":', "unexpected end"),
    "JSON too deep": (b'{"a":' * 2000 + b"1" + b"}" * 2000, "recursion depth"),
    "gzip cut off": (gzip.compress(b"a,b\n" + os.urandom(200_000).hex().encode())[:-50], "GZIP"),
    "a line without end": (b"a,b\n" + b"x" * 5_000_000 + b",1\n", "line size"),
}


@pytest.fixture(autouse=True)
def there(need: Callable[[str], None]) -> None:
    need("duckdb")


def asked(service: Testing, content: bytes, sql: str, name: str = "t.csv", **more: Any) -> Any:
    job = service.submit("data.query", file=service.file(content, name), sql=sql, **more)
    service.run()
    return service.result(job)


def refusal(service: Testing, content: bytes, sql: str, **more: Any) -> str:
    job = service.submit("data.query", file=service.file(content, "t.csv"), sql=sql, **more)
    service.run()
    error = service.error(job)
    assert error["kind"] == "refused", error
    assert service.job(job)["attempt"] == 1
    return str(error["detail"])


def test_rows_are_objects_with_the_columns_types(service: Testing) -> None:
    """Rows say what SQL gives, and the columns what types they have."""
    told = asked(service, SALES, "SELECT city, amount * 2 AS twice FROM data ORDER BY twice")
    assert told == {
        "columns": [{"name": "city", "type": "VARCHAR"}, {"name": "twice", "type": "DOUBLE"}],
        "rows": [
            {"city": "Bonn", "twice": 7.0},
            {"city": "Kiel", "twice": 8.0},
            {"city": None, "twice": 14.0},
        ],
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("'nan'::DOUBLE", "nan"),
        ("'-infinity'::DOUBLE", "-inf"),
        ("170141183460469231731687303715884105727::HUGEINT", str(2**127 - 1)),
        ("12.50::DECIMAL(5, 2)", "12.50"),
        ("TIMESTAMPTZ '2026-01-01 10:00:00+02'", "2026-01-01T08:00:00+00:00"),
        ("'\\xAA\\x00'::BLOB", "aa00"),
        ("[{'a': DATE '2026-01-01'}]", [{"a": "2026-01-01"}]),
        ("MAP {1: 'x'}", {"1": "x"}),
        ("INTERVAL 3 DAY", "3 days, 0:00:00"),
        ("chr(0)", "�"),
    ],
)
def test_every_value_is_sayable(service: Testing, value: str, shown: Any) -> None:
    """What JSON has no word for is a text that loses no digit."""
    assert asked(service, SALES, f"SELECT {value} AS v")["rows"] == [{"v": shown}]


def test_columns_of_one_name_are_told_apart(service: Testing) -> None:
    assert asked(service, SALES, "SELECT 1 a, 2 a, 3 a")["rows"] == [{"a": 1, "a_1": 2, "a_2": 3}]


@pytest.mark.parametrize(
    "sql", ["DESCRIBE data", "SUMMARIZE data", "SUMMARIZE SELECT city FROM data", "VALUES (1);"]
)
def test_what_only_looks_is_allowed(service: Testing, sql: str) -> None:
    assert asked(service, SALES, sql)["rows"]


def test_a_recursion_that_ends_is_allowed(service: Testing) -> None:
    sql = "WITH RECURSIVE T(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM t WHERE n < 4) FROM t"
    assert len(asked(service, SALES, sql)["rows"]) == 4


def test_more_rows_than_asked_for_are_left_out_and_it_says_so(service: Testing) -> None:
    told = asked(service, SALES, "FROM range(1000)", rows=3)
    assert (len(told["rows"]), told["truncated"]) == (3, True)
    assert not asked(service, SALES, "FROM range(3)", rows=3)["truncated"]


def test_rows_fit_into_a_result_however_wide_they_are(service: Testing) -> None:
    told = asked(service, SALES, "SELECT repeat('ü', 20000) x FROM range(100)")
    assert told["truncated"]
    assert len(json.dumps(told)) < 100_000


def test_all_rows_as_a_csv(service: Testing) -> None:
    """However many, as a file named for the one that was asked."""
    made = asked(service, SALES, "FROM range(5000) t(n)", name="my.sales.csv", to="csv")
    assert (made["name"], made["type"]) == ("my.sales result.csv", "text/csv")
    rows = list(csv.reader(io.StringIO(service.content(made).decode())))
    assert rows[0] == ["n"]
    assert len(rows) == 5001


def test_parquet_goes_out_and_comes_in(service: Testing) -> None:
    """What one query writes the next reads, whatever its name says."""
    made = asked(service, SALES, "FROM data", to="parquet")
    told = asked(service, service.content(made), "SELECT max(day) d FROM data", name="x.csv")
    assert told["rows"] == [{"d": "2026-01-02"}]


@pytest.mark.parametrize("to", ["rows", "csv"])
@pytest.mark.parametrize("what", FORBIDDEN)
def test_it_reads_the_one_file_and_touches_nothing(
    service: Testing, tmp_path: Path, what: str, to: str
) -> None:
    """Whatever else is asked for is refused with a sentence, and nothing is written."""
    canary = tmp_path / "canary"
    sql, why = FORBIDDEN[what]
    assert why in refusal(service, SALES, sql.format(canary=canary), to=to)
    assert not canary.exists()


@pytest.mark.parametrize("what", ENORMOUS)
def test_what_takes_too_much_memory_is_ended(service: Testing, what: str) -> None:
    assert "memory" in refusal(service, SALES, ENORMOUS[what], seconds=60)


@pytest.mark.parametrize("what", ENDLESS)
def test_what_takes_too_long_is_ended(service: Testing, what: str) -> None:
    assert "stopped after 1 s" in refusal(service, SALES, ENDLESS[what], seconds=1)


LARGE = "SELECT repeat(md5(r::VARCHAR), 5) x, r FROM range(4000000) t(r) ORDER BY x"


def test_what_does_not_fit_into_memory_goes_to_the_disk(service: Testing) -> None:
    made = asked(service, SALES, LARGE, seconds=120, to="parquet")
    told = asked(service, service.content(made), "SELECT count(*) n FROM data")
    assert told["rows"] == [{"n": 4_000_000}]


def test_the_disk_that_a_query_may_take_is_bounded(
    service: Testing, monkeypatch: pytest.MonkeyPatch
) -> None:
    from app.operations.sql import sandbox

    monkeypatch.setattr(sandbox, "SPILL", 10 * 1024**2)
    assert "temporary storage" in refusal(service, SALES, LARGE, seconds=120, to="parquet")


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_table_is_refused_with_its_place(service: Testing, what: str) -> None:
    """Nothing is passed over in silence: a line that does not fit is named."""
    content, why = BROKEN[what]
    told = refusal(service, content, "SELECT count(*), max(columns(*)) FROM data")
    assert why in told
    assert tempfile.gettempdir() not in told


@pytest.mark.parametrize(
    ("content", "more", "value"),
    [
        ("a,b\nJürgen,1\n".encode("latin-1"), {"encoding": "latin-1"}, "Jürgen"),
        ("a,b\nJürgen,1\n".encode("utf-16"), {}, "Jürgen"),
        ("\ufeffa,b\nJürgen,1\n".encode(), {}, "Jürgen"),
        (b'a;b\n"x;\n""y""";1\n', {}, 'x;\n"y"'),
        (b"a\tb\r\nx\t1\r\n", {}, "x"),
        (b"a#b\nx#1\n", {"delimiter": "#"}, "x"),
        (b"x,1\n", {"header": False}, "x"),
        (b"a,b\n007,1\n", {"as_text": True}, "007"),
        (b'[{"a": "x", "b": 1}]', {}, "x"),
        (b'{"a": "x", "b": 1}\n{"a": "y"}\n', {}, "x"),
        (gzip.compress(b"a,b\nx,1\n", mtime=0), {}, "x"),
        (gzip.compress(b'{"a": "x"}\n', mtime=0), {}, "x"),
    ],
)
def test_tables_of_many_forms(
    service: Testing, content: bytes, more: dict[str, Any], value: str
) -> None:
    """The bytes say what a file is, not its name or type."""
    row = asked(service, content, "FROM data LIMIT 1", name="x' [*]\".parquet", **more)["rows"][0]
    assert next(iter(row.values())) == value


def test_a_profile_tells_of_each_column(service: Testing) -> None:
    job = service.submit("data.profile", file=service.file(SALES, "sales.csv"))
    service.run()
    told = service.result(job)
    city, amount, day = told["columns"]
    assert told["rows"] == 3
    assert city == {
        "name": "city", "type": "VARCHAR", "distinct": 2, "min": "Bonn", "max": "Kiel",
        "nulls": 1, "samples": ["Bonn", "Kiel", None],
    }  # fmt: skip
    assert (amount["type"], amount["nulls"], amount["median"]) == ("DOUBLE", 0, 4.0)
    assert (amount["min"], amount["max"], amount["distinct"]) == ("3.5", "7.0", 3)
    assert (day["type"], day["nulls"], day["max"]) == ("DATE", 1, "2026-01-02")


@pytest.mark.parametrize(
    "content",
    [
        b'[{"a": {"b": [1]}, "c": [1, 2], "d": null}]',
        b'"a""b","a b",select\n1,2,3\n',
        b"x\nnan\n1.5\ninf\n",
        b"x\n99999999999999999999999999999999999999\n",
        b"x\ntrue\n",
        b"x\n2026-01-01 10:00:00+02\n",
        b"only\n",
    ],
)
def test_a_profile_of_odd_columns(service: Testing, content: bytes) -> None:
    """Nested ones, odd names, no numbers, no rows: each is told of."""
    job = service.submit("data.profile", file=service.file(content, "odd"))
    service.run()
    assert service.result(job)["columns"]


def test_a_profile_of_very_many_columns_says_what_to_do(service: Testing) -> None:
    wide = ",".join(f"c{n}" for n in range(300)) + "\n" + ",".join("1" * 300) + "\n"
    job = service.submit("data.profile", file=service.file(wide.encode(), "wide.csv"))
    service.run()
    assert "SUMMARIZE" in service.error(job)["detail"]


def test_the_widest_profile_fits_into_a_result(service: Testing) -> None:
    names = [f"column {n}" for n in range(200)]
    row = ",".join(["\N{CAT FACE}" * 200] * 200)
    content = (",".join(names) + "\n" + f"{row}\n" * 6).encode()
    job = service.submit("data.profile", file=service.file(content, "wide.csv"))
    service.run()
    assert len(service.result(job)["columns"]) == 200


def test_nothing_is_left_behind(service: Testing, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    """After an answer, a refusal or a stop, there is no folder and no process of it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    asked(service, SALES, "FROM data", to="csv")
    refusal(service, SALES, "COPY data TO 'x'")
    refusal(service, SALES, ENDLESS["a product"], seconds=1)
    assert list(tmp_path.iterdir()) == []
    children = Path("/proc/self/task").glob("*/children")
    running = [pid for each in children for pid in each.read_text().split()]
    names = [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in running]
    assert not [name for name in names if b"engine.py" in name]


def test_credentials_are_not_in_its_process(
    service: Testing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even who got out of DuckDB would find none in the environment."""
    from app.operations.sql import sandbox

    seen: list[dict[str, str]] = []
    begin = subprocess.Popen

    def note(*words: Any, **options: Any) -> Any:
        seen.append(dict(options["env"]))
        return begin(*words, **options)

    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setattr(sandbox.subprocess, "Popen", note)
    asked(service, SALES, "FROM data")
    assert seen[0].keys() <= {"HOME", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONUTF8", "TMPDIR"}


MEASURE = """
import resource, sys
import app.operations
from app.testing import Testing
with Testing() as service:
    job = service.submit("data.profile", file=service.file(sys.stdin.buffer.read(), "large.csv"))
    service.run()
    assert service.result(job)["rows"] == int(sys.argv[1]), service.result(job)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


@pytest.mark.slow
def test_a_large_file_is_profiled_in_little_memory() -> None:
    """150 MB take less than 300; of 1 GB, 205 MB were measured."""
    rows = 5_000_000
    body = b"".join(
        b"%d,customer %d,%d.25\n" % (n, n * 7919 % 100_003, n % 977) for n in range(50_000)
    )
    content = b"id,name,amount\n" + body * (rows // 50_000)
    ran = subprocess.run(
        [sys.executable, "-c", MEASURE, str(rows)], input=content, capture_output=True,
        cwd=Path(__file__).parents[2], timeout=120,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr.decode()
    assert int(ran.stdout) < 300 * 1024
