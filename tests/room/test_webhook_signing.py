"""Signatures and secrets, verified by what receivers install."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.signing import LONGEST_OVERLAP, MOST, SECRETS, Secrets, signed
from app.testing import Testing

NOW = datetime.now(UTC).timestamp()


def test_the_specifications_example_holds() -> None:
    """https://github.com/standard-webhooks/standard-webhooks: the signature that all its libraries
    are tested with."""
    secret, id = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek"
    made = signed([secret], id, 1614265330, b'{"test": 2432232314}')
    assert made["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_receivers_library_takes_it() -> None:
    """And takes it no more when a byte, the id or the time is another."""
    secret, content = "whsec_" + base64.b64encode(b"k" * 32).decode(), b'{"type":"job.succeeded"}'
    headers = dict(signed([secret], "job_1", NOW, content))
    assert Webhook(secret).verify(content, headers) == {"type": "job.succeeded"}
    later = str(int(NOW) + 1)
    for other in ({"webhook-id": "job_2"}, {"webhook-timestamp": later}):
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(content, headers | other)
    for place in range(len(content)):
        torn = content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]
        with pytest.raises(WebhookVerificationError):
            Webhook(secret).verify(torn, headers)


def secrets_of(lab: Testing, owner: str = "local") -> Secrets:
    return Secrets(lab.room.ports.records, lab.clock, owner)


def test_each_owner_has_a_secret_of_their_own(lab: Testing) -> None:
    """Made on first use, the same from then on, of 32 random bytes."""
    mine, theirs = secrets_of(lab), secrets_of(lab, "other")
    assert mine.newest() == mine.newest() == secrets_of(lab).newest() != theirs.newest()
    assert len(base64.b64decode(mine.newest().removeprefix("whsec_"))) == 32


def test_two_sign_while_they_overlap(lab: Testing, declare: Callable[..., Any]) -> None:
    """After a rotation both are good, until the former's time is over."""
    declare(lambda: 1)
    former = secrets_of(lab).newest()
    newest = secrets_of(lab).rotate(3600)
    for good, bad in (((former, newest), ()), ((newest,), (former,))):
        lab.advance(0 if former in good else 3601)
        lab.room.engine.submit(Submission("tried", callback_url="https://example.com/"), LOCAL)
        lab.run()
        letter = lab.mailbox.letters[-1]
        content = f"{letter.headers['webhook-id']}.{letter.headers['webhook-timestamp']}.".encode()
        for secret in good:
            assert _of(secret, content + letter.body) in letter.headers["webhook-signature"].split()
        for secret in bad:
            assert _of(secret, content + letter.body) not in letter.headers["webhook-signature"]
    assert secrets_of(lab).newest() == newest != former


def _of(secret: str, content: bytes) -> str:
    id, at, body = content.split(b".", 2)
    return signed([secret], id.decode(), float(at), body)["webhook-signature"]


def test_a_rotation_without_overlap_ends_the_former_at_once(lab: Testing) -> None:
    """For a secret that others know."""
    secrets = secrets_of(lab)
    secrets.newest()
    made = secrets.rotate(0)
    assert secrets.good() == [made]


def test_rotations_in_a_row_do_not_pile_up(lab: Testing) -> None:
    """Nor does a later one make a former live longer."""
    secrets = secrets_of(lab)
    first = secrets.newest()
    secrets.rotate(10)
    secrets.rotate(1000)
    assert first in secrets.good()
    lab.advance(11)
    assert first not in secrets.good()
    for _ in range(5):
        secrets.rotate(LONGEST_OVERLAP)
    assert len(secrets.good()) == MOST
    record = lab.room.ports.records.get(SECRETS, "local")
    assert record is not None
    assert len(record.body["secrets"]) == MOST
