"""A page: a template, and the headers that let it load our own files and nothing else."""

import json
from collections.abc import Iterable
from hmac import compare_digest
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask import Response, g, render_template, request
from markupsafe import Markup

from app.doors.console.asset import asset_url
from app.doors.doorkeeper import VISIT
from app.doors.flask_forms import asked
from app.doors.http import HTML, JSON, PROBLEM_JSON, STATUS
from app.room.errors import Forbidden, Malformed, Precondition, Unsupported
from app.room.session import form_token

FORM = "application/x-www-form-urlencoded"
MOST_FIELDS = 1000
FIELD = "manydoors.form"  # no parameter's name: those have no dots
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)


def policy_for(*, images: Iterable[str] = (), uploads: Iterable[str] = ()) -> str:
    """With the places of these URLs: a store of files may have an address of its own."""
    policy = POLICY
    for rule, urls in (("img-src 'self'", images), ("connect-src 'self'", uploads)):
        parts = {urlsplit(url) for url in urls}
        places = {f"{part.scheme}://{part.netloc}" for part in parts if part.netloc}
        policy = policy.replace(rule, " ".join([rule, *sorted(places)]))
    return policy


def page(template: str, status: int = 200, policy: str = POLICY, **known: Any) -> Response:
    visit = request.environ.get(VISIT)
    known |= {"asset_url": asset_url, "json": _json, "token": _token_field(visit)}
    known["signed_in"] = visit is not None
    body = render_template(f"console/{template}.html", **known)
    reply = Response(body, status, content_type=f"{HTML}; charset=utf-8")
    reply.headers["Content-Security-Policy"] = policy
    # Not no-referrer: with that, browsers send our own forms with `Origin: null`.
    reply.headers["Referrer-Policy"] = "same-origin"
    if request.method not in ("GET", "HEAD") or status != 200:
        reply.headers["Cache-Control"] = "no-store"
        return reply
    reply.headers["Cache-Control"] = "private, no-cache"
    reply.vary.add("Cookie")
    reply.add_etag()
    reply.make_conditional(request)
    if reply.status_code == STATUS[Precondition.kind]:  # which would send the page all the same
        raise Precondition
    return reply


def seen_at(address: str) -> Response:
    """Where what was just done is seen: a reload there does nothing again."""
    return Response("", 303, {"Location": address, "Cache-Control": "no-store"})


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def wants_page() -> bool:
    """Does the client prefer a page to JSON? Browsers do; programs that take all do not."""
    accept = request.accept_mimetypes
    named = {form for form, _ in accept}
    html, data = accept[HTML], max(accept[JSON], accept[PROBLEM_JSON])
    return html > data or (html == data > 0 and HTML in named and not named & {JSON, PROBLEM_JSON})


def posted() -> dict[str, list[str]]:
    """The form that our own page has sent; lines end as everywhere else but in browsers."""
    if "form" not in g:  # the body can be read once
        g.form = _posted()
    return {name: texts for name, texts in g.form.items() if name != FIELD}


def check_token() -> None:
    """Raises `Forbidden` unless a visitor's form is one that we have given to that visitor."""
    if (visit := request.environ.get(VISIT)) is None:
        return
    posted()
    if not compare_digest(g.form.get(FIELD, [""])[0].encode(), form_token(visit).encode()):
        raise Forbidden("This form is from another visit: open its page anew, and send that.")


def _token_field(visit: str | None) -> Markup | str:
    if visit is None:
        return ""
    return Markup('<input type="hidden" name="{}" value="{}">').format(FIELD, form_token(visit))


def _posted() -> dict[str, list[str]]:
    if request.mimetype != FORM and (request.mimetype or asked().body):
        raise Unsupported(f"Send the form as {FORM}.")
    try:
        given = parse_qs(
            asked().body.decode(),
            keep_blank_values=True,
            errors="strict",
            max_num_fields=MOST_FIELDS,
        )
    except ValueError:
        raise Malformed("The form is not UTF-8, or has too many fields.") from None
    return {name: [text.replace("\r\n", "\n") for text in texts] for name, texts in given.items()}
