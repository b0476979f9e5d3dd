"""A service elsewhere, by its REST door."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import file_digest
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode

from app.client import Event, Job, Key, Wish, transfer
from app.client.following import Following
from app.client.schedules import RemoteSchedules, Schedules
from app.client.texts import read_texts
from app.client.wire import PATIENCE, Wire
from app.ports import Clock
from app.ports.files import PART
from app.room.call import Outcome
from app.room.claim import RESULT
from app.room.errors import Problem, Unknown, UnknownOperation
from app.room.files import safe_name

PAGE = 200
CLAIM = {"file", "url"}  # of a result that is too large for the job
LOG_PATIENCE = 3.0  # seconds of a running job's stream, to see its log so far


class Remote:
    """Asks by HTTP. Each request is a connection of its own: a terminal has few."""

    def __init__(self, url: str, key: str, clock: Clock) -> None:
        self.clock = clock
        self._wire = Wire(url, key)
        self.schedules: Schedules = RemoteSchedules(self._wire)

    def operations(self) -> Sequence[Mapping[str, Any]]:
        found: list[Mapping[str, Any]] = []
        cursor: str | None = None
        while True:
            page = self._get("/v1/operations", limit=PAGE, cursor=cursor)
            found += [{"name": each["name"], "summary": each["summary"]} for each in page["items"]]
            if (cursor := page["next"]) is None:
                return found

    def call(self, wish: Wish) -> Outcome:
        shown = self._shown(wish.operation)
        headers = {"Idempotency-Key": wish.key} if wish.key else {}
        try:
            reply = self._wire.ask(
                "POST",
                f"/v1/operations/{quote(wish.operation, safe='')}",
                _params(shown, wish),
                headers=headers,
                patience=PATIENCE + float(shown["policy"]["timeout"]),
            )
        except Problem as problem:
            return Outcome(problem=problem)
        if reply.status == 202:
            return Outcome(reply.body, job=reply.value["id"], pending=True)
        return Outcome(reply.body)

    def submit(self, wish: Wish) -> Job:
        asked: dict[str, Any] = {
            "operation": wish.operation,
            "params": _params(self._shown(wish.operation), wish),
            "key": wish.key,
            "delay": wish.delay,
            "due": None if wish.due is None else datetime.fromtimestamp(wish.due, UTC).isoformat(),
            "priority": wish.priority,
            "callback_url": wish.callback_url,
        }
        return self._post("/v1/jobs", {k: v for k, v in asked.items() if v is not None})

    def get(self, id: str) -> Job:
        job: Job = self._get(_job(id))
        return job

    def result(self, job: Job) -> Any:
        told = job["result"]
        if not isinstance(told, dict) or told.keys() != CLAIM:
            return told
        about = self.file(told["file"])
        if (about["name"], about["job"]) != (RESULT, job["id"]):
            return told
        return self._get(f"{_job(job['id'])}/result")

    def list(
        self,
        *,
        status: str | None,
        operation: str | None,
        parent: str | None,
        cursor: str | None,
        limit: int,
    ) -> tuple[list[Job], str | None]:
        asked = {"status": status, "operation": operation, "parent": parent, "cursor": cursor}
        page = self._get("/v1/jobs", **asked, limit=limit)
        return page["items"], page["next"]

    def events(self, id: str) -> Iterator[Event | None]:
        return Following(self._wire, _job(id), self.clock).events()

    def log(self, id: str) -> Sequence[Mapping[str, Any]]:
        lines = []
        until = self.clock.monotonic() + LOG_PATIENCE
        for event in Following(self._wire, _job(id), self.clock).streamed():
            if event is None or event.name == "end" or self.clock.monotonic() > until:
                break
            if event.name == "log":
                lines.append(event.data)
        return lines

    def cancel(self, id: str) -> Job:
        return self._post(f"{_job(id)}/cancel")

    def retry(self, id: str, key: str | None = None) -> Job:
        headers = {"Idempotency-Key": key} if key else {}
        return self._post(f"{_job(id)}/retry", headers=headers)

    def signal(self, id: str, name: str, value: Any) -> Job:
        return self._post(f"{_job(id)}/signals/{quote(name, safe='')}", value)

    def create_key(
        self, name: str, scopes: Sequence[str], owner: str | None, expires: float | None
    ) -> Key:
        asked: dict[str, Any] = {"name": name, "scopes": list(scopes)}
        if owner is not None:
            asked["owner"] = owner
        if expires is not None:
            asked["expires_at"] = datetime.fromtimestamp(expires, UTC).isoformat()
        return self._post("/v1/keys", asked)

    def keys(self) -> Iterator[Key]:
        cursor: str | None = None
        while True:
            page = self._get("/v1/keys", limit=PAGE, cursor=cursor)
            yield from page["items"]
            if (cursor := page["next"]) is None:
                return

    def rotate_key(self, id: str, overlap: float) -> Key:
        return self._post(f"{_key(id)}/rotate", {"overlap": overlap})

    def revoke_key(self, id: str, *, disable: bool) -> Mapping[str, Any] | None:
        asked = "?schedules=disable" if disable else ""
        reply = self._wire.ask("DELETE", _key(id) + asked)
        return reply.value if reply.body else None

    def webhook_secret(self) -> str:
        return str(self._get("/v1/webhooks/secret")["secret"])

    def rotate_webhook_secret(self, overlap: float) -> str:
        return str(self._post("/v1/webhooks/secret/rotate", {"overlap": overlap})["secret"])

    def test_webhook(self, url: str) -> Job:
        return self._post("/v1/webhooks/test", {"url": url})

    def params(self, operation: str) -> Mapping[str, Any]:
        schema: Mapping[str, Any] = self._shown(operation)["params"]
        return schema

    def upload(self, path: Path) -> Mapping[str, Any]:
        size = path.stat().st_size
        asked: dict[str, Any] = {"name": safe_name(path.name), "size": size}
        if size <= PART:  # larger ones go in parts, where the store can
            with path.open("rb") as file:
                asked["sha256"] = file_digest(file, "sha256").hexdigest()
        made = self._post("/v1/files", asked)
        transfer.send(path, made["upload"], self.clock.sleep)
        return self.file(made["id"])

    def files(self, limit: int) -> Sequence[Mapping[str, Any]]:
        found: Sequence[Mapping[str, Any]] = self._get("/v1/files", limit=limit)["items"]
        return found

    def file(self, id: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._get(_file(id))
        return found

    def download(self, id: str, to: BinaryIO) -> None:
        transfer.fetch(self._wire.sent_on(f"{_file(id)}/content"), to)

    def delete_file(self, id: str) -> None:
        self._wire.ask("DELETE", _file(id))

    def is_deserted(self) -> bool:
        return False

    def modules(self) -> Sequence[str]:
        return ()

    def close(self) -> None:
        """Nothing is held open."""

    def _shown(self, operation: str) -> Any:
        """What the service says of an operation: its parameters' types, how long it may take."""
        try:
            return self._get(f"/v1/operations/{quote(operation, safe='')}")
        except Unknown as problem:
            raise UnknownOperation(problem.detail) from None

    def _get(self, path: str, **query: Any) -> Any:
        given = {name: value for name, value in query.items() if value is not None}
        return self._wire.ask("GET", f"{path}?{urlencode(given)}" if given else path).value

    def _post(
        self, path: str, document: Any = ..., headers: Mapping[str, str] | None = None
    ) -> Job:
        job: Job = self._wire.ask("POST", path, document, headers=headers).value
        return job


def _file(id: str) -> str:
    return f"/v1/files/{quote(id, safe='')}"


def _job(id: str) -> str:
    return f"/v1/jobs/{quote(id, safe='')}"


def _key(id: str) -> str:
    return f"/v1/keys/{quote(id, safe='')}"


def _params(shown: Any, wish: Wish) -> dict[str, Any]:
    return {**wish.params, **read_texts(shown["params"], wish.texts)}
