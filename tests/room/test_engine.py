"""The engine: what is accepted, claimed and settled, and what callers may ask of a job."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from app.ports import Delete, Put
from app.room import listing
from app.room.acceptance import KEYS, Submission
from app.room.boundary import Control
from app.room.call import LOCAL, Caller
from app.room.engine import MOST_WAITS
from app.room.errors import Conflict, Invalid, Stale, TooLarge, Unavailable, Unknown
from app.room.gate import GATES, PATIENCE
from app.room.job import HELD, REMEMBERED, Ending, Error
from app.room.ledger import Lost
from app.room.notes import Notes
from app.room.settlement import SETTLED_TOGETHER

OTHER = Caller("other", "run")


@pytest.fixture
def engine(lab, declare):
    def tried(n: int = 0) -> int:
        return n

    declare(tried, keep=60)
    declare(tried, "another")
    lab.room.ports.records.most_writes = 100  # in one commit, as DynamoDB has it
    return lab.room.engine


def submission(key=None, n=0, operation="tried", **more):
    return Submission(operation, {"n": n}, key=key, **more)


def counted(lab):
    return lab.room.ports.records.count("jobs")


def test_nobody_is_told_of_a_job_that_is_not_stored(lab, engine, monkeypatch):
    """Store first: who hears of a job finds it, alone or one of many behind a gate."""
    heard = []

    def ring(*hints):
        heard.extend(lab.room.ports.records.get("jobs", hint.id) is not None for hint in hints)

    monkeypatch.setattr(lab.room.ports.queue, "ring", ring)
    engine.submit(submission("k"), LOCAL)
    engine.submit_all([submission() for _ in range(150)], LOCAL)
    assert heard == [True] * 151


def test_a_hint_that_comes_early_is_not_spent_on_another_job(lab, engine, monkeypatch):
    """It is given again for when its job is due; one of a job that is due or over is not, for
    whoever hears of the other finds it."""
    rung = []
    monkeypatch.setattr(lab.room.ports.queue, "ring", lambda *hints: rung.extend(hints))
    now = lab.clock.now()
    later = engine.submit(submission(due=now + 0.5), LOCAL).id
    due = [engine.submit(submission(), LOCAL).id for _ in range(3)]
    rung.clear()
    assert [job.id for job in engine.claim(hint=later)] == [due[0]]
    assert [(hint.id, hint.delay) for hint in rung] == [(later, pytest.approx(0.5))]
    assert [job.id for job in engine.claim(hint=due[2])] == [due[1]]
    assert [job.id for job in engine.claim(hint=due[0])] == [due[2]]
    assert len(rung) == 1


# Idempotency


def test_a_key_gives_the_same_job(lab, engine):
    """The same owner, operation and key: one job, while it waits and after it has ended."""
    first = engine.submit(submission("k"), LOCAL)
    assert engine.submit(submission("k"), LOCAL).id == first.id
    lab.run()
    again = engine.submit(submission("k"), LOCAL)
    assert (again.id, again.label) == (first.id, "succeeded")
    assert counted(lab) == 1


@pytest.mark.parametrize(
    ("other", "caller"),
    [
        (submission("l"), LOCAL),
        (submission("k", operation="another"), LOCAL),
        (submission("k"), OTHER),
        (submission(), LOCAL),
    ],
    ids=["key", "operation", "owner", "no key"],
)
def test_another_key_gives_another_job(lab, engine, other, caller):
    """Another key, operation or owner, or none."""
    first = engine.submit(submission("k"), LOCAL)
    assert engine.submit(other, caller).id != first.id


def test_no_key_can_be_made_to_look_like_another(lab, engine):
    """However owner, operation and key are cut."""
    owners = [Caller('a","tried', "run"), Caller("a", "run"), Caller("", "run")]
    keys = ["k", '","k', "tried", '"']
    ids = {engine.submit(submission(key), owner).id for owner in owners for key in keys}
    assert len(ids) == len(owners) * len(keys)


def test_a_key_with_other_parameters_is_invalid(lab, engine):
    """Somebody has mixed something up; nothing is made."""
    engine.submit(submission("k", n=1), LOCAL)
    with pytest.raises(Invalid, match="other parameters") as error:
        engine.submit(submission("k", n=2), LOCAL)
    assert error.value.errors[0].pointer == "/key"
    assert counted(lab) == 1


def test_parameters_are_the_same_in_any_order(lab, engine):
    """An object's members have none."""
    first = engine.submit(Submission("tried", {"a": 1, "b": 2}, key="k"), LOCAL)
    assert engine.submit(Submission("tried", {"b": 2, "a": 1}, key="k"), LOCAL).id == first.id


