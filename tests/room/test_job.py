"""The job record's decisions, as tables: a record and what happened in, the next record out."""

from dataclasses import replace
from itertools import product

import pytest

from app.room import job
from app.room.errors import Conflict, TooLarge
from app.room.job import (
    CANCELLED,
    FAILED,
    MAY,
    QUEUED,
    RUNNING,
    STATUSES,
    SUCCEEDED,
    TERMINAL,
    WAITING,
    Ending,
    Error,
    Wait,
)
from app.room.policy import Policy

NOW = 1_000_000.0
LEASE = 10.0
BOOM = Error("internal", "boom")


def a_job(policy=None, **more):
    return job.new(
        "job_1",
        operation="tried",
        params={"a": 1},
        owner="local",
        policy=policy or Policy(),
        now=NOW,
        **more,
    )


def claimed(record=None, **body):
    """As the store's take leaves it."""
    record = record or a_job()
    record = replace(record, body=record.body | body)
    return replace(
        record, label=RUNNING, takes=record.takes + 1, lease="l", version=2, due=NOW + LEASE
    )


def in_status(status):
    """A record that came to a status in good order."""
    running = claimed()
    match status:
        case "queued":
            return a_job()
        case "running":
            return running
        case "waiting":
            return job.settled(running, Ending("waiting", wait=Wait("signal", "go")), NOW)
        case "succeeded":
            return job.settled(running, Ending("succeeded", result=1), NOW)
        case "failed":
            return job.settled(running, Ending("failed", error=replace(BOOM, final=True)), NOW)
        case "cancelled":
            return job.asked_to_cancel(a_job(), NOW)


FINAL = replace(BOOM, final=True)
ENDINGS = {
    "succeeded": (Ending("succeeded", result=[1]), SUCCEEDED, SUCCEEDED),
    "failed, another try helps": (Ending("failed", error=BOOM), QUEUED, CANCELLED),
    "failed for good": (Ending("failed", error=FINAL), FAILED, CANCELLED),
    "failed without a word": (Ending("failed"), QUEUED, CANCELLED),
    "cancelled": (Ending("cancelled"), CANCELLED, CANCELLED),
    "asleep": (Ending("waiting", wait=Wait("sleep", until=NOW + 5)), WAITING, CANCELLED),
    "waiting for a signal": (Ending("waiting", wait=Wait("signal", "go")), WAITING, CANCELLED),
    "waiting for children": (Ending("waiting", wait=Wait("children", "m")), WAITING, CANCELLED),
    "continued": (Ending("continued"), QUEUED, CANCELLED),
    "returned": (Ending("returned"), QUEUED, CANCELLED),
}


@pytest.mark.parametrize(("name", "cancel"), [*product(ENDINGS, (False, True))])
def test_an_ending_leads_to_one_status(name, cancel):
    """What was asked to stop ends cancelled, unless it has succeeded."""
    ending, status, when_cancelled = ENDINGS[name]
    record = claimed(cancel=NOW) if cancel else claimed()
    assert job.settled(record, ending, NOW).label == (when_cancelled if cancel else status)


@pytest.mark.parametrize("status", sorted(set(STATUSES) - {RUNNING}))
@pytest.mark.parametrize("name", ENDINGS)
def test_only_a_running_job_is_settled(name, status):
    """Whoever settles it twice, or without a claim, is refused."""
    record = in_status(status)
    with pytest.raises(Conflict) as refused:
        job.settled(record, ENDINGS[name][0], NOW)
    assert refused.value.members == {"job_status": status}


def test_the_table_of_statuses_is_whole():
    """Each status has its followers; a terminal one has none."""
    assert set(MAY) == set(STATUSES)
    assert all(not MAY[status] for status in TERMINAL)
    assert all(set(followers) <= set(STATUSES) for followers in MAY.values())


@pytest.mark.parametrize(
    ("retries", "takes", "final", "status"),
    [
        (0, 1, False, FAILED),
        (1, 1, False, QUEUED),
        (1, 2, False, FAILED),
        (3, 3, False, QUEUED),
        (3, 4, False, FAILED),
        (3, 5, False, FAILED),
        (3, 1, True, FAILED),
        (1000, 1000, False, QUEUED),
        (1000, 1001, False, FAILED),
    ],
)
def test_a_failed_attempt_is_repeated_while_retries_are_left(retries, takes, final, status):
    """`retries` times after the first; never when another try cannot help."""
    record = replace(claimed(a_job(Policy(retries=retries))), takes=takes)
    after = job.settled(record, Ending("failed", error=replace(BOOM, final=final)), NOW)
    assert after.label == status
    assert after.body["error"]["detail"] == "boom"
    assert (after.due is None) == (status == FAILED)


