"""What a server is: the command or the address that was given, its name, and what goes with it.

A configuration is read in the form that other clients use: {"mcpServers": {name: {...}}}.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eighty80_jupyter.api.request_parameters import shown
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import read_file
from eighty80_jupyter.text import clean
from eighty80_jupyter.tools.shown import visible
from eighty80_jupyter.wire.endpoint import check_fields, is_loopback
from eighty80_jupyter.wire.secret import Secret, without_secret

MOST_NAME = 24  # characters of a server's name, which stands before those of its tools
_CONFIG_LIMIT = 1_000_000  # bytes
_VARIABLE = re.compile(r"\$\{(?:env:)?(\w+)(?::-([^}]*))?\}")
_BARE_VARIABLE = re.compile(r"\$(\w+)")
_ENV_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)
# Words of a command that start something else, and of names that say only what all of them are.
_STARTERS = re.compile(
    r"(?:python|pypy|node|deno|bun|npx|bunx|pnpm|yarn|uvx|uv|pipx|docker|podman|sudo|env)[\d.]*"
    r"(?:\.exe|\.cmd)?"
)
_VERBS = frozenset({"run", "tool", "exec", "dlx", "x", "compose", "start"})
_COMMON = frozenset({"mcp", "server", "servers", "modelcontextprotocol"})
_HOSTS = frozenset({"www", "api", "mcp", "app"})


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """One server: `command`, its words, or `url`.

    `name` stands before the names of its tools; `named` tells whether somebody has given it. `env`
    are variables of the process besides the least that it needs, `headers` go with each request to
    an address. `tools` are those that are wanted, by the server's names; None: all. `confirm` says
    whether the user is asked before each call; None: yes, until an "always". `folder` is where the
    command runs.
    """

    name: str
    named: bool = False
    command: tuple[str, ...] = ()
    url: str = ""
    env: Mapping[str, Secret] = field(default_factory=dict)
    headers: Mapping[str, Secret] = field(default_factory=dict)
    tools: tuple[str, ...] | None = None
    confirm: bool | None = None
    folder: str = ""

    @property
    def target(self) -> str:
        """The command, or the address without its query, as a person reads it."""
        return visible(shlex.join(self.command) if self.command else self.url.partition("?")[0])

    def is_like(self, other: ServerSpec) -> bool:
        """Tell whether it is the same command in the same folder, or the same address."""
        mine = (self.command, self.folder, self.url)
        return mine == (other.command, other.folder, other.url)

    @property
    def program(self) -> str:
        """Where the command's program lies. Raises UsageError where there is none."""
        path = self.env["PATH"].reveal() if "PATH" in self.env else None
        name = self.command[0]
        if os.path.dirname(name):  # noqa: PTH120  # a path, which is seen from its folder
            name = str(Path(self.folder, name))
        found = shutil.which(name, path=path)
        if found is None:
            raise UsageError(
                f"there is no program {shown(self.command[0])} for the MCP server {self.name}; "
                "install it, or give its whole path"
            )
        return str(Path(found).absolute())

    @property
    def question(self) -> str:
        """What a person is asked before the command runs: all of it, on lines of its own."""
        given = f"\n  with the variables {', '.join(self.env)}" if self.env else ""
        return (
            f"Start this program on your machine, as the MCP server {self.name}?\n"
            f"  {self.target}\n  in {visible(self.folder)}, found as {visible(self.program)}{given}"
        )

    @property
    def key(self) -> str:
        """What an approval of the command is bound to: program, words, folder and variables."""
        values = {name: value.reveal() for name, value in sorted(self.env.items())}
        text = json.dumps([self.program, self.command, self.folder, values])
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not show where the server's words do."""
        return (*self.env.values(), *self.headers.values())


