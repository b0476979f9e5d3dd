"""Lists of jobs over REST, and what is asked of all that a list would give."""

from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app import Run
from app.config import Settings
from app.ports import PAGE_CAP, Page
from app.room import listing
from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.enter import Room
from app.wsgi import create_app
from tests.doors.at_work import work
from tests.doors.shown import shown
from tests.doors.test_jobs import JOBS, pointers, told
from tests.doors.test_rest import problem


@pytest.fixture
def client(room: Room) -> FlaskClient:
    return create_app(room, Settings(open="loopback", max_body=1_000_000)).test_client()


def submit(room: Room, many: int, operation: str = "later", **more: Any) -> list[str]:
    params = {"how": "refused"} if operation == "fail" else {"text": "a"}
    each = Submission(operation, params, **more)
    return [record.id for record in room.engine.submit_all([each] * many, LOCAL)]


def ids(page: Any) -> list[str]:
    return [each["id"] for each in page["items"]]


def walk(
    client: FlaskClient, query: str, between: Any = lambda: None, sizes: list[int] | None = None
) -> list[str]:
    """The ids of all pages; `sizes` takes the answers' bytes."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = client.get(f"{JOBS}?{query}{cursor}")
        page = told(answer)
        if sizes is not None:
            sizes.append(len(answer.data))
        found += ids(page)
        if page["next"] is None:
            return found
        between()
        cursor = f"&cursor={page['next']}"


def test_the_newest_come_first(client: FlaskClient, room: Room) -> None:
    """Fifty a page, if not asked for more or fewer; the last page has no next."""
    made = submit(room, 60)[::-1]
    first = told(client.get(JOBS))
    assert ids(first) == made[:50]
    rest = told(client.get(f"{JOBS}?cursor={first['next']}"))
    assert (ids(rest), rest["next"]) == (made[50:], None)
    assert ids(told(client.get(f"{JOBS}?limit=200"))) == made


def test_a_list_is_filtered(client: FlaskClient, room: Room) -> None:
    """By status, by operation, by both; an operation that nobody knows has none."""
    refused, later = submit(room, 3, "fail"), submit(room, 2)
    work(room)
    queued = submit(room, 2)
    assert ids(told(client.get(f"{JOBS}?status=queued"))) == queued[::-1]
    assert ids(told(client.get(f"{JOBS}?operation=later"))) == [*queued[::-1], *later[::-1]]
    assert ids(told(client.get(f"{JOBS}?operation=fail&status=failed"))) == refused[::-1]
    assert ids(told(client.get(f"{JOBS}?operation=none"))) == []


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("limit=0", ["/limit"]),
        ("limit=201", ["/limit"]),
        ("limit=x&status=done", ["/status", "/limit"]),
        ("status=queued&status=failed", ["/status"]),
        ("cursor=x", ["/cursor"]),
        ("owner=me&state=1", ["/owner", "/state"]),
    ],
)
def test_each_wrong_filter_is_named(client: FlaskClient, query: str, wrong: list[str]) -> None:
    """Unknown names too."""
    assert pointers(client.get(f"{JOBS}?{query}")) == wrong


def test_others_jobs_are_not_listed(client: FlaskClient, room: Room) -> None:
    submit(room, 1)
    other = shown(room, "admin", "other")
    assert told(client.get(JOBS, headers=other))["items"] == []


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    before=st.integers(0, 30),
    limit=st.integers(1, 12),
    meanwhile=st.lists(st.sampled_from(["submit", "work", "cancel", "nothing"]), max_size=9),
    operation=st.sampled_from(["", "&operation=later", "&operation=fail"]),
)
def test_pages_neither_skip_nor_repeat(
    client: FlaskClient, room: Room, before: int, limit: int, meanwhile: list[str], operation: str
) -> None:
    """What was there when the first page was asked for comes once, whatever happens meanwhile."""
    for n in range(before):
        submit(room, 1, ("later", "fail")[n % 3 == 0])
    there = walk(client, "limit=200" + operation)
    turns = iter(meanwhile)

    def happen() -> None:
        match next(turns, "nothing"):
            case "submit":
                submit(room, 3), submit(room, 1, "fail")
            case "work":
                work(room)
            case "cancel":
                for each in room.engine.list(LOCAL, status="queued", limit=5).items:
                    room.engine.cancel(each.id, LOCAL)

    assert walk(client, f"limit={limit}{operation}", happen) == there


def submit_large(room: Room, many: int, **more: Any) -> list[str]:
    """Each has 90 KB; every third is of another operation, and small."""
    made = []
    for n in range(many):
        large = Submission("later", {"text": "x" * 90_000}, **more)
        other = Submission("fail", {"how": "refused"}, **more)
        made.append(room.engine.submit(large if n % 3 else other, LOCAL).id)
    return made[::-1]


@pytest.mark.parametrize("limit", [1, 3, 200])
def test_a_page_of_large_jobs_is_short(client: FlaskClient, room: Room, limit: int) -> None:
    """No answer has more than a page may, and all of them together have each job once."""
    made = submit_large(room, 30)
    sizes: list[int] = []
    assert walk(client, f"limit={limit}", sizes=sizes) == made
    assert walk(client, f"limit={limit}&parent=none") == made
    assert walk(client, f"limit={limit}&operation=fail") == made[2::3]
    assert set(walk(client, f"limit={limit}&operation=later")) == set(made) - set(made[2::3])
    assert max(sizes) < PAGE_CAP + 50_000
    assert (len(sizes) < 8) == (limit == 200)


def test_a_filtered_list_reads_so_much_of_what_is_large(
    client: FlaskClient, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it looks through for one page has a bound of bytes; then it says where to go on."""
    (oldest,) = submit(room, 1, "fail")
    submit_large(room, 24)
    monkeypatch.setattr(listing, "READ", 500_000)
    read: list[int] = []
    real = room.ports.records.list

    def counted(*asked: Any, **how: Any) -> Page:
        page = real(*asked, **how)
        read.append(sum(page.sizes))
        return page

    monkeypatch.setattr(room.ports.records, "list", counted)
    first = told(client.get(f"{JOBS}?operation=fail&limit=200"))
    assert sum(read) < 500_000 + PAGE_CAP
    assert first["next"] is not None
    assert oldest not in ids(first)
    assert walk(client, "operation=fail&limit=200")[-1] == oldest


