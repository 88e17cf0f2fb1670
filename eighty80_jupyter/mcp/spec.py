"""What a server is: the command or the address that was given, its name, and what goes with it."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
import shutil
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.mcp.naming import MOST_NAME, STARTERS, name_of_command, name_of_url
from eighty80_jupyter.text import clean, shown
from eighty80_jupyter.tools.shown import visible
from eighty80_jupyter.wire.address import is_loopback
from eighty80_jupyter.wire.endpoint import check_fields
from eighty80_jupyter.wire.secret import Secret, without_secret

_VARIABLE = re.compile(r"\$\{(?:env:)?(\w+)(?::-([^}]*))?\}")
_BARE_VARIABLE = re.compile(r"\$(\w+)")
_ENV_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """One server: `command`, its words, or `url`.

    `name` stands before the names of its tools; `named` tells whether somebody has given it. `env`
    are variables of the process besides the least that it needs, `headers` go with each request to
    an address. `tools` are those that are wanted, by the server's names; None: all but those of
    `without`. `confirm` says whether the user is asked before each call; None: yes, until an
    "always". `folder` is where the command runs.
    """

    name: str
    named: bool = False
    command: tuple[str, ...] = ()
    url: str = ""
    env: Mapping[str, Secret] = field(default_factory=dict)
    headers: Mapping[str, Secret] = field(default_factory=dict)
    tools: tuple[str, ...] | None = None
    without: tuple[str, ...] = ()
    confirm: bool | None = None
    folder: str = ""

    @property
    def target(self) -> str:
        """The command, or the address without its query, as a person reads it."""
        return visible(shlex.join(self.command) if self.command else self.url.partition("?")[0])

    def wants(self, tool: str) -> bool:
        """Tell whether a tool of the server is wanted."""
        return tool not in self.without and (self.tools is None or tool in self.tools)

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
    spec = ServerSpec(
        name=name or (name_of_url(url) if url else name_of_command(command)),
        named=name is not None,
        command=command,
        url=url,
        env=_variables(env or {}, environ),
        headers=_headers(headers or {}, environ),
        tools=names_of_tools(tools),
        confirm=confirm,
        folder="" if url else str(Path.cwd()),
    )
    _check_keys(spec, secrets)
    return spec


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
    if not words or (len(words) == 1 and STARTERS.fullmatch(words[0])):
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


def names_of_tools(tools: Any) -> tuple[str, ...] | None:
    """Return names of tools, of one or of several. Raises UsageError."""
    if tools is None:
        return None
    names = [tools] if isinstance(tools, str) else tools
    names = list(names) if isinstance(names, Iterable) else [names]
    if not all(isinstance(name, str) for name in names):
        raise UsageError(f"tools must be a list of the server's names of tools, got {shown(tools)}")
    return tuple(names)


def _variables(env: Any, environ: Mapping[str, str]) -> dict[str, Secret]:
    if not isinstance(env, Mapping):
        raise UsageError(
            f'env must be a dictionary, such as {{"NAME": "value"}}, got {kind_of(env)}'
        )
    found = {}
    for name, value in env.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            raise UsageError(f"env must have names of variables, got {shown(name)}")
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise UsageError(f"the value of {name} in env must be a text")
        text = expanded(str(value), environ, bare=True)
        if "\0" in text:
            raise UsageError(f"the value of {name} in env must not hold a null character")
        found[name] = Secret(text)
    return found


def _headers(headers: Any, environ: Mapping[str, str]) -> dict[str, Secret]:
    if not isinstance(headers, Mapping):
        raise UsageError(f"headers must be a dictionary, got {kind_of(headers)}")
    filled = {
        name: expanded(value, environ, bare=True) if isinstance(value, str) else value
        for name, value in headers.items()
    }
    checked = check_fields(filled, "headers", headers=True)
    return {
        name: value if isinstance(value, Secret) else Secret(value)
        for name, value in checked.items()
    }


def expanded(text: Any, environ: Mapping[str, str], *, bare: bool = False) -> str:
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


def kind_of(value: Any) -> str:
    """Return what came without its values, among which may be secrets."""
    if isinstance(value, Mapping):
        return f"an object with {', '.join(visible(str(name)[:40]) for name in value) or 'nothing'}"
    return f"a {type(value).__name__}"


def _check_keys(spec: ServerSpec, secrets: tuple[Secret, ...]) -> None:
    """Refuse a server that would be given a key of this session."""
    given = [*spec.command, spec.url, *(value.reveal() for value in spec.secrets)]
    if any(without_secret(text, secrets) != text for text in given):
        del given
        raise UsageError(
            f"the MCP server {spec.name} would be given the API key of this session, which goes "
            "to the model's server only"
        )
