"""The server's process, as the process that starts it sees it."""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import queue
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, Any, Self

from eighty80_jupyter.errors import LocalModelError
from eighty80_jupyter.local.child import installer

# A file, so that the package need not be importable from the kernel's directory. -P, so that what
# lies beside that file is not importable under a name of its own.
CHILD = (sys.executable, "-P", str(Path(__file__).with_name("child.py")))

# What a Python and the runtime need of the user's environment: where things lie, the language, and
# which processors are used. Not the rest: keys stand in it.
_ENVIRONMENT = frozenset(
    {"PATH", "HOME", "USER", "LOGNAME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP",
     "PYTHONPATH", "PYTHONHOME", "PYTHONUSERBASE", "PYTHONUTF8", "VIRTUAL_ENV", "CONDA_PREFIX",
     "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "PATHEXT", "USERPROFILE", "APPDATA",
     "LOCALAPPDATA", "PROGRAMDATA", "NUMBER_OF_PROCESSORS", "PROCESSOR_ARCHITECTURE"}
)  # fmt: skip
_PREFIXES = ("LC_", "LD_", "DYLD_", "OMP_", "GGML_", "CUDA_", "HIP_", "ROCR_", "VK_", "MTL_")
_LOST_SECONDS = 0.5

# A panel and a cell, or two panels, may ask at once; each has memory of its own in the runtime.
PARALLEL_REQUESTS = 2

_POLL_SECONDS = 0.1
_CLOSE_SECONDS = 3.0
_TAIL_BYTES = 2000
_ADVICE = "Check the model file, the port and the free memory, then start it again."
_LOG_PREFIX = re.compile(r"^[\d.]+ [A-Z] +", re.MULTILINE)


def require_runtime() -> None:
    """Raise `LocalModelError` when xllamacpp is not installed. Imports nothing."""
    if importlib.util.find_spec("xllamacpp") is None:
        raise LocalModelError(
            "The embedded model needs xllamacpp, which is not installed: "
            f"{installer()} 'eighty80-jupyter[local]'. Where that finds no wheel for the "
            "platform, use any other server: set _8080_API_URL."
        )


def threads() -> int:
    """Return the number of threads for the model: one core stays free for the kernel."""
    # Not on every system: the cores that this process may use.
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return max(1, cores - 1)


