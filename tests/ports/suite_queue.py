"""What `app.ports.Queue` promises, asked of every adapter.

A test file gives `queue`, `deaf` (one that reaches nobody) and `hears`: is anything heard within so
many seconds?
"""

from collections.abc import Callable

from app.ports import Hint, Queue

Hears = Callable[[float], bool]


class QueueSuite:
    def test_a_ring_is_heard(self, queue: Queue, hears: Hears) -> None:
        """Who waits for work hears that there is some."""
        queue.ring(Hint("job_1"))
        assert hears(5.0)

    def test_of_no_hint_nothing_is_heard(self, queue: Queue, hears: Hears) -> None:
        """No job, no work."""
        queue.ring()
        assert not hears(0.0)

    def test_many_at_once_are_heard(self, queue: Queue, hears: Hears) -> None:
        """However many jobs are told of together."""
        queue.ring(*(Hint(f"job_{n}") for n in range(25)))
        assert hears(5.0)

    def test_a_delay_holds_a_hint_back(self, queue: Queue, hears: Hears) -> None:
        """It comes when the delay is over, or a little before."""
        queue.ring(Hint("job_1", 1.9))
        assert not hears(0.0)
        assert hears(8.0)

    def test_an_odd_delay_harms_nothing(self, queue: Queue) -> None:
        """Far ahead, or a moment only."""
        queue.ring(Hint("job_1", 1e9), Hint("job_2", 0.001), Hint("job_3", 900.5))

    def test_where_nobody_is_reached_nothing_is_raised(self, deaf: Queue) -> None:
        """A hint may be lost; the job stands in the store."""
        deaf.ring(Hint("job_1"), Hint("job_2", 5.0))
