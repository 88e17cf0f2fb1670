"""The list of a server's models, as pure values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """One model. All but `id` is None where the server does not tell.

    `created` is in seconds since 1970.
    """

    id: str
    owned_by: str | None = None
    provider: str | None = None
    created: int | None = None

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> Model:
        """Read an entry that has an `id`; a field of another type counts as absent."""
        owner, provider, created = (wire.get(k) for k in ("owned_by", "provider", "created"))
        return cls(
            id=str(wire["id"]),
            owned_by=owner if isinstance(owner, str) else None,
            provider=provider if isinstance(provider, str) else None,
            created=created if isinstance(created, int) else None,
        )
