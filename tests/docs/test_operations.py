"""The operator's book and SECURITY.md: what is logged is explained, what is named is there."""

import ast
import re
from collections.abc import Iterator

from tests.gates.house import ROOT, files

LEVELS = ("warning", "error", "exception", "critical")
BOOK, SECURITY = ROOT / "docs" / "operations.md", ROOT / "SECURITY.md"


def logged(source: str) -> Iterator[str]:
    """The texts that a module logs as a warning or worse, an ellipsis for what comes in."""
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id="log"), attr=level),
                args=[ast.Constant(value=str(text)), *_],
            ) if level in LEVELS:
                yield re.sub(r"%[a-z]", "…", text)


def test_every_warning_is_explained() -> None:
    """Each that the program may log stands in the book, with what to do."""
    texts = {text for path in files() for text in logged(path.read_text(encoding="utf-8"))}
    assert len(texts) > 25
    told = BOOK.read_text(encoding="utf-8")
    short = {text: text.removeprefix("… …") or text for text in texts}
    assert sorted(text for text, said in short.items() if said not in told) == []


def test_what_is_named_is_there() -> None:
    """Tests, pages and sections that the two pages name, and the two in the README."""
    for page in (BOOK, SECURITY):
        text = page.read_text(encoding="utf-8")
        tests = re.findall(r"`(tests/[\w/]+\.py)`", text)
        assert [path for path in tests if not (ROOT / path).exists()] == []
        for link, anchor in re.findall(r"\]\(([\w/.]*)(?:#([\w-]+))?\)", text):
            target = (page.parent / link) if link else page
            assert target.exists(), link
            titles = re.findall(r"^#+ (.*)$", target.read_text(encoding="utf-8"), re.M)
            slugs = {re.sub(r"[^\w -]", "", title).lower().replace(" ", "-") for title in titles}
            assert not anchor or anchor in slugs, f"{link}#{anchor}"
    assert len(re.findall(r"`tests/", SECURITY.read_text(encoding="utf-8"))) > 30
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "(SECURITY.md)" in readme
    assert "(docs/operations.md)" in readme


def test_what_is_not_explained_is_seen() -> None:
    assert list(logged("log.warning('%s is %r odd', a, b)")) == ["… is … odd"]
    assert not list(logged("log.info('a')\nprint('b')"))
