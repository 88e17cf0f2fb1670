"""The parts of a prompt that are no text: pictures and sound, from whatever holds them.

Libraries are recognised by what the user has imported; nothing is imported for them.
Source: the chat-completions contract, "Messages".
"""

from __future__ import annotations

import base64
import io
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.text import clean_json, shown

DEFAULT_LIMIT = 20 * 2**20

_IMAGES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))


def content(items: Sequence[str | Part]) -> str | tuple[Part, ...]:
    """Return the content of a user message: one string if there are only texts, else its parts.

    Raises UsageError if there is nothing in it.
    """
    texts = [item for item in items if isinstance(item, str)]
    if len(texts) == len(items):
        if not any(text.strip() for text in texts):
            raise UsageError("the prompt is empty; write it below the %%chat line, or after %chat")
        return "\n\n".join(texts)
    return tuple({"type": "text", "text": i} if isinstance(i, str) else i for i in items)


def attachment(value: Any, *, limit: int = DEFAULT_LIMIT) -> Part | None:
    """Return the part for a picture, a sound or a part in the form in which it is sent.

    None for any other value. Raises UsageError for a file that is none of these, and for one of
    more than `limit` bytes.
    """
    if type(value) is dict:
        # As everywhere in this protocol, the content stands under the name of the type.
        kind = value.get("type")
        return clean_json(value) if isinstance(kind, str) and kind in value else None
    if isinstance(value, os.PathLike):
        data = _bytes(value, "a part of the prompt", limit)
        return audio(value, limit=limit) if _sound(data) else image(value, limit=limit)
    if isinstance(value, (bytes, bytearray)):
        if _sound(value):
            return audio(value, limit=limit)
        return image(value, limit=limit) if picture_kind(value) else None
    return image(value, limit=limit) if _drawable(value) else None


def image(value: Any, *, limit: int = DEFAULT_LIMIT) -> Part:
    """Return the part for a picture.

    `value` is an https address, the path of a file, the bytes of one (PNG, JPEG, GIF or WebP), a
    PIL image or a matplotlib figure.
    """
    if isinstance(value, str) and value.startswith(("https://", "data:image/")):
        return {"type": "image_url", "image_url": {"url": value}}
    if isinstance(value, str) and value.startswith("http://"):
        raise UsageError(f"a picture needs an https address, got {shown(value)}")
    data = _drawn(value)
    if data is None:
        data = _bytes(value, "a picture", limit)
    kind = picture_kind(data)
    if kind is None:
        raise UsageError(f"a picture must be PNG, JPEG, GIF or WebP; {_named(value)} is none")
    _check_size(len(data), value, limit)
    url = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return {"type": "image_url", "image_url": {"url": url}}


def audio(value: Any, *, limit: int = DEFAULT_LIMIT) -> Part:
    """Return the part for a sound: the path or the bytes of a WAV or MP3 file."""
    data = _bytes(value, "a sound", limit)
    kind = _sound(data)
    if kind is None:
        raise UsageError(f"a sound must be WAV or MP3; {_named(value)} is neither")
    encoded = base64.b64encode(data).decode("ascii")
    return {"type": "input_audio", "input_audio": {"data": encoded, "format": kind}}


def picture_kind(data: bytes | bytearray) -> str | None:
    """Return the kind of the picture that a file's bytes are, as in image/png; None: none."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    return next((name for magic, name in _IMAGES if data.startswith(magic)), None)


def _sound(data: bytes | bytearray) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    # An ID3 tag, or a frame of MPEG layer III: eleven set bits, then the layer's two.
    if data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2):  # noqa: PLR2004  # the format's bits
        return "mp3"
    return None


def _drawn(value: Any) -> bytes | None:
    """Return the PNG of a PIL image or a matplotlib figure; None for anything else."""
    drawable, buffer = _drawable(value), io.BytesIO()
    if drawable is None:
        return None
    if hasattr(drawable, "savefig"):
        drawable.savefig(buffer, format="png", bbox_inches="tight")
    else:
        modes = ("1", "L", "LA", "P", "RGB", "RGBA")
        plain = drawable if drawable.mode in modes else drawable.convert("RGB")
        plain.save(buffer, "PNG")
    return buffer.getvalue()


def _drawable(value: Any) -> Any:
    """Return the PIL image that a value is, or its matplotlib figure; None for anything else."""
    pil, figures = sys.modules.get("PIL.Image"), sys.modules.get("matplotlib.figure")
    if pil is not None and isinstance(value, pil.Image):
        return value
    if figures is not None:
        with suppress(Exception):  # whatever a foreign value raises when it is asked
            figure = getattr(value, "figure", value)  # axes know theirs
            return figure if isinstance(figure, figures.Figure) else None
    return None


def _bytes(value: Any, what: str, limit: int) -> bytes:
    if isinstance(value, (bytes, bytearray)):
        _check_size(len(value), value, limit)
        return bytes(value)
    if not isinstance(value, (str, os.PathLike)):
        raise UsageError(
            f"{what} must be a path, bytes, an https address, a PIL image or a matplotlib figure, "
            f"got a {type(value).__name__}"
        )
    path = Path(value).expanduser()
    if "\0" in str(path):
        raise UsageError(f"{_named(value)} is no path")
    try:
        _check_size(path.stat().st_size, value, limit)
        return path.read_bytes()
    except FileNotFoundError:
        raise UsageError(
            f"cannot read {what} from {_named(value)}: there is no such file in {Path.cwd()}"
            + (", nor a variable of that name" if str(value).isidentifier() else "")
        ) from None
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise UsageError(f"cannot read {what} from {_named(value)}: {reason}") from None


def _check_size(size: int, value: Any, limit: int) -> None:
    if size > limit:
        raise UsageError(
            f"{_named(value)} has {size:,} bytes, more than the {limit:,} of "
            "ChatConfig.max_attachment_bytes; make it smaller, or raise that"
        )


def _named(value: Any) -> str:
    if isinstance(value, (str, os.PathLike)):
        return shown(str(value))
    return f"what came ({type(value).__name__})"
