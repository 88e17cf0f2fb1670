"""The embedded model in place of the server: the settings for it, and those from before."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local import start
from eighty80_jupyter.wire.secret import Secret

if TYPE_CHECKING:
    from eighty80_jupyter.local.server import LocalServer

_NAMES = ("base_url", "api_key", "model")


class Embedded:
    """Points a configuration at the embedded model and back again.

    Its key and its model are for its address alone. While the settings are pointed elsewhere (by a
    preset, say), those from before hold; its own again once they are pointed back.
    """

    def __init__(self, config: ChatConfig) -> None:
        self._config = config
        self._server: LocalServer | None = None
        self._file: Path | None = None
        self._before: dict[str, Any] = {}
        self._own: dict[str, Any] = {}
        config.observe(self._moved, "base_url")

    @property
    def active(self) -> bool:
        """Whether the configuration points at it."""
        return self._server is not None and self._config.base_url == self._own["base_url"]

    def elsewhere(self, name: str) -> Any:
        """Return what a setting is for any other address than that of the embedded model."""
        value = getattr(self._config, name)
        return self._before[name] if self.active and value == self._own[name] else value

    @property
    def key_before(self) -> Secret | None:
        """The key that was set before, while it is active."""
        key = self._before.get("api_key")
        return key if isinstance(key, Secret) else None

    def lost(self) -> str:
        """Say that its server has ended by itself, and what helps; empty: it runs, or is not used.

        To be asked when a connection to it broke.
        """
        how = self._server.lost() if self._server is not None and self.active else ""
        again = "%chat --local" if self._file is None else f"%chat --local {quote(str(self._file))}"
        return how and f"the server of the embedded model {how}; {again} starts it again"

    def check(self) -> None:
        """Raise LocalModelError where its server has ended by itself."""
        if self._server is not None and not self._server.alive and (lost := self.lost()):
            raise LocalModelError(lost)

    def use(
        self, path: str | Path | None, *, progress: Callable[[int, int], None] | None
    ) -> LocalServer:
        """Start it; one that runs is kept. See `Session.use_local`."""
        file = Path(path).expanduser().resolve() if path else None
        if self._server is not None and self._server.alive and file == self._file:
            if not self.active:
                self._before["base_url"] = self._config.base_url
                self._config.base_url = self._own["base_url"]
            return self._server
        server = start(file, progress=progress)
        self.leave()
        self._file = file
        self._before = {name: getattr(self._config, name) for name in _NAMES}
        own = {"base_url": server.url, "api_key": Secret(server.api_key), "model": server.model}
        for name, value in own.items():
            setattr(self._config, name, value)
        self._own = {name: getattr(self._config, name) for name in _NAMES}
        self._server = server
        return server

    def leave(self) -> None:
        """Stop it, and set what was set before."""
        if self._server is not None:
            active, server, self._server = self.active, self._server, None
            server.close()
            before, self._before, self._own = self._before, {}, {}
            for name, value in before.items() if active else ():
                setattr(self._config, name, value)

    def _moved(self, change: Any) -> None:
        """Have key and model follow the address."""
        if self._server is None:
            return
        config, url = self._config, self._own["base_url"]
        if change["new"] == url:
            self._before["api_key"] = config.api_key
            config.api_key, config.model = self._own["api_key"], self._own["model"]
        elif change["old"] == url:
            for name in ("api_key", "model"):
                if getattr(config, name) == self._own[name]:
                    setattr(config, name, self._before[name])
