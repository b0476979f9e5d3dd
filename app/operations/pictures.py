"""Pictures of cats: a small one of each that is uploaded, the list of them, and contact sheets.

Needs Pillow: `requirements-pictures.txt`.
"""

from dataclasses import asdict, dataclass
from itertools import islice
from typing import Annotated, Any

from marshmallow import Schema, fields, validate

from app import File, FileField, Refused, Run, Unknown, Upload, operation, records
from app.operations import canvas

MEMORY = 768 * 1024 * 1024  # bytes: what decodes strangers' pictures may crash alone
MOST = 500  # pictures on a sheet
PICTURES = "cat pictures"
DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of ids, which begin with the time
BACKWARDS = str.maketrans(DIGITS, DIGITS[::-1])

CAT = "file_01K8J5M0000000000000000001"
OTHER = "file_01K8J5M0000000000000000002"

Edge = Annotated[int, validate.Range(32, 1024), "Pixels that it is wide or high at most."]


@dataclass
class Picture:
    name: str
    width: int
    height: int
    picture: File
    thumbnail: File


@operation(
    "cats.picture",
    long=True,
    on=[Upload("pics/*")],
    retries=2,
    timeout="5m",
    concurrency=4,
    memory=MEMORY,
    examples=[{"pic": CAT}, {"pic": CAT, "edge": 640}],
)
def picture(run: Run, pic: File, edge: Edge = 320) -> Picture:
    """Make a small picture of a picture, and put it on the page of pictures.

    JPEG, PNG, GIF, WebP, AVIF, BMP and TIFF, up to 50 million pixels. It stands the right way up,
    and nothing of what the camera has written into the file is in it, such as the place.
    """
    with run.open(pic) as stream:
        small = canvas.thumbnail(stream, edge, pic.type)
    content, type = canvas.encoded(small)
    stem = (pic.name or "picture").rpartition(".")[0] or "picture"
    ending = type.partition("/")[2].replace("jpeg", "jpg")
    thumbnail = run.save(content, name=f"{stem} small.{ending}", type=type)
    made = Picture(pic.name or "picture", small.width, small.height, pic, thumbnail)
    # The newest first: a list goes by ids, and an id begins with its time.
    records(PICTURES).put(pic.id.translate(BACKWARDS), asdict(made))
    return made


@operation("cats.pics", http="GET /cat/pics", scope="read", examples=[{"limit": 20}])
def pics(limit: Annotated[int, validate.Range(1, 100)] = 50) -> list[Picture]:
    """List the pictures, the newest first.

    Each has links to its bytes, which are made anew for each reader. A picture whose file is gone,
    or belongs to somebody else, has none.
    """
    return [_read(record.body) for record in islice(records(PICTURES), limit)]


class Sheet(Schema):
    pics = fields.List(
        FileField(),
        required=True,
        validate=validate.Length(1, MOST),
        metadata={"description": "The pictures, in the order in which they are drawn."},
    )
    columns = fields.Integer(load_default=5, validate=validate.Range(1, 20))
    edge = fields.Integer(load_default=240, validate=validate.Range(32, 320))


@operation(
    "cats.sheet",
    params=Sheet,
    long=True,
    retries=5,
    timeout="2h",
    concurrency=4,
    memory=MEMORY,
    examples=[{"pics": [CAT, OTHER], "columns": 2}],
)
def sheet(run: Run, pics: list[File], columns: int, edge: int) -> File:
    """Draw one contact sheet of many pictures.

    What was drawn stays, whatever happens to the machine: it goes on with the next one. A picture
    that can not be read is a cross, and the log says why.
    """
    for pic in run.each(pics, note="drawing"):
        run.state.setdefault("cells", []).append(_cell(run, pic, edge))
    made = canvas.Sheet(len(pics), columns, edge)
    for place, id in enumerate(run.state["cells"]):
        if id is None:
            made.put(place, None)
            continue
        with run.open(id) as stream:
            made.put(place, stream)
    return run.save(made.png(), name="sheet.png", type="image/png")


def _cell(run: Run, pic: File, edge: int) -> str | None:
    """The id of a small picture: the state keeps that, and a file the pixels."""
    try:
        with run.open(pic) as stream:
            content, type = canvas.encoded(canvas.thumbnail(stream, edge, pic.type))
    except (Refused, Unknown) as problem:
        run.log(f"{pic.name}: {problem.detail}")
        return None
    return run.save(content, name="cell", type=type).id


def _read(facts: dict[str, Any]) -> Picture:
    return Picture(**facts | {name: File(**facts[name]) for name in ("picture", "thumbnail")})