@pytest.mark.parametrize("after", [0.0, 7.0, 3600.0])
def test_an_error_may_say_when_to_try_again(after):
    """`Retry(after=…)` is taken at its word, beside the backoff."""
    ending = Ending("failed", error=replace(BOOM, after=after))
    assert job.settled(claimed(), ending, NOW).due == NOW + after


@pytest.mark.parametrize(
    "ending",
    [
        Ending("failed", error=replace(BOOM, after=1e13)),
        Ending("waiting", wait=Wait("sleep", until=1e300)),
        Ending("waiting", wait=Wait("signal", "go", until=1e300)),
        Ending("waiting", wait=Wait("signal", "go")),
    ],
    ids=["retry", "sleep", "late signal", "any signal"],
)
def test_nobody_waits_beyond_a_year_without_a_look(ending):
    """However far the moment is, its date can be written and the store can keep it."""
    assert job.settled(claimed(), ending, NOW).due == NOW + job.FURTHEST


# Backoff


@pytest.mark.parametrize("takes", [1, 2, 3, 8, 20, 31, 32, 1000, 10_000])
@pytest.mark.parametrize("backoff", [0.0, 0.001, 1.0, 60.0, 1e6, 8.64e13])
def test_a_pause_is_bounded(takes, backoff):
    """Doubled each time, capped at five minutes, and no attempt is too many to count."""
    record = replace(claimed(a_job(Policy(backoff=backoff))), takes=takes)
    assert 0.0 <= job.pause(record) <= min(job.LONGEST_PAUSE, backoff * 2.0 ** min(takes - 1, 30))


def test_pauses_have_full_jitter():
    """Over many jobs they fill the whole span, so that a crowd that failed together spreads."""
    pauses = [
        job.pause(replace(claimed(a_job(Policy(backoff=10.0))), id=f"job_{number}", takes=3))
        for number in range(2000)
    ]
    assert min(pauses) < 1.0
    assert max(pauses) > 39.0
    assert 18.0 < sum(pauses) / len(pauses) < 22.0


def test_a_pause_is_decided_by_the_record_alone():
    """The same record gives the same pause, so a decision made twice is one decision."""
    first, again = claimed(), claimed()
    assert job.pause(first) == job.pause(again)
    assert job.pause(first) != job.pause(replace(first, takes=2))


# Attempts


def settle_all(record, endings):
    """Claims and settles in turn; the attempt that each run saw."""
    seen = []
    for ending in endings:
        record = claimed(record)
        seen.append(job.attempt(record))
        if ending is not None:  # None: its process dies
            record = job.settled(record, ending, NOW)
    return record, seen


CONTINUED, RETURNED = Ending("continued", ran=1.0), Ending("returned")
ASLEEP = Ending("waiting", wait=Wait("sleep", until=NOW), ran=1.0)
FAILURE = Ending("failed", error=BOOM, ran=1.0)


@pytest.mark.parametrize(
    ("endings", "seen", "after"),
    [
        ([], [], 0),
        ([CONTINUED] * 4, [1, 1, 1, 1], 1),
        ([ASLEEP] * 3, [1, 1, 1], 1),
        ([RETURNED] * 3, [1, 1, 1], 0),
        ([CONTINUED, RETURNED], [1, 1], 1),
        ([FAILURE] * 3, [1, 2, 3], 3),
        ([None, None], [1, 2], 2),
        ([None, CONTINUED, FAILURE, ASLEEP, None], [1, 2, 2, 3, 3], 3),
        ([FAILURE, RETURNED, FAILURE], [1, 2, 2], 2),
    ],
)
def test_what_counts_as_an_attempt(endings, seen, after):
    """A failure and a crash do; a continuation, a sleep and what was never begun do not. Between
    two runs of one attempt it is that attempt."""
    record, runs = settle_all(a_job(), endings)
    assert runs == seen
    assert job.attempt(record) == after


@pytest.mark.parametrize(
    ("retries", "endings", "attempts"),
    [
        (0, [None], 1),
        (3, [None] * 4, 4),
        (2, [FAILURE, FAILURE, None], 3),
        (0, [ASLEEP, ASLEEP, None], 1),
        (1, [CONTINUED, None, None], 2),
        (0, [None, None, None], 1),
    ],
)
def test_a_job_that_only_kills_its_process_fails(retries, endings, attempts):
    """One claim after its last attempt it is `crashed`, with as many attempts as it had; a claim
    whose process died while it found that out is none."""
    record, _ = settle_all(a_job(Policy(retries=retries)), endings)
    before = job.verdict(claimed(record), NOW)
    assert before is not None
    after = job.settled(claimed(record), before, NOW)
    assert (after.label, after.body["error"]["kind"]) == (FAILED, "crashed")
    assert f"attempt {attempts} of {attempts}" in after.body["error"]["detail"]
    assert job.attempt(after) == attempts == retries + 1


