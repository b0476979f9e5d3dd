"""Callbacks: that a job has ended is told to the address that its caller gave, until it is taken.

The delivery is a job of its own, made in the commit that ends the first: so none is lost, and it is
tried again as any job. Its events have the id of the job that has ended, so that a receiver can
drop what it gets twice.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import partial
from typing import Any
from zlib import crc32

from app.ports import Body, Letter, Ports, Reply
from app.ports.spans import Facts
from app.room import job
from app.room.acceptance import Submission
from app.room.boundary import Suspended
from app.room.callback import DELIVER, PAUSES, delivery_params, limited
from app.room.circuit import HUSH, ROW, Circuit
from app.room.egress import Place, read_url, why_denied
from app.room.errors import Invalid, Refused, Retry, Unavailable, Unknown, Wrong
from app.room.job import Wait
from app.room.job_view import described
from app.room.moment import moment
from app.room.operation import Operation, Registry
from app.room.records import open_ports
from app.room.run import Run
from app.room.signing import Secrets, signed
from app.room.strict_json import write_json

JITTER = 0.2  # of a pause, that it is shorter or longer
LONGEST_AFTER = 12 * 3600.0  # seconds of a Retry-After that are waited for
WITHIN = 10.0  # seconds for one attempt, from the look-up of the name to the answer
HANGS = 2.0  # seconds, from which on an attempt without an answer has held its worker up
LARGEST = 102_400  # bytes of an event; what is over is left out
AGENT = "Manydoors-Webhooks/1"
GONE, TOO_MANY, BROKEN = 410, 429, 500  # of HTTP's numbers


class BadCallback(Invalid):
    """The address for a callback is wrong, not what the operation takes."""


class Undelivered(Retry):
    """It did not arrive, for a reason that lies elsewhere."""

    traced = False


def check_callback(url: str | None, ports: Ports) -> None:
    """Raises `BadCallback`, which says how to write it."""
    if url is None:
        return
    try:
        read_url(url, local=ports.post.local)
    except ValueError as error:
        raise BadCallback(_NOT_VALID, errors=[Wrong("/callback_url", str(error))]) from None


_NOT_VALID = "The callback's address is not valid."


# The jobs that deliver


def trial(url: str, ports: Ports, **more: Any) -> Submission:
    """A delivery of an event that tells of no job: whether it arrives is all that it is for."""
    try:
        read_url(url, local=ports.post.local)
    except ValueError as error:
        raise BadCallback(_NOT_VALID, errors=[Wrong("/url", str(error))]) from None
    return Submission(DELIVER, delivery_params(url, ports.new_id("test"), None), **more)


def operation(registry: Registry, at_once: int) -> Operation:
    """What delivers, for jobs of these operations, so many at once. No caller finds it by its
    name."""

    def tell(run: Run, url: str, host: str, event: str, job: str | None) -> dict[str, int]:
        """Tell a callback's address that a job has ended."""
        return _deliver(run, registry, url, event, job)

    own = Registry(reserved=())
    own.operation(DELIVER, long=True, **limited(at_once))(tell)
    return own.get(DELIVER)


def _deliver(run: Run, registry: Registry, url: str, event: str, job: str | None) -> dict[str, int]:
    """One attempt. `registry` knows what of the job's parameters is secret."""
    ports = open_ports()
    try:
        place = read_url(url, local=ports.post.local)
    except ValueError as error:
        raise Refused(error) from None
    content = _event(ports, registry, job) if job else write_json(_test(ports, event))
    sending = _Sending(run, ports, place, event, is_test=job is None)
    sending.check_open()
    return sending.judged(*sending.sent(content))


