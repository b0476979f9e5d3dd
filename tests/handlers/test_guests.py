"""Pages of other origins, by every gateway."""

from pathlib import Path

import pytest

from app import wiring
from app.config import Settings
from app.room.enter import Room
from handlers.door import House
from handlers.http import Front
from tests.doors.conftest import declared
from tests.handlers import gateways
from tests.handlers.gateways import FORMS, Asked, got
from tests.handlers.test_http import TEXT, brought

PAGE = {"Origin": "https://cats.example"}
WISH = PAGE | {"Access-Control-Request-Method": "POST", "Authorization": ""}
JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> House:
    data: Path = tmp_path_factory.mktemp("guests") / "data"
    settings = Settings(data=data, origins=(PAGE["Origin"],), log_level="ERROR")
    ports = wiring.make_ports(settings)
    gateways.let_in(ports.records)
    room = Room(declared(), ports, limit=None)
    return House(room, Front(room, settings))


ASKED = {
    "the preflight of a call": (Asked("OPTIONS", TEXT, "", WISH), 204),
    "a call": (Asked("POST", TEXT, "", JSON | PAGE, b'{"text": "a"}'), 200),
    "a call without a key": (Asked("POST", TEXT, "", PAGE | {"Authorization": ""}), 401),
    "JSON-RPC, which is Flask's": (Asked("POST", "/rpc", "", JSON | PAGE, b"{}"), 200),
    "nothing": (Asked("GET", "/v1/nowhere", "", PAGE), 404),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ASKED)
def test_a_page_that_is_named(house: House, form: str, name: str) -> None:
    """Is answered so that a browser lets it read that."""
    asked, status = ASKED[name]
    answer = got(brought(house, FORMS[form][0](asked)))
    headers = dict(answer.headers)
    assert answer.status == status
    assert headers["Access-Control-Allow-Origin"] == PAGE["Origin"]
    assert "Origin" in headers["Vary"]
    assert ("Access-Control-Allow-Methods" in headers) == (status == 204)


@pytest.mark.parametrize("form", FORMS)
def test_a_page_that_is_not(house: House, form: str) -> None:
    """Is told nothing, and its request is refused."""
    headers = JSON | {"Origin": "https://dogs.example"}
    for asked in (Asked("OPTIONS", TEXT, "", WISH | headers), Asked("POST", TEXT, "", headers)):
        answer = got(brought(house, FORMS[form][0](asked)))
        assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]
        assert answer.status != 204
        assert asked.method == "OPTIONS" or answer.status == 403
