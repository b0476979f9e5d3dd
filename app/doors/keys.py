"""What admins ask of keys over a protocol of JSON, and what each ask takes."""

from datetime import timedelta

from marshmallow import Schema, fields, validate

from app.room.call import SCOPES
from app.room.key import LONGEST_NAME, OVERLAP
from app.room.schema.field import Duration, Moment
from app.room.schema.params import Params

PAGE, LONGEST_PAGE = 50, 200


class _New(Schema):
    name = fields.String(required=True, validate=validate.Length(1, LONGEST_NAME))
    scopes = fields.List(
        fields.String(validate=validate.OneOf(SCOPES)),
        required=True,
        validate=validate.Length(1, len(SCOPES)),
    )
    owner = fields.String(validate=validate.Length(1, LONGEST_NAME))
    expires_at = Moment(allow_none=True)


class _Rotated(Schema):
    overlap = Duration(metadata={"default": OVERLAP}, validate=validate.Range(min=timedelta()))


class _Listed(Schema):
    cursor = fields.String(load_default=None)
    limit = fields.Integer(load_default=PAGE, validate=validate.Range(1, LONGEST_PAGE))


class _Revoked(Schema):
    schedules = fields.String(load_default="keep", validate=validate.OneOf(("keep", "disable")))


NEW, ROTATED, LISTED = Params.of(_New), Params.of(_Rotated), Params.of(_Listed)
REVOKED = Params.of(_Revoked)
