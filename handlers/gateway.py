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
from handlers.shape import Test, listing, listings, mapping

TEXTS, MANY_TEXTS, LIST = mapping(str), listings(str), listing(str)

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

Place = tuple[str, str]  # the prefix of the service's paths, and the path below it


class NotWhole(Exception):
    """An event that has something else where a request's part should be."""


def read(event: Any) -> Visit | None:
    """The request by WSGI's names, and who brought it; None when it is none over HTTP, or no whole
    one. Never raises.

    Each part is looked at where it is read, and by its exact type, as JSON makes it: to ask first
    whether all of them fit took a tenth of the way to an application and back.
    """
    if type(event) is not dict or "type" in event:  # as an authorizer's has it, asking who may
        return None
    version, context = event.get("version"), event.get("requestContext")
    if type(context) is not dict:
        return None
    try:
        if version is None or version == "1.0":
            return _of_rest(event, context)
        return _of_http(event, context) if version == "2.0" else None
    except NotWhole:
        return None


def _of_http(event: Any, context: Any) -> Visit:
    """It hands the path over decoded; a function URL as it came, and without a stage:
    https://github.com/middleapi/standard-server/pull/93"""
    about, path = context.get("http"), event.get("rawPath")
    if type(about) is not dict or type(path) is not str:
        raise NotWhole
    made = _begun(event.get("headers"))
    if cookies := _given(event, "cookies", LIST):
        made["HTTP_COOKIE"] = _octets("; ".join(cookies))
    made["QUERY_STRING"] = _octets(_text(event, "rawQueryString"))
    made["REMOTE_ADDR"] = _text(about, "sourceIp")
    is_url = ".lambda-url." in _text(context, "domainName")
    place = ("", _decoded(path)) if is_url else _staged(event, context, _octets(path))
    _finish(made, event, context, about.get("method"), place)
    return Visit(made, FUNCTION_URL if is_url else API)


def _of_rest(event: Any, context: Any) -> Visit:
    """Also of an HTTP API in the older form, and of a load balancer."""
    many = event.get("multiValueHeaders")
    made = _begun(event.get("headers")) if not many and many in (None, {}) else _of_lists(many)
    _finish(made, event, context, event.get("httpMethod"), _place_of_rest(event, context))
    if "elb" in context:
        return _balanced(event, made, BALANCER if many is None else BALANCER_MANY)
    pairs = _pairs(event)
    made["QUERY_STRING"] = urlencode(pairs, errors="surrogatepass") if pairs else ""
    identity = context.get("identity")
    if identity is not None and type(identity) is not dict:
        raise NotWhole
    made["REMOTE_ADDR"] = _text(identity, "sourceIp") if identity else ""
    return Visit(made, REST)


def _balanced(event: Any, made: dict[str, Any], by: Gateway) -> Visit:
    """It hands a query over as it came, and writes the last of the addresses itself."""
    made["QUERY_STRING"] = _octets("&".join(f"{name}={value}" for name, value in _pairs(event)))
    made["REMOTE_ADDR"] = made.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    is_safe = made.get("HTTP_X_FORWARDED_PROTO", "http").lower() == "https"
    made["wsgi.url_scheme"] = "https" if is_safe else "http"
    return Visit(made, by)


def _begun(given: Any) -> dict[str, Any]:
    """What all requests have, and this one's headers, by WSGI's names."""
    made = SAME.copy()
    if given is None:
        return made
    if type(given) is not dict:
        raise NotWhole
    for name, value in given.items():
        if key := _keys.get(name) or _key(name):
            made[key] = _octets(value)
    return made


def _of_lists(given: Any) -> dict[str, Any]:
    """The same; what came several times is joined. Most of what is read, so that nothing is called
    for what is plain."""
    if type(given) is not dict:
        raise NotWhole
    made, keys = SAME.copy(), _keys
    for name, values in given.items():
        if type(values) is not list:
            raise NotWhole
        try:
            [value] = values
        except ValueError:
            value = _joined(name, values)
        if type(value) is not str or not value.isascii():
            value = _octets(value)
        try:
            made[keys[name]] = value
        except KeyError:
            if key := _key(name):
                made[key] = value
    return made


def _joined(name: str, values: list[Any]) -> str:
    try:
        return ("; " if _key(name) == "HTTP_COOKIE" else ",").join(values)
    except TypeError:
        raise NotWhole from None