class LocalServer:
    """A running server for one model file, in a process of its own.

    `path` is a GGUF file, `model` the name it is served under, `n_ctx` the context of a request
    in tokens (never more than the model was trained for), `port` 0 for any free one, `timeout` the
    time in seconds that loading may take. Raises `LocalModelError` when it does not start.

    It ends by `close()`, at the end of the `with` block, or when this process ends in whatever way.
    A process forked from this one does not own it: there `close()` does nothing and `alive` is
    False.
    """

    def __init__(
        self, path: Path, *, model: str, n_ctx: int, port: int = 0, timeout: float = 600.0
    ) -> None:
        self.model = model
        self.api_key = secrets.token_urlsafe(32)
        self.url = ""
        self._owner = os.getpid()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # close() closes it
        request = {
            "path": str(path.absolute()),
            "model": model,
            "api_key": self.api_key,
            "port": port,
            "n_ctx": n_ctx,
            "n_parallel": PARALLEL_REQUESTS,
            "n_threads": threads(),
        }
        try:
            self._process = _spawn(self._log.fileno())
        except OSError as error:
            self._log.close()
            raise LocalModelError(
                f"The embedded model's server cannot be started with {sys.executable!r} "
                f"({error.strerror}): run this in a Python that can start itself."
            ) from error
        atexit.register(self.close)
        try:
            answer = self._ask(request, timeout)
        except BaseException:  # an interrupt too leaves no process
            self._process.kill()  # the runtime hears no order while it loads
            self.close()
            raise
        if "url" not in answer:
            self._finish()  # by then all that the runtime says about it is in the log
            failure = LocalModelError(answer["error"]) if answer else self._failure()
            self.close()
            raise failure
        self.url = answer["url"]

    def __repr__(self) -> str:
        return f"LocalServer(model={self.model!r}, url={self.url!r}, alive={self.alive})"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """Return the id of the server's process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Tell whether the server's process runs."""
        return os.getpid() == self._owner and self._process.poll() is None

    def wait(self) -> None:
        """Wait until `close()`, or raise `LocalModelError` when the server ends by itself."""
        while self.alive:
            # In slices: Windows would not let Ctrl-C interrupt one long wait.
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_POLL_SECONDS)
        if not self._log.closed:
            raise self._failure()

    def lost(self) -> str:
        """Return how the server has ended by itself, in words; empty while it runs.

        To be asked when a connection broke: a process that ends is waited for, half a second.
        """
        if os.getpid() != self._owner or self._log.closed:
            return ""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_LOST_SECONDS)
        return "" if self._process.returncode is None else self._ended()

    def close(self) -> None:
        """End the server and wait for it, a few seconds at most. More than once does no harm."""
        if os.getpid() != self._owner:
            return
        atexit.unregister(self.close)
        if self._process.stdin is not None:
            self._process.stdin.close()  # the order to end
        self._finish()
        self._log.close()

    def _ask(self, request: dict[str, Any], timeout: float) -> dict[str, str]:
        """Send the child its request and return its answer; empty when it ended without one.

        The answer has one field: `url` of the running server, or `error`, for the user.
        """
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101  # for the type checker: both are pipes
        assert stdout is not None  # noqa: S101  # the same
        with contextlib.suppress(OSError):  # a child that is gone shows by its empty answer
            stdin.write(json.dumps(request).encode() + b"\n")
        # A thread, because not every system can wait for a pipe and for an interrupt at once.
        answers: queue.SimpleQueue[bytes] = queue.SimpleQueue()
        threading.Thread(target=_read_answer, args=(stdout, answers), daemon=True).start()
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            with contextlib.suppress(queue.Empty):
                line = answers.get(timeout=_POLL_SECONDS)
                return dict(json.loads(line)) if line else {}
        return {"error": f"The embedded model was not ready after {timeout:g} s. {_ADVICE}"}

    def _finish(self) -> None:
        """Wait a little for the process to end, then see to it that it does."""
        try:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(_CLOSE_SECONDS)
        finally:  # an interrupt while waiting, too
            self._process.kill()
            self._process.wait()

    def _failure(self) -> LocalModelError:
        """Return the error that says how the server has ended and what its log says about it."""
        return LocalModelError(f"The server of the embedded model {self._ended()}. {_ADVICE}")

    def _ended(self) -> str:
        """Return how the server has ended, and what its log says about it."""
        status = self._process.returncode
        how = f"ended with status {status}"
        if status < 0:
            with contextlib.suppress(ValueError):  # a number without a name
                how = f"was ended by {signal.Signals(-status).name}"
        self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, self._log.tell() - _TAIL_BYTES))
        tail = _LOG_PREFIX.sub("", self._log.read().decode(errors="replace"))
        # The runtime repeats itself; its first lines are the cause, a crash's is the last.
        said = list(dict.fromkeys(line.strip() for line in tail.splitlines() if line.strip()))
        return "; ".join([how, *said[:3], *said[3:][-1:]]).rstrip(".")


def _read_answer(stdout: IO[bytes], answers: queue.SimpleQueue[bytes]) -> None:
    """Put the child's one line of JSON into `answers`; empty when it ends without."""
    with stdout:
        # Something in the user's environment may print when any Python starts.
        answers.put(next((line for line in stdout if line.startswith(b"{")), b""))


def _spawn(log: int) -> subprocess.Popen[bytes]:
    """Start the child program in a session of its own: interrupts of a kernel go to its group."""
    flags = 0
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.CREATE_NO_WINDOW
    return subprocess.Popen(  # noqa: S603  # the command is ours
        CHILD,
        bufsize=0,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=_environment(),
        start_new_session=True,
        creationflags=flags,
    )


def _environment() -> dict[str, str]:
    """Return what the child gets of this process's environment."""
    return {
        name: value
        for name, value in os.environ.items()
        if name.upper() in _ENVIRONMENT or name.upper().startswith(_PREFIXES)
    }