@pytest.mark.parametrize("endings", [[], [None], [FAILURE] * 3, [ASLEEP] * 20, [RETURNED] * 20])
def test_a_job_with_attempts_left_runs(endings):
    """Nothing is decided about it at its claim."""
    record, _ = settle_all(a_job(), endings)
    assert job.verdict(claimed(record), NOW) is None


@pytest.mark.parametrize(
    ("endings", "attempt", "started"),
    [([], 0, False), ([None], 1, False), ([ASLEEP], 1, True), ([FAILURE], 1, True)],
)
def test_a_job_cancelled_at_its_claim_has_not_run_then(endings, attempt, started):
    """What was asked to stop and then crashed, or never began, gets no attempt and no slice."""
    record, _ = settle_all(a_job(), endings)
    record = claimed(record, cancel=NOW)
    after = job.settled(record, job.verdict(record, NOW), NOW)
    assert (after.label, job.attempt(after)) == (CANCELLED, attempt)
    assert ("started" in after.body) == started
    assert len(after.body.get("slices", [])) == started


def test_an_attempt_is_never_negative():
    """However its record came to be."""
    assert job.attempt(replace(a_job(), body=a_job().body | {"free": 9})) == 0


# Slices


def test_a_record_keeps_its_newest_slices():
    """However often it is continued, its past stays bounded, and the whole time is summed."""
    record, _ = settle_all(a_job(), [CONTINUED] * 200)
    assert len(record.body["slices"]) == job.SLICES
    assert record.body["spent"] == 200.0
    assert record.body["slices"][-1] == [NOW - 1.0, NOW, "continued"]


def test_continuations_have_an_end():
    """Ten thousand of them fail the job, with a sentence that says what to do; sleeps do not."""
    assert job.settled(claimed(continued=9_999), CONTINUED, NOW).label == QUEUED
    after = job.settled(claimed(continued=10_000), CONTINUED, NOW)
    assert after.label == FAILED
    assert "run.map" in after.body["error"]["detail"]
    asleep = replace(claimed(free=50_000), takes=50_001)
    assert job.settled(asleep, ASLEEP, NOW).label == WAITING
    assert job.settled(asleep, CONTINUED, NOW).label == QUEUED


def test_a_run_is_told_in_words():
    """Each slice says how it ended."""
    record, _ = settle_all(a_job(), [CONTINUED, ASLEEP, FAILURE, Ending("succeeded", ran=1.0)])
    assert [why for _, _, why in record.body["slices"]] == [
        "continued",
        "sleep",
        "retry",
        "succeeded",
    ]
    assert record.body["started"] == NOW - 1.0


@pytest.mark.parametrize("ran", [0.0, 5.0])
def test_a_lease_that_goes_on_does_not_move_the_start(ran):
    """It began when it was claimed, however often its lease is renewed."""
    record = claimed()
    assert job.begun(record, LEASE) == NOW
    later = job.renewed(job.renewed(record, NOW + 4, LEASE), NOW + 8 + ran, LEASE)
    assert later.due == NOW + 8 + ran + LEASE
    assert job.begun(later, LEASE) == NOW
    assert job.begun(a_job(), LEASE) is None


# Ends


@pytest.mark.parametrize("name", ["succeeded", "failed for good", "cancelled"])
def test_an_ended_job_is_never_due(name):
    """Nobody looks at it again, and nothing waits in it."""
    record = claimed(signals={"go": [1]}, wait={"for": "signal", "name": "go"})
    after = job.settled(record, ENDINGS[name][0], NOW)
    assert after.due is None
    assert after.body["finished"] == NOW
    assert not {"signals", "wait", "midway"} & set(after.body)


def test_a_result_may_be_none():
    """A function that gives nothing has the result null, which is there; the error of an earlier
    attempt is not."""
    record, _ = settle_all(a_job(), [FAILURE])
    after = job.settled(claimed(record), Ending("succeeded", result=None), NOW)
    assert "result" in after.body
    assert after.body["result"] is None
    assert "error" not in after.body


@pytest.mark.parametrize(
    ("keep", "more", "kept"),
    [
        (0.0, {}, 0.0),
        (0.0, {"key": "k"}, 86400.0),
        (60.0, {"key": "k"}, 86400.0),
        (60.0, {"parent": "job_0"}, 86400.0),
        (60.0, {}, 60.0),
        (30 * 86400.0, {"key": "k"}, 30 * 86400.0),
    ],
)
@pytest.mark.parametrize("status", [SUCCEEDED, FAILED, CANCELLED])
def test_an_ended_job_expires_no_sooner_than_its_key(keep, more, kept, status):
    """`keep` after its end, but a day at least for whoever asks for it by key, or by its parent."""
    record = a_job(Policy(keep=keep), **more)
    if status == CANCELLED:
        after = job.asked_to_cancel(record, NOW)
    else:
        ending = Ending(status, error=FINAL if status == FAILED else None)
        after = job.settled(claimed(record), ending, NOW)
    assert after.expires == NOW + kept


