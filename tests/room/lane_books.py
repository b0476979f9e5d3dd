"""What must hold of lanes at every moment, whatever died: their books agree with the jobs."""

from collections import Counter

from app.ports import Record, Records
from app.room.job import JOBS, QUEUED, RUNNING
from app.room.lane import LANES
from app.room.parking import PARKED


def listed(records: Records, collection: str) -> list[Record]:
    found: list[Record] = []
    cursor = None
    while True:
        page = records.list(collection, cursor=cursor, limit=200)
        found += page.items
        if (cursor := page.next) is None:
            return found


def check_books(records: Records) -> None:
    """One entry for each job in a line, a place for each that holds one, and a lane that somebody
    will look at wherever jobs wait."""
    jobs = listed(records, JOBS)
    entries = {entry.id: entry for entry in listed(records, PARKED)}
    lanes = {lane.id: lane for lane in listed(records, LANES)}
    parked = [job for job in jobs if "parked" in job.body]
    assert {job.body["parked"][1]: job.id for job in parked} == {
        id: entry.body["job"] for id, entry in entries.items()
    }
    for job in parked:
        assert (job.label, job.due) == (QUEUED, None)
        assert entries[job.body["parked"][1]].label == job.body["parked"][0]
    waiting = Counter(job.body["parked"][0] for job in parked)
    for id, lane in lanes.items():
        assert lane.body["waiting"] == waiting[id], id
        assert (lane.due is None) == (waiting[id] == 0), id
        known = {*lane.body["holders"], *lane.body["turns"]}
        holding = {job.id for job in jobs if job.body.get("lane") == id}
        assert {who for who in known if who.startswith("job")} == holding, id
    assert waiting.keys() <= lanes.keys()
    for job in jobs:
        if "lane" in job.body:
            assert job.label in (QUEUED, RUNNING)
            assert job.body["lane"] in lanes
