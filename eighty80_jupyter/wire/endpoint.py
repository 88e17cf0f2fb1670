"""Where requests go and what proves who sends them. The key itself shows nowhere.

Source: the 8080 documentation and its Python SDK, "Authentication and environment".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeAlias
from urllib.parse import quote_plus

from eighty80_jupyter.errors import MissingKeyError, UsageError
from eighty80_jupyter.wire.address import (
    DEFAULT_URL,
    clean_url,
    is_azure,
    is_loopback,
    is_private,
    whole_address,
)
from eighty80_jupyter.wire.secret import Secret, looks_secret, unquoted

ENV_KEY = "_8080_API_KEY"
ENV_URL = "_8080_API_URL"
ENV_PROJECT = "_8080_PROJECT_SLUG"
ENV_TOKEN_FILE = "_8080_SERVICE_ACCOUNT_TOKEN_FILE"  # noqa: S105  # the name of a variable

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")
_ENTRA_TOKEN = re.compile(r"eyJ[\w-]*\.[\w-]+\.[\w-]*")  # a JSON web token goes as Bearer there too

# Values of headers or of a query; the secret ones are hidden.
Fields: TypeAlias = Mapping[str, str | Secret]


class Credentials:
    """The headers that prove who asks, and others that the user adds. They show nowhere."""

    __slots__ = ("__weakref__", "_headers", "secrets")

    def __init__(self, headers: Fields, secrets: tuple[Secret, ...]) -> None:
        self._headers = headers
        self.secrets = secrets

    def reveal(self) -> dict[str, str]:
        """Return the headers; the caller must not keep them where they could be printed."""
        return {name: _plain(value) for name, value in self._headers.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The address of a server and the credentials for it.

    `url` is a base address as `clean_url` returns it. At most one of `key` and `token_file` is set;
    without either no credentials are sent but those in `headers`. The token file is read again for
    every request. `headers` and `query` are added to every request. `fields` are new names for
    fields of its body, None for those that this server does not take. `note` is something about
    the credentials that the user should know. `missing_key` is why nothing can be asked there,
    where all is answered from a record.
    """

    url: str
    key: Secret | None = None
    token_file: Path | None = None
    project: str | None = None
    headers: Fields = field(default_factory=lambda: MappingProxyType({}))
    query: Fields = field(default_factory=lambda: MappingProxyType({}))
    fields: Mapping[str, str | None] = field(default_factory=lambda: MappingProxyType({}))
    note: str = ""
    missing_key: MissingKeyError | None = field(default=None, compare=False)

    def credentials(self) -> Credentials:
        """Return the headers of a request.

        Raises MissingKeyError where the token file cannot be read or holds no usable token.
        """
        headers: dict[str, str | Secret] = {}
        token = self.key
        if self.token_file is not None and token is None:
            token = usable(_read_token(self.token_file), f"the token in {self.token_file}")
            headers["x-8080-token-type"] = "workload-identity"
        elif token is not None and self.project:
            headers["x-8080-project-slug"] = self.project
        if token is not None:
            word = token.reveal()
            if is_azure(self.url) and not _ENTRA_TOKEN.fullmatch(word):
                headers["api-key"] = token
            else:
                headers["authorization"] = Secret(f"Bearer {word}")
            del word  # it would show in a traceback with locals
        headers.update((name.lower(), value) for name, value in self.headers.items())
        values = (token, *self.headers.values(), *self.query.values())
        return Credentials(headers, tuple(v for v in values if isinstance(v, Secret)))

    def address(self, path: str, *, hide: bool = False) -> str:
        """Return the whole address of `CHAT` or `MODELS`; `hide` leaves secrets out of its query.

        A base that has a path is taken as it stands, a bare host gets `/v1`.
        """
        address = whole_address(self.url, path)
        for name, value in self.query.items():
            hidden = hide and isinstance(value, Secret)
            shown = "***" if hidden else quote_plus(_plain(value))
            address += f"{'&' if '?' in address else '?'}{quote_plus(name)}={shown}"
        return address


def _plain(value: str | Secret) -> str:
    return value.reveal() if isinstance(value, Secret) else value


def _read_token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
    # Outside the handler: a UnicodeError holds what it could not decode.
    raise MissingKeyError(f"cannot read the token file {path} named by {ENV_TOKEN_FILE}: {reason}")


def usable(text: str, what: str) -> Secret:
    """Return `text` as a secret, or raise MissingKeyError if it cannot stand in a header.

    Quotes around it are taken off, and the word Bearer before it.
    """
    text = unquoted(text)
    if not _HEADER_VALUE.fullmatch(text):
        came = "nothing" if not text else "a text with spaces or characters beyond ASCII"
        del text  # it would show in a traceback with locals
        raise MissingKeyError(f"{what} must be one word of ASCII characters, got {came}")
    return Secret(text)


