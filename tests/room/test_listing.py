"""Pages of jobs: children stand together, and are passed by at one look."""

import pytest

from app import Invalid, Unknown
from app.ports.cursor import cursor_after
from app.room.call import LOCAL, Caller
from app.room.operation import Registry
from app.testing import Testing


def leaf(n: int) -> int:
    return n


def grove(run, trees: int) -> int:
    return len(run.map("tree", [{"leaves": 2}] * trees))


def tree(run, leaves: int) -> int:
    first = run.map("leaf", [{"n": n} for n in range(leaves)])
    return len(first) + len(run.map("leaf", [{"n": n} for n in range(3)]))


@pytest.fixture
def service():
    registry = Registry()
    for function in (leaf, tree, grove):
        registry.operation(function.__name__, long=True)(function)
    with Testing(registry) as made:
        yield made


def walked(service, **wanted) -> list[str]:
    """All ids, page by page; none is empty without an end."""
    ids, cursor = [], None
    while True:
        page = service.room.engine.list(LOCAL, cursor=cursor, **wanted)
        ids += [record.id for record in page.items]
        if (cursor := page.next) is None:
            return ids


@pytest.mark.parametrize("limit", [1, 2, 7, 200])
def test_jobs_without_a_parent(service, limit):
    """All of them, the newest first, whatever stands between, and nothing else."""
    roots = [service.submit("tree", leaves=4), service.submit("leaf", n=1)]
    roots += [service.submit("grove", trees=3), service.submit("tree", leaves=0)]
    service.run()
    assert walked(service, parent="none", limit=limit) == roots[::-1]
    assert walked(service, parent="none", status="succeeded", limit=limit) == roots[::-1]
    assert walked(service, parent="none", operation="leaf", limit=limit) == [roots[1]]


@pytest.mark.parametrize("limit", [1, 2, 3, 200])
def test_the_children_of_a_job(service, limit):
    """Of each of its maps, and of no other job, be it a child's."""
    service.submit("tree", leaves=2)
    id = service.submit("grove", trees=3)
    other = service.submit("tree", leaves=4)
    service.run()
    for parent in (id, other, *walked(service, parent=id, limit=limit)):
        own = {each["id"] for each in service.jobs() if each["parent"] == parent}
        found = walked(service, parent=parent, limit=limit)
        assert (len(found), set(found)) == (len(own), own)
        assert len(own) == {id: 3, other: 7}.get(parent, 5)
    assert walked(service, parent=other, operation="tree", limit=limit) == []


def test_a_brood_is_passed_by_at_one_look(service, monkeypatch):
    """However many there are, a page of those without a parent costs but a few records more."""
    oldest = service.submit("leaf", n=1)
    service.submit("tree", leaves=700)
    service.run()
    read = []
    records = service.room.ports.records
    real = records.list

    def counted(*args, **wanted):
        page = real(*args, **wanted)
        read.append(len(page.items))
        return page

    monkeypatch.setattr(records, "list", counted)
    page = service.room.engine.list(LOCAL, parent="none", limit=10)
    assert (page.items[-1].id, page.next) == (oldest, None)
    assert sum(read) <= 20


def test_what_is_asked_for_must_be_there(service):
    """A parent that is another's is unknown, and so is a cursor that leads to other children."""
    id, other = service.submit("tree", leaves=1), service.submit("tree", leaves=1)
    service.run()
    ask = service.room.engine.list
    for caller, parent in ((LOCAL, "job_nope"), (Caller("eve", "read"), id)):
        with pytest.raises(Unknown):
            ask(caller, parent=parent)
    theirs = ask(LOCAL, parent=other, limit=1).next
    for cursor in (theirs, cursor_after("job"), cursor_after(id)):
        with pytest.raises(Invalid):
            ask(LOCAL, parent=id, cursor=cursor)


def test_a_list_of_one_operation_passes_by_the_children_of_others(service):
    """A page is full though a thousand children stand before what it wants."""
    roots = [service.submit("grove", trees=0), service.submit("tree", leaves=1500)]
    service.run_next()
    service.run_next()
    page = service.room.engine.list(LOCAL, operation="grove", limit=1)
    assert [record.id for record in page.items] == roots[:1]
    assert walked(service, operation="tree") == roots[1:]
    assert len(walked(service, operation="leaf", limit=200)) == 1500


def test_the_children_of_a_job_are_large(service):
    """Pages end by bytes within a map and between two, and give each child once."""
    service.room.registry.operation("load", long=True)(load)
    service.room.registry.operation("loads", long=True)(loads)
    id = service.submit("loads")
    other = service.submit("leaf", n=1)
    service.run()
    found = walked(service, parent=id, limit=200)
    own = {each["id"] for each in service.jobs() if each["parent"] == id}
    assert (len(found), set(found)) == (24, own)
    assert walked(service, parent="none", limit=200) == [other, id]
    assert len(service.room.engine.list(LOCAL, parent=id, limit=200).items) < 12


def load(text: str) -> int:
    return len(text)


def loads(run) -> int:
    for _ in range(2):
        run.map("load", [{"text": "x" * 90_000}] * 12)
    return 0
