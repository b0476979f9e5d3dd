"""Schemas held to JSON's types, wrong fields by name, results made plain, secrets masked."""

from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from marshmallow import (
    EXCLUDE,
    INCLUDE,
    Schema,
    ValidationError,
    fields,
    post_load,
    validate,
    validates_schema,
)

from app.room.errors import Invalid, Wrong
from app.room.schema.field import Secret
from app.room.schema.params import Params
from app.room.schema.result import Result
from app.room.schema.secret import mask, secrets
from app.room.schema.strict import tighten

NAN, INF = float("nan"), float("inf")
NAIVE = datetime(2026, 1, 2)  # noqa: DTZ001  # on purpose


class Size(Enum):
    SMALL = 1
    LARGE = 2


def load_one(field: fields.Field[Any], value: Any) -> Any:
    return Params.of(Schema.from_dict({"x": field})).load({"x": value})["x"]


TABLE: list[tuple[Any, list[Any], list[Any]]] = [
    (fields.Integer, [0, -3, 15.0, 10**30], [15.7, "15", True, False, "", [], {}, NAN, INF, 1e300]),
    (lambda: fields.Integer(strict=True), [15, 15.0], [15.5, "15", True]),
    (fields.Float, [1, 1.5, -0.0], ["1.5", True, NAN, INF, -INF, [], 10**400]),
    (lambda: fields.Float(allow_nan=True), [1.5], [NAN, INF, "nan"]),
    (fields.Decimal, [1, 1.5, "1.10", "-3"], ["", "1e3", "NaN", "x", " 1", "٣", True, NAN, []]),
    (lambda: fields.Decimal(allow_nan=True), ["1"], ["NaN", NAN, "Infinity"]),
    (fields.Boolean, [True, False], [1, 0, "true", "", "yes", [], None]),
    (lambda: fields.Boolean(truthy={"ja"}, falsy={"nein"}), [True, False], ["ja", "nein", 1]),
    (lambda: fields.Boolean(truthy=set()), [True, False], ["ja", 1, 0]),
    (fields.String, ["", "ä"], [1, True, b"x", [], {}, None]),
    (fields.Email, ["a@example.org"], ["a", 1, b"a@example.org"]),
    (fields.Url, ["https://example.org/x"], ["x", 1]),
    (
        fields.UUID,
        ["12345678-1234-5678-1234-567812345678"],
        ["12345678123456781234567812345678", "{12345678-1234-5678-1234-567812345678}", 5, "x"],
    ),
    (
        fields.DateTime,
        ["2026-01-02T03:04:05Z", "2026-01-02T03:04:05.123456789+02:00", "2026-01-02t03:04:05z"],
        ["2026-01-02T03:04:05", "2026-01-02 03:04:05Z", "2026-01-02", "20260102T030405Z", 5, True],
    ),
    (fields.NaiveDateTime, ["2026-01-02T03:04:05"], ["2026-01-02T03:04:05Z", "2026-01-02"]),
    (
        lambda: fields.AwareDateTime(default_timezone=UTC),
        ["2026-01-02T03:04:05", "2026-01-02T03:04:05Z"],
        ["2026-01-02"],
    ),
    (lambda: fields.DateTime("timestamp"), [5, 5.5], ["5", True, -1]),
    (lambda: fields.DateTime("%d.%m.%Y"), ["02.01.2026"], ["2026-01-02", 5]),
    (fields.Date, ["2026-01-02"], ["20260102", "2026-W01-1", "2026-02-30", "2026-01-02\n", 5]),
    (fields.Time, ["03:04", "03:04:05", "03:04:05.5"], ["3:04", "03", "24:00", "03:04:05Z", 5]),
    (fields.TimeDelta, [5, 5.5, -1], ["5", True, NAN, 1e300]),
    (fields.IPv4, ["127.0.0.1"], ["127.0.0.01", 2130706433, "::1"]),
    (fields.IP, ["127.0.0.1", "::1"], ["fe80::1%eth0", 1, True]),
    (lambda: fields.Enum(Size), ["SMALL"], ["small", 1, True]),
    (lambda: fields.Enum(Size, by_value=True), [1, 2.0], [True, "1", 3, None, []]),
    (lambda: fields.Enum(Size, by_value=fields.Integer), [1, 2.0], [True, "1", 3, 1.5]),
    (lambda: fields.List(fields.Integer()), [[], [1, 2.0]], [["1"], 1, "1", {}, [None]]),
    (lambda: fields.Tuple([fields.Integer(), fields.String()]), [[1, "a"]], [[1], ["1", "a"], {}]),
    (lambda: fields.Dict(values=fields.Integer()), [{}, {"a": 1.0}], [{"a": "1"}, [], "{}"]),
    (lambda: fields.Dict(keys=fields.Integer()), [{"1": 0}], [{"x": 0}, {"1.0": 0}, {" 1": 0}]),
    (lambda: fields.Integer(allow_none=True), [None, 1], ["", "1"]),
    (lambda: fields.String(allow_none=True), [None, ""], [0]),
    (lambda: fields.Integer(pre_load=lambda text: int(text, 16)), ["ff"], ["1.5"]),
]


