"""Requests that break the rules of HTTP/1.1, or bend them: bytes for a raw socket. They post to
/echo, which a test may name otherwise, and ask for /smuggled in what two readers read in two ways.
"""

from dataclasses import dataclass

POST = b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n"
NEXT = b"GET /smuggled HTTP/1.1\r\nHost: localhost\r\n\r\n"
GET = b"GET /echo HTTP/1.1\r\nHost: localhost\r\n"
LONG = b"a" * 600_000

# name: (bytes, the status from an application that takes any body; none: closed without a word)
BROKEN: dict[str, tuple[bytes, str]] = {
    "chunk size with 0x": (CHUNKED + b"\r\n0x5\r\nhello\r\n0\r\n\r\n", "200"),
    "chunk size below zero": (CHUNKED + b"\r\n-5\r\nhello\r\n0\r\n\r\n", "200"),
    "chunk size with a plus": (CHUNKED + b"\r\n+5\r\nhello\r\n0\r\n\r\n", "200"),
    "chunk size over 64 bits": (CHUNKED + b"\r\nfffffffffffffffff\r\nhello\r\n0\r\n\r\n", "200"),
    "chunk lines end in LF": (CHUNKED + b"\r\n5\nhello\n0\n\n", "200"),
    "chunk longer than said": (CHUNKED + b"\r\n5\r\nhelloXX0\r\n\r\n", "200"),
    "chunk size not hex": (CHUNKED + b"\r\nzz\r\nhello\r\n0\r\n\r\n", "200"),
    "LF in a chunk extension": (CHUNKED + b"\r\n5;a\nb\r\nhello\r\n0\r\n\r\n", "200"),
    "length and chunked": (CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", "200"),
    "two lengths": (POST + b"Content-Length: 5\r\nContent-Length: 50\r\n\r\nhello", "400"),
    "a list of lengths": (POST + b"Content-Length: 5, 50\r\n\r\nhello", "400"),
    "length below zero": (POST + b"Content-Length: -5\r\n\r\nhello", "400"),
    "length with a plus": (POST + b"Content-Length: +5\r\n\r\nhello", "400"),
    "length over 64 bits": (POST + b"Content-Length: 99999999999999999999\r\n\r\nhello", "400"),
    "length in hex": (POST + b"Content-Length: 0x5\r\n\r\nhello", "400"),
    "length that is empty": (POST + b"Content-Length: \r\n\r\nhello", "400"),
    "unknown coding": (POST + b"Transfer-Encoding: foo\r\n\r\nhello", "400"),
    "gzip and chunked": (POST + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", "501"),
    "chunked not last": (POST + b"Transfer-Encoding: chunked, foo\r\n\r\n0\r\n\r\n", "400"),
    "space before the colon": (POST + b"Content-Length : 5\r\n\r\nhello", "400"),
    "tab before the colon": (POST + b"Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", "400"),
    "folded header": (b"GET / HTTP/1.1\r\nHost: x\r\nX-A: b\r\n c\r\n\r\n", "400"),
    "folded length": (POST + b"X: a\r\n Content-Length: 5\r\n\r\nhello", "400"),
    "a header without a colon": (GET + b"Content-Length 5\r\n\r\n", "400"),
    "a header without a name": (GET + b": a\r\n\r\n", "400"),
    "a space before the first header": (b"GET / HTTP/1.1\r\n Host: x\r\n\r\n", "400"),
    "NUL in a header": (b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", "400"),
    "NUL in a name": (GET + b"X-\0A: b\r\n\r\n", "400"),
    "NUL in the path": (b"GET /a\0b HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    "a bare CR in a header": (GET + b"X-A: b\rX-C: d\r\n\r\n", "400"),
    "lines end in CR": (b"GET / HTTP/1.1\rHost: x\r\r", "400"),
    "500 headers": (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"X-1: a\r\n" * 500 + b"\r\n", "431"),
    "10,000 headers": (GET + b"".join(b"X-%d: a\r\n" % n for n in range(10_000)) + b"\r\n", "431"),
    "huge header": (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + LONG + b"\r\n\r\n", "431"),
    "huge name of a header": (b"GET / HTTP/1.1\r\nHost: x\r\n" + LONG + b": a\r\n\r\n", "431"),
    "huge request line": (b"GET /" + LONG + b" HTTP/1.1\r\nHost: x\r\n\r\n", "431"),
    "huge method": (LONG + b" / HTTP/1.1\r\nHost: x\r\n\r\n", "431"),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", "400"),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
    "unknown version": (b"GET / HTTP/9.9\r\nHost: x\r\n\r\n", "400"),
    "no version": (b"GET /\r\nHost: x\r\n\r\n", "400"),
    "no path": (b"GET HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    "a space in the path": (b"GET /a b HTTP/1.1\r\nHost: x\r\n\r\n", "400"),
    "HTTP/0.9": (b"GET /\r\n\r\n", "400"),
    "HTTP/2 by guess": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", ""),
    "TLS": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(50), "400"),
    "SSH": (b"SSH-2.0-OpenSSH_9.6\r\n", "400"),
    "a mail": (b"EHLO a\r\nMAIL FROM:<a@b>\r\n", "400"),
    "a proxy's line": (b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n" + NEXT, "400"),
    "not JSON in chunks": (
        CHUNKED.replace(b"json", b"octet-stream") + b"\r\n2\r\nab\r\n0\r\n\r\n",
        "411",
    ),
}
"""Each gets one answer, or none, and the connection is closed."""


@dataclass(frozen=True)
class Odd:
    """Well framed, or a client that leaves in the middle. `statuses`: what may be answered, of a
    service that has nothing at most of these paths; `more`: may the connection go on?"""

    request: bytes
    statuses: tuple[int, ...] = (400, 404)
    more: bool = True


def path(target: bytes) -> Odd:
    return Odd(b"GET " + target + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, 302, 400, 404))


PATHS = {
    "up": b"/v1/../../etc/passwd",
    "up, encoded": b"/%2e%2e/%2e%2e/etc/passwd",
    "up in static": b"/static/../../../app/config.py",
    "up, encoded slashes": b"/static/..%2f..%2fapp",
    "up, backslashes": b"/static/..\\..\\app",
    "double slashes": b"//evil.example/jobs/",
    "NUL, encoded": b"/v1/jobs/%00",
    "lines, encoded": b"/%0d%0aSet-Cookie:%20a=b",
    "bad UTF-8": b"/echo/%ff%fe",
    "half an escape": b"/echo/%f",
    "parameters": b"/healthz;a=b",
    "a fragment": b"/healthz#a",
    "bytes": b"/echo/\xff\xc3\x28",
    "a dot": b"/./healthz",
}
HEALTH = b"GET /healthz HTTP/1.1\r\n"

ODD: dict[str, Odd] = {
    "chunk extensions of 2 MB": Odd(
        CHUNKED + b"\r\n5;a=" + b"b" * 2_000_000 + b"\r\nhello\r\n0\r\n\r\n", (400, 413), more=False
    ),
    "10,000 small chunk extensions": Odd(
        CHUNKED + b"\r\n" + b"1;a=bcdefghij\r\n \r\n" * 10_000 + b"0\r\n\r\n", (400,), more=False
    ),
    "trailers of 1 MB": Odd(
        CHUNKED + b"\r\n2\r\n{}\r\n0\r\nX: " + b"a" * 1_000_000 + b"\r\n\r\n",
        (400, 422),
        more=False,
    ),
    "chunks over the cap": Odd(
        CHUNKED + b"\r\n" + (b"100000\r\n" + b" " * 0x100000 + b"\r\n") * 7 + b"0\r\n\r\n",
        (413,),
        more=False,
    ),
    "1,000 chunks of a byte": Odd(
        CHUNKED + b"\r\n" + b"1\r\n \r\n" * 1000 + b"2\r\n{}\r\n0\r\n\r\n", (422,)
    ),
    "a length over the cap": Odd(POST + b"Content-Length: 9999999999\r\n\r\n", (413,), more=False),
    "the same length twice": Odd(
        POST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", (422,)
    ),
    "a body with GET": Odd(GET + b"Content-Length: 2\r\n\r\n{}", (200,)),
    "more than was said": Odd(
        POST + b"Content-Length: 2\r\n\r\n{}}}}}\r\n\r\n", (422, 400), more=False
    ),
    "less than was said": Odd(POST + b"Content-Length: 200\r\n\r\n{}", (400, 408), more=False),
    "half a chunk": Odd(CHUNKED + b"\r\n5\r\nhe", (400, 408), more=False),
    "100-continue, and no body": Odd(
        POST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n", (100, 400, 408), more=False
    ),
    "another expectation": Odd(POST + b"Content-Length: 2\r\nExpect: 200-ok\r\n\r\n{}", (417, 422)),
    "an upgrade to h2c": Odd(
        GET + b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\n"
        b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n",
        (200,),
    ),
    "an upgrade to a WebSocket": Odd(
        GET + b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        (200,),
    ),
    "HTTP/1.0": Odd(b"GET /healthz HTTP/1.0\r\n\r\n", (200,), more=False),
    "HTTP/1.0 in chunks": Odd(
        CHUNKED.replace(b"1.1", b"1.0") + b"\r\n2\r\n{}\r\n0\r\n\r\n", (400,), more=False
    ),
    "HTTP/1.0 kept open": Odd(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", (200,)),
    "lines end in LF": Odd(b"GET /healthz HTTP/1.1\nHost: localhost\n\n", (200, 400)),
    "empty lines first": Odd(b"\r\n\r\n" + HEALTH + b"Host: localhost\r\n\r\n", (200, 400)),
    "an absolute URL": Odd(
        b"GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", (200,)
    ),
    "an absolute URL of another": Odd(
        b"GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, 400, 403)
    ),
    "a host that is empty": Odd(HEALTH + b"Host:\r\n\r\n", (200, 400)),
    "a host that is none": Odd(HEALTH + b"Host: [\r\n\r\n", (400, 403)),
    "another's host": Odd(HEALTH + b"Host: evil.example\r\n\r\n", (403,)),
    "a star": Odd(b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, 400, 404)),
    "CONNECT": Odd(b"CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n", (400, 404, 405)),
    "an unknown method": Odd(b"BREW /echo HTTP/1.1\r\nHost: localhost\r\n\r\n", (405,)),
    "a method in small letters": Odd(
        b"get /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", (200, 405)
    ),
    "a header of 100 KB": Odd(GET + b"X: " + b"a" * 100_000 + b"\r\n\r\n", (200, 431)),
    "bytes beyond ASCII in a header": Odd(GET + b"X-A: \xff\xfe\x80\r\n\r\n", (200, 400)),
    "a cookie of 50 KB": Odd(GET + b"Cookie: " + b"a=b; " * 10_000 + b"\r\n\r\n", (200, 431)),
    "an underscore for a dash": Odd(POST + b"Content_Length: 99\r\n\r\n", (400, 422)),
    "a length behind a comma": Odd(POST + b"Content-Length: 2,\r\n\r\n{}", (400,), more=False),
    "a path of 30 KB": path(b"/" + b"a" * 30_000),
    **{f"the path {name}": path(target) for name, target in PATHS.items()},
}
