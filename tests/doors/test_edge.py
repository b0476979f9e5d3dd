"""The outermost layer: an id and one line for each request, whatever is in it."""

import json

import pytest
from flask.testing import FlaskClient


@pytest.mark.parametrize(
    ("method", "path", "status", "shown"),
    [
        ("GET", "/healthz", 200, "/healthz"),
        ("GET", "/echo/%C3%A4%F0%9F%98%80", 200, "/echo/ä😀"),
        ("GET", "/echo/%FF", 200, "/echo/�"),
        ("GET", "/no%0Aline%1B[31m%22", 404, '/no\nline\x1b[31m"'),
        ("DELETE", "/healthz", 405, "/healthz"),
        ("POST", "/v1/operations/fail", 400, "/v1/operations/fail"),
    ],
)
def test_each_request_is_one_line(
    client: FlaskClient,
    capsys: pytest.CaptureFixture[str],
    method: str,
    path: str,
    status: int,
    shown: str,
) -> None:
    """It parses, and says who, what, how it went and how long it took."""
    answer = client.open(path, method=method, headers={"X-Request-Id": "mine"})
    assert answer.status_code == status
    (line,) = capsys.readouterr().err.splitlines()
    told = json.loads(line)
    assert told["message"] == f"{method} {shown}"
    assert (told["status"], told["request_id"], told["level"]) == (status, "mine", "INFO")
    assert told["ms"] >= 0


def test_made_ids_differ(client: FlaskClient) -> None:
    """No two requests have one id, unless they say so."""
    ids = {client.get("/healthz").headers["X-Request-Id"] for _ in range(100)}
    assert len(ids) == 100