@pytest.mark.parametrize(("make", "good", "bad"), TABLE)
def test_each_field_takes_its_own_json_type_alone(make, good, bad):
    """A field takes JSON's own form of its type, and nothing that would need converting."""
    for value in good:
        load_one(make(), value)
    for value in bad:
        with pytest.raises((Invalid, ValueError)) as caught:
            load_one(make(), value)
        if make is not TABLE[-1][0]:
            assert isinstance(caught.value, Invalid), value


def test_a_whole_float_becomes_an_integer_and_digits_are_kept():
    """15.0 is the integer 15; integers beyond what a float holds keep every digit."""
    loaded = load_one(fields.Integer(), 15.0)
    assert (loaded, type(loaded)) == (15, int)
    assert load_one(fields.Integer(), 12345678901234567890123) == 12345678901234567890123
    assert load_one(fields.Decimal(), "0.10000000000000000001") == Decimal("0.10000000000000000001")


class Address(Schema):
    street = fields.String(required=True)
    number = fields.Integer()


class Person(Schema):
    name = fields.String(required=True, data_key="full name", validate=validate.Length(1, 5))
    home = fields.Nested(Address)
    others = fields.List(fields.Nested(Address))
    many = fields.Nested(Address, many=True)
    by_name = fields.Dict(
        keys=fields.String(validate=validate.Length(max=9)), values=fields.Integer()
    )
    homes = fields.Dict(values=fields.Nested(Address))
    point = fields.Tuple([fields.Integer(), fields.Nested(Address)])
    street = fields.Pluck(Address, "number")
    streets = fields.Pluck(Address, "number", many=True)

    @validates_schema
    def whole(self, data: dict[str, Any], **_: Any) -> None:
        if data.get("name") == "Nobody":
            raise ValidationError("Somebody, please.")


@pytest.mark.parametrize(
    ("raw", "pointers"),
    [
        ({}, ["/full name"]),
        ([], [""]),
        ({"full name": "A", "zz": 1, "yy": 2}, ["/yy", "/zz"]),
        ({"full name": "A", "a/b~": 1}, ["/a~1b~0"]),
        ({"full name": "", "home": {"number": "1"}},
         ["/full name", "/home/street", "/home/number"]),
        ({"full name": "A", "home": 1}, ["/home"]),
        ({"full name": "A", "home": {"street": "s", "x": 1}}, ["/home/x"]),
        ({"full name": "A", "others": [{"street": "s"}, {}, 3]}, ["/others/1/street", "/others/2"]),
        ({"full name": "A", "many": [{"street": "s"}, {}]}, ["/many/1/street"]),
        ({"full name": "A", "many": {}}, ["/many"]),
        ({"full name": "A", "by_name": {"a": 1, "b/": "2"}}, ["/by_name/b~1"]),
        ({"full name": "A", "by_name": {"longer than it may": 2}}, ["/by_name/longer than it may"]),
        ({"full name": "A", "by_name": {"_schema": "2", "key": "3"}},
         ["/by_name/_schema", "/by_name/key"]),
        ({"full name": "A", "homes": {"key": {}, "value": {"street": 1}}},
         ["/homes/key/street", "/homes/value/street"]),
        ({"full name": "A", "point": ["1", {}]}, ["/point/0", "/point/1/street"]),
        ({"full name": "A", "street": "1"}, ["/street"]),
        ({"full name": "A", "streets": [1, "1"]}, ["/streets/1"]),
        ({"full name": "A", "homes": {"a": None}}, ["/homes/a"]),
    ],
)  # fmt: skip
def test_every_wrong_field_is_named(raw, pointers):
    """Every wrong field is named by its JSON pointer, however deep, in the schema's order."""
    with pytest.raises(Invalid) as caught:
        Params.of(Person).load(raw)
    assert list(dict.fromkeys(wrong.pointer for wrong in caught.value.errors)) == pointers


