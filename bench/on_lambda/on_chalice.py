"""Chalice, which validates nothing itself; marshmallow does."""

from typing import Any

from chalice import Chalice, UnprocessableEntityError
from marshmallow import Schema, ValidationError, fields, validate

handle = Chalice(app_name="bench")


class Speech(Schema):
    name = fields.String(required=True)
    times = fields.Integer(strict=True, load_default=1, validate=validate.Range(1, 100))


SPEECH = Speech()


@handle.route("/v1/speak", methods=["POST"])
def speak() -> Any:
    try:
        said = SPEECH.load(handle.current_request.json_body)
    except ValidationError as error:
        raise UnprocessableEntityError(str(error.messages)) from error
    return {"says": " ".join([f"{said['name']} says meow"] * said["times"])}
