"""What is over a platform's limits: answers become files, messages become jobs whose params do."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import pytest

from app.config import Settings
from app.ports.local.files import LocalFiles
from app.room.call import LOCAL, Call
from app.room.enter import Room
from handlers.ask import Told
from handlers.door import House
from handlers.gateway import read
from handlers.gateway_answer import size_of
from handlers.http import Front
from tests.handlers import gateways
from tests.handlers.gateways import FORMS, KEY, Asked, Got, got
from tests.handlers.home import Home, sqs

JSON = {"Content-Type": "application/json"}
FILLS = {"ascii": "x", "four bytes": "\U0001f408", "escapes": "\n"}


class Elsewhere(LocalFiles):
    """A store whose signed URLs do not lead through the gateway."""

    def __getattribute__(self, name: str) -> Any:
        return None if name == "door" else super().__getattribute__(name)


@pytest.fixture
def large(home: Home) -> Home:
    """Where one operation gives what it was asked for."""
    answers: dict[str, str] = {}
    home.registry.operation("say")(lambda: answers["text"])
    home.registry.operation("say.long", long=True)(lambda: answers["text"])
    folder = home.ports.files._folder  # type: ignore[attr-defined]
    ports = replace(home.ports, files=Elsewhere(folder, floor=1))
    home.ports = ports
    opened(home)
    home.answers = answers  # type: ignore[attr-defined]
    return home


def opened(home: Home) -> None:
    """Its door, for who has the key."""
    home.room = Room(home.registry, home.ports, home.room.engine.lease, admin_key=KEY)
    home.house = House(home.room, Front(home.room, Settings(log_level="ERROR")))


def asked(home: Home, wanted: Asked, form: Callable[[Asked], Any]) -> Got:
    return got(home.bring(form(wanted)))


def most(event: Any) -> int:
    visit = read(event)
    assert visit is not None
    return visit.by.most


def content(home: Home, url: str) -> bytes:
    """What is behind a signed URL."""
    with home.ports.files.open(urlsplit(url).path.split("/")[-2]) as stream:
        return stream.read()


def encoded(text: str) -> int:
    body = json.dumps(text, ensure_ascii=False, separators=(",", ":")).encode()
    return size_of(Told(200, "OK", [("Content-Type", "application/json")], body))


def text_of(size: int, fill: str) -> str:
    """One whose answer has so many bytes as the gateway counts them."""
    each = (encoded(fill * 1_000_000) - encoded("x" * 1_000_000)) // 1_000_000 + 1
    empty = encoded("x" * 1_000_000) - 1_000_000
    left = size - empty
    return "y" * (left % each) + fill * (left // each)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_an_answer_of_one_byte_more_is_elsewhere(large: Home, fill: str, more: int) -> None:
    """Of a plain call too: 303 to a file that has the same bytes, counted as they are sent."""
    wanted = Asked("POST", "/v1/operations/say", headers=JSON, body=b"{}")
    text = text_of(most(gateways.rest(wanted)) + more, fill)
    large.answers["text"] = text  # type: ignore[attr-defined]
    answer = asked(large, wanted, gateways.rest)
    if more <= 0:
        assert (answer.status, json.loads(answer.body)) == (200, text)
        return
    location = dict(answer.headers)["Location"]
    assert answer.status == 303
    assert json.loads(answer.body)["url"] == location
    assert json.loads(content(large, location)) == text


@pytest.mark.parametrize("form", FORMS)
def test_every_gateway_sends_on(large: Home, form: str) -> None:
    """Each by its own limit."""
    large.answers["text"] = "x" * 7_000_000  # type: ignore[attr-defined]
    write, prefix = FORMS[form]
    wanted = Asked("POST", "/v1/operations/say", headers=JSON, body=b"{}")
    answer = asked(large, wanted, write)
    location = dict(answer.headers)["Location"]
    assert (answer.status, location.startswith(f"{prefix}/v1/files/")) == (303, True)
    assert len(content(large, location)) == 7_000_002


def test_what_was_kept_for_an_answer_goes_soon(large: Home) -> None:
    """An hour later nothing of it is left."""
    large.answers["text"] = "x" * 7_000_000  # type: ignore[attr-defined]
    wanted = Asked("POST", "/v1/operations/say", headers=JSON, body=b"{}")
    asked(large, wanted, gateways.rest)
    large.clock.sleep(3601)
    large.room.shelf.sweep()
    assert large.room.shelf.list(LOCAL.owner, cursor=None, limit=9).items == ()


def test_a_large_result_that_was_waited_for(large: Home) -> None:
    """303 to the job's own file; over RPC the job, which says where it is."""
    large.answers["text"] = "x" * 7_000_000  # type: ignore[attr-defined]
    keyed = {**JSON, "Idempotency-Key": "k"}
    wanted = Asked("POST", "/v1/operations/say.long", headers=keyed, body=b"{}")
    assert asked(large, wanted, gateways.rest).status == 202
    large.bring("schedule_tick")
    (made,) = large.jobs("say.long")
    assert made["status"] == "succeeded"
    waited = replace(wanted, headers={**keyed, "Prefer": "wait=0"})
    answer = asked(large, waited, gateways.rest)
    location = dict(answer.headers)["Location"]
    assert (answer.status, json.loads(answer.body)["id"]) == (303, made["id"])
    assert len(content(large, location)) == 7_000_002
    whole = asked(large, Asked("GET", f"/v1/jobs/{made['id']}/result"), gateways.rest)
    assert (whole.status, len(content(large, dict(whole.headers)["Location"]))) == (303, 7_000_002)
    message = {"jsonrpc": "2.0", "id": 1, "method": "say.long"}
    body = json.dumps(message).encode()
    told = asked(large, Asked("POST", "/rpc", headers=dict(waited.headers or {}), body=body),
                 gateways.rest)  # fmt: skip
    assert json.loads(told.body)["result"]["id"] == made["id"]


