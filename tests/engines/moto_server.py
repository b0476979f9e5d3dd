"""moto's server with what it lacks for a deployment; runs in moto's own environment, not in ours.

| a deployment asks | moto | here |
| --- | --- | --- |
| the URLs of a function, at each update | cannot list them | none: ours has none |
| to let a service call the function | answers 200 | 201, as AWS does; Zappa complains of others |
| to make a function | wants to start Docker for its calls | starts none: nothing is called here |
| whether a function may call itself | does not know | kept, `Terminate` at first |
| how many functions a queue may occupy | forgets it | kept |
| how many functions the account may run at once | does not know | 1,000 |
| a plan of changes where nothing changes | refuses to make one | one that failed, as AWS does |

It leaves the API behind when the stack of one is deleted. It listens on a free port of loopback,
says which, and ends when its standard input is closed: so it never outlives who started it.
"""

import json
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs

from moto.core.config import default_user_config
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

Environ = dict[str, Any]
Start = Callable[..., Any]
Wsgi = Callable[[Environ, Start], Iterable[bytes]]

XML = "http://cloudformation.amazonaws.com/doc/2010-05-15/"
NO_CHANGES = "No updates are to be performed."
NONE_ID = "arn:aws:cloudformation:eu-central-1:123456789012:changeSet/none"


class Lacking:
    """moto, with the answers of AWS where it has none or others."""

    def __init__(self, moto: Wsgi) -> None:
        self._moto = moto
        self._recursion: dict[str, str] = {}
        self._scaling: dict[str, Any] = {}
        self._routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", r"/2021-10-31/functions/[^/]+/urls", self._urls),
            ("POST", r"/2015-03-31/functions/[^/]+/policy/?", self._created),
            ("GET|PUT", r"/2024-08-31/functions/([^/]+)/recursion-config", self._recursive),
            ("GET", r"/2016-08-19/account-settings/?", self._account),
            ("GET|PUT", r"/2015-03-31/event-source-mappings/([^/]*)", self._mapping),
            ("POST", r"/", self._change_set),
        ]

    def __call__(self, environ: Environ, start: Start) -> Iterable[bytes]:
        for methods, path, answer in self._routes:
            found = re.fullmatch(path, environ["PATH_INFO"])
            if found and re.fullmatch(methods, environ["REQUEST_METHOD"]):
                answered: Iterable[bytes] = answer(environ, start, *found.groups())
                return answered
        return self._moto(environ, start)

    def _urls(self, environ: Environ, start: Start) -> Iterable[bytes]:
        return _told(start, {"FunctionUrlConfigs": []})

    def _created(self, environ: Environ, start: Start) -> Iterable[bytes]:
        status, headers, body = self._asked(environ)
        start("201 Created" if status.startswith("200") else status, headers)
        return [body]

    def _account(self, environ: Environ, start: Start) -> Iterable[bytes]:
        return _told(start, {"AccountLimit": {"ConcurrentExecutions": 1000}, "AccountUsage": {}})

    def _recursive(self, environ: Environ, start: Start, function: str) -> Iterable[bytes]:
        name = re.split(r":|%3A", function)[-1]
        if environ["REQUEST_METHOD"] == "PUT":
            self._recursion[name] = json.loads(_read(environ))["RecursiveLoop"]
        return _told(start, {"RecursiveLoop": self._recursion.get(name, "Terminate")})

    def _mapping(self, environ: Environ, start: Start, id: str) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] == "PUT":
            changed = json.loads(_read(environ))
            if "ScalingConfig" in changed:
                self._scaling[id] = changed["ScalingConfig"]
        status, headers, body = self._asked(environ)
        if not status.startswith("2"):
            start(status, headers)
            return [body]
        said = json.loads(body)
        for mapping in said.get("EventSourceMappings", [said]):
            if found := self._scaling.get(mapping["UUID"]):
                mapping["ScalingConfig"] = found
        return _told(start, said, status)

    def _change_set(self, environ: Environ, start: Start) -> Iterable[bytes]:
        asked = {name: values[0] for name, values in parse_qs(_read(environ).decode()).items()}
        if asked.get("ChangeSetName") == NONE_ID:
            action, failed = asked["Action"], asked["Action"] == "DescribeChangeSet"
            said = f"<Status>FAILED</Status><StatusReason>{NO_CHANGES}</StatusReason>"
            return _xml(start, action, said if failed else "")
        status, headers, body = self._asked(environ)
        if asked.get("Action") == "CreateChangeSet" and NO_CHANGES.encode() in body:
            return _xml(start, "CreateChangeSet", f"<Id>{NONE_ID}</Id><StackId>none</StackId>")
        start(status, headers)
        return [body]

    def _asked(self, environ: Environ) -> tuple[str, Any, bytes]:
        """moto's own answer."""
        said: list[Any] = []
        body = b"".join(self._moto(environ, lambda *words: said.extend(words)))
        return said[0], said[1], body


def _read(environ: Environ) -> bytes:
    """What was sent, which moto may read once more."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return body


def _told(start: Start, said: Any, status: str = "200 OK") -> Iterable[bytes]:
    start(status, [("Content-Type", "application/json")])
    return [json.dumps(said).encode()]


def _xml(start: Start, action: str, said: str) -> Iterable[bytes]:
    start("200 OK", [("Content-Type", "text/xml")])
    result = f"<{action}Result>{said}</{action}Result>"
    return [f'<{action}Response xmlns="{XML}">{result}</{action}Response>'.encode()]


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Only what goes wrong."""
        if type == "error":
            super().log(type, message, *args)


def serve() -> None:
    default_user_config["lambda"] = {"use_docker": False}
    moto = Lacking(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, moto, threaded=True, request_handler=Quiet)
    print(f"listens on {server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve()
