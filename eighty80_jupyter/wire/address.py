"""The address of a server: how it is cleaned, made whole, and what can be told from it. No I/O."""

from __future__ import annotations

import ipaddress
import re
from functools import cache
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.wire.secret import looks_secret, unquoted

DEFAULT_URL = "https://api.8080.io"
CHAT = "/chat/completions"
MODELS = "/models"

# The ends of addresses as the documentation of servers shows them, to be pasted.
_ENDS = (CHAT, "/completions", "/responses", "/embeddings", MODELS)
# https://learn.microsoft.com/azure/ai-foundry/openai/reference: the key has a header of its own,
# and the list of models stands beside the deployments.
_AZURE = re.compile(r"(/openai)/deployments/[^/]+$", re.IGNORECASE)


def clean_url(url: str) -> str:
    """Return the base address in its shortest form: no slash at its end, no `/v1` of a bare host.

    The end of a pasted address (`/chat/completions`) is taken off. Raises UsageError for anything
    but an http or https address without user, password and key.
    """
    url = unquoted(url)
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the address of the server must not hold a user or password; "
            "set it as https://host, and the key in _8080_API_KEY"
        )
    if parts.scheme not in ("http", "https") or not host or parts.fragment:
        raise UsageError(
            f"the address of the server must look like {DEFAULT_URL}, got {url[:80]!r}"
        )
    for name, value in parse_qsl(parts.query, keep_blank_values=True):
        if looks_secret(name, value):
            raise UsageError(
                f"the address of the server must not hold a secret ({name[:40]}); set it with "
                "%config ChatConfig.extra_query, where it is hidden"
            )
    path = re.sub(r"/{2,}", "/", parts.path).rstrip("/")
    base = _without_end(path)
    # A host whose API stands at its root is told by the end that was pasted.
    path = path if not base and path else base
    return urlunsplit((parts.scheme, parts.netloc, "" if path == "/v1" else path, parts.query, ""))


@cache
def whole_address(url: str, path: str) -> str:
    """Return the address of `CHAT` or `MODELS` below a base.

    A base that has a path is taken as it stands, a bare host gets `/v1`.
    """
    parts = urlsplit(url)
    base = _without_end(parts.path) if parts.path else "/v1"
    if path == MODELS:
        base = _AZURE.sub(r"\1", base)
    return urlunsplit((parts.scheme, parts.netloc, base + path, parts.query, ""))


@cache
def is_azure(url: str) -> bool:
    """Tell whether a base is one of Azure's deployments."""
    return _AZURE.search(urlsplit(url).path) is not None


def is_private(url: str) -> bool:
    """Tell whether nobody else can read what is sent to `url`: https, or this very machine."""
    return urlsplit(url).scheme == "https" or is_loopback(url)


def is_loopback(url: str) -> bool:
    """Tell whether `url` is on this very machine."""
    host = urlsplit(url).hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _without_end(path: str) -> str:
    for end in _ENDS:
        if path.lower().endswith(end):
            return path[: -len(end)]
    return path
