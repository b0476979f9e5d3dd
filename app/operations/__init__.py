"""What the service offers: one file a subject, switched on by its import line.

What stands on a package that is not always installed is switched on where that is.
"""

from importlib.util import find_spec

from app.operations import cats, hello, herd  # noqa: F401 - importing declares

if find_spec("duckdb"):  # requirements-data.txt
    from app.operations import data  # noqa: F401

if find_spec("PIL"):  # requirements-pictures.txt
    from app.operations import pictures  # noqa: F401
