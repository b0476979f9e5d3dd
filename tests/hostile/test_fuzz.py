"""The fuzzer in its short form; `make fuzz` is the long one."""

import re

from tests.hostile.fuzzer import fuzz
from tests.hostile.oracle import wrong
from tests.hostile.place import Asked, Got

SEED = 20261121  # told by it and its number, a case can be tried again
CASES = 2000


def test_it_finds_nothing() -> None:
    """By WSGI, by every gateway and by every event, with keys and without."""
    verdict = fuzz(CASES, SEED, each=CASES // 4)
    assert verdict.findings == []
    assert verdict.cases == CASES
    assert len(verdict.routes) >= 70
    assert {"200", "202", "400", "404", "422", "event", "200 by a gateway"} <= set(verdict.statuses)


def test_a_case_can_be_tried_again() -> None:
    """By its seed: the same requests, so the same statuses."""
    one, again = fuzz(150, 7), fuzz(150, 7)
    assert one.statuses == again.statuses


JSON, PROBLEM = ("Content-Type", "application/json"), ("Content-Type", "application/problem+json")
REFUSED = b'{"type":"/problems/%s","title":"a","status":%d,"detail":"b","instance":"/"}'

WRONG = {
    "status": Got(500, (PROBLEM,), REFUSED % (b"internal", 500)),
    "status 503": Got(503, (PROBLEM,), REFUSED % (b"unavailable", 503)),
    "a malformed as 404": Got(404, (PROBLEM,), REFUSED % (b"malformed", 400)),
    "no problem of ours": Got(404, (PROBLEM,), REFUSED % (b"gone", 404)),
    "no JSON": Got(200, (JSON,), b'{"a": NaN}'),
    "no JSON, twice": Got(200, (JSON,), b'{"a": 1, "a": 2}'),
    "no JSON, infinite": Got(200, (JSON,), b"1e400"),
    "no JSON, half": Got(200, (JSON,), rb'"\ud800"'),
    "no JSON, cut off": Got(200, (JSON,), b'{"a": '),
    "a 404 that is no problem": Got(404, (JSON,), b"{}"),
    "a 400 as 'text/plain'": Got(400, (("Content-Type", "text/plain"),), b"no"),
    "a body where none may be": Got(204, (), b"a"),
    "it sends elsewhere": Got(302, (("Location", "//evil.example/"),)),
    "a 302 to nowhere": Got(302),
    "a header breaks out": Got(200, (JSON, ("X-A", "a\r\nSet-Cookie: b=c")), b"1"),
    "it tells of its inside": Got(200, (JSON,), b'"Traceback (most recent call last)"'),
}


def test_the_judge_can_say_no() -> None:
    """To each thing that an answer may have wrong; a seal that never fails is none."""
    asked = Asked("POST", b"/v1/operations/echo.text")
    for what, got in WRONG.items():
        told = wrong(asked, got)
        assert re.match(what.partition(",")[0], told), (what, told)
    assert wrong(asked, Got(404, (PROBLEM,), REFUSED % (b"unknown", 404))) == ""
    assert "neither result nor error" in wrong(
        Asked("POST", b"/rpc"), Got(200, (JSON,), b'{"jsonrpc": "2.0", "id": 1}')
    )
