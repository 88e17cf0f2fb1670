"""The list of models of a server, in any of its forms. No I/O."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import orjson

from eighty80_jupyter import errors
from eighty80_jupyter.wire import status_errors
from eighty80_jupyter.wire.address import MODELS
from eighty80_jupyter.wire.endpoint import Credentials, Endpoint
from eighty80_jupyter.wire.error_bodies import is_error


def read_models(data: bytes, endpoint: Endpoint, credentials: Credentials) -> list[dict[str, Any]]:
    """Return the entries of a list of models in any of its forms. Raises APIError."""
    try:
        decoded = orjson.loads(data)
    except ValueError:
        decoded = None
        if data.strip():
            is_page = data.lstrip()[:1] == b"<"
            raise errors.APIStreamError(
                f"{urlsplit(endpoint.url).netloc} answered with "
                f"{'a web page' if is_page else 'something that is no JSON'} in place of its "
                "models; check the address (_8080_API_URL)"
            ) from None
    entries = decoded
    if isinstance(decoded, dict):
        entries = next(
            (e for k in ("data", "models") if isinstance(e := decoded.get(k), list)), None
        )
        if entries is None and is_error(decoded):
            raise status_errors.stream_error(
                decoded, url=endpoint.address(MODELS, hide=True), secret=credentials.secrets
            )
    models: list[dict[str, Any]] = []
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, str) and entry:
            models.append({"id": entry})
        elif isinstance(entry, dict):
            names = (entry.get(name) for name in ("id", "name", "model"))
            name = next((n for n in names if isinstance(n, str) and n), None)
            if name is not None:
                models.append(entry if entry.get("id") == name else {**entry, "id": name})
    return models
