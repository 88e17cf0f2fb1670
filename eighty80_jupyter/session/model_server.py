"""The server that a session asks: its address, its keys, and how long it is waited for."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import fields

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import MissingKeyError, UsageError
from eighty80_jupyter.session.embedded import Embedded
from eighty80_jupyter.wire.address import DEFAULT_URL, clean_url
from eighty80_jupyter.wire.endpoint import ENV_KEY, ENV_TOKEN_FILE, ENV_URL, Endpoint, resolve
from eighty80_jupyter.wire.retries import Settings
from eighty80_jupyter.wire.secret import Secret


class ModelServer:
    """What the settings and the environment say of the server; read anew at each request."""

    def __init__(self, config: ChatConfig, environ: Mapping[str, str], embedded: Embedded) -> None:
        self._config = config
        self._environ = environ
        self._embedded = embedded

    @property
    def address(self) -> str:
        """The address that requests go to."""
        url = self._config.base_url or self._environ.get(ENV_URL) or DEFAULT_URL
        try:
            return clean_url(url)
        except UsageError:  # refused when it is used; a password in it must not show
            return "an address that cannot be used"

    @property
    def own_key(self) -> Secret | None:
        """The key that is set for any other address than that of the embedded model."""
        key: Secret | None = self._embedded.elsewhere("api_key")
        return key

    @property
    def key_source(self) -> str:
        """Where the key comes from, in words; the key itself is never told."""
        if self._embedded.active:
            return "not needed for the embedded model"
        if self._config.api_key:
            return "set for this kernel"
        for name in (ENV_KEY, ENV_TOKEN_FILE):
            if self._environ.get(name, "").strip():
                return f"from the environment ({name})"
        return f"missing: set {ENV_KEY}, or run %chat --key, or %chat --local"

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """The keys of this session, which must stand in no file."""
        words = [self._config.api_key, self._embedded.key_before]
        words.append(Secret(self._environ.get(ENV_KEY, "").strip()))
        with suppress(UsageError):  # no key, or a token file that cannot be read
            words += self.endpoint().credentials().secrets
        return tuple({word.reveal(): word for word in words if word}.values())

    def endpoint(self, url: str | None = None) -> Endpoint:
        """Return where requests go, with the key; `url` is another address than the settings'.

        Raises UsageError, MissingKeyError.
        """
        try:
            return resolve(
                url=url or self._config.base_url,
                key=self.own_key if url else self._config.api_key,
                environ=self._environ,
                allow_insecure=self._config.allow_insecure_http,
                headers=self._config.extra_headers,
                query=self._config.extra_query,
                fields=self._config.field_names,
            )
        except MissingKeyError as error:
            if not self._config.replay:
                raise
            return Endpoint(url=url or self.address, missing_key=error)

    def settings(self) -> Settings:
        """Return how long a request is waited for, and how often it is tried."""
        return Settings(
            **{each.name: getattr(self._config, each.name) for each in fields(Settings)}
        )
