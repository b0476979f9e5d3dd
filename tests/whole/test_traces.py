"""Spans of a real service, as a collector gets them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.ports.receiver import receiving
from tests.whole.collector import Collector, Span, collecting
from tests.whole.service import Service, running

HERE = "tests.whole.traced,app.operations"
TRACE, CALLER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = {"traceparent": f"00-{TRACE}-{CALLER}-01"}
SECRET = "swordfish"


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    with collecting() as made:
        yield made


@pytest.fixture(scope="module")
def traced(
    tmp_path_factory: pytest.TempPathFactory, collector: Collector
) -> Iterator[tuple[Service, Collector]]:
    data = tmp_path_factory.mktemp("traced") / "data"
    settings = {
        "MANYDOORS_OPERATIONS": HERE,
        "MANYDOORS_CALLBACKS": "local",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
    }
    with running(data, **settings) as service:
        yield service, collector


def of(spans: list[Span], trace: str) -> dict[str, list[Span]]:
    found: dict[str, list[Span]] = {}
    for span in spans:
        if span.trace == trace:
            found.setdefault(span.name, []).append(span)
    return found


def test_a_job_and_its_request_are_one_trace(traced: tuple[Service, Collector]) -> None:
    """From the caller's span down to a step in another process, and to the children of the job."""
    service, collector = traced
    with httpx.Client(base_url=service.url, timeout=60) as client:
        path = "/v1/operations/trace.two"
        made = client.post(path, json={"word": SECRET}, headers=PARENT)
        wanted = client.get(f"/v1/jobs/{made.json()['id']}?wait=25").json()["result"]
    assert wanted == ["18", "A", "B"]
    names = (f"POST {path}", "run trace.two", "step first", "step second", "of its own")
    collector.wait_for(*names, "run trace.child")
    found = of(collector.spans, TRACE)
    request = found[f"POST {path}"][0]
    assert (request.parent, request.kind, request.service) == (CALLER, "server", "manydoors")
    assert request.facts["http.route"] == path
    assert request.facts["http.response.status_code"] == 202
    runs = found["run trace.two"]
    run = runs[0]
    assert (run.parent, run.kind, run.failed) == (request.id, "consumer", False)
    assert run.facts["messaging.message.id"] == made.json()["id"]
    assert run.facts["manydoors.ending"] == "waiting"  # for its children
    assert found["step first"][0].parent == run.id
    assert found["step second"][0].parent == found["of its own"][0].id
    assert len(found["step first"]) == len(found["step second"]) == 1  # remembered, not run again
    assert {child.parent for child in found["run trace.child"]} == {run.id}
    assert SECRET.encode() not in collector.raw


def test_failures_are_told_by_their_kind(traced: tuple[Service, Collector]) -> None:
    """And never by what they say; a caller's fault is none of ours."""
    service, collector = traced
    before = len(collector.spans)
    with httpx.Client(base_url=service.url, timeout=60) as client:
        made = client.post("/v1/operations/trace.fails", json={"word": SECRET}).json()
        client.get(f"/v1/jobs/{made['id']}?wait=25")
        message = {"jsonrpc": "2.0", "method": "trace.refuses", "params": {"word": SECRET}, "id": 1}
        client.post("/rpc", json=[message, message | {"method": SECRET}])
        client.post("/v1/operations/trace.refuses", json={"word": SECRET})
    collector.wait_for("step breaks", "run trace.fails", "trace.refuses", "_OTHER", "POST /rpc")
    path = "POST /v1/operations/trace.refuses"
    collector.wait_for(path)
    spans = {span.name: span for span in collector.spans[before:]}
    assert (spans["step breaks"].failed, spans["step breaks"].facts["error.type"]) == (
        True, "KeyError",
    )  # fmt: skip
    assert spans["run trace.fails"].facts["error.type"] == "internal"
    rpc = spans["trace.refuses"]
    assert (rpc.parent, rpc.failed) == (spans["POST /rpc"].id, True)
    assert rpc.facts["error.type"] == "refused"
    assert rpc.facts["rpc.response.status_code"] == "-32022"
    assert (spans[path].failed, spans[path].facts["http.response.status_code"]) == (False, 422)
    assert SECRET.encode() not in collector.raw


def test_a_callback_carries_the_trace_on(traced: tuple[Service, Collector]) -> None:
    """In the header that its receiver knows."""
    service, collector = traced
    trace = TRACE[::-1]
    with receiving() as receiver:
        url = f"http://127.0.0.1:{receiver.port}/"
        body = {"operation": "trace.child", "params": {"word": "a"}, "callback_url": url}
        headers = {"traceparent": f"00-{trace}-{CALLER}-01"}
        httpx.post(f"{service.url}/v1/jobs", json=body, headers=headers, timeout=60)
        collector.wait_for("run webhooks.deliver", "POST")
        (sent,) = receiver.asked
    (post,) = of(collector.spans, trace)["POST"]
    assert post.kind == "client"
    assert f"traceparent: 00-{trace}-{post.id}-01".encode() in sent


def test_a_stop_sends_what_is_left(tmp_path: Path) -> None:
    """Of the web and of the worker, whose exporters would have waited for a minute."""
    with collecting() as collector:
        settings = {
            "MANYDOORS_OPERATIONS": HERE,
            "OTEL_TRACES_EXPORTER": "otlp",
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.url}/v1/traces",
            "OTEL_BSP_SCHEDULE_DELAY": "60000",
            "OTEL_SERVICE_NAME": "cats",
        }
        with running(tmp_path / "data", **settings) as service:
            path = "/v1/operations/trace.child"
            made = httpx.post(service.url + path, json={"word": "a"}, timeout=60).json()
            httpx.get(f"{service.url}/v1/jobs/{made['id']}?wait=25", timeout=60)
            assert collector.spans == []
        found = collector.wait_for(f"POST {path}", "run trace.child", within=20)
        assert found["run trace.child"].parent == found[f"POST {path}"].id
        assert found["run trace.child"].service == "cats"


def test_a_collector_that_is_away_harms_nothing(tmp_path: Path) -> None:
    """Calls and jobs go on, no complaint is in a job's log, and a stop takes no longer."""
    away = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9", "OTEL_BSP_SCHEDULE_DELAY": "50"}
    with running(tmp_path / "data", MANYDOORS_OPERATIONS=HERE, **away) as service:
        url = f"{service.url}/v1/jobs"
        for _ in range(2):
            body = {"operation": "trace.child", "params": {"word": "a"}}
            made = httpx.post(url, json=body, timeout=60).json()
            told = httpx.get(f"{url}/{made['id']}/events", timeout=60).text
            assert '"status":"succeeded"' in told
            assert "event: log" not in told