def resolve(
    *,
    url: str | None,
    key: Secret | None,
    environ: Mapping[str, str],
    allow_insecure: bool = False,
    headers: Fields | None = None,
    query: Fields | None = None,
    fields: Mapping[str, str | None] | None = None,
) -> Endpoint:
    """Find address and credentials: what is given, then the environment, then the default address.

    A value `$NAME` in `headers` and `query` stands for an environment variable. A server on this
    machine needs no key, nor one for which a header or the query holds a secret. Raises
    MissingKeyError where no key is found, or where it would travel readable for everybody: over
    plain http to another machine, unless `allow_insecure`. Raises UsageError for an address that is
    none.
    """
    try:
        added = (from_environment(headers or {}, environ), from_environment(query or {}, environ))
        found = _resolve(url, key, environ, *added, allow_insecure=allow_insecure)
        return replace(found, fields=fields or {})
    except UsageError as error:
        del environ  # it would show in a traceback with locals, and the key with it
        raise error.with_traceback(None) from None


def _resolve(
    url: str | None,
    key: Secret | None,
    environ: Mapping[str, str],
    headers: Fields,
    query: Fields,
    *,
    allow_insecure: bool,
) -> Endpoint:
    address = clean_url(url or environ.get(ENV_URL) or DEFAULT_URL)
    project = environ.get(ENV_PROJECT, "").strip() or None
    token_file = environ.get(ENV_TOKEN_FILE, "").strip()
    note = ""
    if not key and (found := environ.get(ENV_KEY, "").strip()):
        key = usable(found, f"the key in {ENV_KEY}")
        if key.reveal() != found:
            note = f"the quotes around the key in {ENV_KEY} were taken off"
        del found
    proves_itself = any(isinstance(value, Secret) for value in (*headers.values(), *query.values()))
    if not (key or token_file or proves_itself or is_loopback(address)):
        raise MissingKeyError(
            f"no API key for {address}: set the environment variable {ENV_KEY}, run %chat --key "
            "to type one in, or run %chat --local for the embedded model, which needs none"
        )
    if not (allow_insecure or is_private(address)):
        raise MissingKeyError(
            f"the key is not sent to {address}: plain http would show it on the way; use https, "
            "or allow it with %config ChatConfig.allow_insecure_http = True"
        )
    if project and not _HEADER_VALUE.fullmatch(project):
        raise UsageError(f"{ENV_PROJECT} must be one word of ASCII characters, got {project!r}")
    file = Path(token_file).expanduser() if token_file and not key else None
    return Endpoint(
        url=address,
        key=key or None,
        token_file=file,
        project=project,
        headers=headers,
        query=query,
        note=note,
    )


# Further headers and parameters of the address.

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, section 5.6.2
_OWN_HEADERS = frozenset(
    {"host", "content-length", "content-type", "transfer-encoding", "connection", "accept-encoding"}
)
_VARIABLE = re.compile(r"\$(?:\{(\w+)\}|(\w+))")


def check_fields(values: Any, what: str, *, headers: bool) -> dict[str, str | Secret]:
    """Return headers, or parameters of a query, with what looks secret hidden; `what` names them.

    Raises UsageError.
    """
    if not isinstance(values, Mapping):
        raise UsageError(f'{what} must be a dictionary, such as {{"name": "value"}}')
    checked: dict[str, str | Secret] = {}
    for name, value in values.items():
        if not isinstance(name, str) or not name or (headers and not _HEADER_NAME.fullmatch(name)):
            raise UsageError(f"{what} must have names of ASCII letters, got {str(name)[:60]!r}")
        if headers and name.lower() in _OWN_HEADERS:
            raise UsageError(f"{what} must not hold {name}: the request decides about it")
        hidden = isinstance(value, Secret)
        if isinstance(value, bool) or not (hidden or isinstance(value, (str, int, float))):
            raise UsageError(f"the value of {name} in {what} must be a text")
        text = value.reveal() if isinstance(value, Secret) else str(value).strip()
        fits = text.isascii() and text.isprintable() if headers else text.isprintable()
        hidden = hidden or looks_secret(name, text)
        result = Secret(text) if hidden and not _VARIABLE.fullmatch(text) else text
        del text, value  # they would show in a traceback with locals
        if not fits:
            raise UsageError(f"the value of {name} in {what} must be one line of ASCII characters")
        checked[name] = result
    return checked


def from_environment(values: Fields, environ: Mapping[str, str]) -> dict[str, str | Secret]:
    """Return `values` with each `$NAME` replaced by the variable. Raises MissingKeyError."""
    found: dict[str, str | Secret] = {}
    for name, value in values.items():
        match = _VARIABLE.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            found[name] = value
            continue
        variable = match[1] or match[2]
        word = environ.get(variable, "").strip()
        if not word or not word.isprintable():
            del word
            raise MissingKeyError(
                f"{name} shall be taken from the environment variable {variable}, which holds "
                "nothing that can be sent; set it before you start Jupyter"
            )
        found[name] = Secret(word)
    return found