def test_what_is_wrong_with_the_whole_points_at_the_whole():
    """An error of the whole schema has the empty pointer, and marshmallow's text."""

    class Whole(Schema):
        @validates_schema
        def check(self, data: dict[str, Any], **_: Any) -> None:
            raise ValidationError(["No.", "Never."])

    with pytest.raises(Invalid) as caught:
        Params.of(Whole).load({})
    assert caught.value.errors == (Wrong("", "No."), Wrong("", "Never."))


def test_several_faults_of_one_field_are_all_told():
    """Each validator's text is an error of its own."""
    field = fields.String(validate=[validate.Length(min=3), validate.Regexp("b")])
    with pytest.raises(Invalid) as caught:
        load_one(field, "a")
    assert [wrong.pointer for wrong in caught.value.errors] == ["/x", "/x"]


def test_names_are_the_keys_outside_in_declared_order():
    """`names` are the keys that a caller uses, in the order of declaration."""
    assert Params.of(Person).names[:3] == ("full name", "home", "others")


def test_the_users_class_and_instances_stay_as_they_were():
    """Tightening reaches into one instance only: not its class, not a nested instance."""
    shared = Address()

    class Holder(Schema):
        number = fields.Integer()
        home = fields.Nested(shared)
        also = fields.List(fields.Nested(shared))

    strict = Params.of(Holder)
    with pytest.raises(Invalid):
        strict.load({"home": {"street": "s", "number": "1"}})
    with pytest.raises(Invalid):
        strict.load({"also": [{"street": "s", "number": "1"}]})
    assert shared.load({"street": "s", "number": "1"})["number"] == 1
    assert Holder().load({"number": "1", "home": {"street": "s", "number": "2"}})["number"] == 1


def test_tightening_twice_is_tightening_once():
    """A schema that is tight already stays as it is."""
    schema = tighten(tighten(Person()))
    assert [len(field.pre_load) for field in schema.load_fields.values()][:2] == [1, 0]


class Tree(Schema):
    number = fields.Integer(required=True)
    children = fields.List(fields.Nested(lambda: Tree()))
    secret = Secret()


def test_a_schema_that_holds_itself_is_strict_at_every_depth():
    """Recursive schemas are tightened as deep as the data goes."""
    params = Params.of(Tree)
    deep = {"number": 1, "children": [{"number": 2, "children": [{"number": 3}]}]}
    assert params.load(deep) == deep
    for _ in range(2):
        with pytest.raises(Invalid) as caught:
            params.load({"number": 1, "children": [{"number": 2, "children": [{"number": "3"}]}]})
        assert caught.value.errors[0].pointer == "/children/0/children/0/number"


def test_partial_loading_is_off():
    """`partial` in a schema, or in a nested one, excuses no missing field."""

    class Holder(Schema):
        home = fields.Nested(Address(partial=True), required=True)

    with pytest.raises(Invalid):
        Params.of(Holder(partial=True)).load({})
    with pytest.raises(Invalid):
        Params.of(Holder).load({"home": {}})


class Loose(Schema):
    class Meta:
        unknown = EXCLUDE


@pytest.mark.parametrize(
    "schema",
    [
        Loose,
        Address(unknown=INCLUDE),
        Schema.from_dict({"x": fields.Nested(Loose)}),
        Schema.from_dict({"x": fields.Nested(Address, unknown=EXCLUDE)}),
        Schema.from_dict({"x": fields.List(fields.Nested(Address(unknown=INCLUDE)))}),
        Schema.from_dict({"x": fields.Dict(values=fields.Nested(lambda: Loose()))}),
    ],
    ids=["class", "instance", "nested", "nested field", "in a list", "in a dict"],
)
def test_a_schema_that_lets_unknown_fields_pass_is_refused(schema):
    """`unknown` other than RAISE, anywhere inside, is refused with what to do instead."""
    with pytest.raises(ValueError, match="remove `unknown`, or declare a Dict field"):
        Params.of(schema)


def test_parameters_are_one_object():
    """A schema of many, or one that loads to something else than a dict, is no params schema."""

    class Made(Schema):
        @post_load
        def make(self, data: Any, **_: Any) -> Any:
            return object()

    with pytest.raises(ValueError, match="many=True"):
        Params.of(Address(many=True))
    with pytest.raises(TypeError, match="must leave a dict"):
        Params.of(Made).load({})


