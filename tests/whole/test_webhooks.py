"""Callbacks from outside: the real service, real receivers, and what may lie between the two."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from threading import Event
from typing import Any
from urllib.error import HTTPError

import pytest
from standardwebhooks.webhooks import Webhook

from app.room.egress import why_denied
from tests.ports.receiver import OK, Receiver, answers, certificate_for, receiving, says
from tests.whole.service import ROOT, Service, running
from tests.whole.test_jobs import ask, kill, until

OPERATIONS = """
import time
from app import Refused, operation
from app.room import circuit, webhook

webhook.PAUSES = (0.05,) * 7  # so that a day of attempts takes a moment
webhook.WITHIN, webhook.HANGS = 1.0, 0.5
circuit.HUSH = webhook.HUSH = 0.5

@operation("say", long=True)
def say(text: str) -> str:
    return text

@operation("fail", long=True)
def fail() -> None:
    raise Refused("No.")

@operation("slow", long=True)
def slow() -> None:
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("code")
    (folder / "told.py").write_text(OPERATIONS)
    return {
        "MANYDOORS_OPERATIONS": "told",
        "MANYDOORS_CALLBACKS": "local",
        "PYTHONPATH": f"{folder}:{ROOT}",
    }


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path | None:
    return certificate_for(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture(scope="module")
def service(
    tmp_path_factory: pytest.TempPathFactory, settings: dict[str, str], certificate: Path | None
) -> Iterator[Service]:
    trusted = {"SSL_CERT_FILE": str(certificate)} if certificate else {}
    data = tmp_path_factory.mktemp("service") / "data"
    with running(data, workers=2, **settings, **trusted) as up:
        yield up


def at(receiver: Receiver, path: str = "/hook?token=hush") -> str:
    return f"http://127.0.0.1:{receiver.port}{path}"


def submit(service: Service, url: str, operation: str = "say", **params: Any) -> str:
    body = {"operation": operation, "params": params, "callback_url": url}
    return str(ask(service, "/v1/jobs", body)["id"])


def delivered(service: Service, id: str) -> Any:
    """The job that delivers, when it has ended."""
    ended = until(service, id, lambda job: job["finished_at"])
    link = ended["links"]["callback"].rpartition("/")[2]
    return until(service, link, lambda job: job["finished_at"])


def read(asked: bytes) -> tuple[dict[str, str], bytes]:
    head, _, body = asked.partition(b"\r\n\r\n")
    lines = [line.partition(": ") for line in head.decode().splitlines()[1:]]
    return {name.lower(): text for name, _, text in lines}, body


def test_an_end_is_told(service: Service) -> None:
    """Signed so that the receivers' own library takes it; and no log has the address's token."""
    with receiving() as receiver:
        well = submit(service, at(receiver), text="ä")
        ill = submit(service, at(receiver), "fail")
        assert delivered(service, well)["result"] == {"status": 200, "attempts": 1}
        assert delivered(service, ill)["status"] == "succeeded"
    secret = ask(service, "/v1/webhooks/secret")["secret"]
    told = {}
    for asked in receiver.asked:
        assert asked.startswith(b"POST /hook?token=hush HTTP/1.1\r\n")
        headers, body = read(asked)
        event = Webhook(secret).verify(body, headers)
        assert event["id"] == headers["webhook-id"] == event["data"]["id"]
        told[event["id"]] = event
    assert (told[well]["type"], told[well]["data"]["result"]) == ("job.succeeded", "ä")
    assert (told[ill]["type"], told[ill]["data"]["error"]["kind"]) == ("job.failed", "refused")
    log = (service.data.parent / f"{service.data.name}.log").read_text()
    assert "/v1/jobs" in log
    assert "hush" not in log


def test_a_cancelled_job_is_told(service: Service) -> None:
    """One that waits for its start, at once."""
    with receiving() as receiver:
        body = {"operation": "say", "params": {"text": ""}, "delay": "1h"}
        id = ask(service, "/v1/jobs", body | {"callback_url": at(receiver)})["id"]
        ask(service, f"/v1/jobs/{id}/cancel", {})
        assert delivered(service, id)["status"] == "succeeded"
    assert json.loads(read(receiver.asked[0])[1])["type"] == "job.cancelled"


def test_it_is_tried_until_it_is_taken(service: Service) -> None:
    """Three times 500, then 200, under one id; the log tells of each."""
    with receiving(*[answers(500)] * 3, says(OK)) as receiver:
        id = submit(service, at(receiver), text="")
        found = delivered(service, id)
        assert found["result"] == {"status": 200, "attempts": 4}
    assert {read(each)[0]["webhook-id"] for each in receiver.asked} == {id}
    told = subprocess.run(
        [sys.executable, "-m", "app", "--url", service.url, "job", found["id"]],
        capture_output=True, text=True, cwd=ROOT, timeout=60, check=True,
        env=_clean(service),
    ).stdout  # fmt: skip
    assert told.count("it answered 500") == 3
    assert "Attempt 4 of 8: it answered 200" in told


def test_a_redirect_to_the_metadata_is_not_followed(service: Service) -> None:
    """It is an answer that is no success; the next is."""
    away = "Location: http://169.254.169.254/latest/meta-data/"
    with receiving(host="127.0.0.2") as other:
        to_other = f"Location: http://127.0.0.2:{other.port}/"
        with receiving(answers(302, away), answers(307, to_other), says(OK)) as receiver:
            id = submit(service, at(receiver), text="")
            assert delivered(service, id)["result"] == {"status": 200, "attempts": 3}
    assert other.connected == 0


def test_who_hangs_or_never_ends_hurts_nobody(service: Service) -> None:
    """While callbacks hang, other jobs run; an answer without end is taken as what it says."""

    def hang(sock: socket.socket) -> None:
        time.sleep(5)

    def endless(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            sock.sendall(b"x" * 65536)

    with receiving(hang) as hanging, receiving(endless) as huge:
        stuck = submit(service, at(hanging), text="")
        large = submit(service, at(huge), text="")
        assert delivered(service, large)["status"] == "succeeded"
        other = ask(service, "/v1/jobs", {"operation": "say", "params": {"text": "meanwhile"}})
        until(service, other["id"], lambda job: job["result"] == "meanwhile")
        hanging.behaviours = [says(OK)]
        assert delivered(service, stuck)["status"] == "succeeded"


def test_hosts_that_hang_leave_workers_to_the_neighbours(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """With twice as many as there are workers, each patient, all other jobs end meanwhile; and
    once the hosts answer, all is told."""
    patient = OPERATIONS.replace("WITHIN, webhook.HANGS = 1.0", "WITHIN, webhook.HANGS = 50.0")
    (tmp_path / "told.py").write_text(patient)
    ours = settings | {"PYTHONPATH": f"{tmp_path}:{ROOT}"}
    answer = Event()

    def hang(sock: socket.socket) -> None:
        answer.wait(50)

    with ExitStack() as held:
        hosts = [held.enter_context(receiving(hang, says(OK))) for _ in range(4)]
        service = held.enter_context(running(tmp_path / "data", workers=2, **ours))
        held.callback(answer.set)
        stuck = [submit(service, at(host), text="") for host in hosts]
        for id in stuck:
            until(service, id, lambda job: job["finished_at"])
        for number in range(20):
            id = ask(service, "/v1/jobs", {"operation": "say", "params": {"text": str(number)}})
            until(service, id["id"], lambda job: job["finished_at"])
        assert sum(len(host.asked) for host in hosts) == 1
        answer.set()
        assert {delivered(service, id)["status"] for id in stuck} == {"succeeded"}


def test_over_tls_the_certificate_is_the_hosts(
    service: Service, certificate: Path | None, require: Callable[[Any, str], None]
) -> None:
    """Trusted by SSL_CERT_FILE, it holds for its name and for no other."""
    require(certificate, "openssl is not installed")
    with receiving(certificate=certificate) as receiver:
        id = submit(service, f"https://localhost:{receiver.port}/", text="")
        assert delivered(service, id)["status"] == "succeeded"
        other = ask(service, "/v1/webhooks/test", {"url": f"https://127.0.0.1:{receiver.port}/"})
        failed = until(service, other["id"], lambda job: job["finished_at"])
        assert "not to be trusted" in failed["error"]["detail"]


@pytest.mark.slow
def test_killed_between_the_end_and_the_delivery_it_is_told_all_the_same(
    tmp_path: Path, settings: dict[str, str]
) -> None:
    """Once or more, with the same id: everything is killed while the receiver has not answered."""
    reached = []

    def hang(sock: socket.socket) -> None:
        reached.append(time.monotonic())
        time.sleep(30)

    with receiving(hang, says(OK)) as receiver:
        with running(tmp_path / "data", **settings) as service:
            id = submit(service, at(receiver), text="kept")
            until(service, id, lambda job: job["finished_at"])
            deadline = time.monotonic() + 10
            while not reached:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            kill(service)
        with running(tmp_path / "data", **settings) as service:
            found = delivered(service, id)
            assert (found["status"], found["attempt"]) == ("succeeded", 2)
    assert [read(each)[0]["webhook-id"] for each in receiver.asked] == [id, id]


@pytest.mark.slow
def test_a_worker_that_is_killed_delivers_no_less(tmp_path: Path, settings: dict[str, str]) -> None:
    """The processes that run jobs die by kill -9, one after another, while many jobs end: each
    end is told, and every event has the id of its job."""
    with receiving() as receiver, running(tmp_path / "data", workers=2, **settings) as up:
        jobs = [
            {"operation": "say", "params": {"text": str(n)}, "callback_url": at(receiver)}
            for n in range(60)
        ]
        made = {each["id"] for each in ask(up, "/v1/jobs/batch", {"jobs": jobs})["items"]}
        killed: set[int] = set()
        deadline = time.monotonic() + 20
        while len(killed) < 4:
            assert time.monotonic() < deadline
            time.sleep(0.05)  # for some of the work to be done
            for pid in [pid for pid in up.processes() if _is_runner(pid) and pid not in killed][:1]:
                os.kill(pid, signal.SIGKILL)
                killed.add(pid)
        for id in made:
            assert delivered(up, id)["status"] == "succeeded"
    told = [read(each)[0]["webhook-id"] for each in receiver.asked]
    assert {*told} == made


def _is_runner(pid: int) -> bool:
    """A worker's child, which runs the jobs."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
        parent = int(stat.rpartition(")")[2].split()[1])
        return b"work" in Path(f"/proc/{parent}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return False


def test_the_terminal_tests_and_submits(service: Service, tmp_path: Path) -> None:
    """`webhooks test`, `webhooks secret` and `submit --callback`, on the running service."""

    def app(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "app", "--url", service.url, *arguments],
            capture_output=True, text=True, cwd=ROOT, timeout=60, env=_clean(service),
        )  # fmt: skip

    with receiving(answers(204), answers(404, body=b"who?"), says(OK)) as receiver:
        done = app("webhooks", "test", at(receiver))
        assert (done.returncode, done.stdout) == (0, "It arrived: the receiver answered 204.\n")
        done = app("webhooks", "test", at(receiver))
        assert (done.returncode, done.stderr) == (
            1, "The test did not arrive: it answered 404 (who?).\n",
        )  # fmt: skip
        done = app("submit", "say", "text=x", "--callback", at(receiver))
        assert delivered(service, done.stdout.strip())["status"] == "succeeded"
        done = app("submit", "say", "text=x", "--callback", "http://example.com/")
        assert (done.returncode, "/callback_url" in done.stderr) == (1, True)
        former = app("webhooks", "secret").stdout.strip()
        newest = app("webhooks", "secret", "--rotate").stdout.strip()
        assert app("webhooks", "secret").stdout.strip() == newest != former
        delivered(service, submit(service, at(receiver), text="both"))
        headers, body = read(receiver.asked[-1])
        for secret in (former, newest):
            Webhook(secret).verify(body, headers)


def test_by_default_nothing_here_is_reached(
    tmp_path: Path, settings: dict[str, str], require: Callable[[Any, str], None]
) -> None:
    """Without the setting for development: refused as it is submitted, or, where only a look-up
    tells, before anything is connected."""
    public = {name: text for name, text in settings.items() if name != "MANYDOORS_CALLBACKS"}
    here = _name_of_this_machine()
    require(here, "no name beside localhost leads to this machine")
    with receiving(host="0.0.0.0") as receiver, running(tmp_path / "data", **public) as up:
        for url in (at(receiver), f"https://127.0.0.1:{receiver.port}/", "https://localhost/"):
            with pytest.raises(HTTPError) as refused:
                submit(up, url, text="")
            assert json.loads(refused.value.read())["errors"][0]["pointer"] == "/callback_url"
        id = submit(up, f"https://{here}:{receiver.port}/", text="")
        found = delivered(up, id)
        assert (found["status"], found["error"]["kind"]) == ("failed", "refused")
        assert "no callback may reach" in found["error"]["detail"]
        assert receiver.connected == 0


def _name_of_this_machine() -> str | None:
    """One that a receiver on all its addresses hears, and that leads to no public one."""
    for name in (socket.gethostname().lower(), "ip6-localhost", "localhost.localdomain"):
        with suppress(OSError):
            found = {str(each[4][0]) for each in socket.getaddrinfo(name, 443)}
            if all(map(why_denied, found)):
                return name
    return None


def _clean(service: Service) -> dict[str, str]:
    mine = {name: text for name, text in os.environ.items() if "MANYDOORS" not in name}
    return {**mine, "PYTHONPATH": str(service.environ["PYTHONPATH"])}
