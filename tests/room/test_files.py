"""A file outside: its id on the way in, what is known of it on the way out."""

import pytest
from marshmallow import Schema, ValidationError

from app.room.files import File, FileField

ID = "file_01J9ZZZZZZZZZZZZZZZZZZZZZZ"


class Takes(Schema):
    pic = FileField(required=True)


def test_an_id_loads_to_a_file_of_which_nothing_else_is_known():
    """An id loads to a File that holds only the id."""
    assert Takes().load({"pic": ID}) == {"pic": File(ID)}


@pytest.mark.parametrize(
    "bad",
    [
        None,
        1,
        True,
        {},
        {"file": ID},
        "",
        "file_",
        ID.lower(),
        ID[:-1],
        ID + "0",
        ID + "\n",
        ID.replace("file_", "job_"),
        "file_81J9ZZZZZZZZZZZZZZZZZZZZZZ",  # more than a ULID's 128 bits
        "file_01J9ZZZZZZZZZZZZZZZZZZZZZU",  # U is not in the alphabet
    ],
)
def test_what_is_no_id_is_refused(bad):
    """Only `file_` and a ULID is a file's id."""
    with pytest.raises(ValidationError):
        Takes().load({"pic": bad})


def test_a_file_dumps_what_is_known_of_it():
    """A file reads as an object; what is not known is left out."""
    whole = File(ID, "a.jpg", "image/jpeg", 3, "ab" * 32, "/v1/files/x")
    assert Takes().dump({"pic": File(ID)}) == {"pic": {"file": ID}}
    assert Takes().dump({"pic": whole})["pic"] == {
        "file": ID,
        "name": "a.jpg",
        "type": "image/jpeg",
        "size": 3,
        "sha256": "ab" * 32,
        "url": "/v1/files/x",
    }


def test_only_a_file_dumps_as_one():
    """A path or an id in a result's place for a file is told, not passed on."""
    with pytest.raises(TypeError, match="a File is wanted, not str"):
        Takes().dump({"pic": ID})