@dataclass(frozen=True)
class _Sending:
    """One event on its way to one place."""

    run: Run
    ports: Ports
    place: Place
    event: str
    is_test: bool

    @property
    def _circuit(self) -> Circuit:
        where = f"{self.place.host}:{self.place.port}"
        return Circuit(self.ports.records, self.ports.clock, self.run.owner, where)

    def check_open(self) -> None:
        """Raises `Refused` while the host is left alone; a test may always try. While it hangs, and
        another finds out whether it still does, this one waits, and holds no worker."""
        if self.is_test:
            return
        state = self._circuit.state()
        if self.ports.clock.now() >= state.until:
            if (later := self._circuit.turn(WITHIN)) is not None:
                raise Suspended(Wait("sleep", until=later + HUSH * _draw(self.run)))
            return
        text = (
            f"The last {state.failed} deliveries to this host failed for good, so none is sent "
            f"before {moment(state.until)}. When it is back, `webhooks test` says so, and `retry` "
            "sends this one."
        )
        self.run.log(text)
        raise Refused(text)

    def sent(self, content: bytes) -> tuple[Reply | None, str]:
        """The answer, and how it reads; None when there was none."""
        post, clock = self.ports.post, self.ports.clock
        secrets = Secrets(self.ports.records, clock, self.run.owner).good()
        headers = {
            "Content-Type": "application/json",
            "User-Agent": AGENT,
            **signed(secrets, self.event, clock.now(), content),
        }
        place = self.place
        letter = Letter(place.host, place.port, place.path, headers, content, tls=place.tls)
        refuse = partial(why_denied, local=post.local, tls=place.tls)
        began = clock.monotonic()
        reply: Reply | None = None
        try:
            reply = self._posted(letter, refuse)
            said = f"it answered {reply.status}"
            said += f" ({reply.text})" if reply.text else ""
        except Unavailable as error:
            said = error.detail
        except Refused as error:
            self.run.log(f"Attempt {self.run.attempt}: {error.detail}")
            raise
        took = clock.monotonic() - began
        self._note(reply, took)
        tried, most = self.run.attempt, len(PAUSES) + 1
        self.run.log(f"Attempt {tried} of {most}: {said}, in {took:.3f} s.")
        self.run.progress(tried, most, said)
        return reply, said

    def _posted(self, letter: Letter, refuse: Callable[[str], str | None]) -> Reply:
        post, tracer = self.ports.post, self.ports.tracer
        within = min(WITHIN, self.run.remaining)
        if not tracer.on:
            return post.send(letter, refuse=refuse, within=within)
        facts: Facts = {
            "http.request.method": "POST",
            "server.address": letter.host,
            "server.port": letter.port,
        }
        with tracer.span("POST", "client", facts) as span:
            if (here := tracer.here()) is not None:
                letter = replace(letter, headers={**letter.headers, "traceparent": here})
            reply = post.send(letter, refuse=refuse, within=within)
            span.tell({"http.response.status_code": reply.status})
            return reply

    def _note(self, reply: Reply | None, took: float) -> None:
        if reply is not None:
            self._circuit.answered()
        elif took >= HANGS:
            self._circuit.hung()

    def judged(self, reply: Reply | None, said: str) -> dict[str, int]:
        """What the attempt came to: the result, or an error that says when to try again."""
        status = reply.status if reply else None
        if status is not None and 200 <= status < 300:
            self._circuit.arrived()
            return {"status": status, "attempts": self.run.attempt}
        if status == GONE:
            raise Refused("The receiver wants no more of it: it answered 410.", answered=status)
        is_last = self.run.attempt > len(PAUSES)
        if self.is_test:
            raise Refused(f"The test did not arrive: {said}.", answered=status)
        circuit = self._circuit
        is_doubtful = circuit.state().is_doubtful
        if (is_last or is_doubtful) and _is_hosts(status):
            circuit.given_up()
        if is_doubtful and not is_last:
            raise Refused(
                f"It did not arrive, and is not tried again, as {ROW} or more before it failed for "
                f"good: {said}.",
                answered=status,
            )
        after = max(_pause(self.run), _asked(reply, self.ports.clock.now()))
        raise Undelivered(f"It did not arrive: {said}.", after=after, answered=status)


def _is_hosts(status: int | None) -> bool:
    """Is it the host that is in trouble? A 404 is one address's own."""
    return status is None or status >= BROKEN or status == TOO_MANY


def _pause(run: Run) -> float:
    """Drawn from the job's id, so that a crash between two writes changes nothing."""
    pause = PAUSES[min(run.attempt, len(PAUSES)) - 1]
    return pause * (1 - JITTER + 2 * JITTER * _draw(run))


def _draw(run: Run) -> float:
    return crc32(f"{run.id}/{run.attempt}".encode()) / 2**32


def _asked(reply: Reply | None, now: float) -> float:
    """Seconds of its Retry-After, as a number or a date; none of what cannot be read."""
    text = (reply.after or "").strip() if reply else ""
    if text.isascii() and text.isdigit() and len(text) < 10:
        return min(float(text), LONGEST_AFTER)
    try:
        until = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return 0.0
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return min(max(0.0, until.timestamp() - now), LONGEST_AFTER)


# What is told


def _event(ports: Ports, registry: Registry, id: str) -> bytes:
    """The same bytes at every attempt, for a job that has ended does not change."""
    ended = ports.records.get(job.JOBS, id)
    if ended is None or ended.label not in job.TERMINAL:
        raise Unknown("The job whose end is to be told is not kept any more.")
    data = described(ended, registry)
    if data["error"]:
        data["error"] = {name: each for name, each in data["error"].items() if name != "traceback"}
    at = ended.body["finished"]
    event = _envelope(id, "/v1/jobs", f"job.{ended.label}", at, data) | {"subject": id}
    links = data["links"]
    for name, link in (("result", links["result"]), ("params", links["self"])):
        if len(content := write_json(event)) <= LARGEST:
            break
        data[name] = {"url": link}
        event["omitted"] = [*event.get("omitted", ()), name]
    else:
        content = write_json(event)
    return content


def _test(ports: Ports, id: str) -> Body:
    data = {"message": "This is a test. If its signature holds, callbacks will arrive."}
    return _envelope(id, "/v1/webhooks", "webhook.test", ports.clock.now(), data)


def _envelope(id: str, source: str, type: str, at: float, data: Body) -> Body:
    """A CloudEvent, with the members that Standard Webhooks asks for:
    https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md"""
    time = datetime.fromtimestamp(at, UTC).isoformat()
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "time": time,
        "timestamp": time,
        "datacontenttype": "application/json",
        "data": data,
    }
