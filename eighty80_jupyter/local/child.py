"""The program of the server's own process: reads what to serve, serves it, ends with its parent.

It is run as a file, and needs only the standard library and xllamacpp. What passes:

- stdin: one line of JSON with the fields of `server.LocalServer`'s request, the API key among them
  (a command line is visible to all users). It stays open: its end is the order to end.
- stdout: one line of JSON, `{"url": ...}` once the server answers, or `{"error": ...}` with all
  that the user needs to know.
- stderr: what the runtime has to say about other failures, which end this process.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
import threading
import time
from typing import Any

LOOPBACK = "127.0.0.1"
# The first that can be told not to welcome the scripts of every web page (CORS).
OLDEST_RUNTIME = "2026.7.10068"

_WATCH_SECONDS = 0.5


def installer() -> str:
    """Return the command that installs into this environment: uv makes some that have no pip."""
    return "pip install" if importlib.util.find_spec("pip") else "uv pip install"


class UnusableRuntimeError(Exception):
    """xllamacpp is missing, broken, or cannot be made safe. Its text is for the user."""


def main() -> int:
    """Serve until the parent closes stdin or ends; return the exit status of a failure."""
    # What native code prints must not get between the parent and its one line.
    answers = os.dup(1)
    os.dup2(2, 1)
    request = json.loads(sys.stdin.buffer.readline())
    for watch in (_watch_stdin, _watch_parent):
        threading.Thread(target=watch, daemon=True).start()
    try:
        server = serve(request)
    except UnusableRuntimeError as error:
        _write_line(answers, {"error": str(error)})
        return 1
    except Exception as error:  # noqa: BLE001  # whatever it is, the parent reports it
        sys.stderr.write(f"{error}\n")
        return 1  # not os._exit(): the runtime writes the rest of its log at exit
    _write_line(answers, {"url": server.listening_address})
    threading.Event().wait()
    return 0


def serve(request: dict[str, Any]) -> Any:
    """Return a running server for `request`."""
    try:
        # Late, so that a missing or broken runtime is an answer and no traceback.
        import xllamacpp  # noqa: PLC0415  # see above
    except ImportError as error:
        raise UnusableRuntimeError(
            f"The embedded model needs xllamacpp, which cannot be imported ({error}): "
            f"{installer()} 'eighty80-jupyter[local]'"
        ) from error
    server = xllamacpp.Server(configure(xllamacpp.CommonParams(), request))
    if not server.listening_address.startswith(f"http://{LOOPBACK}:"):
        raise UnusableRuntimeError(
            f"Expected xllamacpp to listen on {LOOPBACK} only, got {server.listening_address}: "
            f"{installer()} -U xllamacpp"
        )
    return server


def configure(params: Any, request: dict[str, Any]) -> Any:
    """Set all that matters in the runtime's `params` and return them."""
    if not hasattr(params, "cors_origins"):
        raise UnusableRuntimeError(
            f"Expected xllamacpp {OLDEST_RUNTIME} or later, got one that lets every web page read "
            f"its answers: {installer()} -U xllamacpp"
        )
    params.cors_origins = params.cors_methods = params.cors_headers = ""
    params.cors_credentials = False
    params.api_keys = [request["api_key"]]
    if hasattr(params, "hostnames"):
        params.hostnames = [LOOPBACK]
    else:  # until 2026.8
        params.hostname = LOOPBACK
    params.port = request["port"]
    params.ui = False
    params.endpoint_slots = False
    params.model.path = request["path"]
    params.model_alias = {request["model"]}
    params.offline = True
    # The runtime divides the context among the requests that it answers at once.
    params.n_parallel = request["n_parallel"]
    params.n_ctx = request["n_ctx"] * request["n_parallel"]
    params.cache_ram_mib = 0  # its default keeps up to 8 GB of old prompts
    params.cpuparams.n_threads = request["n_threads"]
    params.cpuparams_batch.n_threads = request["n_threads"]
    params.verbosity = 1  # errors
    return params


def _write_line(answers: int, answer: dict[str, str]) -> None:
    os.write(answers, json.dumps(answer).encode() + b"\n")
    os.close(answers)


def _watch_stdin() -> None:
    """End this process when the parent closes the pipe, or ends and so closes it."""
    while os.read(0, 4096):
        pass
    os._exit(0)


def _watch_parent() -> None:
    """End this process when the parent has ended.

    A process that the parent has forked holds the pipe open beyond that. On Windows, where this
    number never changes, nobody forks.
    """
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(_WATCH_SECONDS)
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
