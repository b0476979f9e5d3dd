"""The bound to beat: flask-restx and marshmallow alone, with one validated operation."""

from typing import Any

from flask import Flask, request
from flask_restx import Api, Resource
from marshmallow import Schema, ValidationError, fields, validate


class Speech(Schema):
    name = fields.String(required=True)
    times = fields.Integer(strict=True, load_default=1, validate=validate.Range(1, 100))


SPEECH = Speech()
app = Flask(__name__)


@app.get("/healthz")
def healthz() -> dict[str, str]:
    return {"status": "ok"}


api = Api(app, doc=False)


@api.route("/v1/speak")
class Speak(Resource):  # type: ignore[misc]  # flask-restx has no types
    def post(self) -> Any:
        try:
            params = SPEECH.load(request.get_json())
        except ValidationError as error:
            return {"errors": error.messages}, 422
        return {"says": " ".join([f"{params['name']} says meow"] * params["times"])}
