"""Servers as other clients write them down: {"mcpServers": {name: {...}}}, and other forms of that.

`mcpServers` (Claude, Cursor, Windsurf, Gemini, Cline), `servers` (VS Code), `context_servers`
(Zed), `mcp` (opencode), and a list of servers that have their names (Continue).
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.mcp.naming import MOST_NAME
from eighty80_jupyter.mcp.spec import ServerSpec, expanded, kind_of, names_of_tools, server_spec
from eighty80_jupyter.storage.files import read_file
from eighty80_jupyter.text import shown
from eighty80_jupyter.tools.shown import visible
from eighty80_jupyter.wire.secret import Secret

_LIMIT = 1_000_000  # bytes of a file
_PLACES = ("mcpServers", "servers", "context_servers", "mcp")
_URLS = ("url", "serverUrl", "httpUrl")
# What stands in a text stays; comments, and commas before a closing bracket, go.
_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.DOTALL)
_COMMA = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[}\]])')
_INPUT = re.compile(r"\$\{(?:input|command|config):[^}]*\}")


def config_specs(
    path: str | os.PathLike[str] | Mapping[str, Any],
    *,
    confirm: bool | None = None,
    environ: Mapping[str, str],
    secrets: tuple[Secret, ...] = (),
) -> list[ServerSpec]:
    """Return the servers of a configuration: a file of JSON, or what such a file holds.

    `${NAME}` and `${NAME:-default}` stand for variables of `environ`. Servers that are `disabled`
    are left out; what a file says about asking is not heeded. Raises UsageError.
    """
    config: Any = path if isinstance(path, Mapping) else _loaded(path)
    where = "the configuration" if isinstance(path, Mapping) else str(path)
    servers = _servers_in(config)
    if servers is None:
        raise UsageError(
            f'{where} must be an object with servers, as {{"mcpServers": {{"name": {{"command": '
            f'"uvx", "args": ["mcp-server-time"]}}}}}}; got {kind_of(config)}'
        )
    specs: list[ServerSpec] = []
    environ = {**_editor_variables(), **environ}
    for name, entry in servers:
        try:
            spec = _entry_spec(name, entry, confirm, environ, secrets)
        except UsageError as error:
            raise UsageError(f"{visible(name[:60])} in {where}: {error}") from None
        specs.append(replace(spec, name=_free_name(spec.name, [one.name for one in specs])))
    if not specs:
        raise UsageError(f"all servers of {where} are disabled")
    return specs


def _editor_variables() -> dict[str, str]:
    """Return what editors fill in by names of their own."""
    here = dict.fromkeys(("workspaceFolder", "workspaceRoot", "cwd"), str(Path.cwd()))
    return {**here, "userHome": str(Path.home())}


def _loaded(path: str | os.PathLike[str]) -> Any:
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"config must be the path of a file, got {shown(path)}")
    data = read_file(path, _LIMIT)
    try:
        return _parsed(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON ({error})") from None


def _parsed(text: str) -> Any:
    """Return what a file holds; comments and last commas are left out. Raises ValueError."""
    try:
        return json.loads(text)
    except ValueError as error:
        plain = _COMMA.sub(lambda m: m[1] or "", _COMMENT.sub(lambda m: m[1] or " ", text))
        try:
            return json.loads(plain)
        except ValueError:
            raise error from None


def _servers_in(config: Any) -> list[tuple[str, Any]] | None:
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


def _entry_spec(
    name: str,
    entry: Any,
    confirm: bool | None,  # noqa: FBT001  # as `config_specs` has it
    environ: Mapping[str, str],
    secrets: tuple[Secret, ...],
) -> ServerSpec:
    entry = _plain_entry(entry)
    if "url" in entry:
        target: Any = expanded(entry["url"], environ)
    else:
        if not isinstance(entry["args"], list):
            raise UsageError(f"args must be a list of texts, got {shown(entry['args'])}")
        words = [entry["command"], *entry["args"]]
        target = [expanded(word, environ) for word in words]
        if len(target) == 1 and shutil.which(target[0]) is None:
            target = target[0]  # a whole command line, or a program that is not there
    spec = server_spec(
        target,
        name=(re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:MOST_NAME] or "server"),
        env=entry["env"],
        headers=entry.get("headers") or {},
        tools=entry.get("includeTools"),
        confirm=confirm,
        environ=environ,
        secrets=secrets,
    )
    without = [names_of_tools(entry.get(key)) for key in ("excludeTools", "disabledTools")]
    spec = replace(spec, without=tuple(chain.from_iterable(filter(None, without))))
    folder = entry.get("cwd")
    if folder is None or spec.url:
        return spec
    found = Path(expanded(folder, environ)).expanduser()
    if not found.is_dir():
        raise UsageError(f"there is no directory {found} (cwd)")
    return replace(spec, folder=str(found.absolute()))


def _plain_entry(entry: Any) -> dict[str, Any]:
    """Return one server with the names that Claude's form has: `command`, `args`, `url`, `env`.

    Raises UsageError for what is not understood.
    """
    found = dict(entry) if isinstance(entry, Mapping) else {}
    if isinstance(found.get("command"), Mapping):
        inner = found.pop("command")
        found |= {**inner, "command": inner.get("path", inner.get("command"))}
    args = [] if found.get("args") is None else found["args"]
    if isinstance(found.get("command"), list) and found["command"]:
        found["command"], *rest = found["command"]
        args = [*rest, *args] if isinstance(args, list) else args
    found["args"] = [_word(word) for word in args] if isinstance(args, list) else args
    url = next((found[name] for name in _URLS if found.get(name)), None)
    if url is not None:
        found["url"] = url
    if "command" not in found and url is None:
        raise UsageError(f'expected an object with "command" or "url", got {kind_of(entry)}')
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
    if asks := _INPUT.search(json.dumps(found, default=str)):
        raise UsageError(
            f"{asks[0]} is filled in by the editor only; name a variable of the environment, "
            "as ${NAME}"
        )
    return found


def _word(word: Any) -> Any:
    """Return a word of a command; numbers and switches are written as JSON has them."""
    return json.dumps(word) if isinstance(word, (bool, int, float)) else word


def _free_name(name: str, taken: Sequence[str]) -> str:
    """Return a name that no other server of the configuration has."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name[: MOST_NAME - 1 - len(str(number))]}_{number}"
    return free
