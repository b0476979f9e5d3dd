"""A job that has failed before it could begin."""

from app.room.acceptance import Submission
from app.room.call import LOCAL
from app.room.job import Error
from app.room.operation import Registry
from app.testing import Testing


def test_what_cannot_run_is_a_job_that_has_failed() -> None:
    """Never due, final, told why; of an operation that there need not be; once for a key."""
    with Testing(Registry()) as service:
        why = Error("malformed", "It is torn.")
        one = Submission("inbox.unreadable", {"id": "m1"}, key="m1", failed=why)
        made = [service.room.engine.submit(one, LOCAL) for _ in range(2)]
        assert made[0].id == made[1].id
        assert (made[0].label, made[0].due) == ("failed", None)
        job = service.job(made[0].id)
        assert job["error"] == {"kind": "malformed", "detail": "It is torn."}
        assert (job["params"], job["attempt"]) == ({"id": "m1"}, 0)
        service.run()
        assert service.job(made[0].id)["status"] == "failed"