def test_a_whole_number_is_the_same_however_it_was_written(lab, engine):
    """15 and 15.0, which a terminal sends of a number where JSON has 15; not 15.5."""
    first = engine.submit(Submission("tried", {"a": [15, {"b": 2.5}]}, key="k"), LOCAL)
    same = Submission("tried", {"a": [15.0, {"b": 2.5}]}, key="k")
    assert engine.submit(same, LOCAL).id == first.id
    with pytest.raises(Invalid):
        engine.submit(Submission("tried", {"a": [15.5, {"b": 2.5}]}, key="k"), LOCAL)


@pytest.mark.parametrize("late", [REMEMBERED - 1, REMEMBERED + 1])
def test_a_key_is_free_a_day_after_the_end(lab, engine, late):
    """And no sooner, though the operation keeps its jobs for a minute only."""
    first = engine.submit(submission("k"), LOCAL)
    lab.advance("3d")
    lab.run()
    lab.advance(late)
    engine.claim()  # a store tidies when it is asked for work
    again = engine.submit(submission("k", n=int(late > REMEMBERED)), LOCAL)
    assert (again.id != first.id) == (late > REMEMBERED)


def test_many_threads_make_one_job(lab, engine):
    """Fifty that submit one key at once: one job, which all of them get."""
    with ThreadPoolExecutor(50) as threads:
        made = [threads.submit(engine.submit, submission("k"), LOCAL) for _ in range(50)]
    assert len({each.result().id for each in made}) == 1
    assert counted(lab) == 1


def test_an_answer_that_was_lost_is_asked_for_again(lab, engine):
    """The submission had landed: with its key the same job comes back."""
    records = lab.room.ports.records
    commit = records.commit

    def loses(*writes):
        commit(*writes)
        records.commit = commit
        raise Unavailable("lost")

    records.commit = loses
    with pytest.raises(Unavailable):
        engine.submit(submission("k"), LOCAL)
    engine.submit(submission("k"), LOCAL)
    assert counted(lab) == 1


# Many at once


def test_many_are_accepted_in_order(lab, engine):
    """A thousand, more than one commit holds: each runs, at once."""
    began = lab.clock.now()
    made = engine.submit_all([submission(n=n) for n in range(1000)], LOCAL)
    assert [record.body["params"]["n"] for record in made] == list(range(1000))
    assert counted(lab) == 1000
    while claimed := engine.claim(200):
        engine.settle([(each, Ending("succeeded")) for each in claimed])
    assert lab.clock.now() == began
    assert lab.room.ports.records.count("jobs", label="succeeded") == 1000


def test_too_many_are_refused(lab, engine):
    """Over a thousand; and none is nothing."""
    with pytest.raises(TooLarge, match="1,000"):
        engine.submit_all([submission()] * 1001, LOCAL)
    assert engine.submit_all([], LOCAL) == []


@pytest.mark.parametrize("count", [3, 80])
def test_keys_in_one_batch(lab, engine, count):
    """One that comes twice gives one job; one that was used gives its own."""
    old = engine.submit(submission("k0"), LOCAL)
    asked = [submission(f"k{n}") for n in range(count)] + [submission("k1"), submission()]
    made = engine.submit_all(asked, LOCAL)
    assert made[0].id == old.id
    assert made[1].id == made[-2].id
    assert len({record.id for record in made}) == counted(lab) == count + 1
    assert [each.id for each in engine.submit_all(asked[:-1], LOCAL)] == [m.id for m in made[:-1]]


def test_a_batch_of_large_ones_is_cut_by_bytes(lab, engine):
    """Sixty of ninety kilobytes: one commit could not hold them."""
    asked = [Submission("tried", {"x": "x" * 90_000}, key=f"k{n}") for n in range(60)]
    engine.submit_all(asked, LOCAL)
    assert counted(lab) == 60


class Dies(BaseException):
    pass


def failing(lab, which, how):
    """The store fails at its n-th commit."""
    records = lab.room.ports.records
    commit, seen = records.commit, []

    def commits(*writes):
        seen.append(writes)
        if len(seen) != which:
            return commit(*writes)
        stored = commit(*writes) if how == "after" else None
        raise Dies if how != "unavailable" else Unavailable("down")
        return stored

    records.commit = commits
    return lambda: setattr(records, "commit", commit)


KEYED = [submission(f"k{n}") for n in range(80)]


