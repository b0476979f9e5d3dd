"""Files at the REST door, as Flask and the short way to it answer alike."""

from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.config import Settings
from app.doors.rest.files import EACH, FILES
from app.ports import FileLimits
from app.room.enter import Room
from app.room.shelf import Shelf
from app.wsgi import create_app


def asked(client: FlaskClient, **more: Any) -> Any:
    made = client.post(FILES, json={"name": "a.txt", "type": "text/plain", **more})
    assert made.status_code == 201
    return made.json


def test_a_body_that_is_too_large_gets_a_ticket(client: FlaskClient) -> None:
    """The problem says where the bytes can go, and they can go there."""
    body = b'{"text": "' + b"x" * 2000 + b'"}'
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/operations/echo.text", "/v1/jobs", "/v1/jobs/batch", "/rpc"):
        refused: Any = client.post(path, data=body, headers=headers)
        assert (refused.status_code, refused.json["limit"]) == (413, 1000)
        ticket = refused.json["ticket"]
        way = ticket["upload"]
        sent = client.open(way["url"], method=way["method"], data=body, headers=way["headers"])
        assert sent.status_code == 200
        shown: Any = client.get(f"{FILES}/{ticket['id']}").json
        assert (shown["status"], shown["size"]) == ("ready", len(body))


def test_no_ticket_over_the_bound(room: Room, client: FlaskClient) -> None:
    """Where a file would be refused too, the problem stays as it is."""
    room.shelf = Shelf(replace(room.ports, file_limits=FileLimits(most=1500)))
    refused: Any = client.post("/v1/operations/echo.text", json={"text": "x" * 2000})
    assert refused.status_code == 413
    assert "ticket" not in refused.json


def test_a_name_has_at_most_128_characters(client: FlaskClient) -> None:
    """A longer one is refused, and not cut in silence."""
    longest = "x" * 124 + ".txt"
    assert asked(client, name=longest)["name"] == longest
    for name in ("", f"x{longest}"):
        refused: Any = client.post(FILES, json={"name": name})
        assert (refused.status_code, refused.json["errors"][0]["pointer"]) == (422, "/name")


def test_what_breaks_off_is_in_the_quota(room: Room, settings: Settings) -> None:
    """Its bytes stay for hours: so it is charged as soon as it says how large it will be."""
    limits = FileLimits(quota=1000)
    few = Room(room.registry, replace(room.ports, file_limits=limits))
    client = create_app(few, settings).test_client()

    def sent(way: Any, first: int, all: int) -> int:
        span = {"Content-Range": f"bytes {first}-{first + 399}/{all}"}
        headers = way["headers"] | span
        return client.put(way["url"], data=b"x" * 400, headers=headers).status_code

    ways = [asked(client)["upload"] for _ in range(3)]
    assert sent(ways[0], 0, 800) == 200
    assert sent(ways[1], 0, 401) == 413
    whole = client.put(ways[2]["url"], data=b"x" * 201, headers=ways[2]["headers"])
    assert whole.status_code == 413
    assert sent(ways[0], 400, 800) == 200
    other = client.put(ways[2]["url"], data=b"x" * 200, headers=ways[2]["headers"])
    assert other.status_code == 200


@pytest.mark.parametrize("hosts", [(), ("other",)])
def test_both_ways_in(room: Room, settings: Settings, hosts: tuple[str, ...]) -> None:
    """An upload and a download pass where Flask routes them, too."""
    app = create_app(room, settings)
    if hosts:
        edge: Any = app.wsgi_app
        edge.wsgi.wsgi._ways.find = lambda method, path: (None, {})
    client = app.test_client()
    made = asked(client)
    body = b"x" * 100_000  # a hundred times what else a body may have
    way = made["upload"]
    assert client.head(way["url"]).headers["Upload-Offset"] == "0"
    assert client.put(way["url"], data=body, headers=way["headers"]).status_code == 200
    assert client.head(way["url"]).headers["Upload-Offset"] == "100000"
    with client.get(f"{FILES}/{made['id']}/content", follow_redirects=True) as got:
        assert got.data == body
    where = client.get(f"{FILES}/{made['id']}/content").headers["Location"]
    assert "Content-Type" not in client.head(f"{FILES}/{made['id']}/content").headers
    with client.get(where, headers={"Range": "bytes=5-9"}) as got:
        assert (got.status_code, got.data) == (206, b"xxxxx")
    with client.get(where, headers={"Range": "Bytes=5-9"}) as got:
        assert (got.status_code, got.data) == (206, b"xxxxx")
    assert client.get(where, headers={"Range": f"bytes={10**30}-"}).status_code == 416
    assert client.delete(f"{FILES}/{made['id']}").status_code == 204


def test_under_a_prefix(client: FlaskClient) -> None:
    """URLs are whole, and lead back through the stage that they were asked for at."""
    made: Any = client.post(FILES, json={"name": "a"}, base_url="https://localhost/dev").json
    assert made["upload"]["url"].startswith("https://localhost/dev/v1/files/")
    assert made["links"]["self"] == f"https://localhost/dev/v1/files/{made['id']}"


def test_what_a_file_must_be(client: FlaskClient) -> None:
    """Each wrong member is named."""
    for body, pointers in (
        ({}, ["/name"]),
        ({"name": "a", "size": -1, "type": "x"}, ["/size", "/type"]),
        ({"name": "a", "sha256": "0" * 63, "more": 1}, ["/more", "/sha256"]),
        ({"name": "a", "size": 1.5}, ["/size"]),
    ):
        refused: Any = client.post(FILES, json=body)
        assert refused.status_code == 422
        assert sorted(each["pointer"] for each in refused.json["errors"]) == pointers


@pytest.mark.parametrize("path", ["/openapi.json", "/swagger.json"])
def test_files_are_described(client: FlaskClient, path: str) -> None:
    """Every path of theirs, with each of its methods."""
    paths = client.get(path).json["paths"]  # type: ignore[index]
    each = EACH.replace("<id>", "{id}")
    assert paths[FILES].keys() >= {"get", "post"}
    assert paths[each].keys() >= {"get", "delete"}
    assert paths[f"{each}/content"].keys() >= {"get"}
    assert paths[f"{each}/bytes"].keys() >= {"get", "put"}
