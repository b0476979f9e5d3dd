"""What a fuzzer does to a request that was right: in its method, path, query, headers and body, by
the grammar of each or byte by byte."""

import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import Any
from urllib.parse import quote

from tests.hostile.grammar import (
    DOCUMENTS,
    HEADERS,
    LARGE,
    METHODS,
    NONE,
    TYPES,
    VALUES,
    hostile_text,
)
from tests.hostile.place import Asked, Names

Mutation = Callable[[Random, Asked, Names], Asked]

NAMES = ("text", "times", "limit", "cursor", "wait", "status", "operation", "parent", "preview",
         "key", "id", "name", "jobs", "params", "signature", "expires", "method", "type", "size",
         "most", "v", "next", "whole", "day", "__proto__", "")  # fmt: skip
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 1.5, -0.0, 1e308, 10**37, 2**53, 2**63, 2**64, "", "a", "1", [], {},
    [[]], [None], {"a": None}, [1] * 1000, {"": ""}, "job_" + NONE, "file_" + NONE, "1h", "-1s",
    "9" * 30 + "d", "2026-02-30", "9999-12-31T23:59:59-23:59", "Europe/Berlin", "../UTC", "* * * *",
    "0 0 31 2 *", "*/0 * * * *", "99 * * * *", "0-59/1 * * * *", "@daily", "echo.text", "later",
    "rpc.discover", "inbox.unreadable", "http://127.0.0.1/", "http://[", "https://a:b@c:99999/",
    {"$ref": "#"}, {"operation": "later"}, {"job": "job_" + NONE}, {"file": "file_" + NONE},
)  # fmt: skip


def mutated(random: Random, asked: Asked, names: Names) -> Asked:
    """One to four things are changed."""
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        asked = random.choice(MUTATIONS)(random, asked, names)
    return asked


def _method(random: Random, asked: Asked, names: Names) -> Asked:
    return replace(asked, method=random.choice(METHODS))


def _path(random: Random, asked: Asked, names: Names) -> Asked:
    path, mark, query = asked.target.partition(b"?")
    parts = path.split(b"/")
    place = random.randrange(1, len(parts) + 1)
    text = hostile_text(random)
    octets = text.encode(errors="surrogatepass")
    told = quote(octets, safe=random.choice(("", "/%;:@&=+$,"))).encode()
    new = random.choice((told, told, told, _id(random, names), b"", b".", b"..", b"%00", b"%ff"))
    if random.random() < 0.6 and place < len(parts):
        parts[place] = new
    else:
        parts.insert(place, new)
    return replace(asked, target=b"/".join(parts) + mark + query)


def _case(random: Random, asked: Asked, names: Names) -> Asked:
    path, mark, query = asked.target.partition(b"?")
    changed = random.choice((path.upper(), path + b"/", b"/" + path, path.replace(b"/", b"//"),
                             path.replace(b"/", b"%2f"), path.replace(b"/", b"\\"), path + b";a=b",
                             b"/v1/.." + path, path[:-1], b"*", path + b"%20"))  # fmt: skip
    return replace(asked, target=(changed or b"/") + mark + query)


def _query(random: Random, asked: Asked, names: Names) -> Asked:
    path, _, query = asked.target.partition(b"?")
    pairs = [pair.partition(b"=")[::2] for pair in query.split(b"&") if pair]
    name = random.choice(NAMES).encode()
    if pairs and random.random() < 0.5:
        name = random.choice(pairs)[0]
        if random.random() < 0.6:
            pairs = [pair for pair in pairs if pair[0] != name]
    value = quote(hostile_text(random).encode(errors="surrogatepass")).encode()
    if random.random() < 0.3:
        value = random.choice((b"%ff", b"%ed%a0%80", b"1&" * 1100, b"", _id(random, names), b"1"))
    pairs.insert(random.randrange(len(pairs) + 1), (name, value))
    return replace(asked, target=path + b"?" + b"&".join(b"=".join(pair) for pair in pairs))