@pytest.mark.parametrize("status", [QUEUED, RUNNING, WAITING])
def test_a_job_that_has_not_ended_never_expires(status):
    """No store may drop it, however old it is."""
    assert in_status(status).expires is None


# From outside


@pytest.mark.parametrize(
    ("status", "after"), [(QUEUED, CANCELLED), (WAITING, CANCELLED), (RUNNING, RUNNING)]
)
def test_a_wish_to_cancel(status, after):
    """Ends at once what does not run; what runs is told, and keeps its lease's end."""
    record = in_status(status)
    asked = job.asked_to_cancel(record, NOW + 1)
    assert asked.label == after
    if status == RUNNING:
        assert asked.body["cancel"] == NOW + 1
        assert asked.due == record.due
        assert job.asked_to_cancel(asked, NOW + 2) is asked


@pytest.mark.parametrize("status", sorted(TERMINAL))
def test_what_has_ended_takes_nothing_more(status):
    """No cancel, no signal: a conflict that names the status."""
    for ask in (
        lambda record: job.asked_to_cancel(record, NOW),
        lambda record: job.signalled(record, "go", 1, 1, NOW),
    ):
        with pytest.raises(Conflict, match=status) as refused:
            ask(in_status(status))
        assert refused.value.members == {"job_status": status}


@pytest.mark.parametrize("status", [QUEUED, RUNNING, WAITING])
def test_a_signal_is_kept_until_it_is_asked_for(status):
    """In the order in which they came; one that is waited for wakes the job."""
    record = job.signalled(in_status(status), "go", "first", 7, NOW + 1)
    record = job.signalled(record, "go", "second", 8, NOW + 2)
    record = job.signalled(record, "other", None, 4, NOW + 3)
    assert record.body["signals"] == {"go": ["first", "second"], "other": [None]}
    if status == WAITING:
        assert (record.label, record.due) == (QUEUED, NOW + 1)
    else:
        assert (record.label, record.due) == (status, in_status(status).due)
    once = job.taken(record, "go")
    assert once.body["signals"] == {"go": ["second"], "other": [None]}
    assert job.taken(once, "go").body["signals"] == {"other": [None]}


def test_another_signal_does_not_wake():
    """It waits for `go`, and nothing else."""
    record = job.signalled(in_status(WAITING), "come", 1, 1, NOW)
    assert record.label == WAITING


@pytest.mark.parametrize("wait", [Wait("sleep", until=NOW + 9), Wait("children", "go")])
def test_a_signal_wakes_neither_sleepers_nor_parents(wait):
    """Not even one of the same name."""
    record = job.settled(claimed(), Ending("waiting", wait=wait), NOW)
    assert job.signalled(record, "go", 1, 1, NOW).label == WAITING


def test_a_signal_that_came_before_the_wait_was_written_wakes_it():
    """The run looked, the signal came, the run was put to wait: it goes on at once."""
    record = job.signalled(claimed(), "go", 1, 1, NOW)
    after = job.settled(record, Ending("waiting", wait=Wait("signal", "go")), NOW)
    assert (after.label, after.due) == (QUEUED, NOW)
    assert job.attempt(claimed(after)) == 1


def test_signals_are_bounded():
    """In size, in number and all together: the record must have room for the run's own."""
    record = a_job()
    with pytest.raises(TooLarge, match="16,384"):
        job.signalled(record, "go", "", job.SIGNAL_BYTES + 1, NOW)
    for number in range(job.SIGNALS):
        record = job.signalled(record, f"s{number}", 1, 1, NOW)
    with pytest.raises(Conflict, match="100 signals"):
        job.signalled(record, "go", 1, 1, NOW)
    large = job.signalled(a_job(), "go", "x" * 16_000, 16_002, NOW)
    large = job.signalled(large, "go", "x" * 16_000, 16_002, NOW)
    with pytest.raises(Conflict, match="32,768 bytes"):
        job.signalled(large, "go", "x" * 16_000, 16_002, NOW)


# A new one


def test_a_new_job_is_due_at_its_start():
    """Now, or when it was asked for; with its operation's policy, or its own priority."""
    record = a_job(Policy(retries=5, backoff=2.0, keep=9.0, priority=7), source="rest", key=None)
    assert (record.label, record.due, record.priority) == (QUEUED, NOW, 7)
    assert (record.body["retries"], record.body["backoff"], record.body["keep"]) == (5, 2.0, 9.0)
    assert record.body["source"] == "rest"
    assert "key" not in record.body
    later = a_job(due=NOW + 60, priority=0)
    assert (later.due, later.body["due"], later.priority) == (NOW + 60, NOW + 60, 0)