def test_a_result_without_a_type_is_made_plain():
    """With no type known, whatever has a form in JSON goes."""
    assert Result.of().dump({"a": (1, date(2026, 1, 2))}) == {"a": [1, "2026-01-02"]}
    with pytest.raises(TypeError, match="/a: "):
        Result.of(None).dump({"a": object()})


def test_a_result_by_a_schema_or_field_is_plain_too():
    """What a schema leaves in Python's form, a Decimal say, is made plain after it."""

    class Price(Schema):
        amount = fields.Decimal()
        at = fields.DateTime()
        secret = Secret()

    value = {"amount": Decimal("1.50"), "at": datetime(2026, 1, 2, tzinfo=UTC), "secret": "x"}
    out = {"amount": "1.50", "at": "2026-01-02T00:00:00+00:00"}
    assert Result.of(Price).dump(value) == out
    assert Result.of(Price(many=True)).dump([value]) == [out]
    assert Result.of(fields.List(fields.Nested(Price))).dump([value]) == [out]


@pytest.mark.parametrize(
    ("hint", "good", "bad"),
    [
        (int, [1], [1.5, "1", True, None]),
        (float, [1, 1.5], ["1", NAN, None, True]),
        (str, ["a"], [1, None]),
        (bool, [True], [1, "true"]),
        (list[str], [["a"], ("a",)], ["ab", ["a", 1], {"a": 1}]),
        (dict[str, int], [{"a": 1}], [{"a": "1"}, {1: 1}, []]),
        (int | None, [None, 1], ["1"]),
        (int | str, [1, "a"], [1.5, [], None]),
        (date, [date(2026, 1, 2)], [NAIVE, "2026-01-02"]),
        (datetime, [datetime(2026, 1, 2, tzinfo=UTC)], [NAIVE, "x"]),
        (Decimal, [Decimal("1.5"), 1], [1.5, "1.5"]),
        (Size, [Size.SMALL], [1]),
    ],
)
def test_a_result_keeps_what_its_hint_promises(hint, good, bad):
    """A result of another type than the function's hint is an error, never converted."""
    result = Result.of(hint)
    for value in good:
        result.dump(value)
    for value in bad:
        with pytest.raises((TypeError, ValueError)):
            result.dump(value)


def test_a_field_promises_what_a_hint_does_and_a_written_schema_what_marshmallow_does():
    """A result's field converts nothing; a schema written by hand dumps as its author knows it."""
    with pytest.raises(TypeError, match="'result' holds str, not int"):
        Result.of(fields.Integer()).dump("1")
    assert Result.of(fields.List(fields.Nested(Address))).dump([{"number": "1"}]) == [{"number": 1}]


def test_a_missing_result_is_told():
    """None where the type does not allow it is an error."""
    with pytest.raises(TypeError, match="the result is None"):
        Result.of(Address).dump(None)


class Login(Schema):
    user = fields.String()
    password = Secret(required=True, data_key="pass/word")
    keys = fields.List(Secret())
    named = fields.Dict(values=Secret())
    pair = fields.Tuple([fields.String(), Secret()])
    inner = fields.Nested(Tree, many=True)
    plucked = fields.Pluck(Tree, "secret")


def test_secrets_are_listed_by_pointer():
    """`secrets` lists where secrets are taken; `*` stands for any index or key."""
    assert secrets(Login()) == {
        "/pass~1word",
        "/keys/*",
        "/named/*",
        "/pair/1",
        "/inner/*/secret",
        "/plucked",
    }
    assert Params.of(Login).secrets == secrets(Login())


def test_mask_hides_every_secret_valid_or_not():
    """A masked copy shows no secret, at no depth and of no type, and leaves the rest."""
    tree = {"secret": "s", "children": [{"secret": "s", "children": [{"secret": ["s"]}]}]}
    raw = {
        "user": "u",
        "pass/word": {"s": "s"},
        "keys": ["s", None],
        "named": {"a": "s"},
        "pair": ["u", "s"],
        "inner": [tree],
        "plucked": "s",
        "unknown": [1],
    }
    masked = mask(Login(), raw)
    assert masked["user"] == "u"
    assert masked["unknown"] == [1]
    assert masked["keys"] == ["********", None]
    assert "'s'" not in repr(masked)
    assert raw["plucked"] == "s"
