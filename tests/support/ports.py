"""Ports for servers that must be told theirs."""

from __future__ import annotations

import random
import socket

# Below those that systems give out by themselves, so that no connection takes it in the meantime.
LOWEST, HIGHEST = 20_000, 32_000


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens on."""
    while True:
        port = random.randrange(LOWEST, HIGHEST)
        try:
            with socket.create_server(("127.0.0.1", port)):
                return port
        except OSError:
            continue
