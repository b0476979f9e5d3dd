"""What the real service says of secrets: on its standard error, and in a job's log."""

import json
import time
from base64 import b64encode
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from tests.whole.service import ROOT, Service, running

OPERATIONS = '''
import logging, threading
from base64 import b64encode
from typing import Annotated
from app import Secret, operation

def say(word: str, where: str) -> None:
    """What somebody's client might log, in a thread of its own."""
    def work() -> None:
        header = b64encode(f"ada:{word}".encode()).decode()
        logging.getLogger("client").warning("%s sends %s, Basic %s", where, word, header)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()

@operation("tell", http="GET /tell/<word>")
def tell(word: Annotated[str, Secret]) -> None:
    say(word, "a call")

@operation("tell.later", long=True)
def later(word: Annotated[str, Secret]) -> None:
    say(word, "a job")
    print("printed", word)
'''


def ask(service: Service, path: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    request = Request(service.url + path, content, {"Content-Type": "application/json"})
    with urlopen(request, timeout=40) as answer:
        return json.loads(answer.read())


def events(service: Service, id: str) -> str:
    with urlopen(f"{service.url}/v1/jobs/{id}/events", timeout=40) as answer:
        return str(answer.read(), "utf-8")


def test_no_secret_is_said_by_a_thread_or_in_an_address(tmp_path: Path) -> None:
    """Neither as it is nor in base64: of a call, of a job, and of a call by its path."""
    (tmp_path / "telling.py").write_text(OPERATIONS)
    settings = {"PYTHONPATH": f"{tmp_path}:{ROOT}", "MANYDOORS_OPERATIONS": "telling"}
    word = "swordfish-of-ada"
    with running(tmp_path / "data", **settings) as service:
        ask(service, "/v1/operations/tell", {"word": word})
        ask(service, f"/tell/{word}")
        job = ask(service, "/v1/jobs", {"operation": "tell.later", "params": {"word": word}})
        told = events(service, job["id"])
        log = tmp_path / "data.log"
        until = time.monotonic() + 20
        while log.read_text().count(" sends ") < 2 and time.monotonic() < until:
            time.sleep(0.05)
        logged = log.read_text()
    assert "a job sends" in told
    assert "printed" in told
    assert logged.count("a call sends") == 2
    assert "GET /tell/" in logged
    encoded = b64encode(f"ada:{word}".encode()).decode()
    for said in (told, logged):
        assert word not in said
        assert encoded[6:20] not in said
