"""Tables in files: what is in a CSV, JSON or Parquet file, and what SQL makes of it.

Needs DuckDB: `requirements-data.txt`.
"""

from typing import Annotated, Any, Literal

from marshmallow import validate

from app import File, Run, operation
from app.operations.sql.disk import placed, scratch
from app.operations.sql.form import Encoding, Format, Reading
from app.operations.sql.sandbox import Question, ask

Table = Annotated[File, "A CSV, JSON or Parquet file, or one of the first two in gzip."]
Sql = Annotated[str, validate.Length(1, 20_000), "One SELECT. The file is the table `data`."]
Rows = Annotated[int, validate.Range(1, 1000), "At most so many rows, when they are the result."]
Seconds = Annotated[int, validate.Range(1, 600), "It is stopped after so long."]
Delimiter = Annotated[str, validate.Length(1, 4), "Between a CSV's cells; else it is guessed."]
Header = Annotated[bool | None, "Has a CSV a line of names? Else that is guessed."]
AsText = Annotated[bool, "Read each cell of a CSV as text: where types were guessed wrong."]

SALES = "file_01K8J5M0000000000000000000"


@operation(
    "data.profile",
    long=True,
    retries=1,
    timeout="14m",
    examples=[{"file": SALES}],
)
def profile(
    run: Run,
    file: Table,
    format: Format = "auto",
    delimiter: Delimiter | None = None,
    header: Header = None,
    encoding: Encoding = "utf-8",
    as_text: AsText = False,
    seconds: Seconds = 600,
) -> dict[str, Any]:
    """Tell what is in each column of a table.

    Types, nulls, about how many distinct values, the least and the greatest, mean and quartiles,
    and the first rows. A file of any size takes the same memory: it is read once, as a stream.
    """
    reading = Reading(format, delimiter, header, encoding, as_text)
    with scratch() as folder:
        placed(run, file, folder)
        return ask(run, folder, reading, Question(seconds=seconds))


@operation(
    "data.query",
    long=True,
    retries=1,
    timeout="14m",
    examples=[
        {"file": SALES, "sql": "SELECT city, sum(amount) AS total FROM data GROUP BY city"},
        {"file": SALES, "sql": "SELECT * FROM data WHERE amount > 100", "to": "parquet"},
    ],
)
def query(
    run: Run,
    file: Table,
    sql: Sql,
    to: Literal["rows", "csv", "parquet"] = "rows",
    rows: Rows = 100,
    format: Format = "auto",
    delimiter: Delimiter | None = None,
    header: Header = None,
    encoding: Encoding = "utf-8",
    as_text: AsText = False,
    seconds: Seconds = 60,
) -> Any:
    """Ask a table by SQL, in DuckDB's dialect.

    The result is rows, up to a number and to 90 KB (`truncated` says when there were more), or all
    of them as a file. The query reads that one file and nothing else: no other file, no network, no
    setting, and it writes nothing.
    """
    reading = Reading(format, delimiter, header, encoding, as_text)
    with scratch() as folder:
        placed(run, file, folder)
        told = ask(run, folder, reading, Question(sql, to, rows, seconds))
        if to == "rows":
            return told
        stem = (file.name or "data").rpartition(".")[0] or "data"
        type = "text/csv" if to == "csv" else "application/vnd.apache.parquet"
        return run.save(folder / f"out.{to}", name=f"{stem} result.{to}", type=type)