def _id(random: Random, names: Names) -> bytes:
    known = [*names.jobs, names.file, names.schedule, f"job_{NONE}", f"file_{NONE}", "retry",
             "batch", f"{names.jobs[0]}-1", names.jobs[0].lower()]  # fmt: skip
    return random.choice(known).encode()


def _header(random: Random, asked: Asked, names: Names) -> Asked:
    name = random.choice(HEADERS)
    text = hostile_text(random)
    if random.random() < 0.6 and name in VALUES:
        text = random.choice(VALUES[name])
    if name == "Authorization":
        shown = random.choice((*names.shown.values(), "md_a_b", text))
        text = random.choice((f"Bearer {shown}", shown, f"Basic {shown}", f"bearer  {shown}\t"))
    if name == "Content-Type":
        text = random.choice((*TYPES, text))
    kept = tuple(each for each in asked.headers if each[0] != name)
    return replace(asked, headers=(*kept, (name, text)))


def _document(random: Random, asked: Asked, names: Names) -> Asked:
    body = random.choice(DOCUMENTS)
    if random.random() < 0.02:
        body = random.choice(LARGE)
    if random.random() < 0.3 and asked.body:
        return replace(asked, body=asked.body.replace(b'"a"', body, 1))
    return replace(asked, body=body)


def _value(random: Random, asked: Asked, names: Names) -> Asked:
    """Somewhere in a body of JSON stands another value, a member more or less."""
    try:
        value = json.loads(asked.body)
    except (ValueError, RecursionError):
        return _bytes(random, asked, names)
    said = json.dumps(changed(random, value, 4), ensure_ascii=random.random() < 0.5)
    return replace(asked, body=said.encode(errors="surrogatepass"))


def changed(random: Random, value: Any, depth: int) -> Any:
    if depth and random.random() < 0.8:
        if isinstance(value, dict) and value:
            name = random.choice(list(value))
            return value | {name: changed(random, value[name], depth - 1)}
        if isinstance(value, list) and value:
            place = random.randrange(len(value))
            return [*value[:place], changed(random, value[place], depth - 1), *value[place + 1 :]]
    new = hostile_text(random) if random.random() < 0.4 else random.choice(SCALARS)
    if isinstance(value, dict) and random.random() < 0.6:
        if value and random.random() < 0.4:
            gone = random.choice(list(value))
            return {name: each for name, each in value.items() if name != gone}
        return value | {random.choice((*NAMES, hostile_text(random))): new}
    if isinstance(value, list) and random.random() < 0.6:
        return random.choice(([*value, new], value * random.choice((2, 30)), value[1:]))
    return new


def _bytes(random: Random, asked: Asked, names: Names) -> Asked:
    body = bytearray(asked.body or b"{}")
    for _ in range(random.randrange(1, 4)):
        place = random.randrange(len(body) + 1)
        match random.randrange(4):
            case 0:
                body[place : place + 1] = bytes([random.randrange(256)])
            case 1:
                del body[place : place + random.randrange(1, 5)]
            case 2:
                body[place:place] = body[: random.randrange(20)]
            case _:
                body[place:place] = random.choice(b'{}[]",:\\u0e-.\x00\xff').to_bytes()
    return replace(asked, body=bytes(body))


def _noise(random: Random, asked: Asked, names: Names) -> Asked:
    return replace(asked, body=random.randbytes(random.randrange(200)))


def _page(random: Random, asked: Asked, names: Names) -> Asked:
    """As a browser asks."""
    kept = tuple(each for each in asked.headers if each[0] != "Accept")
    return replace(asked, headers=(*kept, ("Accept", "text/html,application/xhtml+xml")))


MUTATIONS: tuple[Mutation, ...] = (
    *(_value,) * 5, *(_header,) * 4, *(_path,) * 3, *(_query,) * 3, *(_document,) * 3,
    _method, _method, _case, _bytes, _noise, _page,
)  # fmt: skip
