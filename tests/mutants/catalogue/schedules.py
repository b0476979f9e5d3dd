"""When things come due."""

from tests.mutants.mutant import Mutant

TICKS = (
    "tests/room/test_schedule.py",
    "tests/room/test_calendar.py",
    "tests/room/test_ticks_together.py",
    "tests/room/test_ticks.py",
)
TIMES = ("tests/room/test_timing.py", "tests/room/test_timing_by_hand.py")

MUTANTS = (
    Mutant(
        "tick-of-any-id",
        "app/room/tick.py",
        "            job_id(record, due),\n",
        '            self._ports.new_id("job"),\n',
        "The nightly job runs twice when a clock was set back in between.",
        TICKS,
    ),
    Mutant(
        "tick-in-two-commits",
        "app/room/tick.py",
        "                records.commit(Put(after, taken.version, taken.lease), *fresh)\n",
        "                records.commit(Put(after, taken.version, taken.lease))\n"
        "                if fresh:\n"
        "                    records.commit(*fresh)\n",
        "A clock that dies in between has passed a due time over, and the night's job never comes.",
        TICKS,
    ),
    Mutant(
        "tick-without-version",
        "app/room/tick.py",
        "                records.commit(Put(after, taken.version, taken.lease), *fresh)\n",
        "                records.commit(Put(after), *fresh)\n",
        "A schedule that was changed or deleted meanwhile is written back as it was.",
        TICKS,
    ),
    Mutant(
        "catch-up-of-the-oldest",
        "app/room/schedule.py",
        "            return past[-1:]\n",
        "            return past[:1]\n",
        "After a long pause the report of three weeks ago is made, and not last night's.",
        TICKS,
    ),
    Mutant(
        "twice-in-autumn",
        "app/room/timing.py",
        "            if found <= moment:  # from within an hour that comes twice it starts at the first\n"
        "                continue\n",
        "",
        "In the night in which summer time ends the nightly job runs twice.",
        TIMES,
    ),
)
