"""Spans by OpenTelemetry, where its packages are installed: the one place that knows them.

https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.metadata import entry_points
from multiprocessing import util
from threading import Event, Lock, Thread
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode, format_span_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from app.ports.spans import NONE, Facts, Kind
from app.room.errors import Problem

NAME = "manydoors"
PATIENCE = 2.0  # seconds for the last spans of a process to be sent
_KINDS = {kind.name.lower(): kind for kind in SpanKind}
_WIRE = TraceContextTextMapPropagator()


class OtelTracer:
    """See `Tracer`. By the provider that the program has set up, or else by one of our own, which
    is then the program's too, so that what functions tell of themselves is in the same trace."""

    on = True

    def __init__(self, exporters: Sequence[str], provider: Any = None) -> None:
        """`exporters`: by the names of their entry points. ImportError for one that is not there.

        All that takes long is made now, and what has a thread with the first span: a process of
        ours forks before it has one.
        """
        self._exporters = [] if is_set_up() else [_made(name) for name in exporters]
        self._resource = _described()
        self._provider: Any = provider
        self._lock = Lock()

    @contextmanager
    def span(
        self, name: str, kind: Kind = "internal", facts: Facts = NONE, parent: str | None = None
    ) -> Iterator["_Told"]:
        context = links = None
        if parent is not None:
            context = _WIRE.extract({"traceparent": parent})
            around = trace.get_current_span().get_span_context()
            is_other = around.is_valid and format_span_id(around.span_id) not in parent
            links = [Link(around)] if is_other else None
        tracer = self._ready().get_tracer(NAME)
        # What an error says is not told: it may hold a secret.
        with tracer.start_as_current_span(
            name, context, _KINDS[kind], facts, links,
            record_exception=False, set_status_on_exception=False,
        ) as span:  # fmt: skip
            told = _Told(span)
            try:
                yield told
            except Exception as error:
                told.fail(error.kind if isinstance(error, Problem) else type(error).__qualname__)
                raise

    def here(self) -> str | None:
        carrier: dict[str, str] = {}
        _WIRE.inject(carrier)
        return carrier.get("traceparent")

    def flush(self) -> None:
        with suppress(Exception):  # a program's own may do anything, and what was done is done
            self._provider.force_flush()

    def _ready(self) -> Any:
        if self._provider is None:
            with self._lock:
                self._provider = self._found()  # by the second to come, what the first has set
        return self._provider

    def _found(self) -> Any:
        if is_set_up():
            return trace.get_tracer_provider()
        provider = TracerProvider(resource=self._resource, shutdown_on_exit=False)
        for exporter in self._exporters:
            provider.add_span_processor(BatchSpanProcessor(exporter))
        _shut_at_the_end(provider)
        trace.set_tracer_provider(provider)
        return provider


class _Told:
    """See `Span`."""

    def __init__(self, span: Span) -> None:
        self._span = span

    def tell(self, facts: Facts, name: str | None = None) -> None:
        self._span.set_attributes(dict(facts))
        if name is not None:
            self._span.update_name(name)

    def fail(self, kind: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR))


def is_set_up() -> bool:
    """Has the program a provider of its own?"""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _made(name: str) -> Any:
    for found in entry_points(group="opentelemetry_traces_exporter", name=name):
        return found.load()()
    raise ImportError(f"no package brings the exporter {name}")


def _described() -> Resource:
    """As the environment says, but for a name where it says none."""
    resource = Resource.create()
    if str(resource.attributes[SERVICE_NAME]).startswith("unknown_service"):
        resource = resource.merge(Resource({SERVICE_NAME: NAME}))
    return resource


def _shut_at_the_end(provider: TracerProvider) -> None:
    """What is left is sent, but a collector that is away keeps no process from its end. By
    multiprocessing, for what that has started comes to no `atexit`."""
    over = Event()

    def shut() -> None:
        over.wait()
        provider.shutdown()

    closer = Thread(target=shut, name="spans", daemon=True)
    closer.start()  # now: a process that ends starts none

    def end() -> None:
        over.set()
        closer.join(PATIENCE)

    util.Finalize(None, end, exitpriority=0)
