"""Params and results too large for a job's record: kept as files, and given back whole."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Any

import pytest

from app import File, Run, Secret
from app.ports import FileLimits
from app.room.acceptance import Submission
from app.room.boundary import FOREVER, Control
from app.room.call import LOCAL, Call, Caller
from app.room.claim import INLINE
from app.room.enter import Room
from app.room.errors import Conflict, TooLarge, Unknown
from app.room.file_uses import FILES, SOON
from app.room.ledger import Lost
from app.room.shelf import GRACE, GRAVES
from app.room.strict_json import write_json
from app.testing import Testing
from tests.room.no_files import without_files

DAY = 86400.0
Declare = Callable[..., Any]

FILLS = {"ascii": "x", "four bytes": "\U0001f408", "escapes": "\n"}
"""What a text is made of, of one, four and two encoded bytes each."""


def filled(size: int, fill: str) -> str:
    """A text of exactly so many encoded bytes, without its quotes."""
    each = len(write_json(fill)) - 2
    return "y" * (size % each) + fill * (size // each)


def text_of(whole: int, fill: str, empty: Any) -> str:
    """One with which a document, that is `empty` without, has so many encoded bytes."""
    return filled(whole - len(write_json(empty)), fill)


def files(lab: Testing) -> int:
    return lab.room.ports.records.count(FILES)


@pytest.fixture
def same(declare: Declare) -> None:
    def tried(text: str) -> str:
        return text

    declare(tried)


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
@pytest.mark.usefixtures("same")
def test_params_of_one_byte_more_are_a_file(lab: Testing, fill: str, more: int) -> None:
    """The limit counts encoded bytes; the function gets them whole either way."""
    text = text_of(INLINE + more, fill, {"text": ""})
    id = lab.submit("tried", text=text)
    shown = lab.job(id)["params"]
    if more == 1:
        assert shown == {"file": shown["file"], "url": shown["url"]}
        assert shown["url"].startswith(f"/v1/files/{shown['file']}/bytes?")
        assert json.loads(lab.content(shown)) == {"text": text}
    else:
        assert shown == {"text": text}
        assert files(lab) == 0
    lab.run()
    assert lab.result(id) == text


@pytest.mark.parametrize("more", [-1, 0, 1])
@pytest.mark.parametrize("fill", FILLS.values(), ids=FILLS)
def test_a_result_of_one_byte_more_is_a_file(
    lab: Testing, declare: Declare, fill: str, more: int
) -> None:
    """The job says where it is; whoever asks for it gets it whole."""
    text = text_of(INLINE + more, fill, "")
    declare(lambda: text)
    id = lab.submit("tried")
    lab.run()
    shown = lab.job(id)["result"]
    assert files(lab) == int(more == 1)
    assert lab.result(id) == text
    assert shown == ({"file": shown["file"], "url": shown["url"]} if more == 1 else text)


@pytest.mark.usefixtures("same")
def test_a_job_keeps_its_files_and_takes_them_with_it(lab: Testing) -> None:
    """As long as its record is kept; then the sweep takes them and all their bytes."""
    id = lab.submit("tried", text="x" * 200_000)
    lab.run()
    lab.advance(29 * DAY)
    for _ in range(3):
        lab.room.shelf.sweep()
    assert len(lab.result(id)) == 200_000
    with pytest.raises(Conflict):
        lab.room.shelf.delete(lab.job(id)["result"]["file"], LOCAL.owner)
    lab.advance(2 * DAY)
    for _ in range(3):
        lab.room.shelf.sweep()
    assert files(lab) == 0
    lab.advance(GRACE + 1)
    lab.room.shelf.sweep()
    assert lab.room.ports.records.count(GRAVES) == 0


@pytest.mark.usefixtures("same")
def test_what_was_never_accepted_is_swept(lab: Testing, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is there before its job; should that never come, it goes soon."""

    def die(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(lab.room.engine.acceptance, "_store", die)
    with pytest.raises(KeyboardInterrupt):
        lab.submit("tried", text="x" * 200_000)
    lab.room.shelf.sweep()
    assert files(lab) == 1
    lab.advance(SOON + 1)
    lab.room.shelf.sweep()
    assert files(lab) == 0


@pytest.mark.usefixtures("same")
def test_a_retry_has_the_same_params(lab: Testing) -> None:
    """The new job names the same file, which then stays as long as one of the two."""
    first = lab.submit("tried", text="x" * 200_000)
    lab.cancel(first)
    lab.advance(29 * DAY)
    again = lab.retry(first)
    lab.advance(2 * DAY)
    lab.room.shelf.sweep()
    lab.run()
    assert lab.result(again) == "x" * 200_000


@pytest.mark.usefixtures("same")
def test_the_same_key_compares_whole_params(lab: Testing) -> None:
    """Large ones too: others are refused, the same give the same job."""
    id = lab.submit("tried", text="x" * 200_000, key="k")
    assert lab.submit("tried", text="x" * 200_000, key="k") == id
    outcome = lab.room.enter(Call("tried", {"text": "y" * 200_000}, key="k", asynchronous=True))
    assert outcome.problem is not None
    assert outcome.problem.kind == "invalid"


def test_files_named_in_large_params_stay(lab: Testing, declare: Declare) -> None:
    """As those do that small ones name; also for a retry, long after the first job is gone."""

    def tried(run: Run, pic: File, text: str) -> str:
        with run.open(pic) as stream:
            return bytes(stream.read()).decode()

    declare(tried, retries=0)
    pic = lab.file(b"cat")
    first = lab.submit("tried", pic=pic, text="x" * 200_000)
    lab.cancel(first)
    lab.advance(29 * DAY)
    again = lab.retry(first)
    with pytest.raises(Conflict):
        lab.room.shelf.delete(pic, LOCAL.owner)
    lab.advance(2 * DAY)
    for _ in range(3):
        lab.room.shelf.sweep()
    lab.run()
    assert lab.result(again) == "cat"
    lab.advance(62 * DAY)
    for _ in range(3):
        lab.room.shelf.sweep()
        lab.advance(2 * DAY)
    assert files(lab) == 0


@pytest.mark.parametrize("batch", [1, 3])
def test_children_with_large_params_and_results(lab: Testing, declare: Declare, batch: int) -> None:
    """Each has files of its own, and the parent reads the results one by one."""

    def child(text: str) -> str:
        return text[::-1]

    declare(child, "child")

    def tried(run: Run) -> list[str]:
        items = [{"text": f"{n}{'x' * 120_000}"} for n in range(4)]
        return [text[-1] for text in run.map("child", items, batch=batch)]

    declare(tried)
    id = lab.submit("tried")
    lab.run()
    assert lab.result(id) == ["0", "1", "2", "3"]


def test_a_repeated_run_writes_its_childrens_params_once(lab: Testing, declare: Declare) -> None:
    """A child's file has the child's place, so that a run which comes again finds it."""

    def child(text: str) -> int:
        return len(text)

    declare(child, "child")

    def tried(run: Run) -> list[int]:
        run.step("before", lambda: None)
        return list(run.map("child", [{"text": "x" * 200_000}]))

    declare(tried)
    records = lab.room.ports.records
    id = lab.submit("tried")
    lab.run_only(id)
    before = files(lab)
    for child in lab.jobs("child"):
        assert child["params"]["file"]
    parent = lab.room.engine.get(id, LOCAL)
    assert (before, parent.label) == (1, "waiting")
    lab.run()
    assert lab.result(id) == [200_000]
    assert records.count(FILES) == 1


def test_a_run_that_comes_again_writes_the_same_result_file(lab: Testing, declare: Declare) -> None:
    """The file's id is the job's: of a worker that died before it was settled nothing is left."""
    declare(lambda: "x" * 200_000)
    id = lab.submit("tried")
    (claimed,) = lab.room.engine.claim()
    lab.room.engine.execute(claimed, Control(FOREVER, lambda *_: None))  # and dies
    assert files(lab) == 1
    lab.advance(60)
    lab.run()
    assert lab.result(id) == "x" * 200_000
    assert files(lab) == 1


def test_an_overtaken_run_changes_no_result(lab: Testing, declare: Declare) -> None:
    """Its bytes are not put in the file's place."""
    said = iter(["old", "new"])
    claims = []

    def tried() -> str:
        text = next(said) * 50_000
        if text.startswith("old"):
            lab.advance(60)
            (claimed,) = lab.room.engine.claim()
            claims.append(claimed)
            lab.run_once(claimed)
        return text

    declare(tried)
    id = lab.submit("tried")
    (first,) = lab.room.engine.claim()
    with pytest.raises(Lost):
        lab.room.engine.execute(first, Control(FOREVER, lambda *_: None))
    assert lab.result(id) == "new" * 50_000


def test_a_step_gives_what_no_journal_holds(lab: Testing, declare: Declare) -> None:
    """It is kept as a file of the job's, and not run again."""
    ran = []

    def large() -> list[str]:
        ran.append(1)
        return ["x" * 200_000]

    def tried(run: Run) -> list[int]:
        first = run.step("large", large)
        run.sleep(60)
        return [len(first[0]), len(run.step("large", large)[0])]

    declare(tried)
    lab.crash_at("large", skip=1)
    id = lab.submit("tried")
    lab.run()
    assert (lab.result(id), len(ran), files(lab)) == ([200_000, 200_000], 3, 2)


def test_secret_params_are_shown_to_nobody(lab: Testing, declare: Declare) -> None:
    """Their file is none for any reader, and the function gets them."""

    def tried(word: Annotated[str, Secret()], text: str) -> str:
        return word

    declare(tried)
    id = lab.submit("tried", word="swordfish", text="x" * 200_000)
    shown = lab.job(id)["params"]
    assert shown["url"] is None
    for ask in (lab.room.shelf.look, lab.room.shelf.ready, lab.room.shelf.delete):
        with pytest.raises(Unknown):
            ask(shown["file"], LOCAL.owner)
    assert lab.room.shelf.list(LOCAL.owner, cursor=None, limit=9).items == ()
    lab.run()
    assert lab.result(id) == "swordfish"


@pytest.mark.usefixtures("same")
def test_others_have_no_part_in_it(lab: Testing) -> None:
    """The files are the job's owner's."""
    id = lab.submit("tried", text="x" * 200_000)
    file = lab.job(id)["params"]["file"]
    with pytest.raises(Unknown):
        lab.room.shelf.ready(file, "somebody")


@pytest.mark.usefixtures("same")
def test_they_count_as_files_do(lab: Testing) -> None:
    """The owner's quota and the largest file bound them, whichever door they came through."""
    for limits in (FileLimits(most=150_000), FileLimits(quota=150_000)):
        lab.room = Room(lab.room.registry, replace(lab.room.ports, file_limits=limits))
        with pytest.raises(TooLarge):
            lab.submit("tried", text="x" * 200_000)
    assert lab.jobs() == []


@pytest.mark.usefixtures("same")
def test_without_a_place_for_files_they_are_refused(lab: Testing) -> None:
    """As too large, with what would help."""
    without_files(lab)
    with pytest.raises(TooLarge, match="MANYDOORS_BUCKET"):
        lab.submit("tried", text="x" * 200_000)


def test_a_waited_result_comes_whole_or_is_elsewhere(lab: Testing, declare: Declare) -> None:
    """Whole as long as the door can answer it; else the job is told, and where its result is."""
    declare(lambda: "x" * 200_000)
    room = lab.room
    id = lab.submit("tried", key="k")
    lab.run()
    whole = room.enter(Call("tried", key="k", wait=0))
    assert (whole.value, whole.elsewhere) == ("x" * 200_000, "")
    room.answer_most = 200_001
    told = room.enter(Call("tried", key="k", wait=0))
    assert (told.value["id"], told.job, told.pending) == (id, id, False)
    assert told.elsewhere == told.value["result"]["url"]
    room.answer_most = 200_002
    assert room.enter(Call("tried", key="k", wait=0)).elsewhere == ""


@pytest.mark.usefixtures("same")
def test_a_batch_of_large_ones(lab: Testing) -> None:
    """All or none, each with a file of its own."""
    made = lab.room.engine.submit_all(
        [Submission("tried", {"text": f"{n}" * 150_000}) for n in range(3)], Caller("me", "run")
    )
    assert len({record.body["params"] for record in made}) == 3
    lab.run()
    assert files(lab) == 6


def test_a_debounced_job_gets_the_newest_params(lab: Testing, declare: Declare) -> None:
    """Whose file it then names, and the older one goes."""

    def tried(text: str, who: str) -> str:
        return text[0]

    declare(tried, debounce=60, key="who")
    ids = {lab.submit("tried", text=each * 200_000, who="a") for each in "xyz"}
    lab.advance(30)
    lab.room.shelf.sweep()
    (id,) = ids
    lab.advance(SOON)
    for _ in range(3):
        lab.room.shelf.sweep()
    assert files(lab) == 1
    lab.run()
    assert lab.result(id) == "z"


def test_a_key_is_read_in_large_params_too(lab: Testing, declare: Declare) -> None:
    """Jobs of one key run one after another, wherever their params are kept."""

    def tried(text: str, who: str) -> str:
        return who

    declare(tried, concurrency=1, key="who")
    ids = [lab.submit("tried", text="x" * 200_000, who=who) for who in "aab"]
    claimed = {record.id for record in lab.room.engine.claim(9)}
    assert claimed == {ids[0], ids[2]}
