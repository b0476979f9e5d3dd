"""Classes of problems that users derive stand beside ours, and disturb none."""

import gc
import json
from collections.abc import Iterator

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient

from app import Problem, Unknown
from app.doors.console import problems
from app.room.errors import kinds


@pytest.fixture(autouse=True)
def derived() -> Iterator[None]:
    """One that repeats a kind, one of a kind of its own, one of no kind; gone afterwards."""
    classes = [
        type("Again", (Unknown,), {"kind": "unknown", "title": "Again."}),
        type("Unlisted", (Problem,), {"kind": "unlisted", "title": "Unlisted."}),
        type("Kindless", (Problem,), {"title": "Kindless."}),
    ]
    problems.kinds.cache_clear()
    yield
    problems.kinds.cache_clear()
    del classes
    gc.collect()


@pytest.mark.parametrize("path", ["/openapi.json", "/swagger.json"])
def test_the_documents_stay_whole(client: FlaskClient, path: str) -> None:
    """They name the kinds that doors know, and what we say of them."""
    answer = client.get(path)
    assert answer.status_code == 200
    for title in ("Again.", "Unlisted.", "Kindless."):
        assert title not in json.dumps(answer.json)


def test_the_pages_of_problems_stay_whole(client: FlaskClient) -> None:
    """One for each kind that doors know."""
    page = client.get("/problems", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert problems.kinds().keys() == kinds().keys()
    assert not {"Again.", "Unlisted."} & {kind.title for kind in problems.kinds().values()}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PUT", "/healthz", 405), ("GET", "/nothing", 404), ("GET", "/teapot", 400)],
)
def test_what_the_framework_refuses_stays_a_problem(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    """Flask's own errors find their kind among ours; one that has none is malformed."""
    app: Flask = client.application
    app.add_url_rule("/teapot", "teapot", lambda: abort(418))
    answer = client.open(path, method=method)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
