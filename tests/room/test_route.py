"""An operation's own path is read strictly, and never one of the service's."""

import pytest

from app.config import Settings
from app.room.route import METHODS, RESERVED, read_route
from app.wsgi import create_app

GOOD = {
    "GET /cat": ("GET", (), "/cat", "/cat", False),
    "PUT /cats/<name>": ("PUT", ("name",), "/cats/<>", "/cats/{name}", True),
    "DELETE /a/<b>/c/<d_2>": ("DELETE", ("b", "d_2"), "/a/<>/c/<>", "/a/{b}/c/{d_2}", False),
    "POST /files-of/<path:where>": (
        *("POST", ("where",), "/files-of/<path:>", "/files-of/{where}", True),
    ),
    "PATCH /v1.2/~x": ("PATCH", (), "/v1.2/~x", "/v1.2/~x", True),
}


@pytest.mark.parametrize("text", GOOD)
def test_reads(text):
    """A method and a path of fixed segments and parameters."""
    route = read_route(text)
    read = (route.method, route.names, route.shape, route.template, route.has_body)
    assert read == GOOD[text]
    assert text == f"{route.method} {route.path}"


BAD = [
    *[
        "",
        "GET",
        "/cat",
        "GET cat",
        "get /cat",
        "HEAD /cat",
        "OPTIONS /cat",
        "GET  /cat",
        "GET\t/cat",
    ],
    *["GET /", "GET /cat/", "GET //cat", "GET /a//b", "GET /./a", "GET /a/..", "GET /cat?x=1"],
    *["GET /cat#x", "GET /c%61t", "GET /kätzchen", "GET /a b", "GET /cat\n", "GET /a/*"],
    *[
        "GET /<name>",
        "GET /<path:rest>",
        "GET /a/<>",
        "GET /a/<1x>",
        "GET /a/<int:x>",
        "GET /a/x<y>",
    ],
    *["GET /a/<x", "GET /a/{x}", "GET /a/<x>/<x>", "GET /a/<x>/<path:x>", "GET /a/<ü>", None, 5],
    *[f"GET /{segment}" for segment in sorted(RESERVED)],
    *["POST /v1/mine", "PUT /rpc/x/y", "GET /static/<path:x>"],
]


@pytest.mark.parametrize("text", BAD, ids=repr)
def test_refuses(text):
    """Everything else is a ValueError that quotes the text and says what to write."""
    with pytest.raises(ValueError, match=r"^http=") as told:
        read_route(text)
    assert repr(text) in str(told.value)


def test_reserved_is_what_the_service_answers(room):
    """No path of the service's own could be taken by an operation."""
    rules = create_app(room, Settings(open="loopback")).url_map.iter_rules()
    first = {rule.rule.split("/")[1] for rule in rules if rule.rule != "/"}
    assert first - {""} <= RESERVED


def test_every_method_is_one_that_http_knows():
    """The methods are those that carry calls."""
    assert set(METHODS) == {"GET", "POST", "PUT", "PATCH", "DELETE"}
