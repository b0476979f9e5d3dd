"""The forms in which HTTP comes as an event, and in which its answer goes back.

https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html
https://docs.aws.amazon.com/apigateway/latest/developerguide/http-api-develop-integrations-lambda.html
https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/lambda-functions.html
"""

import re
from base64 import b64decode
from collections.abc import Mapping
from functools import lru_cache
from io import BytesIO, StringIO
from typing import Any, Literal
from urllib.parse import unquote_to_bytes, urlencode

from app.room.duration import FOREVER
from handlers.ask import Told
from handlers.gateway_answer import answered, largest
from handlers.shape import exactly, listing, listings, mapping, optional, shaped

Form = Literal["rest", "http", "balancer"]

TEXTS, MANY_TEXTS = optional(mapping(str)), optional(listings(str))
BODY = {"body": str | None, "isBase64Encoded": bool | None}
REST = shaped(
    {
        "httpMethod": str,
        "path": str,
        "multiValueHeaders": MANY_TEXTS,  # else `headers`
        "queryStringParameters": TEXTS,
        "multiValueQueryStringParameters": MANY_TEXTS,
        "pathParameters": TEXTS,
        "resource": str | None,
        "requestContext": {"path": str | None, "identity": dict | None, "domainName": str | None},
        **BODY,
    }
)
ABOUT = {"http": {"method": str, "sourceIp": str | None}, "stage": str | None}
HTTP = shaped(
    {
        "version": exactly("2.0"),
        "rawPath": str,
        "rawQueryString": str | None,
        "headers": TEXTS,
        "cookies": optional(listing(str)),
        "pathParameters": TEXTS,
        "requestContext": {**ABOUT, "domainName": str | None},
        **BODY,
    }
)
AUTHORIZER = frozenset(("methodArn", "routeArn", "type"))
"""What has one of these asks whether somebody may, and not for anything."""

GATEWAY_WAITS = 28.0  # seconds; a REST API answers 504 after 29, an HTTP API after 30
BALANCER_WAITS = 58.0  # unless its idle timeout is another than the usual minute

_METHOD = re.compile(r"[A-Za-z]{1,20}")
_BASE64 = re.compile(r"(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")


def form_of(event: Any) -> Form | None:
    """None when it is no request over HTTP, or no whole one."""
    if not isinstance(event, dict) or not AUTHORIZER.isdisjoint(event):
        return None
    form: Form | None = None
    if HTTP(event):
        form, method = "http", event["requestContext"]["http"]["method"]
    elif event.get("version") in (None, "1.0") and REST(event):
        method = event["httpMethod"]
        has_headers = event.get("multiValueHeaders") or TEXTS(event.get("headers"))
        form = _form(event) if has_headers else None
    if form is None or not _METHOD.fullmatch(method):
        return None
    encoded = event.get("isBase64Encoded") and event.get("body")
    return form if not encoded or _BASE64.fullmatch(encoded) else None


def _form(event: Any) -> Form:
    """Of an event that has one."""
    if event.get("version") == "2.0":
        return "http"
    return "balancer" if "elb" in event["requestContext"] else "rest"


def patience(event: Any) -> float:
    """Seconds until a gateway answers in our place, a little less of it."""
    form = _form(event)
    if form == "balancer":
        return BALANCER_WAITS
    return FOREVER if form == "http" and _is_function_url(event) else GATEWAY_WAITS


def most(event: Any) -> int:
    """Bytes of a body, as written in the answer's form, that can be sent."""
    return largest(is_balancer=_form(event) == "balancer")


def environ(event: Any) -> dict[str, Any]:
    """The request by WSGI's names."""
    form = _form(event)
    headers = _headers(event)
    body = _body(event)
    context = event["requestContext"]
    prefix, path = _path_of_http(event) if form == "http" else _path_of_rest(event)
    host = headers.get("HTTP_HOST") or context.get("domainName") or "localhost"
    proto = headers.get("HTTP_X_FORWARDED_PROTO", "http") if form == "balancer" else "https"
    said = context["http"]["method"] if form == "http" else event["httpMethod"]
    made = {
        **headers,
        "HTTP_HOST": host,
        "REQUEST_METHOD": said.upper(),
        "SCRIPT_NAME": prefix,
        "PATH_INFO": path or "/",
        "QUERY_STRING": _query(event, form),
        "REMOTE_ADDR": _sender(event, form, headers),
        "SERVER_NAME": host.partition(":")[0],
        "SERVER_PORT": headers.get("HTTP_X_FORWARDED_PORT", "443"),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "https" if proto.lower() == "https" else "http",  # URLs are made of it
        "wsgi.input": BytesIO(body),
        "wsgi.errors": StringIO(),
        "wsgi.multithread": False,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
    }
    made.pop("CONTENT_LENGTH", None)  # of what came; a gateway may have unpacked it
    if body or "CONTENT_LENGTH" in headers:
        made["CONTENT_LENGTH"] = str(len(body))
    return made