_keys: dict[str, str] = {}


def _key(name: Any) -> str:
    """WSGI's name of a header; of one with a "_" none, for it could pass for that with a "-"."""
    if type(name) is not str:
        raise NotWhole
    if "_" in name:
        return ""
    if len(_keys) >= MOST_KEYS:
        _keys.clear()
    key = name.upper().replace("-", "_")
    _keys[name] = key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
    return key


def _finish(made: dict[str, Any], event: Any, context: Any, method: Any, place: Place) -> None:
    """With what every form has in one way; of headers it has been told."""
    if type(method) is not str or (method not in METHODS and not _METHOD.fullmatch(method)):
        raise NotWhole
    body = _body(event)
    # Of what came; a gateway may have unpacked it.
    if body or "CONTENT_LENGTH" in made:
        made["CONTENT_LENGTH"] = str(len(body))
    host = made.get("HTTP_HOST") or _text(context, "domainName") or "localhost"
    made["HTTP_HOST"] = host
    made["SERVER_NAME"] = host.partition(":")[0]
    made["SERVER_PORT"] = made.get("HTTP_X_FORWARDED_PORT", "443")
    made["REQUEST_METHOD"] = method.upper()
    made["SCRIPT_NAME"] = place[0]
    made["PATH_INFO"] = place[1] or "/"
    made["wsgi.input"] = BytesIO(body)
    made["wsgi.errors"] = sys.stderr


def _octets(text: Any) -> str:
    """As WSGI hands bytes over: each as the character of its number."""
    if type(text) is not str:
        raise NotWhole
    return text if text.isascii() else text.encode(errors="surrogatepass").decode("latin-1")


def _decoded(path: Any) -> str:
    if type(path) is not str:
        raise NotWhole
    if "%" not in path and path.isascii():
        return path
    return unquote_to_bytes(path.encode(errors="surrogatepass")).decode("latin-1")


def _body(event: Any) -> bytes:
    body, is_base64 = event.get("body"), event.get("isBase64Encoded")
    if body is None:
        body = ""
    if type(body) is not str:
        raise NotWhole
    if is_base64 is False or is_base64 is None:
        return body.encode("utf-8", "surrogatepass")
    if is_base64 is not True or not _BASE64.fullmatch(body):
        raise NotWhole
    return b64decode(body)


def _text(part: Any, name: str) -> str:
    """That member; "" if there is none."""
    text = part.get(name)
    if type(text) is str:
        return text
    if text is not None:
        raise NotWhole
    return ""


def _pairs(event: Any) -> list[tuple[str, str]]:
    """Of a query."""
    one, many = event.get("queryStringParameters"), event.get("multiValueQueryStringParameters")
    if one is None and many is None:
        return []
    if many := _given(event, "multiValueQueryStringParameters", MANY_TEXTS):
        return [(name, value) for name, values in many.items() for value in values]
    one = _given(event, "queryStringParameters", TEXTS)
    return [*one.items()] if one else []


def _given(event: Any, name: str, test: Test) -> Any:
    """That member, if there is one."""
    given = event.get(name)
    if given is not None and not test(given):
        raise NotWhole
    return given


def _place_of_rest(event: Any, context: Any) -> Place:
    """What the context's path has before the event's is the stage."""
    path, whole = event.get("path"), _text(context, "path")
    is_decoded = event.get("version") == "1.0"  # an HTTP API, in the older form
    if type(path) is not str:
        raise NotWhole
    if not whole.isascii() or not path.isascii() or "%" in whole or "%" in path:
        read = _octets if is_decoded else _decoded
        path, whole = read(path), read(whole)
    if path not in ("", "/"):
        if whole != path and whole.endswith(path):
            return whole.removesuffix(path), path
    elif whole.strip("/"):
        return whole.rstrip("/"), "/"
    return _staged(event, context, path) if is_decoded else _mapped(event, path)


def _staged(event: Any, context: Any, path: str) -> Place:
    """An API's own domain has the stage's name before each path."""
    stage = _text(context, "stage")
    is_own = ".execute-api." in _text(context, "domainName")
    if not is_own or not stage or stage == "$default":
        return _mapped(event, path)
    prefix = f"/{stage}"
    if path == prefix or path.startswith(f"{prefix}/"):
        return prefix, path.removeprefix(prefix)
    return "", path


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
