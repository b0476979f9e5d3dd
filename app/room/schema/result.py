"""What an operation gives: a Python value in, JSON-ready data out."""

from typing import Any

from marshmallow import Schema, fields

from app.room.schema.hints import field_of
from app.room.schema.plain import plain
from app.room.schema.plan import fitting
from app.room.schema.strict import faithful
from app.room.strict_json import write_json


class Result:
    def __init__(self, shape: "Schema | fields.Field[Any] | None" = None) -> None:
        self.shape = shape
        self._fits = None if isinstance(shape, Schema) else fitting(shape)

    @classmethod
    def of(cls, shape: Any = None) -> "Result":
        """From a schema, a field or a type hint; from None, whatever fits into JSON goes."""
        if isinstance(shape, type) and issubclass(shape, Schema):
            return cls(shape())
        if shape is None or isinstance(shape, Schema):
            return cls(shape)
        field = shape if isinstance(shape, fields.Field) else field_of(shape)
        return cls(faithful(Schema.from_dict({"result": field})().fields["result"]))

    def written(self, value: Any) -> bytes:
        """What `dump` gives, as JSON. Most values need no copy for it."""
        if self._fits is not None and self._fits(value):
            return write_json(value)
        return write_json(self.dump(value))

    def dump(self, value: Any) -> Any:
        """Raises TypeError or ValueError, which say where, for a value that does not fit."""
        if self.shape is None:
            return plain(value)
        if value is None and not getattr(self.shape, "allow_none", False):
            raise TypeError("the result is None, which its type does not allow")
        try:
            if isinstance(self.shape, Schema):
                return plain(self.shape.dump(value))
            return plain(self.shape._serialize(value, "result", {}))
        except (AttributeError, KeyError) as error:
            raise TypeError(f"the result does not fit its type: {error}") from error