def answer(event: Any, told: Told) -> dict[str, Any]:
    form = _form(event)
    if form == "http":
        return answered(told, "cookies")
    if form == "balancer" and event.get("multiValueHeaders") is None:
        return answered(told, "single", with_reason=True)
    return answered(told, "many", with_reason=form == "balancer")


def _headers(event: Any) -> dict[str, str]:
    """By WSGI's names; what came several times is joined."""
    given: Mapping[str, list[str]] = event.get("multiValueHeaders") or {
        name: [value] for name, value in (event.get("headers") or {}).items()
    }
    made: dict[str, str] = {}
    for name, values in given.items():
        if key := _key(name):
            between = "; " if key == "HTTP_COOKIE" else ","
            text = values[0] if len(values) == 1 else between.join(values)
            made[key] = text if text.isascii() else _octets(text)
    if event.get("cookies"):
        made["HTTP_COOKIE"] = _octets("; ".join(event["cookies"]))
    return made


@lru_cache(maxsize=256)
def _key(name: str) -> str:
    """WSGI's name of a header; of one with a "_" none, for it could pass for the one with a "-"."""
    if "_" in name:
        return ""
    named = name.upper().replace("-", "_")
    return named if named in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{named}"


def _octets(text: str) -> str:
    """As WSGI hands bytes over: each as the character of its number."""
    return text if text.isascii() else text.encode(errors="surrogatepass").decode("latin-1")


def _decoded(path: str) -> str:
    if "%" not in path and path.isascii():
        return path
    return unquote_to_bytes(path.encode(errors="surrogatepass")).decode("latin-1")


def _body(event: Any) -> bytes:
    body: str = event.get("body") or ""
    if event.get("isBase64Encoded"):
        return b64decode(body)
    return body.encode(errors="surrogatepass")


def _query(event: Any, form: Form) -> str:
    if form == "http":
        return _octets(event.get("rawQueryString") or "")
    many = event.get("multiValueQueryStringParameters")
    given = many or {n: [v] for n, v in (event.get("queryStringParameters") or {}).items()}
    if not given:
        return ""
    pairs = [(name, value) for name, values in given.items() for value in values]
    if form == "balancer":  # which hands them over as they came
        return _octets("&".join(f"{name}={value}" for name, value in pairs))
    return urlencode(pairs, errors="surrogatepass")


def _sender(event: Any, form: Form, headers: Mapping[str, str]) -> str:
    if form == "balancer":  # which writes the last of them itself
        return headers.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    context = event["requestContext"]
    told = context["http"] if form == "http" else context.get("identity") or {}
    return str(told.get("sourceIp") or "")


def _path_of_http(event: Any) -> tuple[str, str]:
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


def _path_of_rest(event: Any) -> tuple[str, str]:
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


def _mapped(event: Any, path: str) -> tuple[str, str]:
    """Below a base path mapping only the resource's own path parameter is without it."""
    rest = (event.get("pathParameters") or {}).get("proxy")
    if event.get("resource") == "/" and path != "/":
        return path.rstrip("/"), "/"
    for own in () if rest is None else (_octets(f"/{rest}"), _decoded(f"/{rest}")):
        for ended in (own, f"{own}/"):
            if path.endswith(ended):
                return path.removesuffix(ended), ended
    return "", path


def _is_function_url(event: Any) -> bool:
    return ".lambda-url." in (event["requestContext"].get("domainName") or "")


def _without(path: str, prefix: str) -> tuple[str, str]:
    if path == prefix or path.startswith(f"{prefix}/"):
        return prefix, path.removeprefix(prefix)
    return "", path