@pytest.mark.parametrize("how", ["before", "after", "unavailable"])
@pytest.mark.parametrize("which", [1, 2, 3])
def test_all_or_none_survives_a_crash(lab, engine, which, how):
    """A batch whose writer dies half way never runs, and is gone when somebody looks; its keys are
    free again. Once its gate is open, all of it runs."""
    restore = failing(lab, which, how)
    with pytest.raises((Dies, Unavailable)):
        engine.submit_all(KEYED, LOCAL)
    restore()
    assert engine.claim(200) == []
    lab.advance(PATIENCE)
    accepted = (which, how) == (3, "after")
    assert len(engine.claim(200)) == (80 if accepted else 0)
    assert counted(lab) == (80 if accepted else 0)
    made = engine.submit_all(KEYED, LOCAL)
    assert counted(lab) == len(made) == 80


def test_jobs_behind_a_gate_start_when_their_writer_died(lab, engine):
    """It had opened the gate, and could not hasten them: they are late, and all there."""
    restore = failing(lab, 4, "before")
    with pytest.raises(Dies):
        engine.submit_all(KEYED, LOCAL)
    restore()
    assert engine.claim(200) == []
    lab.advance(PATIENCE)
    assert len(engine.claim(200)) == 80


def test_an_open_gate_outlives_what_waits_behind_it(lab, engine):
    """Jobs that are to start in years are there in years, though their writer died."""
    restore = failing(lab, 4, "before")
    years = lab.clock.now() + 3 * HELD
    with pytest.raises(Dies):
        engine.submit_all([replace(each, due=years) for each in KEYED], LOCAL)
    restore()
    for _ in range(12):
        assert engine.claim(200) == []
        lab.advance(HELD / 4)
    assert len(engine.claim(200)) == 80


def test_a_gate_is_shut_once(lab, engine):
    """Whoever is so slow that others looked behind it first has accepted nothing, and says so."""
    records, gates = lab.room.ports.records, engine.acceptance.gates
    decide = gates._decide

    def slow(*asked, **how):
        gates._decide = decide
        lab.advance(PATIENCE)
        assert engine.claim(200) == []
        decide(*asked, **how)

    gates._decide = slow
    with pytest.raises(Unavailable, match="try again"):
        engine.submit_all(KEYED, LOCAL)
    assert counted(lab) == 0
    assert records.list(GATES).items[0].body == {"open": False}
    assert len(engine.submit_all(KEYED, LOCAL)) == 80


def test_a_key_behind_an_undecided_gate_is_in_use(lab, engine):
    """Nobody is given a job that may yet not be."""
    restore = failing(lab, 3, "before")
    with pytest.raises(Dies):
        engine.submit_all(KEYED, LOCAL)
    restore()
    with pytest.raises(Conflict, match="being used"):
        engine.submit(KEYED[0], LOCAL)
    lab.advance(PATIENCE)
    engine.claim(200)
    assert engine.submit(KEYED[0], LOCAL).label == "queued"


# Claims


def test_the_most_pressing_comes_first(lab, engine):
    """By priority, then by when it was due."""
    now = lab.clock.now()
    asked = [(0, 0.0), (5, -1.0), (5, -9.0), (-3, -99.0), (9, 50.0)]
    for n, (priority, due) in enumerate(asked):
        engine.submit(submission(n=n, priority=priority, due=now + due), LOCAL)
    assert [record.body["params"]["n"] for record in engine.claim(9)] == [2, 1, 0, 3]


def test_what_is_decided_at_a_claim_survives_a_store_that_is_down(lab, engine):
    """Who can run does; the rest is decided again a lease later."""
    one, two = engine.submit(submission(), LOCAL), engine.submit(submission(), LOCAL)
    (claimed, _) = engine.claim(2)
    engine.cancel(one.id, LOCAL)
    lab.advance(11)
    restore = failing(lab, 1, "unavailable")
    assert [record.id for record in engine.claim(2)] == [two.id]
    restore()
    assert engine.get(one.id, LOCAL).label == "running"
    lab.advance(11)
    engine.claim(1)
    assert engine.get(one.id, LOCAL).label == "cancelled"
    assert engine.settle([(claimed, Ending("succeeded"))]) == [None]


# Settling


