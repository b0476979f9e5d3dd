"""Spans of events: each ends up in the trace of who sent it, and is sent before the freeze."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

import handlers
from app.ports.otel import OtelTracer
from app.room.enter import Room
from handlers import door
from handlers.door import House
from tests.handlers.home import LEASE, Context, Home, event, sqs

TRACE, SENDER = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{SENDER}-01"
GREET = {"operation": "greet", "params": {"name": "Ada"}}


@pytest.fixture
def ended(home: Home, monkeypatch: pytest.MonkeyPatch) -> Iterator[InMemorySpanExporter]:
    """What was sent by now, of a function whose processor sends by itself after an hour."""
    exporter, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=3_600_000))
    home.ports = replace(home.ports, tracer=OtelTracer((), provider))
    home.room = Room(home.registry, home.ports, LEASE)
    home.house = House(home.room, home.house.front)
    home.house.front._room = home.room
    monkeypatch.setattr(door, "_house", [home.house])
    yield exporter
    provider.shutdown()


def bring(home: Home, given: Any) -> Any:
    return handlers.handle(given, Context(home.clock, home.clock.monotonic() + 30))


def named(ended: InMemorySpanExporter) -> dict[str, Any]:
    return {span.name: span for span in ended.get_finished_spans()}


def message(body: Any, **attributes: Any) -> Any:
    made = sqs(body)
    made["Records"][0]["messageAttributes"] = attributes
    return made


def test_a_message_goes_on_in_its_senders_trace(home: Home, ended: Any) -> None:
    """From the message to the run of its job, which another event has brought."""
    attribute = {"dataType": "String", "stringValue": PARENT}
    bring(home, message(GREET, traceparent=attribute))
    (job,) = home.jobs("greet")
    bring(home, sqs({"job": job["id"]}))
    spans = named(ended)
    taken, run = spans["process queue:orders"], spans["run greet"]
    assert f"{taken.context.trace_id:032x}-{taken.parent.span_id:016x}" == f"{TRACE}-{SENDER}"
    assert run.parent.span_id == taken.context.span_id
    events = [span for span in ended.get_finished_spans() if span.name == "event queue"]
    assert [span.attributes["faas.trigger"] for span in events] == ["pubsub", "pubsub"]
    links = [span.links[0].context.span_id for span in (taken, run)]
    assert links == [span.context.span_id for span in events]


def test_a_notification_goes_on_in_its_senders_trace(home: Home, ended: Any) -> None:
    given = event("topic")
    given["Records"][0]["Sns"]["MessageAttributes"] = {
        "traceparent": {"Type": "String", "Value": PARENT}
    }
    bring(home, given)
    assert f"{named(ended)['process topic:news'].context.trace_id:032x}" == TRACE


@pytest.mark.parametrize("odd", [None, [], "x", {"traceparent": 1}, {"traceparent": {}},
                                 {"traceparent": {"stringValue": ["x"]}}])  # fmt: skip
def test_attributes_may_be_anything(home: Home, ended: Any, odd: Any) -> None:
    """Of a message that is good it is taken all the same."""
    given = sqs(GREET)
    given["Records"][0]["messageAttributes"] = odd
    assert bring(home, given) == {"batchItemFailures": []}
    assert len(home.jobs("greet")) == 1


def test_a_request_is_sent_with_its_answer(home: Home, ended: Any) -> None:
    """By its route, in its caller's trace; a tick is an event as well."""
    asked = event("http_api")
    asked["headers"] |= {"traceparent": PARENT}
    assert bring(home, asked)["statusCode"] in (200, 401, 503)
    bring(home, event("schedule_tick"))
    spans = named(ended)
    (request,) = (span for span in spans.values() if span.kind.name == "SERVER")
    assert f"{request.context.trace_id:032x}" == TRACE
    assert request.attributes["http.route"] in request.name
    assert spans["event schedule"].attributes["faas.trigger"] == "timer"
    assert "Ada" not in json.dumps([span.to_json() for span in ended.get_finished_spans()])
