"""Pictures: what becomes of each, what is refused, and a sheet that nothing can stop."""

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import pytest

import app.operations  # noqa: F401 - importing declares
from app.testing import Testing

BLUE, RED = (30, 30, 200), (200, 30, 30)


@pytest.fixture(autouse=True)
def there(need: Callable[[str], None]) -> None:
    need("PIL")


def flag(size: tuple[int, int] = (400, 200)) -> Any:
    """Blue on the left, red on the right."""
    from PIL import Image

    made = Image.new("RGB", size, RED)
    made.paste(BLUE, (0, 0, size[0] // 2, size[1]))
    return made


def written(image: Any, form: str, **more: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, form, **more)
    return out.getvalue()


def turned(form: str) -> bytes:
    """As cameras write that are held upright, with words of their own."""
    from PIL import Image

    head = Image.Exif()
    head[0x0112], head[0x010E] = 6, "at home"
    return written(flag(), form, exif=head)


def grey16() -> Any:
    from PIL import Image

    row = b"".join(struct.pack("<H", x * 160) for x in range(400))
    return Image.frombytes("I;16", (400, 200), row * 200)


def noise() -> Any:
    from PIL import Image

    return Image.effect_noise((200, 200), 50)


def made_of(service: Testing, content: bytes, name: str, type: str | None = None) -> Any:
    job = service.submit("cats.picture", pic=service.file(content, name, type))
    service.run()
    return service.result(job)


def refusal(service: Testing, content: bytes, name: str, type: str | None = None) -> str:
    job = service.submit("cats.picture", pic=service.file(content, name, type))
    service.run()
    error = service.error(job)
    assert error["kind"] == "refused", error
    return str(error["detail"])


def pixels(service: Testing, file: Any) -> Any:
    from PIL import Image

    return Image.open(io.BytesIO(service.content(file)))


FORMS: dict[str, Callable[[], bytes]] = {
    "a.jpg": lambda: written(flag(), "JPEG"),
    "cmyk.jpg": lambda: written(flag().convert("CMYK"), "JPEG"),
    "a.png": lambda: written(flag(), "PNG"),
    "palette.png": lambda: written(flag().convert("P"), "PNG"),
    "alpha.png": lambda: written(flag().convert("RGBA"), "PNG"),
    "a.gif": lambda: written(flag(), "GIF"),
    "moving.gif": lambda: written(
        flag(), "GIF", save_all=True, append_images=[flag().transpose(0)] * 3, loop=0
    ),
    "a.webp": lambda: written(flag(), "WEBP"),
    "moving.webp": lambda: written(flag(), "WEBP", save_all=True, append_images=[flag()]),
    "a.avif": lambda: written(flag(), "AVIF"),
    "a.bmp": lambda: written(flag(), "BMP"),
    "lab.tiff": lambda: written(flag().convert("LAB"), "TIFF"),
}


@pytest.mark.parametrize("name", FORMS)
def test_pictures_of_many_forms_become_small(service: Testing, name: str) -> None:
    """The first of moving ones; colours and shape stay."""
    told = made_of(service, FORMS[name](), name)
    small = pixels(service, told["thumbnail"])
    assert (told["width"], told["height"]) == small.size == (320, 160)
    left, right = small.getpixel((20, 80)), small.getpixel((300, 80))
    assert max(abs(a - b) for a, b in zip(left + right, BLUE + RED, strict=True)) < 40


def test_grey_of_16_bits_keeps_its_shades(service: Testing) -> None:
    small = pixels(service, made_of(service, written(grey16(), "PNG"), "grey.png")["thumbnail"])
    shades = [small.getpixel((x, 80))[0] for x in (5, 160, 315)]
    assert shades[0] < 20
    assert 100 < shades[1] < 160
    assert shades[2] > 235


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP"])
def test_it_stands_upright_and_tells_nothing_of_the_camera(service: Testing, form: str) -> None:
    told = made_of(service, turned(form), f"a.{form.lower()}")
    content = service.content(told["thumbnail"])
    small = pixels(service, told["thumbnail"])
    assert small.size == (160, 320)
    assert small.getpixel((80, 20))[2] > 150
    assert b"at home" not in content
    assert not dict(small.getexif())


def test_what_shines_through_still_does(service: Testing) -> None:
    image = flag().convert("RGBA")
    image.putalpha(100)
    told = made_of(service, written(image, "PNG"), "ghost.png")
    assert told["thumbnail"]["name"] == "ghost small.png"
    assert pixels(service, told["thumbnail"]).getpixel((5, 5))[3] == 100


def bomb() -> bytes:
    """Some hundred bytes of 60,000 by 60,000 pixels."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    rows = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def boasting() -> bytes:
    """A text of a gigabyte in a small picture's head."""

    def chunk(name: bytes, data: bytes) -> bytes:
        body = name + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(b"a" * 200_000_000))
    whole = written(flag(), "PNG")
    return whole[:33] + text + whole[33:]


REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "empty.jpg": (lambda: b"", "no picture"),
    "page.jpg": (lambda: b"<html><script>alert(1)</script></html>", "no picture"),
    "drawing.svg": (lambda: b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
    "postscript.png": (lambda: b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture"),
    "jpeg.png": (lambda: written(flag(), "JPEG"), "it is image/jpeg"),
    "picture.txt": (lambda: written(flag(), "JPEG"), "it is image/jpeg"),
    "cut.jpg": (lambda: written(flag(), "JPEG")[:500], "broken, or cut off"),
    "cut.png": (lambda: written(grey16(), "PNG")[:200], "broken, or cut off"),
    "cut.webp": (lambda: written(noise(), "WEBP")[:900], "broken, or cut off"),
    "bomb.png": (bomb, "at most 50,000,000 pixels"),
    "large.png": (lambda: written(flag((10_001, 5_000)).convert("1"), "PNG"), "at most 50,000,000"),
    "boasting.png": (boasting, "broken, or cut off"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_picture_is_refused(service: Testing, name: str) -> None:
    """With a sentence, and without another try."""
    content, why = REFUSED[name]
    assert why in refusal(service, content(), name)
    assert service.call("cats.pics") == []


def test_the_page_has_the_newest_first_and_each_once(service: Testing) -> None:
    """However often a picture was made small."""
    ids = [service.file(written(flag(), "PNG"), f"{n}.png") for n in range(3)]
    for id in [*ids, ids[1]]:
        service.submit("cats.picture", pic=id)
        service.run()
    listed = service.call("cats.pics")
    assert [each["name"] for each in listed] == ["2.png", "1.png", "0.png"]
    assert len(service.call("cats.pics", limit=2)) == 2
    assert all(each["thumbnail"]["url"] and each["picture"]["url"] for each in listed)


def test_an_upload_to_its_folder_is_what_it_waits_for(service: Testing) -> None:
    """No parameter of it has the name of a fact of an upload, which would be given it."""
    operation = service.room.registry.get("cats.picture")
    assert [each.fits("pics/tom.jpg") for each in operation.triggers] == [True]
    facts = {"bucket", "key", "name", "type", "size", "etag", "version", "time"}
    assert not facts & set(operation.params.names)


def cats(service: Testing, many: int) -> list[str]:
    from PIL import Image

    shades = [Image.new("RGB", (90 + n, 140 - n), (n * 20, 90, 255 - n * 20)) for n in range(many)]
    return [service.file(written(each, "PNG"), f"{n}.png") for n, each in enumerate(shades)]


def drawn(service: Testing, **more: Any) -> bytes:
    """A sheet of eight, as it comes out of whatever was planned for it."""
    job = service.submit("cats.sheet", pics=cats(service, 8), columns=3, edge=64, **more)
    service.run()
    result = service.result(job)
    assert (result["name"], result["type"]) == ("sheet.png", "image/png")
    return service.content(result)


def test_a_sheet_has_each_picture_in_its_place(service: Testing) -> None:
    from PIL import Image

    sheet = Image.open(io.BytesIO(drawn(service)))
    assert sheet.size == (3 * 76 + 12, 3 * 76 + 12)
    for place in range(8):
        row, column = divmod(place, 3)
        middle = sheet.getpixel((12 + column * 76 + 32, 12 + row * 76 + 32))
        assert abs(middle[0] - place * 20) < 8
    assert sheet.getpixel((12 + 2 * 76 + 32, 12 + 2 * 76 + 32)) == (250, 248, 243)


@pytest.mark.parametrize("skip", [0, 3, 7])
def test_a_sheet_survives_crashes_byte_for_byte(service: Testing, skip: int) -> None:
    with Testing() as other:
        undisturbed = drawn(other)
    service.crash_at("drawing", skip=skip, times=2)
    assert drawn(service) == undisturbed
    assert service.crashes == 2


def test_a_sheet_survives_slices_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each picture takes a second, and each slice two: nothing is drawn twice."""
    from app.operations import canvas

    with Testing() as other:
        undisturbed = drawn(other)
    with Testing(slice=2) as service:
        draw, seen = canvas.thumbnail, []

        def slowly(*words: Any) -> Any:
            service.advance(1)
            seen.append(1)
            return draw(*words)

        monkeypatch.setattr(canvas, "thumbnail", slowly)
        assert drawn(service) == undisturbed
    assert len(seen) == 8


def test_a_picture_that_is_none_is_a_cross_and_the_log_says_why(service: Testing) -> None:
    from PIL import Image

    pics = [*cats(service, 1), service.file(b"no picture", "bad.png")]
    job = service.submit("cats.sheet", pics=pics, columns=2, edge=64)
    service.run()
    sheet = Image.open(io.BytesIO(service.content(service.result(job))))
    assert sheet.getpixel((12 + 76, 12)) == (163, 39, 29)
    assert "bad.png: This is no picture" in service.log(job)[0]
