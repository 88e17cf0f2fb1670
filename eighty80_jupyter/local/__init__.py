"""The embedded model: a server in a process of its own, met over HTTP.

`start` is all that the rest of the package needs: it fetches the model where that is missing
(`model`), starts the server (`server`), whose process runs a program of its own (`child`), and
returns a `LocalServer` with `url`, `api_key`, `model`, `alive` and `close()`. The server ends with
the process that started it, however that ends.

Importing this package costs nothing: everything else is imported by the first call of `start`, and
the runtime (xllamacpp) only ever in the server's own process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from eighty80_jupyter.local.model import Progress
    from eighty80_jupyter.local.server import LocalServer

__all__ = ["start"]


def start(
    path: Path | None = None, *, progress: Progress | None = None, port: int = 0
) -> LocalServer:
    """Start a server for the model in the GGUF file `path` and return it once it answers.

    `path`: None is the default model, fetched on first use (93 MB). `progress` is called as
    `progress(done_bytes, total_bytes)` while it is fetched, on this thread. `port`: 0 is any free
    one. Raises `LocalModelError`; an interrupt leaves neither a process nor a temporary file.
    """
    # Late, so that a session which never uses the embedded model does not pay for it.
    from eighty80_jupyter.local import model, server  # noqa: PLC0415  # see above

    server.require_runtime()  # first, so that nobody fetches 93 MB in vain
    if path is None:
        file = model.fetch(progress=progress)
        return server.LocalServer(file, model=model.SMOLLM2.name, n_ctx=2048, port=port)
    file = model.checked(path)
    return server.LocalServer(file, model=file.stem, n_ctx=4096, port=port)