def test_many_endings_share_a_commit(lab, engine):
    """Forty at once; one among them that was overtaken harms no other."""
    for _ in range(90):
        engine.submit(submission(), LOCAL)
    claimed = engine.claim(90)
    lab.room.ports.records.commit(Put(replace(claimed[3], lease="another"), claimed[3].version))
    writes = []
    commit = lab.room.ports.records.commit
    lab.room.ports.records.commit = lambda *asked: writes.append(asked) or commit(*asked)
    stored = engine.settle([(record, Ending("succeeded", result=1)) for record in claimed])
    assert [index for index, record in enumerate(stored) if record is None] == [3]
    assert SETTLED_TOGETHER == 40
    jobs = [sum(isinstance(write, Put) for write in asked) for asked in writes]
    together = [number for number in jobs if number > 1]
    assert together == [40, 40, 10]


def test_settling_twice_is_settling_once(lab, engine):
    """The answer was lost: the same again changes nothing, and tells what is there."""
    engine.submit(submission(), LOCAL)
    told = [(record, Ending("failed", error=Error("internal", "x"))) for record in engine.claim()]
    (first,) = engine.settle(told)
    assert engine.settle(told) == [first]
    assert engine.settle([(told[0][0], Ending("succeeded"))]) == [first]


def test_an_ending_is_decided_on_what_others_wrote(lab, engine):
    """A wish to cancel that came after the claim counts."""
    id = engine.submit(submission(), LOCAL).id
    (claimed,) = engine.claim()
    engine.cancel(id, LOCAL)
    (stored,) = engine.settle([(claimed, Ending("failed", error=Error("internal", "x")))])
    assert stored.label == "cancelled"


def test_an_ending_that_no_record_holds_fails_the_job(lab, engine):
    """It ends all the same, and says why."""
    engine.submit(submission(), LOCAL)
    (claimed,) = engine.claim()
    (stored,) = engine.settle([(claimed, Ending("succeeded", result="x" * 400_000))])
    assert (stored.label, stored.body["error"]["kind"]) == ("failed", "too_large")


def test_a_job_that_is_gone_is_lost(lab, engine):
    """Deleted under its run: nothing is written, nobody waits for ever."""
    engine.submit(submission(), LOCAL)
    (claimed,) = engine.claim()
    lab.room.ports.records.commit(Delete("jobs", claimed.id))
    assert engine.settle([(claimed, Ending("succeeded"))]) == [None]
    with pytest.raises(Lost):
        engine.renew(claimed)


# Leases


def test_a_lease_is_renewed_when_it_is_half_over(lab, engine):
    """Not at each heartbeat; and the start stays where it was."""
    id = engine.submit(submission(), LOCAL).id
    (claimed,) = engine.claim()
    assert engine.renew(claimed).version == claimed.version
    lab.advance(5)
    renewed = engine.renew(claimed)
    assert renewed.due == lab.clock.now() + engine.lease
    assert lab.job(id)["started_at"] == "2026-01-01T00:00:00.000Z"
    lab.advance(9)
    assert engine.claim() == []
    lab.advance(2)
    engine.claim()
    with pytest.raises(Lost):
        engine.renew(claimed)


def test_a_renewal_shows_a_wish_to_cancel(lab, engine):
    """So the host can tell its run."""
    id = engine.submit(submission(), LOCAL).id
    (claimed,) = engine.claim()
    engine.cancel(id, LOCAL)
    assert "cancel" in engine.renew(claimed).body


# What callers ask


@pytest.mark.parametrize(
    "ask",
    [
        lambda engine, id: engine.get(id, OTHER),
        lambda engine, id: engine.cancel(id, OTHER),
        lambda engine, id: engine.signal(id, "go", 1, OTHER),
        lambda engine, id: engine.retry(id, OTHER),
        lambda engine, id: engine.wait(id, OTHER, 0),
        lambda engine, id: engine.get("job_0", LOCAL),
    ],
    ids=["get", "cancel", "signal", "retry", "wait", "nobody's"],
)
def test_somebody_elses_job_is_unknown(lab, engine, ask):
    """As if there were none."""
    id = engine.submit(submission(), LOCAL).id
    with pytest.raises(Unknown):
        ask(engine, id)
    assert engine.get(id, LOCAL).label == "queued"


def test_jobs_are_listed_newest_first(lab, engine):
    """Those of the caller; by status, by operation, page by page."""
    for n in range(7):
        operation = "another" if n % 3 == 0 else "tried"
        engine.submit(submission(n=n, operation=operation), LOCAL)
    engine.submit(submission(n=99), OTHER)
    page = engine.list(LOCAL, limit=3)
    assert [record.body["params"]["n"] for record in page.items] == [6, 5, 4]
    seen, cursor = [], None
    while True:
        page = engine.list(LOCAL, operation="another", limit=2, cursor=cursor)
        seen += [record.body["params"]["n"] for record in page.items]
        if (cursor := page.next) is None:
            break
    assert seen == [6, 3, 0]
    assert engine.list(LOCAL, status="failed").items == ()
    with pytest.raises(Invalid):
        engine.list(LOCAL, status="odd")


