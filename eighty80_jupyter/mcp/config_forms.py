"""The forms in which other clients write their servers down, as one. No I/O.

`mcpServers` (Claude, Cursor, Windsurf, Gemini, Cline), `servers` (VS Code), `context_servers`
(Zed), `mcp` (opencode), and a list of servers that have their names (Continue).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from eighty80_jupyter.errors import UsageError

_PLACES = ("mcpServers", "servers", "context_servers", "mcp")
_URLS = ("url", "serverUrl", "httpUrl")
# What stands in a text stays; comments, and commas before a closing bracket, go.
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')
_INPUT = re.compile(r"\$\{(?:input|command|config):[^}]*\}")


def parsed(text: str) -> Any:
    """Return what a file holds; comments and last commas are left out. Raises ValueError."""
    try:
        return json.loads(text)
    except ValueError as error:
        plain = _COMMA.sub(lambda m: m[1] or "", _COMMENT.sub(lambda m: m[1] or " ", text))
        try:
            return json.loads(plain)
        except ValueError:
            raise error from None


def servers_in(config: Any) -> list[tuple[str, Any]] | None:
    """Return the servers of a configuration with their names; None where it has no place for them.

    Those that are switched off are left out.
    """
    if not isinstance(config, Mapping):
        return None
    found = next((config[place] for place in _PLACES if place in config), None)
    if isinstance(found, Mapping) and isinstance(found.get("servers"), Mapping):
        found = found["servers"]  # VS Code's settings
    if isinstance(found, list):
        found = {
            str(entry.get("name", f"server {number}")): entry
            for number, entry in enumerate(found, 1)
            if isinstance(entry, Mapping)
        }
    if not isinstance(found, Mapping) or not found:
        return None
    return [(str(name), entry) for name, entry in found.items() if not _is_off(entry)]


def _is_off(entry: Any) -> bool:
    return isinstance(entry, Mapping) and (
        entry.get("disabled") is True or entry.get("enabled") is False
    )


def plain_entry(entry: Any, kind: str) -> dict[str, Any]:
    """Return one server with the names that Claude's form has: `command`, `args`, `url`, `env`.

    `kind` says what came, for a message. Raises UsageError for what is not understood.
    """
    if not isinstance(entry, Mapping):
        raise UsageError(f'expected an object with "command" or "url", got {kind}')
    found = dict(entry)
    if isinstance(found.get("command"), Mapping):
        inner = found.pop("command")
        found |= {**inner, "command": inner.get("path", inner.get("command"))}
    if isinstance(found.get("command"), list) and found["command"]:
        found["command"], *rest = found["command"]
        found["args"] = [*rest, *(found.get("args") or [])]
    url = next((found[name] for name in _URLS if found.get(name)), None)
    if url is not None:
        found["url"] = url
    if "command" not in found and url is None:
        raise UsageError(f'expected an object with "command" or "url", got {kind}')
    if "sse" in (str(found.get(name, "")).lower() for name in ("type", "transport")):
        raise UsageError("the older SSE transport is not spoken here; give its streamable HTTP url")
    if found.get("envFile"):
        raise UsageError("envFile is not read here; name the variables in env, as ${NAME}")
    found["env"] = found.get("env") or found.get("environment") or {}
    if isinstance(found["env"], Mapping):
        found["env"] = {
            name: str(value).lower() if isinstance(value, bool) else value
            for name, value in found["env"].items()
        }
    args = found.get("args")
    if isinstance(args, list):
        args = [_word(word) for word in args]
    found["args"] = [] if args is None else args
    if asks := _INPUT.search(json.dumps(found, default=str)):
        raise UsageError(
            f"{asks[0]} is filled in by the editor only; name a variable of the environment, "
            "as ${NAME}"
        )
    return found


def _word(word: Any) -> Any:
    """Return a word of a command; numbers and switches are written as JSON has them."""
    return json.dumps(word) if isinstance(word, (bool, int, float)) else word


def editor_variables() -> dict[str, str]:
    """Return what editors fill in by names of their own."""
    return {
        "workspaceFolder": str(Path.cwd()),
        "workspaceRoot": str(Path.cwd()),
        "cwd": str(Path.cwd()),
        "userHome": str(Path.home()),
    }