def server_spec(
    target: str | os.PathLike[str] | Sequence[str],
    *,
    name: str | None = None,
    env: Mapping[str, str] | None = None,
    headers: Mapping[str, str] | None = None,
    tools: Sequence[str] | None = None,
    confirm: bool | None = None,
    environ: Mapping[str, str],
    secrets: tuple[Secret, ...] = (),
) -> ServerSpec:
    """Return the server that `target` is: a command line, its words, or an http address.

    `$NAME` and `${NAME}` in `env` and `headers` stand for variables of `environ`. `secrets` are the
    keys of the session, which no server gets. Raises UsageError.
    """
    command, url = _target(target)
    if name is not None and not (
        isinstance(name, str) and re.fullmatch(rf"[A-Za-z0-9_-]{{1,{MOST_NAME}}}", name)
    ):
        raise UsageError(
            f"the name of an MCP server has 1 to {MOST_NAME} ASCII letters, digits, _ or -, "
            f"got {shown(name)}"
        )
    if confirm is not None and not isinstance(confirm, bool):
        raise UsageError(f"confirm must be True, False or None, got {shown(confirm)}")
    for given, what, other in ((env, "env", bool(url)), (headers, "headers", not url)):
        if given and other:
            wanted = "a command" if what == "env" else "an address"
            got = url.partition("?")[0] or shlex.join(command)
            raise UsageError(f"{what} goes with {wanted}, got {shown(got)}")
    wanted_tools = _tool_names(tools)
    spec = ServerSpec(
        name=name or (_name_of_url(url) if url else _name_of_command(command)),
        named=name is not None,
        command=command,
        url=url,
        env=_variables(env or {}, environ),
        headers=_headers(headers or {}, environ),
        tools=wanted_tools,
        confirm=confirm,
        folder="" if url else str(Path.cwd()),
    )
    _check_keys(spec, secrets)
    return spec


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
    servers = None
    if isinstance(config, Mapping):
        servers = config.get("mcpServers", config.get("servers"))
    if not isinstance(servers, Mapping) or not servers:
        raise UsageError(
            f'{where} must be an object with servers, as {{"mcpServers": {{"name": {{"command": '
            f'"uvx", "args": ["mcp-server-time"]}}}}}}; got {_kind(config)}'
        )
    specs = []
    for name, entry in servers.items():
        if isinstance(entry, Mapping) and entry.get("disabled") is True:
            continue
        try:
            specs.append(_entry_spec(str(name), entry, confirm, environ, secrets))
        except UsageError as error:
            raise UsageError(f"{visible(str(name)[:60])} in {where}: {error}") from None
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
    if not isinstance(entry, Mapping) or not ("command" in entry or "url" in entry):
        raise UsageError(f'expected an object with "command" or "url", got {_kind(entry)}')
    if str(entry.get("type", "")).lower() == "sse":
        raise UsageError("the older SSE transport is not spoken here; give its streamable HTTP url")
    if "url" in entry:
        target: Any = _expanded(entry["url"], environ)
    else:
        words = [entry["command"], *_list(entry.get("args", []))]
        target = [_expanded(word, environ) for word in words]
    spec = server_spec(
        target,
        name=(re.sub(r"[^A-Za-z0-9_-]+", "_", name).strip("_")[:MOST_NAME] or "server"),
        env=entry.get("env") or {},
        headers=entry.get("headers") or {},
        confirm=confirm,
        environ=environ,
        secrets=secrets,
    )
    folder = entry.get("cwd")
    if folder is None or spec.url:
        return spec
    found = Path(_expanded(folder, environ)).expanduser()
    if not found.is_dir():
        raise UsageError(f"there is no directory {found} (cwd)")
    return replace(spec, folder=str(found.absolute()))


def _target(target: Any) -> tuple[tuple[str, ...], str]:
    """Return the words of a command, or an address."""
    if isinstance(target, os.PathLike):
        target = [os.fspath(target)]
    if not isinstance(target, str):
        words = tuple(target) if isinstance(target, Sequence) else ()
        if not words or not all(isinstance(word, str) and word for word in words):
            raise UsageError(
                'an MCP server is a command such as "uvx mcp-server-fetch", the list of its words, '
                f"or an address, got {shown(target)}"
            )
        return _checked(words), ""
    text = clean(target).strip()
    if re.match(r"[A-Za-z][\w+.-]*://", text):
        return (), _checked_url(text)
    try:
        words = tuple(shlex.split(text, posix=os.name == "posix"))
    except ValueError as error:
        raise UsageError(
            f"the command has a quote that is not closed ({error}): {shown(text)}"
        ) from None
    if not words or (len(words) == 1 and _STARTERS.fullmatch(words[0])):
        raise UsageError(
            f'an MCP server is a whole command in quotes, such as "uvx mcp-server-fetch", got '
            f"{shown(text)}"
        )
    return _checked(words), ""


def _checked(words: Sequence[str]) -> tuple[str, ...]:
    if any("\0" in word for word in words):
        raise UsageError("a command must not hold a null character")
    return tuple(map(clean, words))


def _checked_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.scheme not in ("http", "https") or not host or not url.isprintable() or " " in url:
        raise UsageError(
            f"the address of an MCP server begins with https:// (on this machine also http://), "
            f"got {shown(url)}"
        )
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            'an address with a user or password would be shown; use headers={"Authorization": ...}'
        )
    if parts.scheme == "http" and not is_loopback(url):
        raise UsageError(
            f"plain http is for servers on this machine only, got {shown(url.partition('?')[0])}; "
            "use https"
        )
    return url


