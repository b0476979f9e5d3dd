"""The pages: forms lead to the room as every other door does, and show what comes back."""

import re
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from typing import Annotated, Any, Literal

import pytest
from flask.testing import FlaskClient
from marshmallow import Schema, fields, validate
from werkzeug.middleware.dispatcher import DispatcherMiddleware
from werkzeug.test import Client

from app import Refused, Secret, wiring
from app.config import Settings
from app.room.enter import Room
from app.room.operation import Registry
from app.wsgi import create_app

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


class Size(Enum):
    SMALL = "small"
    LARGE = "large"


@dataclass
class Point:
    x: int
    y: int = 0


class Login(Schema):
    user = fields.String(required=True, metadata={"description": "Who you are"})
    password = Secret(required=True)


def declare(registry: Registry) -> None:
    @registry.operation("cats.speak", http="GET /cats/<name>/speech", examples=[{"name": "Tom"}])
    def speak(
        name: Annotated[str, validate.Length(1, 40)],
        times: Annotated[int, validate.Range(1, 100)] = 1,
    ) -> dict[str, Any]:
        """Let a cat speak.

        As often as you like.
        """
        return {"cat": name, "times": times}

    @registry.operation("all.kinds")
    def kinds(
        number: float = 0.5,
        yes: bool = False,
        size: Size = Size.SMALL,
        colour: Literal["red", "blue"] | None = None,
        day: date | None = None,
        moment: datetime | None = None,
        price: Decimal = Decimal(1),
        tags: list[str] = [],  # noqa: B006 - never changed
        counts: list[int] | None = None,
        point: Point | None = None,
        points: list[Point] | None = None,
        anything: Any = None,
    ) -> dict[str, Any]:
        """Give back all that comes."""
        given = dict(locals())
        return {name: each for name, each in given.items() if each is not None}

    @registry.operation("no.refused")
    def refused() -> None:
        raise Refused("Not <today>.")

    @registry.operation("no.works")
    def broken() -> None:
        raise RuntimeError("a secret of the house")

    @registry.operation("sign.in", params=Login)
    def sign_in(user: str, password: str) -> str:
        return user

    @registry.operation("list.needed")
    def list_needed(tags: list[str], day: date, point: Point) -> list[str]:
        return tags

    @registry.operation("null.needed")
    def null_needed(a: int | None) -> dict[str, Any]:
        return {"a": a}


@pytest.fixture
def room(tmp_path) -> Room:
    registry = Registry()
    declare(registry)
    return Room(registry, wiring.make_ports(Settings(data=tmp_path)))


@pytest.fixture
def client(room) -> FlaskClient:
    return create_app(room, Settings(open="loopback")).test_client()


def post(client: Any, operation: str, headers: Any = None, /, **form: Any) -> Any:
    return client.post(f"/console/operations/{operation}", data=form, headers=headers)


def result(answer: Any) -> str:
    found = re.search(r'aria-label="Result"><code>(.*?)</code>', answer.text, re.DOTALL)
    assert found, answer.text
    return found[1].replace("&#34;", '"')


def error_at(answer: Any, id: str) -> str:
    found = re.search(rf'id="{re.escape(id)}\.error"><span.*?</span>(.*?)</p>', answer.text)
    assert found, answer.text
    return found[1]


def test_the_start_page_has_every_operation_with_a_form(client):
    """Each operation stands there with its words, its paths and a form."""
    page = client.get("/")
    assert page.status_code == 200
    for text in ("Let a cat speak.", "As often as you like.", "/cats/{name}/speech"):
        assert text in page.text
    for name in ("cats.speak", "all.kinds", "no.refused"):
        assert f'action="/console/operations/{name}#outcome"' in page.text
    for path in ("/docs", "/rpc", "/openapi.json", "/swagger.json"):
        assert f'href="{path}"' in page.text


