"""After the death of all workers: what they ran is due at once."""

from app.room.acceptance import Submission
from app.room.call import LOCAL


def test_what_dead_workers_ran_is_due_at_once(room):
    """Before its lease ends, and as the next attempt; what is queued stays as it is."""
    room.registry.operation("tried", long=True)(lambda: None)
    first = room.engine.submit(Submission("tried"), LOCAL)
    assert [job.id for job in room.engine.claim()] == [first.id]
    assert room.engine.claim() == []

    assert room.engine.reclaim() == 1

    again = room.engine.claim()
    assert [(job.id, job.takes) for job in again] == [(first.id, 2)]
    assert again[0].lease != first.lease


def test_without_running_jobs_there_is_nothing_to_reclaim(room):
    """Queued jobs are due anyway."""
    room.registry.operation("tried", long=True)(lambda: None)
    room.engine.submit(Submission("tried"), LOCAL)
    assert room.engine.reclaim() == 0