def _name_of_command(words: Sequence[str]) -> str:
    """Return what a command is about: `uvx mcp-server-fetch` is `fetch`."""
    candidates = [w for w in words if not w.startswith("-") and w not in _VERBS]
    base = ""
    for word in candidates:
        base = re.split(r"[/\\]", word.rstrip("/\\"))[-1]
        if not _STARTERS.fullmatch(base.lower()):
            break
    base = re.split(r"(?<=.)[@=:\[]", base)[0]
    base = re.sub(r"\.(?:py|js|mjs|ts|exe|cmd|sh)$", "", base)
    return _short([part for part in re.split(r"[^A-Za-z0-9]+", base) if part])


def _name_of_url(url: str) -> str:
    host = urlsplit(url).hostname or ""
    if is_loopback(url):
        return f"local{urlsplit(url).port or ''}"
    labels = [label for label in host.split(".")[:-1] if label not in _HOSTS]
    return _short(re.split(r"[^A-Za-z0-9]+", labels[-1] if labels else host))


def _short(parts: list[str]) -> str:
    told = [part for part in parts if part.lower() not in _COMMON] or parts
    return "_".join(told)[:MOST_NAME].strip("_") or "server"


def _tool_names(tools: Any) -> tuple[str, ...] | None:
    if tools is None:
        return None
    names = [tools] if isinstance(tools, str) else tools
    names = list(names) if isinstance(names, Iterable) else [names]
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"tools must be a list of the server's names of tools, got {shown(tools)}")
    return tuple(names)


def _variables(env: Any, environ: Mapping[str, str]) -> dict[str, Secret]:
    if not isinstance(env, Mapping):
        raise UsageError(f'env must be a dictionary, such as {{"NAME": "value"}}, got {_kind(env)}')
    found = {}
    for name, value in env.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            raise UsageError(f"env must have names of variables, got {shown(name)}")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise UsageError(f"the value of {name} in env must be a text")
        text = _expanded(str(value), environ, bare=True)
        if "\0" in text:
            raise UsageError(f"the value of {name} in env must not hold a null character")
        found[name] = Secret(text)
    return found


def _headers(headers: Any, environ: Mapping[str, str]) -> dict[str, Secret]:
    if not isinstance(headers, Mapping):
        raise UsageError(f"headers must be a dictionary, got {_kind(headers)}")
    filled = {
        name: _expanded(value, environ, bare=True) if isinstance(value, str) else value
        for name, value in headers.items()
    }
    checked = check_fields(filled, "headers", headers=True)
    return {
        name: value if isinstance(value, Secret) else Secret(value)
        for name, value in checked.items()
    }


def _expanded(text: Any, environ: Mapping[str, str], *, bare: bool = False) -> str:
    """Return a text with `${NAME}` filled in; with `bare` a whole `$NAME` too."""
    if not isinstance(text, str):
        raise UsageError(f"expected a text, got {shown(text)}")

    def value(name: str, default: str | None) -> str:
        if (found := environ.get(name) or default) is None:
            raise UsageError(
                f"the environment variable {name} is not set; set it before you start Jupyter"
            )
        return found

    if bare and (whole := _BARE_VARIABLE.fullmatch(text)):
        return value(whole[1], None)
    return _VARIABLE.sub(lambda match: value(match[1], match[2]), text)


def _kind(value: Any) -> str:
    """Return what came without its values, among which may be secrets."""
    if isinstance(value, Mapping):
        return f"an object with {', '.join(visible(str(name)[:40]) for name in value) or 'nothing'}"
    return f"a {type(value).__name__}"


def _list(args: Any) -> list[Any]:
    if not isinstance(args, list):
        raise UsageError(f"args must be a list of texts, got {shown(args)}")
    return args


def _loaded(path: str | os.PathLike[str]) -> Any:
    if not isinstance(path, (str, os.PathLike)):
        raise UsageError(f"config must be the path of a file, got {shown(path)}")
    data = read_file(path, _CONFIG_LIMIT)
    try:
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON ({error})") from None


def _check_keys(spec: ServerSpec, secrets: tuple[Secret, ...]) -> None:
    """Refuse a server that would be given a key of this session."""
    given = [*spec.command, spec.url, *(value.reveal() for value in spec.secrets)]
    if any(without_secret(text, secrets) != text for text in given):
        del given
        raise UsageError(
            f"the MCP server {spec.name} would be given the API key of this session, which goes "
            "to the model's server only"
        )
