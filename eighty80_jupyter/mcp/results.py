"""What a server's tool has returned, as a text for the model and pictures for the user."""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any

from mcp_types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from eighty80_jupyter.tools.result import PictureText
from eighty80_jupyter.tools.shown import visible

_MOST_PICTURES = 10
_MOST_PICTURE = 5_000_000  # bytes of one
_SHORT = 300  # characters of an address or a name
_COMPARED = 200_000  # characters of a text that is compared with the structured content


class ServerToolError(Exception):
    """A server's tool says that it has failed; the text is the server's."""


def result_of(result: CallToolResult) -> PictureText:
    """Return the text of a result, with its pictures. Raises ServerToolError where it has failed.

    What is no text is named with its type and size; structured content is added where no text says
    the same.
    """
    pictures: list[bytes] = []
    parts = [_part(block, pictures) for block in result.content]
    texts = [block.text for block in result.content if isinstance(block, TextContent)]
    structured = result.structured_content
    if structured is not None and not _are_said(structured, texts):
        parts.append(json.dumps(structured, ensure_ascii=False, separators=(",", ":")))
    text = "\n".join(parts)
    if result.is_error:
        raise ServerToolError(text or "the server does not say why")
    return PictureText(text, tuple(pictures))


def _part(block: Any, pictures: list[bytes]) -> str:
    match block:
        case TextContent():
            return block.text
        case ImageContent():
            return f"[picture: {_word(block.mime_type)}, {_take(block.data, pictures):,} bytes]"
        case AudioContent():
            size = len(block.data) * 3 // 4
            return f"[sound: {_word(block.mime_type)}, {size:,} bytes]"
        case ResourceLink():
            about = f": {_word(block.description)}" if block.description else ""
            return f"[resource {_word(block.name)} at {_word(str(block.uri))}{about}]"
        case EmbeddedResource(resource=BlobResourceContents() as blob):
            kind = blob.mime_type or "bytes"
            is_picture = kind.startswith("image/")
            size = _take(blob.blob, pictures) if is_picture else len(blob.blob) * 3 // 4
            return f"[resource {_word(str(blob.uri))}: {_word(kind)}, {size:,} bytes]"
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return f"[resource {_word(str(resource.uri))}]\n{resource.text}"
    return f"[{_word(type(block).__name__)}]"


def _take(data: str, pictures: list[bytes]) -> int:
    """Add a picture in base64, if it is one of the first and not too large; return its bytes."""
    try:
        decoded = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        return 0
    if len(pictures) < _MOST_PICTURES and len(decoded) <= _MOST_PICTURE:
        pictures.append(decoded)
    return len(decoded)


def _word(text: str) -> str:
    return visible(text if len(text) <= _SHORT else f"{text[:_SHORT]}…")


def _are_said(structured: Any, texts: list[str]) -> bool:
    """Tell whether the texts say what the structured content does.

    Servers send both; a value that is no object is wrapped as {"result": value}, and of a list each
    item may be a text.
    """
    is_wrapped = isinstance(structured, dict) and structured.keys() == {"result"}
    value = structured["result"] if is_wrapped else structured
    if sum(map(len, texts)) > _COMPARED:
        return True
    if value == texts or value in texts:
        return True
    said = [_read(text) for text in texts]
    return value == said or structured in said or value in said


def _read(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
