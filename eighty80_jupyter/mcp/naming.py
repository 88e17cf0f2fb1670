"""The name of a server that nobody has named: what its command or its address is about."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from eighty80_jupyter.wire.address import is_loopback

MOST_NAME = 24  # characters of a server's name, which stands before those of its tools
# Words of a command that start something else, and of names that say only what all of them are.
STARTERS = re.compile(
    r"(?:python|pypy|node|deno|bun|npx|bunx|pnpm|yarn|uvx|uv|pipx|docker|podman|sudo|env)[\d.]*"
    r"(?:\.exe|\.cmd)?"
)
_VERBS = frozenset({"run", "tool", "exec", "dlx", "x", "compose", "start"})
_COMMON = frozenset({"mcp", "server", "servers", "modelcontextprotocol"})
_HOSTS = frozenset({"www", "api", "mcp", "app"})


def name_of_command(words: Sequence[str]) -> str:
    """Return what a command is about: `uvx mcp-server-fetch` is `fetch`."""
    candidates = [w for w in words if not w.startswith("-") and w not in _VERBS]
    base = ""
    for word in candidates:
        base = re.split(r"[/\\]", word.rstrip("/\\"))[-1]
        if not STARTERS.fullmatch(base.lower()):
            break
    base = re.split(r"(?<=.)[@=:\[]", base)[0]
    base = re.sub(r"\.(?:py|js|mjs|ts|exe|cmd|sh)$", "", base)
    return _short([part for part in re.split(r"[^A-Za-z0-9]+", base) if part])


def name_of_url(url: str) -> str:
    """Return whose address it is: `https://mcp.example.com/mcp` is `example`."""
    host = urlsplit(url).hostname or ""
    if is_loopback(url):
        return f"local{urlsplit(url).port or ''}"
    labels = [label for label in host.split(".")[:-1] if label not in _HOSTS]
    return _short(re.split(r"[^A-Za-z0-9]+", labels[-1] if labels else host))


def _short(parts: list[str]) -> str:
    told = [part for part in parts if part.lower() not in _COMMON] or parts
    return "_".join(told)[:MOST_NAME].strip("_") or "server"
