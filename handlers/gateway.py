"""The forms in which HTTP comes as an event.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import re
import sys
from base64 import b64decode
from io import BytesIO
from typing import Any
from urllib.parse import unquote_to_bytes, urlencode

from app.room.duration import FOREVER
from handlers.ask import Gateway, Visit
from handlers.gateway_answer import LARGEST, LARGEST_BALANCED, ROOM
from handlers.shape import Test, listing, listings, mapping, shaped

TEXTS, MANY_TEXTS, LIST = mapping(str), listings(str), listing(str)
BODY = {"body": str | None, "isBase64Encoded": bool | None}
IS_REST = shaped(
    {
        "httpMethod": str,
        "path": str,
        "resource": str | None,
        "requestContext": {"path": str | None, "identity": dict | None, "domainName": str | None},
        **BODY,
    }
)
ABOUT = {"http": {"method": str, "sourceIp": str | None}, "stage": str | None}
IS_HTTP = shaped(
    {
        "rawPath": str,
        "rawQueryString": str | None,
        "requestContext": {**ABOUT, "domainName": str | None},
        **BODY,
    }
)
"""But for what is read only where there is some, and looked at then."""

AUTHORIZER = frozenset(("methodArn", "routeArn", "type"))
"""What has one of these asks whether somebody may, and not for anything."""

GATEWAY_WAITS = 28.0  # seconds; a REST API answers 504 after 29, an HTTP API after 30
BALANCER_WAITS = 58.0  # unless its idle timeout is another than the usual minute

REST = Gateway(GATEWAY_WAITS, LARGEST - ROOM, "many")
API = REST._replace(style="cookies")
FUNCTION_URL = API._replace(within=FOREVER)
BALANCER = Gateway(BALANCER_WAITS, LARGEST_BALANCED - ROOM, "single", balances=True)
BALANCER_MANY = BALANCER._replace(style="many")

SAME = {
    "SERVER_PROTOCOL": "HTTP/1.1",
    "wsgi.version": (1, 0),
    "wsgi.url_scheme": "https",  # URLs are made of it
    "wsgi.multithread": False,
    "wsgi.multiprocess": True,
    "wsgi.run_once": False,
}
MOST_KEYS = 256  # names of headers that are remembered
METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))

_METHOD = re.compile(r"[A-Za-z]{1,20}")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_LISTS = frozenset((list,))

Place = tuple[str, str]  # the prefix of the service's paths, and the path below it


class NotWhole(Exception):
    """An event that has something else where a request's part should be."""


def read(event: Any) -> Visit | None:
    """The request by WSGI's names, and who brought it; None when it is none over HTTP, or no whole
    one. Never raises."""
    if not isinstance(event, dict) or not event.keys().isdisjoint(AUTHORIZER):
        return None
    version = event.get("version")
    try:
        if version == "2.0":
            return _of_http(event) if IS_HTTP(event) else None
        return _of_rest(event) if version in (None, "1.0") and IS_REST(event) else None
    except NotWhole:
        return None


def _of_http(event: Any) -> Visit:
    headers = _headers(event.get("headers"))
    if cookies := _given(event, "cookies", LIST):
        headers["HTTP_COOKIE"] = _octets("; ".join(cookies))
    about = event["requestContext"]["http"]
    environ = _environ(event, headers, about["method"], _path_of_http(event))
    environ["QUERY_STRING"] = _octets(event.get("rawQueryString") or "")
    environ["REMOTE_ADDR"] = about.get("sourceIp") or ""
    return Visit(environ, FUNCTION_URL if _is_function_url(event) else API)


def _of_rest(event: Any) -> Visit:
    """Also of an HTTP API in the older form, and of a load balancer."""
    many = event.get("multiValueHeaders")
    headers = _headers(event.get("headers")) if many in (None, {}) else _headers_of_lists(many)
    environ = _environ(event, headers, event["httpMethod"], _path_of_rest(event))
    pairs = _pairs(event)
    context = event["requestContext"]
    if "elb" not in context:
        environ["QUERY_STRING"] = urlencode(pairs, errors="surrogatepass") if pairs else ""
        environ["REMOTE_ADDR"] = str((context.get("identity") or {}).get("sourceIp") or "")
        return Visit(environ, REST)
    # It hands a query over as it came, and writes the last of the addresses itself.
    environ["QUERY_STRING"] = _octets("&".join(f"{name}={value}" for name, value in pairs))
    environ["REMOTE_ADDR"] = headers.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    is_safe = headers.get("HTTP_X_FORWARDED_PROTO", "http").lower() == "https"
    environ["wsgi.url_scheme"] = "https" if is_safe else "http"
    return Visit(environ, BALANCER if many is None else BALANCER_MANY)


def _environ(event: Any, headers: dict[str, str], method: str, place: Place) -> dict[str, Any]:
    """What every form has in one way."""
    if method not in METHODS and not _METHOD.fullmatch(method):
        raise NotWhole
    body = _body(event)
    made: dict[str, Any] = SAME.copy()
    made.update(headers)
    # Of what came; a gateway may have unpacked it.
    if body or "CONTENT_LENGTH" in headers:
        made["CONTENT_LENGTH"] = str(len(body))
    host = headers.get("HTTP_HOST") or event["requestContext"].get("domainName") or "localhost"
    made["HTTP_HOST"] = host
    made["SERVER_NAME"] = host.partition(":")[0]
    made["SERVER_PORT"] = headers.get("HTTP_X_FORWARDED_PORT", "443")
    made["REQUEST_METHOD"] = method.upper()
    made["SCRIPT_NAME"] = place[0]
    made["PATH_INFO"] = place[1] or "/"
    made["wsgi.input"] = BytesIO(body)
    made["wsgi.errors"] = sys.stderr
    return made