def test_a_service_without_operations_says_so(tmp_path):
    """An empty registry is a page too."""
    room = Room(Registry(), wiring.make_ports(Settings(data=tmp_path)))
    client = create_app(room, Settings(open="loopback")).test_client()
    assert "There are no operations yet" in client.get("/").text
    assert "rpc.discover" in client.get("/rpc").text


def test_controls_fit_their_types(client):
    """Numbers, choices, days, lists and objects each get the input that suits them."""
    page = client.get("/console/operations/all.kinds").text

    def control(name: str) -> str:
        found = re.search(rf'<(input|select|textarea)[^>]*name="{name}"[^>]*>', page)
        assert found
        return found[0]

    assert 'type="number"' in control("number")
    assert 'step="any"' in control("number")
    assert control("yes").startswith("<select")
    assert control("size").startswith("<select")
    assert 'type="date"' in control("day")
    assert 'type="datetime-local"' in control("moment")
    for name in ("tags", "counts", "point", "points", "anything"):
        assert control(name).startswith("<textarea"), name
    assert "<option selected>small</option>" in page
    speak = client.get("/console/operations/cats.speak").text
    assert 'min="1"' in speak
    assert 'max="100"' in speak
    assert 'value="Tom"' in speak
    assert 'aria-required="true"' in speak
    assert "whole number from 1 to 100, default 1" in speak


def test_every_label_is_tied_to_an_input(client):
    """All ids of a page differ, and every `for` and every description leads to one."""
    page = client.get("/").text
    ids = re.findall(r'\bid="([^"]*)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'<label for="([^"]*)"', page)) <= set(ids)
    described = " ".join(re.findall(r'aria-describedby="([^"]*)"', page)).split()
    assert set(described) <= set(ids)


def test_a_form_calls_the_operation(client):
    """Texts are read as the schema's types, and the result is shown."""
    answer = post(client, "cats.speak", name="Mia & <Co>", times="3")
    assert answer.status_code == 200
    assert '"times": 3' in result(answer)
    assert "Mia &amp; &lt;Co&gt;" in result(answer)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "/v1/operations/cats.speak --json" in answer.text


def test_empty_is_not_given(client):
    """A field left empty takes its default, and a needed one is missing."""
    assert '"times": 1' in result(post(client, "cats.speak", name="Tom", times=""))
    answer = post(client, "cats.speak", name="", times="2")
    assert answer.status_code == 422
    assert error_at(answer, "cats.speak:name") == "Missing data for required field."
    assert '"a": null' in result(post(client, "null.needed", a=""))
    needed = {"tags": "", "day": "2026-02-03", "point": '{"x": 1}'}
    assert result(post(client, "list.needed", **needed)) == "[]"


def test_line_ends_are_kept(client):
    """A text of several lines stays as it was written, in a box that has room for it."""
    answer = post(client, "cats.speak", name="one\r\ntwo")
    assert r"one\ntwo" in result(answer)
    assert ">\none\ntwo</textarea>" in answer.text


def test_all_types_arrive(client):
    """What a person writes into the inputs is what the function gets."""
    answer = post(
        client, "all.kinds", number="1.5", yes="true", size="large", colour="blue",
        day="2026-02-03", moment="2026-02-03T04:05", price="2.50", tags="a\r\nb c\r\n",
        counts="1\n2", point='{"x": 1}', points='[{"x": 1, "y": 2}]', anything="[1, null]",
    )  # fmt: skip
    shown = re.sub(r"\s+", " ", result(answer))
    for part in (
        '"number": 1.5', '"yes": true', '"size": "large"', '"colour": "blue"',
        '"day": "2026-02-03"', '"moment": "2026-02-03T04:05:00Z"', '"price": "2.50"',
        '"tags": [ "a", "b c" ]', '"counts": [ 1, 2 ]', '"point": { "x": 1, "y": 0 }',
        '"points": [ { "x": 1, "y": 2 } ]', '"anything": [ 1, null ]',
    ):  # fmt: skip
        assert part in shown, (part, shown)