def test_a_filtered_page_reads_a_bounded_number(lab, engine, monkeypatch):
    """It may be short and yet have a next."""
    monkeypatch.setattr(listing, "LOOKS", 4)
    for n in range(9):
        engine.submit(submission(n=n, operation="tried" if n else "another"), LOCAL)
    page = engine.list(LOCAL, operation="another", limit=2)
    assert page.items == ()
    assert page.next is not None


@pytest.mark.parametrize("status", ["queued", "running", "succeeded"])
def test_only_what_has_ended_is_retried(lab, engine, status):
    """As a new job of the same parameters, which names its origin."""
    id = engine.submit(submission(n=4, priority=3), LOCAL).id
    claimed = engine.claim() if status != "queued" else []
    if status != "succeeded":
        with pytest.raises(Conflict, match=status):
            engine.retry(id, LOCAL)
        return
    engine.settle([(claimed[0], Ending("succeeded", result=4))])
    again = engine.retry(id, LOCAL)
    assert (again.label, again.priority) == ("queued", 3)
    assert (again.body["retry_of"], again.body["params"]) == (id, {"n": 4})


def test_a_wait_ends_with_the_job_or_its_time(lab, engine):
    """Whichever comes first; the clock alone moves."""
    id = engine.submit(submission(), LOCAL).id
    began = lab.clock.now()
    assert engine.wait(id, LOCAL, 5).label == "queued"
    assert lab.clock.now() == pytest.approx(began + 5)
    lab.run()
    assert engine.wait(id, LOCAL, 5).label == "succeeded"
    assert lab.clock.now() == pytest.approx(began + 5)


def test_so_many_wait_and_no_more(lab, engine, monkeypatch):
    """Each holds a thread: one too many is told how the job is, at once."""
    id = engine.submit(submission(), LOCAL).id
    waiting = []

    def another_comes(seconds: float) -> None:
        waiting.append(seconds)
        assert engine.wait(id, LOCAL, 5).label == "queued"
        engine.closing.set()

    monkeypatch.setattr(lab.clock, "sleep", another_comes)
    engine.wait(id, LOCAL, 5)
    assert len(waiting) == MOST_WAITS
    waiting.clear()
    engine.closing.clear()
    engine.wait(id, LOCAL, 5)
    assert len(waiting) == MOST_WAITS


def test_a_change_that_never_wins_gives_up(lab, engine):
    """Outrun at each try it ends as a conflict, not as an endless loop."""
    record = engine.submit(submission(), LOCAL)
    records = lab.room.ports.records
    commit = records.commit

    def outrun(*writes):
        commit(Put(records.get("jobs", record.id)))
        return commit(*writes)

    records.commit = outrun
    with pytest.raises(Stale, match="changes too often"):
        engine.cancel(record.id, LOCAL)


def test_a_key_stays_as_long_as_its_job_may_run(lab, engine):
    """A store may drop it only when nobody can mean it any more."""
    engine.submit(submission("k", due=lab.clock.now() + 86400 * 300), LOCAL)
    (held,) = lab.room.ports.records.list(KEYS).items
    assert held.expires > lab.clock.now() + 86400 * 600


def test_a_run_that_was_overtaken_is_told_so(lab, declare):
    """At its next write, and nothing of it lands."""
    declare(lambda run: [run.step("a", str), "mine"], "slow")
    id = lab.submit("slow")
    (claimed,) = lab.room.engine.claim()
    lab.advance(11)
    assert lab.run_next() == id
    with pytest.raises(Lost):
        lab.room.engine.execute(claimed, Control())
    assert lab.room.engine.settle([(claimed, Ending("succeeded", result="zombie"))]) == [None]
    assert lab.result(id) == ["", "mine"]


def test_nothing_of_an_overtaken_run_lands_while_another_runs_the_job(lab, declare):
    """It is running, and yet not the old one's to write: its lease is not."""
    declare(lambda run: None, "slow")
    id = lab.submit("slow")
    (old,) = lab.room.engine.claim()
    lab.advance(11)
    (new,) = lab.room.engine.claim()
    notes = Notes(lab.room.engine.ledger, old, lab.clock)
    notes.state["by"] = "the old one"
    with pytest.raises(Lost):
        notes.save()
    assert lab.room.engine.settle([(old, Ending("succeeded", result="stale"))]) == [None]
    assert lab.room.engine.get(id, LOCAL) == new
