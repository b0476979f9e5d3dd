"""The checker on doctored histories: whatever it is there to find, it finds; and nothing else."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from tests.torture.checker import CHECKS, verdict, violations
from tests.torture.history import (
    Answer,
    Asked,
    Effect,
    Fault,
    History,
    Planned,
    Request,
    Seen,
    Stored,
)


def value(by: str, claim: int, number: int) -> dict[str, object]:
    return {"by": by, "claim": claim, "number": number}


S0, S1 = value("e1", 1, 11), value("e2", 2, 22)
NUMBERS = {"numbers": [3, 4], "every": 1, "ms": 1}
MAPPED = {"numbers": [3, 4], "batch": 1, "ms": 1}


def good() -> History:
    """Steps whose first run was killed, a sum, a map of two, a nap, a cancelled one, a batch."""

    def told(execution: str, claim: int, what: object) -> dict[str, object]:
        return {"execution": execution, "claim": claim, "value": what}

    def stored(id: str, key: str | None, params: object, result: object, **more: object) -> Stored:
        job = Stored(id, f"torture.{id}", params, key, "succeeded", result, None, 1, 1, 1000)
        return replace(job, **more)  # type: ignore[arg-type]

    def ran(job: str, at: float, pid: int, execution: str, claim: int, *done: tuple) -> list:
        lines = [("begin",), *done]
        return [
            Effect(job, at + n / 100, pid, execution, claim, *line) for n, line in enumerate(lines)
        ]

    back = ("returned",)
    history = History(
        asked=[
            Asked("k1", "torture.steps", {"count": 2, "ms": 1}),
            Asked("k2", "torture.add", NUMBERS, "b"),
            Asked("k3", "torture.map", MAPPED, "b"),
            Asked("k4", "torture.nap", {"seconds": 1}),
            Asked("k5", "torture.signal", {}),
            Asked("k6", "torture.signal", {}),
            Asked("unheard", "torture.refuse", {}),
        ],
        faults=[Fault("kill runner", 2.5, (71,))],
        kinds=("kill runner",),
        planned=[Planned("p", 1.0, "all", seen=14.0)],
        cancels=[("signal2", "cancelled")],
        signals=[("signal", 5, True)],
        requests=[Request(1, 2, "POST /v1/jobs", 202)],
        integrity="ok",
        stored=[
            stored("steps", "k1", {"count": 2, "ms": 1}, told("e2", 2, {"s0": S0, "s1": S1}),
                   takes=2, attempt=2, steps={"s0": S0, "s1": S1}),
            stored("add", "k2", NUMBERS, told("e3", 1, [2, 7])),
            stored("map", "k3", MAPPED, told("e4", 1, [9, 16])),
            stored("square", None, {"number": 3, "ms": 1}, told("e5", 1, 9), parent="map", index=0),
            stored("square2", None, {"number": 4, "ms": 1}, told("e6", 1, 16), parent="map",
                   index=1, operation="torture.square"),
            stored("nap", "k4", {"seconds": 1}, told("e7", 1, [10.0, 11.1])),
            stored("signal", "k5", {}, told("e8", 1, 5)),
            *(stored(f"tick{n}", f"p {n}", {}, told(f"t{n}", 1, "tick"), schedule="p", due=n,
                     operation="torture.tick") for n in (11.0, 12.0, 13.0, 14.0)),
            stored("signal2", "k6", {}, None, operation="torture.signal", status="cancelled"),
        ],
        effects=[
            *ran("steps", 2, 71, "e1", 1, ("step", "s0", 11), ("kept", "s0", 11),
                 ("step", "s1", 21)),
            *ran("steps", 5, 72, "e2", 2, ("kept", "s0", 11), ("step", "s1", 22),
                 ("kept", "s1", 22), back),
            *ran("add", 6, 72, "e3", 1, ("item", "0", 3), ("item", "1", 4), back),
            *ran("map", 7, 72, "e4", 1, back),
            *ran("square", 7, 72, "e5", 1, back),
            *ran("square2", 7, 72, "e6", 1, back),
            *ran("nap", 7, 72, "e7", 1, back),
            *ran("signal", 7, 72, "e8", 1, back),
            *(line for n in (11.0, 12.0, 13.0, 14.0)
              for line in ran(f"tick{n}", n, 72, f"t{n}", 1, back)),
        ],
    )  # fmt: skip
    ids = {job.key: job.id for job in history.stored if job.key and not job.schedule}
    history.answers = [Answer(key, id) for key, id in ids.items()]
    history.seen = [
        Seen(job.id, job.status, f"{job.status} {job.result}", by)
        for by in ("c0", "cold")
        for job in history.stored
    ]
    return history


def job(history: History, id: str) -> Stored:
    return history.by_id()[id]


def test_a_good_history_is_green() -> None:
    """A kill that is made good is no violation."""
    assert violations(good()) == []
    assert verdict(good(), []) == "green"


def lose_a_job(history: History) -> None:
    history.stored.remove(job(history, "add"))


def leave_a_job_running(history: History) -> None:
    job(history, "nap").status = "running"


def end_late(history: History) -> None:
    history.late.append("add")


def make_two_of_one_key(history: History) -> None:
    history.stored.append(replace(job(history, "nap"), id="nap2"))


def answer_with_another_job(history: History) -> None:
    history.answers.append(Answer("k4", "signal"))


def store_what_nobody_asked_for(history: History) -> None:
    history.stored.append(replace(job(history, "signal2"), id="ghost", key="nobody's"))


def change_the_parameters(history: History) -> None:
    job(history, "nap").params = {"seconds": 0.5}


def tear_a_batch(history: History) -> None:
    history.asked.append(Asked("k7", "torture.refuse", {}, "b"))


def change_a_result(history: History) -> None:
    history.seen[-1].told = "succeeded with another result"


def end_and_run_again(history: History) -> None:
    history.seen.append(Seen("nap", "running", "running", "c1"))


def store_another_status(history: History) -> None:
    job(history, "nap").status = "cancelled"


def give_a_fenced_result(history: History) -> None:
    job(history, "steps").takes = 3


def run_more_claims_than_there_were(history: History) -> None:
    history.effects.append(Effect("nap", 8, 72, "e9", 2, "begin"))
    history.effects.append(Effect("nap", 8, 72, "e9", 2, "left", "Lost"))


def give_a_result_that_nobody_returned(history: History) -> None:
    history.effects = [
        replace(line, what="left") if (line.execution, line.what) == ("e3", "returned") else line
        for line in history.effects
    ]


def add_twice(history: History) -> None:
    job(history, "add").result["value"] = [3, 11]


def mix_up_a_map(history: History) -> None:
    job(history, "map").result["value"] = [16, 9]


def wake_early(history: History) -> None:
    job(history, "nap").result["value"] = [10.0, 10.5]


def miss_a_due_time(history: History) -> None:
    history.stored.remove(job(history, "tick12.0"))


def make_two_for_a_due_time(history: History) -> None:
    history.stored.append(replace(job(history, "tick12.0"), id="again", key=None))


def come_between_two_due_times(history: History) -> None:
    job(history, "tick12.0").due = 12.5


def never_make_a_job(history: History) -> None:
    history.planned.append(Planned("q", 1.0, "none"))


def make_jobs_of_no_schedule(history: History) -> None:
    job(history, "tick12.0").schedule = "nobody's"


def run_twice_at_once(history: History) -> None:
    job(history, "add").takes = 2
    mine = [line for line in history.effects if line.execution == "e3"]
    again = [replace(line, execution="e9", claim=2, at=line.at + 0.005) for line in mine]
    history.effects += again
    job(history, "add").result |= {"execution": "e9", "claim": 2}


def hear_what_nobody_said(history: History) -> None:
    job(history, "signal").result["value"] = 6


def remember_another_value(history: History) -> None:
    job(history, "steps").steps["s1"] = value("e2", 2, 99)


def result_without_its_journal(history: History) -> None:
    job(history, "steps").result["value"]["s1"] = value("e2", 2, 99)


def give_a_step_two_values(history: History) -> None:
    history.effects.append(Effect("steps", 9, 72, "e2", 2, "kept", "s0", 12))


def run_a_remembered_step_again(history: History) -> None:
    again = Effect("steps", 5, 72, "e2", 2, "step", "s0", 33)
    history.effects.insert(5, again)


def skip_an_item(history: History) -> None:
    history.effects = [line for line in history.effects if line.what != "item" or line.name != "1"]


def lose_a_child(history: History) -> None:
    history.stored.remove(job(history, "square2"))


def leave_a_child_waiting(history: History) -> None:
    job(history, "square2").status = "queued"


def try_too_often(history: History) -> None:
    job(history, "add").attempt = 1002


def fail_what_cannot(history: History) -> None:
    add = job(history, "add")
    add.status, add.error, add.result = "failed", {"kind": "internal"}, None
    history.seen = [seen for seen in history.seen if seen.id != "add"]


def cancel_for_nobody(history: History) -> None:
    history.cancels.clear()


def revive_a_cancelled_one(history: History) -> None:
    history.cancels.append(("nap", "cancelled"))


def answer_with_an_error(history: History) -> None:
    history.requests.append(Request(1, 2, "GET /v1/jobs/job_1", 500))


def refuse_an_open_job(history: History) -> None:
    history.requests.append(Request(1, 2, "GET /v1/jobs/job_1", 404))


def die_for_no_reason(history: History) -> None:
    history.faults[0].pids = (99,)


def corrupt_the_file(history: History) -> None:
    history.integrity = "row 3 missing from index records_due"


def not_stop(history: History) -> None:
    history.troubles.append("it does not stop within 20 s")


DOCTORED = {
    lose_a_job: "lost",
    leave_a_job_running: "lost",
    end_late: "late",
    make_two_of_one_key: "doubled",
    answer_with_another_job: "doubled",
    store_what_nobody_asked_for: "ghosts",
    change_the_parameters: "ghosts",
    tear_a_batch: "torn_batches",
    change_a_result: "changed",
    end_and_run_again: "changed",
    store_another_status: "changed",
    give_a_fenced_result: "stale",
    run_more_claims_than_there_were: "stale",
    give_a_result_that_nobody_returned: "stale",
    add_twice: "wrong_values",
    mix_up_a_map: "wrong_values",
    wake_early: "woken_early",
    miss_a_due_time: "schedules",
    make_two_for_a_due_time: "schedules",
    come_between_two_due_times: "schedules",
    never_make_a_job: "schedules",
    make_jobs_of_no_schedule: "ghosts",
    run_twice_at_once: "unexplained_runs",
    hear_what_nobody_said: "wrong_values",
    remember_another_value: "forgotten_steps",
    result_without_its_journal: "forgotten_steps",
    give_a_step_two_values: "forgotten_steps",
    run_a_remembered_step_again: "forgotten_steps",
    skip_an_item: "skipped",
    lose_a_child: "broken_maps",
    leave_a_child_waiting: "broken_maps",
    try_too_often: "unbounded",
    fail_what_cannot: "wrong_endings",
    cancel_for_nobody: "wrong_endings",
    revive_a_cancelled_one: "wrong_endings",
    answer_with_an_error: "wrong_answers",
    refuse_an_open_job: "wrong_answers",
    die_for_no_reason: "unexplained_deaths",
    corrupt_the_file: "troubles",
    not_stop: "troubles",
}


@pytest.mark.parametrize("doctor", DOCTORED, ids=lambda doctor: doctor.__name__)
def test_what_is_wrong_is_found(doctor: Callable[[History], None]) -> None:
    """By the check that is there for it, and the verdict is red."""
    history = good()
    doctor(history)
    wrong = violations(history)
    assert DOCTORED[doctor] in {each.partition(":")[0] for each in wrong}
    assert verdict(history, wrong) == "red"


def test_every_check_can_fail() -> None:
    assert {test.__name__ for test in CHECKS} == set(DOCTORED.values())


@pytest.mark.parametrize("spared", [2, 30])
def test_faults_that_hit_nothing_prove_nothing(spared: int) -> None:
    """A quarter of them must have hit work, or the run is invalid."""
    history = good()
    history.faults += [Fault("kill runner", 50.0, (72,))] * spared
    assert verdict(history, []) == ("green" if spared < 4 else "invalid")


BITES = {
    "kill web worker": lambda history: history.requests.append(Request(49, 51, "GET /", 200)),
    "kill web": lambda history: history.requests.append(Request(49, 51, "GET /", 0)),
    "full disk": lambda history: history.requests.append(Request(51, 52, "POST /v1/jobs", 503)),
    "kill clock": lambda history: setattr(job(history, "tick12.0"), "due", 52.0),
    "clock ahead": lambda history: history.effects.append(Effect("j", 49, 5, "e", 1, "begin")),
    "kill all": lambda history: history.effects.append(Effect("j", 49, 5, "e", 1, "begin")),
}


@pytest.mark.parametrize("kind", BITES)
def test_each_kind_must_have_hit_work(kind: str) -> None:
    """One kind that hit nothing makes a run invalid, however many others did."""
    history = good()
    history.kinds += (kind,)
    assert verdict(history, []) == "invalid"
    history.faults.append(Fault(kind, 50.0, (5,), until=53.0))
    assert verdict(history, []) == "invalid"
    BITES[kind](history)
    assert verdict(history, []) == "green"


def test_a_clock_that_was_wrong_explains_what_it_does() -> None:
    """A nap that was short by it, and due times that it passed over."""
    history = good()
    wake_early(history)
    miss_a_due_time(history)
    history.faults.append(Fault("clock ahead", 10.2, (72,), until=10.4))
    assert violations(history) == []


def test_a_run_whose_hold_was_hit_may_be_run_beside() -> None:
    history = good()
    run_twice_at_once(history)
    history.faults.append(Fault("stop keeper", 5.9, (72,), until=8.0))
    assert violations(history) == []


def test_no_fault_at_all_is_invalid() -> None:
    history = good()
    history.faults.clear()
    assert verdict(history, []) == "invalid"
