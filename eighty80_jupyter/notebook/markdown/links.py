"""Where a link may lead, and what stands for an image that is not loaded."""

from __future__ import annotations

import re
from urllib.parse import quote

_WEB = re.compile(r"https?://[^/?#\s]|mailto:[^/?#\s]", re.IGNORECASE)
_PICTURE = re.compile(r"data:image/(?:gif|png|jpeg|webp);base64,[A-Za-z0-9+/=]+")
_SHOWN = 100  # characters of an image's address
_ALT = 1000  # characters of its description


def web_address(destination: str) -> str | None:
    """Return `destination` ready for `href` if it is http, https or mailto, else `None`."""
    if not _WEB.match(destination):
        return None
    escaped = re.sub(r"%(?![0-9A-Fa-f]{2})", "%25", destination)
    return quote(escaped, safe=";/?:@&=+$,-_.!~*'()#%")


def link_to(destination: str, title: str = "") -> dict[str, str]:
    """Return the attributes of a link.

    Only http, https and mailto are followed. Any other destination, such as a relative one, is
    shown as the title.
    """
    href = web_address(destination)
    if href is None:
        return {"title": title or destination} if destination else {}
    link = {"href": href, "target": "_blank"}
    return link | {"title": title} if title else link


def picture_at(destination: str) -> str | None:
    """Return the address of an image that may be loaded: http, https, or `data:` with pixels."""
    if _PICTURE.fullmatch(destination):
        return destination
    address = web_address(destination)
    return address if address and not address.lower().startswith("mailto:") else None


def image_label(alt: str, destination: str) -> str:
    """Return the text that stands for an image which is not loaded."""
    shown = _shorten(destination, _SHOWN)
    return " ".join(filter(None, ("🖼", _shorten(alt, _ALT), f"({shown})" if shown else "")))


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[:length] + "…"