def _headers(given: Any) -> dict[str, str]:
    """By WSGI's names."""
    if given is None:
        return {}
    if type(given) is not dict:
        raise NotWhole
    return _plain({_KEYS[name]: value for name, value in given.items()})


def _headers_of_lists(given: Any) -> dict[str, str]:
    """By WSGI's names; what came several times is joined."""
    if type(given) is not dict or not _LISTS.issuperset(map(type, given.values())):
        raise NotWhole
    try:
        made = {_KEYS[name]: value for name, [value] in given.items()}
    except ValueError:  # there are several of one, or none
        made = {key: _joined(key, given[name]) for name in given if (key := _KEYS[name])}
    return _plain(made)


def _joined(key: str, values: list[Any]) -> str:
    try:
        return ("; " if key == "HTTP_COOKIE" else ",").join(values)
    except TypeError:
        raise NotWhole from None


def _plain(headers: dict[str, Any]) -> dict[str, str]:
    """All of them text, as WSGI has that; looked at in one piece."""
    headers.pop("", None)
    try:
        is_ascii = "".join(headers.values()).isascii()
    except TypeError:
        raise NotWhole from None
    return headers if is_ascii else {key: _octets(value) for key, value in headers.items()}


class _Keys(dict[str, str]):
    """WSGI's name of each header; of one with a "_" none, for it could pass for that with a "-"."""

    def __missing__(self, name: Any) -> str:
        if not isinstance(name, str):
            raise NotWhole
        if len(self) >= MOST_KEYS:
            self.clear()
        named = name.upper().replace("-", "_")
        key = named if named in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{named}"
        self[name] = key = "" if "_" in name else key
        return key


_KEYS = _Keys()


def _octets(text: str) -> str:
    """As WSGI hands bytes over: each as the character of its number."""
    return text if text.isascii() else text.encode(errors="surrogatepass").decode("latin-1")


def _decoded(path: str) -> str:
    if "%" not in path and path.isascii():
        return path
    return unquote_to_bytes(path.encode(errors="surrogatepass")).decode("latin-1")


def _body(event: Any) -> bytes:
    body: str = event.get("body") or ""
    if not event.get("isBase64Encoded"):
        return body.encode("utf-8", "surrogatepass")
    if not _BASE64.fullmatch(body):
        raise NotWhole
    return b64decode(body)


def _pairs(event: Any) -> list[tuple[str, str]]:
    """Of a query."""
    many = _given(event, "multiValueQueryStringParameters", MANY_TEXTS)
    if many:
        return [(name, value) for name, values in many.items() for value in values]
    one = _given(event, "queryStringParameters", TEXTS)
    return [*one.items()] if one else []


def _given(event: Any, name: str, test: Test) -> Any:
    """That member, if there is one."""
    given = event.get(name)
    if given is not None and not test(given):
        raise NotWhole
    return given


def _path_of_http(event: Any) -> Place:
    """An HTTP API hands the path over decoded, and a stage's name before it; a function URL
    neither: https://github.com/middleapi/standard-server/pull/93"""
    raw, context = event["rawPath"], event["requestContext"]
    domain = context.get("domainName") or ""
    if _is_function_url(event):
        return "", _decoded(raw)
    path, stage = _octets(raw), context.get("stage")
    if stage and stage != "$default" and ".execute-api." in domain:
        return _without(path, f"/{stage}")
    return _mapped(event, path)


def _path_of_rest(event: Any) -> Place:
    """What the context's path has before the event's is the stage, else a base path mapping is
    what stands before the resource's own."""
    is_decoded = event.get("version") == "1.0"  # an HTTP API, in the older form
    read = _octets if is_decoded else _decoded
    path, whole = read(event["path"]), read(event["requestContext"].get("path") or "")
    bare = "" if path == "/" else path
    if bare and whole != path and whole.endswith(path):
        return whole.removesuffix(path), path
    if not bare and whole.strip("/"):
        return whole.rstrip("/"), "/"
    stage = event["requestContext"].get("stage")
    domain = event["requestContext"].get("domainName") or ""
    if is_decoded and stage and stage != "$default" and ".execute-api." in domain:
        return _without(path, f"/{stage}")
    return _mapped(event, path)


def _mapped(event: Any, path: str) -> Place:
    """Below a base path mapping only the resource's own path parameter is without it."""
    rest = (_given(event, "pathParameters", TEXTS) or {}).get("proxy")
    if event.get("resource") == "/" and path != "/":
        return path.rstrip("/"), "/"
    for own in () if rest is None else (_octets(f"/{rest}"), _decoded(f"/{rest}")):
        for ended in (own, f"{own}/"):
            if path.endswith(ended):
                return path.removesuffix(ended), ended
    return "", path


def _is_function_url(event: Any) -> bool:
    return ".lambda-url." in (event["requestContext"].get("domainName") or "")


def _without(path: str, prefix: str) -> Place:
    if path == prefix or path.startswith(f"{prefix}/"):
        return prefix, path.removeprefix(prefix)
    return "", path
