"""Server-sent events, as the HTML standard reads them."""

import pytest

from app.client.sse import messages


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data: 1\n\n", [("message", 1, "")]),
        ("event: log\ndata: {\ndata: }\nid: 7\n\n", [("log", {}, "7")]),
        ("id: 1\ndata:1\n\ndata:2\r\n\r\n", [("message", 1, "1"), ("message", 2, "1")]),
        (": beat\n\ndata: 1\n\n", [("", None, ""), ("message", 1, "")]),
        ("event: log\n\n", []),
        ("retry: 9\n\nodd\n\n", []),
        ("data: no json\n\n", [("message", None, "")]),
        ("data: 1\n", []),
        ("id: a\0\ndata: 1\n\n", [("message", 1, "")]),
    ],
    ids=repr,
)
def test_lines_become_messages(text, told):
    """Whole ones; a comment is one without a name; what breaks off is none."""
    lines = text.encode().splitlines(keepends=True)
    heard = [(each.name, each.data, each.id) for each in messages(lines) if each]
    assert heard == told


def test_silence_is_heard_too():
    """So that whoever waits may look up."""
    assert list(messages([None])) == [None]