def test_each_wrong_field_says_so(client):
    """The error stands at its field and in the summary, and what was written is kept."""
    answer = post(client, "cats.speak", name="x" * 41, times="1000")
    assert answer.status_code == 422
    assert "Longer" in error_at(answer, "cats.speak:name") or "Length" in error_at(
        answer, "cats.speak:name"
    )
    assert "100" in error_at(answer, "cats.speak:times")
    assert 'href="#cats.speak:times"' in answer.text
    assert 'value="1000"' in answer.text
    assert 'aria-invalid="true"' in answer.text


def test_deeper_places_are_named(client):
    """A wrong line, a wrong member and broken JSON are told apart."""
    answer = post(client, "all.kinds", counts="1\nx", point='{"x": "1"}', points="[{")
    assert error_at(answer, "all.kinds:counts").startswith("Line 2: ")
    assert error_at(answer, "all.kinds:point").startswith("x: ")
    assert error_at(answer, "all.kinds:points").startswith("This is not JSON")


def test_an_unknown_field_is_refused(client):
    """As every door refuses it."""
    answer = post(client, "cats.speak", name="Tom", more="1")
    assert answer.status_code == 422
    assert "more: Unknown field." in answer.text


def test_other_problems_are_shown(client):
    """Refused with its text, a bug with its id and never its text."""
    answer = post(client, "no.refused")
    assert answer.status_code == 422
    assert "Not &lt;today&gt;." in answer.text
    answer = post(client, "no.works")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "err_" in answer.text
    assert 'href="/problems/internal"' in answer.text


def test_secrets_are_not_shown_again(client):
    """A secret is typed anew each time, and stands in no example of a call."""
    answer = post(client, "sign.in", user="me", password="hush-hush")
    assert '"me"' in result(answer)
    assert "hush-hush" not in answer.text
    assert "hush-hush" not in post(client, "sign.in", password="hush-hush").text


def test_forms_of_other_sites_are_refused_by_a_page(client):
    """Whoever was led here reads what happened."""
    headers = {"Origin": "https://elsewhere.example", "Accept": "text/html"}
    answer = client.post("/console/rpc", data={"request": "{}"}, headers=headers)
    assert (answer.status_code, answer.mimetype) == (403, "text/html")
    assert "https://elsewhere.example" in answer.text


def test_only_forms_are_read(client):
    """Another content type, broken UTF-8 and a body over the limit are problems, as a page."""
    path = "/console/operations/cats.speak"
    assert client.post(path, data=b"{}", content_type="application/json").status_code == 415
    form = "application/x-www-form-urlencoded"
    assert client.post(path, data=b"name=%ff", content_type=form).status_code == 400
    assert client.post(path, data=b"n" * 6_000_000, content_type=form).status_code == 413


def test_an_unknown_operation_is_unknown(client):
    """For reading and for calling."""
    for answer in (
        client.get("/console/operations/none", headers={"Accept": BROWSER}),
        client.post("/console/operations/none", headers={"Accept": BROWSER}),
    ):
        assert answer.status_code == 404
        assert "no operation of that name" in answer.text


def test_rpc_has_a_ready_request_for_each_method(client):
    """The page lists the methods; the chosen one has a request that works as it stands."""
    page = client.get("/rpc?method=cats.speak", headers={"Accept": BROWSER})
    assert page.mimetype == "text/html"
    for name in ("cats.speak", "all.kinds", "rpc.discover"):
        assert f"/rpc?method={name}" in page.text
    ready = re.search(r"<textarea[^>]*>\n(.*?)</textarea>", page.text, re.DOTALL)
    text = ready[1].replace("&#34;", '"')
    answer = client.post("/console/rpc", data={"request": text})
    assert "&#34;cat&#34;: &#34;Tom&#34;" in answer.text


def test_a_ready_request_without_an_example_shows_the_types(client):
    """What is needed stands in it, with a value of its type."""
    page = client.get("/rpc?method=list.needed").text.replace("&#34;", '"')
    assert '"tags": []' in page
    assert '"day": "2026-01-31"' in page
    assert '"point": {}' in page