def test_where_files_lead_back_here_it_is_a_problem(home: Home) -> None:
    """For the gateway would not send the file either."""
    home.registry.operation("say")(lambda: "x" * 7_000_000)
    opened(home)
    wanted = Asked("POST", "/v1/operations/say", headers=JSON, body=b"{}")
    assert asked(home, wanted, gateways.rest).status == 413


@pytest.mark.parametrize("size", [262_143, 262_144])
@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_the_largest_message_becomes_a_job(home: Home, fill: str, size: int) -> None:
    """SQS takes 256 KB, more than a record keeps."""
    made = {"operation": "orders.take", "params": {"message": ""}}
    each = len(json.dumps(fill, ensure_ascii=False).encode()) - 2
    left = size - len(json.dumps(made))
    made["params"] = {"message": "y" * (left % each) + fill * (left // each)}
    body = json.dumps(made, ensure_ascii=False)
    assert len(body.encode()) == size
    home.bring(sqs(body))
    home.bring("schedule_tick")
    (job,) = home.jobs("orders.take")
    assert (job["status"], set(job["params"])) == ("succeeded", {"file", "url"})
    assert home.ran == [made["params"]["message"]]  # type: ignore[index]


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("form", ["rest", "balancer"])
def test_what_flask_answers_has_the_same_limit(large: Home, form: str, more: int) -> None:
    """A call over JSON-RPC: what the gateway would drop is elsewhere, to the byte."""
    message = b'{"jsonrpc":"2.0","id":1,"method":"say","params":{}}'
    wanted, write = Asked("POST", "/rpc", headers=JSON, body=message), FORMS[form][0]
    large.answers["text"] = "x" * 500_000  # type: ignore[attr-defined]
    half = asked(large, wanted, write)
    around = len(json.dumps(half.body.decode())) - 500_000
    text = "x" * (most(write(wanted)) - around + more)
    large.answers["text"] = text  # type: ignore[attr-defined]
    answer = asked(large, wanted, write)
    assert answer.status == (303 if more > 0 else 200)
    where = dict(answer.headers).get("Location")
    whole = content(large, where) if where else answer.body
    assert json.loads(whole)["result"] == text


@pytest.mark.parametrize("form", FORMS)
def test_a_list_of_large_jobs_fits_through_every_gateway(large: Home, form: str) -> None:
    """Page by page, with no file for any, the smallest gateway's answer included."""
    made = []
    for number in range(24):
        params = {"message": f"{number:02}" * 50_000}
        job = large.room.enter(Call("orders.take", params, asynchronous=True)).job
        made.append(job)
    found: list[Any] = []
    cursor = ""
    while True:
        answer = asked(large, Asked("GET", "/v1/jobs", query=f"limit=200{cursor}"), FORMS[form][0])
        assert answer.status == 200
        page = json.loads(answer.body)
        found += [each["id"] for each in page["items"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert found == made[::-1]
