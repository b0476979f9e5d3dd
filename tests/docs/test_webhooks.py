"""The receiver that docs/webhooks.md shows: it takes what the service sends, and nothing else."""

import time
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.operation import Registry
from app.room.signing import Secrets
from app.testing import Testing
from tests.docs.test_blocks import blocks

PAGE = Path(__file__).parents[2] / "docs/webhooks.md"


def receiver(secret: str, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    (code,) = [code for _, code in blocks(PAGE, "python") if "Flask(" in code]
    shown: dict[str, Any] = {"__name__": "documentation"}
    exec(compile(code, str(PAGE), "exec"), shown)
    client: FlaskClient = shown["app"].test_client()
    return client


def test_the_documented_receiver_takes_ours_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Signed by either secret of a rotation; not torn, not old, not another's."""
    registry = Registry()
    registry.operation("tried", long=True)(lambda: 1)
    with Testing(registry) as service:
        service.clock.sleep(time.time() - service.clock.now())
        secrets = Secrets(service.room.ports.records, service.clock, LOCAL.owner)
        former, newest = secrets.newest(), secrets.rotate()
        one = Submission("tried", callback_url="https://example.com/hooks/manydoors")
        id = service.room.engine.submit(one, LOCAL).id
        service.run()
        (letter,) = service.mailbox.letters
    for secret in (former, newest):
        client = receiver(secret, monkeypatch)
        path, headers = letter.path, dict(letter.headers)
        assert client.post(path, data=letter.body, headers=headers).status_code == 204
        assert capsys.readouterr().out == f"{id} job.succeeded\n"
        assert client.post(path, data=letter.body + b" ", headers=headers).status_code == 401
        old = headers | {"webhook-timestamp": str(int(headers["webhook-timestamp"]) - 301)}
        assert client.post(path, data=letter.body, headers=old).status_code == 401
    client = receiver("whsec_" + "QUFB" * 8, monkeypatch)
    assert client.post(path, data=letter.body, headers=headers).status_code == 401
