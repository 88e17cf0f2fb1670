"""Servers as other clients write them down: {"mcpServers": {name: {...}}}."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from eighty80_jupyter.api.request_parameters import shown
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.mcp.config_forms import editor_variables, parsed, plain_entry, servers_in
from eighty80_jupyter.mcp.naming import MOST_NAME
from eighty80_jupyter.mcp.spec import ServerSpec, expanded, kind_of, server_spec
from eighty80_jupyter.storage.files import read_file
from eighty80_jupyter.tools.shown import visible
from eighty80_jupyter.wire.secret import Secret

_LIMIT = 1_000_000  # bytes of a file


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
    servers = servers_in(config)
    if servers is None:
        raise UsageError(
            f'{where} must be an object with servers, as {{"mcpServers": {{"name": {{"command": '
            f'"uvx", "args": ["mcp-server-time"]}}}}}}; got {kind_of(config)}'
        )
    specs: list[ServerSpec] = []
    environ = {**editor_variables(), **environ}
    for name, entry in servers:
        try:
            spec = _entry_spec(name, entry, confirm, environ, secrets)
        except UsageError as error:
            raise UsageError(f"{visible(name[:60])} in {where}: {error}") from None
        specs.append(replace(spec, name=_free_name(spec.name, [one.name for one in specs])))
    if not specs:
        raise UsageError(f"all servers of {where} are disabled")
    return specs


def _entry_spec(
    name: str,
    entry: Any,
    confirm: bool | None,  # noqa: FBT001  # as `config_specs` has it
    environ: Mapping[str, str],
    secrets: tuple[Secret, ...],
) -> ServerSpec:
    entry = plain_entry(entry, kind_of(entry))
    if "url" in entry:
        target: Any = expanded(entry["url"], environ)
    else:
        words = [entry["command"], *_list(entry["args"])]
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
    without = [*(entry.get("excludeTools") or ()), *(entry.get("disabledTools") or ())]
    spec = replace(spec, without=tuple(map(str, without)))
    folder = entry.get("cwd")
    if folder is None or spec.url:
        return spec
    found = Path(expanded(folder, environ)).expanduser()
    if not found.is_dir():
        raise UsageError(f"there is no directory {found} (cwd)")
    return replace(spec, folder=str(found.absolute()))


def _free_name(name: str, taken: Sequence[str]) -> str:
    """Return a name that no other server of the configuration has."""
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name[: MOST_NAME - 1 - len(str(number))]}_{number}"
    return free


def _list(args: Any) -> list[Any]:
    if not isinstance(args, list):
        raise UsageError(f"args must be a list of texts, got {shown(args)}")
    return args


def _loaded(path: str | os.PathLike[str]) -> Any:
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"config must be the path of a file, got {shown(path)}")
    data = read_file(path, _LIMIT)
    try:
        return parsed(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON ({error})") from None
