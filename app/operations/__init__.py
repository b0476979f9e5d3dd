"""What the service offers: one file a subject, switched on by its import line."""

from app.operations import cats, hello, herd  # noqa: F401 - importing declares
