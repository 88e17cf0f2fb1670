"""Where requests go and what proves who sends them. The key itself shows nowhere.

Source: the 8080 documentation and its Python SDK, "Authentication and environment".
"""

from __future__ import annotations

import hmac
import ipaddress
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn
from urllib.parse import urlsplit, urlunsplit

from eighty80_jupyter.errors import MissingKeyError, UsageError

DEFAULT_URL = "https://api.8080.io"
ENV_KEY = "_8080_API_KEY"
ENV_URL = "_8080_API_URL"
ENV_PROJECT = "_8080_PROJECT_SLUG"
ENV_TOKEN_FILE = "_8080_SERVICE_ACCOUNT_TOKEN_FILE"  # noqa: S105  # the name of a variable

_HEADER_VALUE = re.compile(r"[\x21-\x7e]+")


class Secret:
    """A text that shows nowhere by itself: not in a repr, a format, a copy or a pickle."""

    __slots__ = ("__value",)

    def __init__(self, value: str) -> None:
        self.__value = value

    def reveal(self) -> str:
        """Return the text; the caller must not keep it where it could be printed."""
        return self.__value

    def __repr__(self) -> str:
        return "Secret('***')" if self.__value else "Secret('')"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format(repr(self), spec)

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self.__value.encode(), other.__value.encode())

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: object) -> Secret:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be pickled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """The address of a server and the credentials for it.

    `url` has no trailing slash, no version and no user in it. Either `key` or `token_file` is set;
    the token file is read again for every request.
    """

    url: str
    key: Secret | None = None
    token_file: Path | None = None
    project: str | None = None

    def authorization(self) -> tuple[Secret, dict[str, str]]:
        """Return the bearer token and the other headers that go with it.

        Raises MissingKeyError where the token file cannot be read or holds no usable token.
        """
        if self.key is not None:
            return self.key, {"x-8080-project-slug": self.project} if self.project else {}
        assert self.token_file is not None  # noqa: S101  # `resolve` sees to it
        return usable(_read_token(self.token_file), f"the token in {self.token_file}"), {
            "x-8080-token-type": "workload-identity"
        }


def _read_token(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
    # Outside the handler: a UnicodeError holds what it could not decode.
    raise MissingKeyError(f"cannot read the token file {path} named by {ENV_TOKEN_FILE}: {reason}")


def usable(text: str, what: str) -> Secret:
    """Return `text` as a secret, or raise MissingKeyError if it cannot stand in a header."""
    text = text.strip()
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
) -> Endpoint:
    """Find address and credentials: what is given, then the environment, then the default address.

    Raises MissingKeyError where no key is found, or where it would travel readable for everybody:
    over plain http to another machine, unless `allow_insecure`. Raises UsageError for an address
    that is none.
    """
    try:
        return _resolve(url, key, environ, allow_insecure=allow_insecure)
    except UsageError as error:
        del environ  # it would show in a traceback with locals, and the key with it
        raise error.with_traceback(None) from None


def _resolve(
    url: str | None, key: Secret | None, environ: Mapping[str, str], *, allow_insecure: bool
) -> Endpoint:
    address = clean_url(url or environ.get(ENV_URL) or DEFAULT_URL)
    project = environ.get(ENV_PROJECT, "").strip() or None
    token_file = environ.get(ENV_TOKEN_FILE, "").strip()
    if not key and environ.get(ENV_KEY, "").strip():
        key = usable(environ[ENV_KEY], f"the key in {ENV_KEY}")
    if not key and not token_file:
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
    if key:
        return Endpoint(url=address, key=key, project=project)
    return Endpoint(url=address, token_file=Path(token_file).expanduser())


def clean_url(url: str) -> str:
    """Return the base address without a trailing slash and without a final `/v1`.

    Raises UsageError for anything but an http or https address without user and password.
    """
    url = url.strip()
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host, parts = None, urlsplit("")
    if parts.username is not None or parts.password is not None:
        raise UsageError(
            "the address of the server must not hold a user or password; "
            f"set it as https://host, and the key in {ENV_KEY}"
        )
    if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
        raise UsageError(
            f"the address of the server must look like {DEFAULT_URL}, got {url[:80]!r}"
        )
    path = parts.path.rstrip("/").removesuffix("/v1").rstrip("/")
    return urlunsplit((parts.scheme, parts.netloc, path, "", ""))


def is_private(url: str) -> bool:
    """Tell whether nobody else can read what is sent to `url`: https, or this very machine."""
    parts = urlsplit(url)
    if parts.scheme == "https":
        return True
    host = parts.hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def without_secret(value: Any, secret: Secret | None) -> Any:
    """Return `value`, a text or decoded JSON, with the secret cut out wherever it is echoed.

    Raises RecursionError for JSON that is nested a thousand levels deep.
    """
    word = secret.reveal() if secret else ""
    if len(word) < 4:  # noqa: PLR2004  # too short to be a key, and part of any text
        return value
    if isinstance(value, str):
        return value.replace(word, "[redacted: API key]")
    if isinstance(value, list):
        return [without_secret(item, secret) for item in value]
    if isinstance(value, dict):
        return {without_secret(k, secret): without_secret(v, secret) for k, v in value.items()}
    return value


def retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, given in seconds or as a date.

    `now` is the time in seconds since the epoch. None where the header is absent or unreadable.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415  # a rare case pays for it

        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
