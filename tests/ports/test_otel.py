"""Spans by OpenTelemetry: what hangs under what, and what is told of failures."""

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from app.ports.otel import OtelTracer
from app.room.errors import Refused
from tests.gates.house import ROOT

TRACE, ELSEWHERE = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
PARENT = f"00-{TRACE}-{ELSEWHERE}-01"
SECRET = "swordfish"


@pytest.fixture
def ended() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracer(ended: InMemorySpanExporter) -> Iterator[OtelTracer]:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(ended))
    yield OtelTracer((), provider)
    provider.shutdown()


def by_name(ended: InMemorySpanExporter) -> dict[str, Any]:
    return {span.name: span for span in ended.get_finished_spans()}


def test_a_span_is_under_the_one_around_it(tracer: OtelTracer, ended: Any) -> None:
    """Or else it begins a trace; what is under way can be told to others."""
    assert tracer.here() is None
    with tracer.span("outer", "server", {"a": 1}), tracer.span("inner") as told:
        told.tell({"b": "x"}, "better")
        here = tracer.here()
    spans = by_name(ended)
    outer, inner = spans["outer"], spans["better"]
    assert (outer.parent, inner.parent.span_id) == (None, outer.context.span_id)
    assert (outer.kind.name, dict(outer.attributes), dict(inner.attributes)) == (
        "SERVER", {"a": 1}, {"b": "x"},
    )  # fmt: skip
    ids = f"00-{inner.context.trace_id:032x}-{inner.context.span_id:016x}-"
    assert here is not None
    assert here.startswith(ids)


def test_a_parent_elsewhere_wins(tracer: OtelTracer, ended: Any) -> None:
    """What it happens in is linked to it; what is no traceparent begins a trace."""
    with tracer.span("event"):
        with tracer.span("run", "consumer", parent=PARENT):
            pass
        with tracer.span("stray", parent="00-junk"):
            pass
    spans = by_name(ended)
    run, stray = spans["run"], spans["stray"]
    assert f"{run.context.trace_id:032x}-{run.parent.span_id:016x}" == f"{TRACE}-{ELSEWHERE}"
    for span in (run, stray):
        assert [link.context.span_id for link in span.links] == [spans["event"].context.span_id]
    assert (stray.parent, stray.context.trace_id) != (None, spans["event"].context.trace_id)


def test_an_error_is_told_by_its_kind_alone(tracer: OtelTracer, ended: Any) -> None:
    """Ours by the kind, others by their class; none by what it says."""
    for error in (Refused(SECRET), KeyError(SECRET)):
        with pytest.raises(type(error)), tracer.span(type(error).__name__):
            raise error
    kinds = {name: span.attributes["error.type"] for name, span in by_name(ended).items()}
    assert kinds == {"Refused": "refused", "KeyError": "KeyError"}
    for span in by_name(ended).values():
        assert (span.status.status_code.name, span.status.description) == ("ERROR", None)
        assert SECRET not in span.to_json()


def test_what_is_not_kept_is_not_kept_elsewhere(tracer: OtelTracer, ended: Any) -> None:
    """A caller who has decided not to sample is followed."""
    with tracer.span("run", parent=PARENT[:-2] + "00"):
        assert tracer.here().endswith("-00")  # type: ignore[union-attr]
    assert by_name(ended) == {}


SET_UP = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
{setting}
import sys
from pathlib import Path
from app.config import Settings
from app.wiring import make_ports
print(make_ports(Settings(data=Path(sys.argv[1]))).tracer.on)
"""


@pytest.mark.parametrize("is_set", [True, False], ids=["set", "only imported"])
def test_a_programs_own_provider_is_found(tmp_path: Any, is_set: bool) -> None:
    """With no variable set; to have the packages alone switches nothing on."""
    code = SET_UP.format(setting="trace.set_tracer_provider(TracerProvider())" * is_set)
    told = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert told.stdout == f"{is_set}\n"