def test_rpc_shows_errors_and_silence(client):
    """An error is an answer, and a notification has none."""
    answer = client.post("/console/rpc", data={"request": "{"})
    assert "-32700" in answer.text
    assert 'class="outcome bad"' in answer.text
    silent = '{"jsonrpc": "2.0", "method": "cats.speak", "params": ["Tom"]}'
    assert (
        "a notification is not answered"
        in client.post("/console/rpc", data={"request": silent}).text
    )


@pytest.mark.parametrize("depth", [65, 5_000, 100_000])
def test_rpc_shows_that_a_request_is_nested_too_deep(client, depth):
    """However deep it is, it is an answered parse error and no bug of ours."""
    answer = client.post("/console/rpc", data={"request": "[" * depth + "]" * depth})
    assert answer.status_code == 200
    assert "-32700" in answer.text


@pytest.mark.parametrize("accept", ["text/plain", "application/openrpc+json", "text/html;q=0"])
def test_rpc_is_no_page_for_who_takes_none(client, accept):
    """Without text/html in Accept, the answer is the document."""
    assert client.get("/rpc", headers={"Accept": accept}).mimetype == "application/json"


def test_rpc_is_openrpc_for_programs(client):
    """Whoever prefers JSON gets the document."""
    answer = client.get("/rpc", headers={"Accept": "application/json"})
    assert answer.json["openrpc"].startswith("1.")
    assert "Accept" in answer.headers["Vary"]


def test_an_error_while_rendering_is_a_page(client, room, monkeypatch):
    """Browsers see the id of the error, and nothing of its text."""
    monkeypatch.setattr("app.doors.console.form.controls", lambda operation: [][1], raising=True)
    page = client.get("/", headers={"Accept": BROWSER})
    assert (page.status_code, page.mimetype) == (500, "text/html")
    assert "err_" in page.text
    assert "IndexError" not in page.text


def test_the_page_of_a_failure_may_fail_too(client, monkeypatch):
    """Then the problem is told as JSON, to browsers as well."""
    monkeypatch.setattr("app.doors.console.page.render_template", lambda *_, **__: [][1])
    answer = client.get("/", headers={"Accept": BROWSER})
    assert (answer.status_code, answer.mimetype) == (500, "application/problem+json")


def test_pages_let_nothing_foreign_in(client):
    """A strict policy on every page, and nothing inline that it would have to allow."""
    for path in ("/", "/rpc", "/problems", "/problems/busy", "/console/operations/cats.speak"):
        page = client.get(path)
        policy = page.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
        assert page.headers["Referrer-Policy"] == "same-origin"
        assert page.headers["X-Content-Type-Options"] == "nosniff"
        assert not re.search(r"<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=", page.text)
        assert not re.search(r'(src|href|action)="(https?:)?//', page.text)


def test_two_prefixes_at_once(room):
    """Every link, form and redirect stays below the prefix of whoever asks."""
    one = create_app(room, Settings(open="loopback"))
    client = Client(
        DispatcherMiddleware(
            create_app(room, Settings(open="loopback")), {"/dev": one, "/prod": one}
        )
    )
    for prefix in ("/dev", "/prod", "/dev", ""):
        for path in ("/", "/rpc", "/docs", "/problems", "/console/operations/cats.speak"):
            page = client.get(prefix + path).text
            links = re.findall(r'(?:href|src|action)="(/[^"]*)"', page)
            assert links
            assert all(link.startswith(f"{prefix}/") for link in links), (prefix, path, links)
            others = {"/dev", "/prod"} - {prefix}
            assert not any(link.startswith(tuple(others)) for link in links)
        answer = client.post(f"{prefix}/console/operations/cats.speak", data={"name": "Tom"})
        assert answer.status_code == 200
        assert f"http://localhost{prefix}/v1/operations/cats.speak" in answer.text
        assert client.get(f"{prefix}/docs/").headers["Location"] == f"{prefix}/docs"
