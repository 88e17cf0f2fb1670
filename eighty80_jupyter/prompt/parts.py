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
from pathlib import Path
from typing import Any

from eighty80_jupyter.api.messages import Part
from eighty80_jupyter.api.request_parameters import shown
from eighty80_jupyter.errors import UsageError

DEFAULT_LIMIT = 20 * 2**20

_IMAGES = ((b"\x89PNG\r\n\x1a\n", "png"), (b"\xff\xd8\xff", "jpeg"), (b"GIF8", "gif"))


def content(prompt: Any, *, limit: int = DEFAULT_LIMIT) -> str | tuple[Part, ...]:
    """Return the content of a user message for `prompt`.

    `prompt` is a text, or a list of texts, pictures, sounds and ready parts; a text alone stays a
    plain string. `limit` bounds each file in bytes. Raises UsageError for what cannot be sent.
    """
    items = [prompt] if isinstance(prompt, str) or not isinstance(prompt, Sequence) else prompt
    if isinstance(prompt, (bytes, bytearray)):
        items = [prompt]
    parts = [_part(item, limit) for item in items]
    texts = [part["text"] for part in parts if part["type"] == "text"]
    if not any(text.strip() for text in texts) and len(texts) == len(parts):
        raise UsageError("the prompt is empty; write it below the %%chat line, or after %chat")
    return "\n\n".join(texts) if len(texts) == len(parts) else tuple(parts)


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
    kind = next((name for magic, name in _IMAGES if data.startswith(magic)), None)
    if kind is None and data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        kind = "webp"
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


def _part(item: Any, limit: int) -> Part:
    if isinstance(item, str):
        return {"type": "text", "text": item}
    if isinstance(item, dict) and isinstance(item.get("type"), str):
        return item
    if isinstance(item, (bytes, bytearray, os.PathLike)):
        data = _bytes(item, "a part of the prompt", limit)
        return audio(item, limit=limit) if _sound(data) else image(item, limit=limit)
    if _drawn(item) is not None:
        return image(item, limit=limit)
    raise UsageError(
        "a prompt is a text, or a list of texts, pictures (Path, bytes, PIL image, matplotlib "
        f"figure) and sounds (Path, bytes); got a {type(item).__name__}"
    )


def _sound(data: bytes) -> str | None:
    if data[:4] == b"RIFF" and data[8:12] == b"WAVE":
        return "wav"
    # An ID3 tag, or a frame of MPEG layer III: eleven set bits, then the layer's two.
    if data[:3] == b"ID3" or (len(data) > 1 and data[0] == 0xFF and data[1] & 0xE6 == 0xE2):  # noqa: PLR2004  # the format's bits
        return "mp3"
    return None


def _drawn(value: Any) -> bytes | None:
    """Return the PNG of a PIL image or a matplotlib figure; None for anything else."""
    buffer = io.BytesIO()
    pil = sys.modules.get("PIL.Image")
    if pil is not None and isinstance(value, pil.Image):
        plain = (
            value if value.mode in ("1", "L", "LA", "P", "RGB", "RGBA") else value.convert("RGB")
        )
        plain.save(buffer, "PNG")
        return buffer.getvalue()
    figures = sys.modules.get("matplotlib.figure")
    if figures is not None:
        figure = getattr(value, "figure", value)  # axes know theirs
        if isinstance(figure, figures.Figure):
            figure.savefig(buffer, format="png", bbox_inches="tight")
            return buffer.getvalue()
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