def retry_all(client: FlaskClient, **filters: Any) -> Any:
    answer = client.post(f"{JOBS}/retry", json=filters)
    assert answer.status_code == 202, answer.text
    return told(answer)


def test_all_that_failed_is_retried(client: FlaskClient, room: Room) -> None:
    """Each by a new job that names its origin; what did not fail is left alone."""
    refused = submit(room, 3, "fail")
    submit(room, 2)
    work(room)
    again = retry_all(client)
    assert [each["retry_of"] for each in again["items"]] == refused[::-1]
    assert again["next"] is None
    assert room.ports.records.count("jobs") == 8


def test_a_job_is_retried_once_by_all_who_ask(client: FlaskClient, room: Room) -> None:
    """A second bulk retry makes nothing of the same job; but of the new one, should it fail."""
    (first,) = submit(room, 1, "fail")
    work(room)
    (second,) = ids(retry_all(client))
    assert retry_all(client)["items"] == []
    work(room)
    (third,) = retry_all(client)["items"]
    assert third["retry_of"] == second != first


def test_a_bulk_retry_is_filtered(client: FlaskClient, room: Room) -> None:
    """By status, failed or cancelled, and by operation."""
    (failed,) = submit(room, 1, "fail")
    work(room)
    (cancelled,) = submit(room, 1)
    room.engine.cancel(cancelled, LOCAL)
    assert retry_all(client, operation="later")["items"] == []
    (again,) = retry_all(client, status="cancelled")["items"]
    assert again["retry_of"] == cancelled
    (again,) = retry_all(client, operation="fail", status="failed")["items"]
    assert again["retry_of"] == failed


@pytest.mark.parametrize(
    ("filters", "wrong"),
    [
        ({"status": "succeeded"}, ["/status"]),
        ({"limit": 5}, ["/limit"]),
        ({"operation": 1}, ["/operation"]),
        ({"cursor": "x"}, ["/cursor"]),
    ],
)
def test_a_bulk_retry_is_strict(client: FlaskClient, filters: Any, wrong: list[str]) -> None:
    assert pointers(client.post(f"{JOBS}/retry", json=filters)) == wrong
    assert problem(client.post(f"{JOBS}/retry")) == "malformed"


def test_a_bulk_retry_is_bounded(client: FlaskClient, room: Room) -> None:
    """A thousand a request, then a cursor; together each exactly once."""
    made = [id for _ in range(3) for id in submit(room, 400)]
    for id in made:
        room.engine.cancel(id, LOCAL)
    first = retry_all(client, status="cancelled")
    assert len(first["items"]) == 1000
    rest = retry_all(client, status="cancelled", cursor=first["next"])
    assert rest["next"] is None
    origins = [each["retry_of"] for each in first["items"] + rest["items"]]
    assert origins == made[::-1]


def test_a_bulk_retry_of_large_jobs_is_bounded(client: FlaskClient, room: Room) -> None:
    """By what it answers; with its cursor, each is retried once all the same."""
    made = submit_large(room, 40)
    for id in made:
        room.engine.cancel(id, LOCAL)
    origins: list[str] = []
    filters = {"status": "cancelled"}
    while True:
        answer = client.post(f"{JOBS}/retry", json=filters)
        assert len(answer.data) < 2 * PAGE_CAP + 50_000
        page = told(answer)
        origins += [each["retry_of"] for each in page["items"]]
        if page["next"] is None:
            break
        filters["cursor"] = page["next"]
    assert origins == made


def test_what_cannot_run_is_passed_over(client: FlaskClient, room: Room) -> None:
    """A job of an operation that is gone."""
    submit(room, 2, "fail")
    work(room)
    del room.registry._operations["fail"]
    assert retry_all(client)["items"] == []


def test_children_are_left_to_their_parents(client: FlaskClient, room: Room) -> None:
    """A parent that is retried makes its children again; both at once would run them twice."""

    @room.registry.operation("parent", retries=0)
    def parent(run: Run) -> None:
        run.map("fail", [{"how": "refused"}])

    id = room.engine.submit(Submission("parent"), LOCAL).id
    work(room)
    assert len(told(client.get(f"{JOBS}?status=failed"))["items"]) == 2
    (again,) = retry_all(client)["items"]
    assert again["retry_of"] == id


def test_who_may_not_run_it_retries_nothing(client: FlaskClient, room: Room) -> None:
    """An operation's own scope holds for its retries too, one by one and in bulk."""

    @room.registry.operation("guarded", long=True, scope="admin", retries=0)
    def guarded() -> None:
        raise RuntimeError

    id = room.engine.submit(Submission("guarded"), LOCAL).id
    work(room)
    runner = shown(room, "run")
    one = client.post(f"{JOBS}/{id}/retry", headers=runner)
    assert problem(one) == "forbidden"
    many = client.post(f"{JOBS}/retry", json={}, headers=runner)
    assert told(many)["items"] == []
    admin = client.post(f"{JOBS}/retry", json={}, headers=shown(room))
    assert len(told(admin)["items"]) == 1
