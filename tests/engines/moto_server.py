"""moto's server with what it lacks for Zappa; runs in moto's own environment, not in ours.

| Zappa asks | moto | here |
| --- | --- | --- |
| the URLs of a function, at each update | cannot list them | none: ours has none |
| to let a service call the function | answers 200 | 201, as AWS does; Zappa complains of others |
| to make a function | wants to start Docker for its calls | starts none: nothing is called here |

It listens on a free port of loopback, says which, and ends when its standard input is closed: so
it never outlives who started it.
"""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterable
from typing import Any

from moto.core.config import default_user_config
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

URLS = re.compile(r"/2021-10-31/functions/[^/]+/urls")
PERMISSIONS = re.compile(r"/2015-03-31/functions/[^/]+/policy/?")

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def lacking(moto: Wsgi) -> Wsgi:
    """moto, with the answers of AWS where it has none or others."""

    def answer(environ: Environ, start: Callable[..., Any]) -> Iterable[bytes]:
        path, method = environ["PATH_INFO"], environ["REQUEST_METHOD"]
        if method == "GET" and URLS.fullmatch(path):
            start("200 OK", [("Content-Type", "application/json")])
            return [b'{"FunctionUrlConfigs": []}']
        if method == "POST" and PERMISSIONS.fullmatch(path):
            return moto(environ, lambda status, *rest: start(_created(status), *rest))
        return moto(environ, start)

    return answer


def _created(status: str) -> str:
    return "201 Created" if status.startswith("200") else status


class Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Only what goes wrong."""
        if type == "error":
            super().log(type, message, *args)


def serve() -> None:
    default_user_config["lambda"] = {"use_docker": False}
    moto = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, lacking(moto), threaded=True, request_handler=Quiet)
    print(f"listens on {server.server_port}", flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    serve()
