"""The program that runs somebody's SQL: started by `sandbox.py`, once for each question.

It stands alone (the standard library and DuckDB), has no environment, and gives itself hard limits
before it reads a byte: DuckDB's own limit on memory does not bind what a function makes of one row,
and its interrupt does not reach into one. It reads a question from standard input, a line of JSON,
and says how far it is and then what came of it, a line of JSON each.
"""

import json
import os
import re
import resource
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import duckdb

TABLE = "data"
FUNCTIONS = frozenset(("range", "generate_series", "unnest", "json_each", "json_tree"))
"""That may stand after FROM. Others read files, settings, or memory by its address."""
NOT_CALLED = frozenset(
    "current_setting getvariable getenv write_log current_query parse_duckdb_log_message "
    "pg_get_viewdef pg_get_constraintdef pg_get_expr".split()
)
SELECTS = frozenset(("SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"))
SHOWS = frozenset(("DESCRIBE", "SUMMARY"))
FLOATS = frozenset(("FLOAT", "DOUBLE"))
NESTED = ("STRUCT", "MAP", "UNION", "JSON", "BLOB", "BIT", "VARIANT")
SAMPLES = 5
SHOWN = 60  # characters of a value in a profile
DEEPEST = 20  # levels of a nested value
MOST_COLUMNS = 200

Json = dict[str, Any]


class NotAllowed(Exception):
    """The question's own fault; the text is for who asked."""


def main() -> None:
    asked = json.loads(sys.stdin.readline())
    _limit(asked["memory"], asked["largest"])
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    connection = connect(asked)
    threading.Thread(target=_tell_progress, args=(connection,), daemon=True).start()
    try:
        open_file(connection, asked)
        ask = profile if asked["sql"] is None else query
        answer = ask(connection, asked)
    except NotAllowed as error:
        answer = {"refused": str(error)}
    except MemoryError:
        answer = {"refused": TOO_MUCH_MEMORY}
    except duckdb.Error as error:
        answer = _refusal(error, asked)
    _say(answer)
    sys.stdout.flush()
    os._exit(0)  # without waiting for threads that are still at it


