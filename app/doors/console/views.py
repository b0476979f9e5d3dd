"""Which function answers which page; loaded with the first page that somebody asks for."""

from collections.abc import Callable

from flask import Response

from app.doors.console import (
    asset,
    jobs,
    methods,
    operations,
    pictures,
    problems,
    schedules,
    sign_in,
    swagger_ui,
)
from app.room.enter import Room

ROBOTS = "User-agent: *\nDisallow: /\n"


def _static(room: Room, name: str) -> Response:
    return asset.answer(name)


def _favicon(room: Room) -> Response:
    return asset.answer("favicon.ico")


def _robots(room: Room) -> Response:
    return Response(ROBOTS, mimetype="text/plain")


VIEWS: dict[str, Callable[..., Response]] = {
    "start": operations.start,
    "operation": operations.show,
    "call": operations.call,
    "jobs": jobs.all_jobs,
    "job": jobs.one_job,
    "cancel": jobs.cancel,
    "retry": jobs.retry,
    "signal": jobs.signal,
    "retry_failed": jobs.retry_failed,
    "schedules": schedules.all_schedules,
    "pause_schedule": schedules.pause,
    "resume_schedule": schedules.resume,
    "run_schedule": schedules.run,
    "sign_in": sign_in.show,
    "enter": sign_in.enter,
    "leave": sign_in.leave,
    "pictures": pictures.show,
    "methods": methods.show,
    "send": methods.send,
    "docs": swagger_ui.show,
    "problems": problems.all_kinds,
    "problem": problems.one_kind,
    "static": _static,
    "favicon": _favicon,
    "robots": _robots,
}
