"""Pictures and sounds in a prompt."""

from __future__ import annotations

import base64
import io
import sys
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from matplotlib.figure import Figure
from PIL import Image

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt import parts
from eighty80_jupyter.prompt.template.prepare import prepare
from eighty80_jupyter.prompt.template.render import Context

if TYPE_CHECKING:
    from collections.abc import Callable

    from eighty80_jupyter.api.messages import Part


def encoded(kind: str, mode: str = "RGB") -> bytes:
    """Return a small picture in a file format."""
    buffer = io.BytesIO()
    Image.new(mode, (4, 3), 1).save(buffer, kind)
    return buffer.getvalue()


def sound() -> bytes:
    """Return a short WAV file."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setparams((1, 2, 8000, 4, "NONE", ""))
        file.writeframes(b"\0\0" * 4)
    return buffer.getvalue()


def picture_in(part: Part) -> tuple[str, bytes]:
    """Return the media type and the bytes of a picture's data address."""
    head, _, data = part["image_url"]["url"].partition(";base64,")
    return head.removeprefix("data:"), base64.b64decode(data)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "WEBP"])
def test_picture_files(tmp_path: Path, kind: str) -> None:
    """A file and its bytes are sent as they are, with the type that their content has."""
    data = encoded(kind)
    path = tmp_path / "picture.dat"
    path.write_bytes(data)
    for value in (path, str(path), data, bytearray(data)):
        assert picture_in(parts.image(value)) == (f"image/{kind.lower()}", data)


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "I;16", "F"])
def test_pil_images(mode: str) -> None:
    """A PIL image of any mode becomes a PNG of its size."""
    image = Image.new("L", (4, 3)).convert(mode) if mode == "P" else Image.new(mode, (4, 3))
    kind, data = picture_in(parts.image(image))
    assert kind == "image/png"
    assert Image.open(io.BytesIO(data)).size == (4, 3)


def test_matplotlib_figures() -> None:
    """A figure, and axes of one, become a PNG."""
    figure = Figure()
    axes = figure.subplots()
    for value in (figure, axes):
        kind, data = picture_in(parts.image(value))
        assert kind == "image/png"
        assert Image.open(io.BytesIO(data)).size[0] > 100


def test_addresses() -> None:
    """An https address is sent as it is, and a plain http one is refused."""
    url = "https://example.org/a.png"
    assert parts.image(url) == {"type": "image_url", "image_url": {"url": url}}
    with pytest.raises(UsageError, match="needs an https address, got 'http://"):
        parts.image("http://example.org/a.png")


@pytest.mark.parametrize(
    ("data", "kind"), [(sound(), "wav"), (b"ID3\x04rest", "mp3"), (b"\xff\xfb\x90rest", "mp3")]
)
def test_sounds(tmp_path: Path, data: bytes, kind: str) -> None:
    """A WAV or MP3 file is sent with its format, from a path or from bytes."""
    path = tmp_path / "sound"
    path.write_bytes(data)
    expected = {"data": base64.b64encode(data).decode(), "format": kind}
    for value in (data, path, str(path)):
        assert parts.audio(value) == {"type": "input_audio", "input_audio": expected}


def test_texts_alone_stay_a_string() -> None:
    """Without a picture or a sound the content is a plain string."""
    assert parts.content(["Hello {x}\n"]) == "Hello {x}\n"
    assert parts.content(["a", "b"]) == "a\n\nb"


def test_a_list_of_parts(tmp_path: Path) -> None:
    """Texts, figures, paths, sounds, ready parts and other values keep their order."""
    path = tmp_path / "p.png"
    path.write_bytes(encoded("PNG"))
    ready = {"type": "text", "text": "ready"}
    items = ["What is this?", Figure(), path, sound(), ready, [1, 2], b"raw", {"type": "dog"}]
    content = prepare(items, Context(namespace={})).content
    assert isinstance(content, tuple)
    assert [part["type"] for part in content] == [
        *("text", "image_url", "image_url", "input_audio", "text", "text", "text", "text")
    ]
    assert parts.attachment(path) == content[2]
    assert [part["text"] for part in content if part["type"] == "text"][1:] == [
        *("ready", "[1, 2]", "b'raw'", "{'type': 'dog'}")
    ]


def test_nothing_is_imported() -> None:
    """The module itself imports neither PIL nor matplotlib."""
    import subprocess  # noqa: PLC0415  # for this test alone

    code = (
        "import sys, eighty80_jupyter.prompt.parts as p\n"
        "p.content(['x']); print({'PIL', 'matplotlib', 'numpy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


def _write(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda _: parts.image("missing.png"),
            r"cannot read a picture from 'missing.png': there is no such file in ",
        ),
        (lambda _: parts.image("figure"), r"in .*, nor a variable of that name"),
        (parts.image, r"cannot read a picture from .*: Is a directory"),
        (
            lambda t: parts.image(_write(t / "x", b"text")),
            r"must be PNG, JPEG, GIF or WebP; .* is none",
        ),
        (lambda _: parts.image(b"%PDF"), r"must be PNG, JPEG, GIF or WebP; what came \(bytes\)"),
        (lambda _: parts.image(5), r"must be a path, bytes, .*got a int"),
        (lambda _: parts.image("a\0b"), r"is no path"),
        (lambda _: parts.audio(b"fLaC"), r"must be WAV or MP3"),
        (
            lambda _: parts.image(encoded("PNG"), limit=9),
            r"more than the 9 of ChatConfig.max_attachment",
        ),
        (lambda t: parts.audio(_write(t / "x", sound()), limit=9), r"has 52 bytes, more than the"),
        (lambda _: parts.image(Image.new("L", (9, 9)), limit=9), r"more than the"),
        (lambda t: parts.attachment(_write(t / "x", b"text")), r"PNG, JPEG, GIF or WebP; .* none"),
        (
            lambda _: prepare(None, Context(namespace={})),
            r"a prompt is a text, or a list .*; got a None",
        ),
        (lambda _: parts.content([" \n"]), r"the prompt is empty"),
        (lambda _: parts.content([]), r"prompt is empty; write"),
    ],
)
def test_what_cannot_be_sent(tmp_path: Path, make: Callable[[Path], Any], message: str) -> None:
    """A missing file, an unknown format, a large file: one line that names it."""
    with pytest.raises(UsageError, match=message) as caught:
        make(tmp_path)
    assert "\n" not in str(caught.value)
