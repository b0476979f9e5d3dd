"""What `app.ports.Topic` promises, asked of every adapter.

A test file gives `topic`, and `deaf`: one that reaches nobody.
"""

from typing import Any

from app.ports import Topic


def event(number: int = 1, **data: Any) -> dict[str, Any]:
    about = {"id": f"job_{number}.failed", "source": "/v1/jobs", "type": "job.failed"}
    return {"specversion": "1.0", **about, "subject": f"job_{number}", "data": data}


class TopicSuite:
    def test_of_nothing_nothing_is_told(self, topic: Topic) -> None:
        """No event, no message."""
        topic.publish()

    def test_it_says_whether_anybody_may_listen(self, topic: Topic) -> None:
        """So that events that nobody hears are not made."""
        assert isinstance(topic.heard, bool)

    def test_where_nobody_is_reached_nothing_is_raised(self, deaf: Topic) -> None:
        """The job has ended, whoever hears of it."""
        deaf.publish(event(1), event(2))