def connect(asked: Json) -> duckdb.DuckDBPyConnection:
    """A database in memory that may touch the file, and nothing else."""
    config = {
        "allow_community_extensions": "false",
        "allow_persistent_secrets": "false",
        "autoinstall_known_extensions": "false",
        "autoload_known_extensions": "false",
        "enable_external_file_cache": "false",
        "max_temp_directory_size": f"{asked['spill'] // 1024}KiB",
        "memory_limit": f"{asked['memory'] // 1024}KiB",
        "preserve_insertion_order": "true" if asked["out"] is None else "false",
        "python_enable_replacements": "false",
        "temp_directory": asked["spills"],
        "threads": str(asked["threads"]),
    }
    connection = duckdb.connect(":memory:", config=config)
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = true")
    connection.execute("SET enable_progress_bar_print = false")
    allowed = [asked["path"], *([asked["out"]] if asked["out"] else [])]
    connection.execute(f"SET allowed_paths = [{', '.join(map(_quoted, allowed))}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    return connection


def open_file(connection: duckdb.DuckDBPyConnection, asked: Json) -> None:
    try:
        connection.execute(f"CREATE VIEW {TABLE} AS SELECT * FROM {asked['source']}")
    except duckdb.InvalidInputException as error:
        if asked["cells"] and "sniffing" in str(error):
            connection.execute(f"SELECT count(*) FROM {asked['cells']}").fetchall()
            raise NotAllowed("Its lines have different numbers of cells.") from None
        raise


def query(connection: duckdb.DuckDBPyConnection, asked: Json) -> Json:
    check(connection, asked["sql"])
    if asked["out"] is None:
        return _rows(connection.execute(asked["sql"]), asked["rows"], asked["bytes"])
    # As a relation, so that what was asked never becomes a part of another statement.
    relation = connection.sql(asked["sql"])
    if asked["to"] == "csv":
        relation.write_csv(asked["out"], header=True)
    else:
        relation.write_parquet(asked["out"], compression="zstd")
    return {"written": os.path.getsize(asked["out"])}


def check(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Passes one SELECT that reads the file alone; else `NotAllowed` says what it may not."""
    statements = duckdb.extract_statements(sql)
    if len(statements) != 1:
        raise NotAllowed(f"Send one statement: these are {len(statements)}.")
    kind = statements[0].type.name
    if kind == "MULTI":
        raise NotAllowed("Write PIVOT with its values: FROM data PIVOT (… FOR … IN (…)).")
    if kind != "SELECT":
        raise NotAllowed(f"Only SELECT is allowed here, and this is {kind}: it must only read.")
    ((told,),) = connection.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchall()
    tree = json.loads(told)
    if tree["error"]:
        raise NotAllowed(tree.get("error_message", "That can not be read as one SELECT."))
    named = {TABLE, *(name.lower() for name in _ctes(tree))}
    # Outside of its brackets such a name would be DuckDB's own table, which tells of this machine.
    taken = connection.execute("SELECT lower(view_name) FROM duckdb_views() WHERE internal")
    if clash := named & {name for (name,) in taken.fetchall()}:
        raise NotAllowed(f"Call it otherwise: {min(clash)!r} is a table of DuckDB's own.")
    for node in _nodes(tree):
        _check_node(node, named)


def _check_node(node: Json, named: set[str]) -> None:
    kind = str(node.get("type", ""))
    if kind.endswith("_NODE") and kind not in SELECTS:
        raise NotAllowed("Only SELECT is allowed here: a part of this writes.")
    if kind == "BASE_TABLE":
        place = [node["catalog_name"], node["schema_name"]]
        if any(place) or node["table_name"].lower() not in named:
            name = ".".join(part for part in [*place, node["table_name"]] if part)
            raise NotAllowed(f"There is no table {name!r} here: the file is the table {TABLE!r}.")
    elif kind == "SHOW_REF":
        if node["show_type"] not in SHOWS or not node.get("query"):
            raise NotAllowed(f"Only DESCRIBE {TABLE} and SUMMARIZE {TABLE} are shown here.")
    elif kind == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in FUNCTIONS:
            raise NotAllowed(f"{name}() can not be read from: the file is the table {TABLE!r}.")
    elif str(node.get("function_name", "")).lower() in NOT_CALLED:
        raise NotAllowed(f"{node['function_name']}() tells of this machine: it is not called here.")


def _ctes(tree: Any) -> Iterator[str]:
    for node in _nodes(tree):
        entries = node.get("cte_map", {}).get("map", ()) if "cte_map" in node else ()
        yield from (str(entry["key"]) for entry in entries)
        if node.get("type") in ("RECURSIVE_CTE_NODE", "CTE_NODE"):
            yield str(node.get("cte_name", ""))


def _nodes(tree: Any) -> Iterator[Json]:
    """Every object in it; by a list of our own, for hostile trees are deep."""
    left = [tree]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            yield each
            left.extend(each.values())
        elif isinstance(each, list):
            left.extend(each)


def _rows(cursor: duckdb.DuckDBPyConnection, most: int, size: int) -> Json:
    columns = _columns(cursor)
    names = [column["name"] for column in columns]
    rows: list[Json] = []
    left = size - len(json.dumps(columns))
    while len(rows) < most and (row := cursor.fetchone()) is not None:
        made = dict(zip(names, map(said, row), strict=True))
        left -= len(json.dumps(made)) + 2
        if left < 0:
            return {"columns": columns, "rows": rows, "truncated": True}
        rows.append(made)
    return {"columns": columns, "rows": rows, "truncated": cursor.fetchone() is not None}


def _columns(cursor: duckdb.DuckDBPyConnection) -> list[Json]:
    """Each under a name of its own, as an object needs it."""
    names: set[str] = set()
    columns = []
    for name, kind, *_ in cursor.description or ():
        unique, n = said(name), 1
        while unique in names:
            unique, n = f"{said(name)}_{n}", n + 1
        names.add(unique)
        columns.append({"name": unique, "type": str(kind)})
    return columns


def said(value: Any, depth: int = 0) -> Any:
    """As JSON can say it, without losing a digit."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**38 else str(value)
    if isinstance(value, float):
        return value if value - value == 0 else str(value)  # NaN and infinite are no JSON
    if isinstance(value, str):
        return value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if depth < DEEPEST and isinstance(value, Mapping):
        return {str(said(name)): said(each, depth + 1) for name, each in value.items()}
    if depth < DEEPEST and isinstance(value, list | tuple):
        return [said(each, depth + 1) for each in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def profile(connection: duckdb.DuckDBPyConnection, asked: Json) -> Json:
    """What is in each column, by one pass over the file, and the first rows."""
    described = connection.execute(f"SELECT * FROM {TABLE} LIMIT 0").description or ()
    columns = [(str(name), str(kind)) for name, kind, *_ in described]
    if len(columns) > MOST_COLUMNS:
        raise NotAllowed(
            f"It has {len(columns):,} columns, and a profile at most {MOST_COLUMNS}: ask for "
            "some of them with data.query, SUMMARIZE SELECT … FROM data."
        )
    facts = [fact for name, kind in columns for fact in _facts(name, kind)]
    wanted = ", ".join(["count(*)", *(sql for _, _, sql in facts)])
    ((rows, *told),) = connection.execute(f"SELECT {wanted} FROM {TABLE}").fetchall()
    found: dict[str, Json] = {name: {"name": name, "type": kind} for name, kind in columns}
    for (name, fact, _), value in zip(facts, told, strict=True):
        found[name][fact] = said(value)
    for column in found.values():
        column["nulls"] = rows - column.pop("filled")
        column["distinct"] = min(column["distinct"], rows)
    sample = connection.execute(f"SELECT * FROM {TABLE} LIMIT {SAMPLES}").fetchall()
    for place, column in enumerate(found.values()):
        column["samples"] = [_cut(said(row[place]), SHOWN) for row in sample]
    return _fitting({"rows": rows, "columns": list(found.values())}, asked["bytes"])


def _fitting(told: Json, size: int) -> Json:
    """Of very many wide columns, as much of their values as a result can hold."""
    for samples, shown in ((SAMPLES, SHOWN), (2, SHOWN), (1, 30), (0, 15)):
        for column in told["columns"]:
            column["samples"] = [_cut(value, shown) for value in column["samples"][:samples]]
            for edge in column.keys() & {"min", "max"}:
                column[edge] = _cut(column[edge], shown)
        if len(json.dumps(told, ensure_ascii=False).encode()) <= size:
            break
    return told


def _facts(name: str, kind: str) -> Iterator[tuple[str, str, str]]:
    """Of a column: the name of a fact, and the SQL that finds it."""
    column = '"' + name.replace('"', '""') + '"'
    text = f"left({{}}({column})::VARCHAR, {SHOWN})"
    yield name, "filled", f"count({column})"
    yield name, "distinct", f"approx_count_distinct({column})"
    if kind.endswith("]") or kind.startswith(NESTED):
        return
    yield name, "min", text.format("min")
    yield name, "max", text.format("max")
    if _is_number(kind):
        real = f"{column}::DOUBLE"
        finite = f"FILTER (isfinite({real}))" if kind in FLOATS else ""
        yield name, "mean", f"avg({real}) {finite}"
        for share, label in ((0.25, "q25"), (0.5, "median"), (0.75, "q75")):
            yield name, label, f"approx_quantile({real}, {share}) {finite}"


def _is_number(kind: str) -> bool:
    return kind in FLOATS or kind.startswith("DECIMAL") or kind.rstrip("0123456789").endswith("INT")


def _cut(value: Any, most: int) -> Any:
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return value if not isinstance(value, str) or len(value) <= most else value[: most - 1] + "…"


TOO_MUCH_MEMORY = "It needs more memory than it may take: ask for less at once."

_WORDS: dict[type[Exception], str] = {
    duckdb.OutOfMemoryException: TOO_MUCH_MEMORY,
    duckdb.PermissionException: f"Only the file may be read, as the table {TABLE!r}.",
    duckdb.InterruptException: "It was stopped.",
}


def _refusal(error: duckdb.Error, asked: Json) -> Json:
    if isinstance(error, duckdb.InternalError | duckdb.FatalException):
        return {"broken": str(error)}
    text = _WORDS.get(type(error)) or _plain(str(error))
    if "auto-detected" in text:
        text += "\nAsk with as_text=true, which reads every cell as text."
    for shown in (asked["path"], asked["out"] or asked["path"], asked["spills"]):
        text = text.replace(shown, "the file")
    return {"refused": text}


def _plain(text: str) -> str:
    """The first words of DuckDB's own, without its advice on settings that are locked here."""
    told = re.split(r"\n\s*(?:Possible |file ?=|LINE \d+: CREATE VIEW)", text)[0]
    kept = [line.rstrip() for line in told.splitlines() if line.strip()]
    return "\n".join(line if len(line) <= 200 else f"{line[:200]}…" for line in kept)[:1000]


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _limit(memory: int, largest: int) -> None:
    """Far above what it may take: its parent looks at that each moment, and this stops what is
    faster. Less would stop DuckDB as it moves what it sorts to the disk: it maps more than it uses.
    """
    for what, bound in (
        (resource.RLIMIT_DATA, 8 * memory),
        (resource.RLIMIT_FSIZE, largest),
        (resource.RLIMIT_CORE, 0),
    ):
        with suppress(ValueError, OSError):  # a system that has a lower one already
            resource.setrlimit(what, (bound, bound))


def _leave_with_parent() -> None:
    """Nothing more is said on standard input: its end is the parent's."""
    sys.stdin.buffer.read()
    os._exit(1)


def _tell_progress(connection: duckdb.DuckDBPyConnection) -> None:
    while True:
        threading.Event().wait(0.5)
        percent = connection.query_progress()
        if 0 < percent <= 100:
            _say({"percent": round(percent, 1)})


def _say(told: Json) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
