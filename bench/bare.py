"""The bounds: one validated JSON call by Flask, marshmallow and flask-restx, with nothing of ours.

POST {"name": "Tom", "times": 2}: name a required string, times an integer from 1 to 100, else 1.
"""

from typing import Any

from flask import Flask, request
from flask_restx import Api, Resource
from marshmallow import Schema, ValidationError, fields, validate


class Speech(Schema):
    name = fields.String(required=True)
    times = fields.Integer(strict=True, load_default=1, validate=validate.Range(1, 100))


SPEECH = Speech()


def says(name: str, times: int) -> dict[str, str]:
    return {"says": " ".join([f"{name} says meow"] * times)}


def load() -> Any:
    try:
        return says(**SPEECH.load(request.get_json()))
    except ValidationError as error:
        return {"errors": error.messages}, 422


plain = Flask("bare.plain")


@plain.post("/v1/speak")
def speak_plain() -> Any:
    body = request.get_json()
    name, times = body.get("name"), body.get("times", 1)
    if not isinstance(name, str) or not isinstance(times, int) or not 1 <= times <= 100:
        return {"errors": "name: a string; times: 1 to 100"}, 422
    return says(name, times)


schema = Flask("bare.schema")


@schema.post("/v1/speak")
def speak_schema() -> Any:
    return load()


restx = Flask("bare.restx")
api = Api(restx, doc=False)


@api.route("/v1/speak")
class Speak(Resource):  # type: ignore[misc]  # flask-restx has no types
    def post(self) -> Any:
        return load()


for each in (plain, schema, restx):
    each.add_url_rule("/healthz", "healthz", lambda: {"status": "ok"})
