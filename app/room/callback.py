"""That a job has ended is to be told to an address: the job that does it, made in the same commit.

So none is lost, and it is tried again as any job. `webhook.py` has what it does.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from math import isqrt
from urllib.parse import urlsplit
from zlib import crc32

from app.ports import Body, Put, Record
from app.room import job
from app.room.policy import Options, read_policy

DELIVER = "webhooks.deliver"
SOURCE = "webhook"  # what makes a delivery, as a door makes other jobs
PAUSES = (5.0, 300.0, 1800.0, 7200.0, 18000.0, 36000.0, 36000.0)  # between attempts: 27 h 35 min

AT_ONCE = 8  # deliveries, where nobody says otherwise

OPTIONS = Options(retries=len(PAUSES), timeout="1m", keep="30d", scope="run")
POLICY = read_policy(OPTIONS, long=True)


def limited(at_once: int) -> Options:
    """At most so many deliveries run, however many hosts hang; and of these so many go to one host
    as there are times as many lanes: hosts share lanes, for a job has one."""
    places = isqrt(at_once)
    lanes = at_once // places

    def lane(params: Body) -> str:
        return str(crc32(params["host"].encode(errors="replace")) % lanes)

    return {**OPTIONS, "concurrency": places, "key": lane}


def addressed(record: Record, new_id: Callable[[str], str]) -> Record:
    """A job as it is written; one that ends and has a callback names the job that delivers it."""
    if "callback_url" not in record.body or record.label not in job.TERMINAL:
        return record
    return replace(record, body=record.body | {"delivery": new_id("job")})


def deliveries(ended: Iterable[Record]) -> list[Put]:
    """The jobs that deliver, to be stored beside those that have just ended."""
    return [_delivery(each) for each in ended if "delivery" in each.body]


def _delivery(ended: Record) -> Put:
    made = job.new(
        ended.body["delivery"],
        operation=DELIVER,
        params=delivery_params(ended.body["callback_url"], ended.id, ended.id),
        owner=ended.owner,
        policy=POLICY,
        now=ended.body["finished"],
        source=SOURCE,
        request_id=ended.body.get("request_id"),
        trace=ended.body.get("trace"),
    )
    return Put(made, expect=0)


def delivery_params(url: str, event: str, job: str | None) -> Body:
    return {"url": url, "host": urlsplit(url).netloc.lower(), "event": event, "job": job}
