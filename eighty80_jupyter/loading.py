"""Modules that are brought in late, imported where no interrupt arrives.

Interrupted in the middle, an import leaves a package behind whose modules are loaded and are not
its attributes, and every later use of it fails until the kernel is restarted. Interrupts arrive in
the main thread only: the import runs in another, and the main thread waits for that, which may be
interrupted at any moment.
"""

from __future__ import annotations

import atexit
import os
import threading
from contextlib import suppress
from importlib import import_module

SESSION = ("eighty80_jupyter.notebook.cell.tools.confirm", "eighty80_jupyter.session.session")
MAGIC = ("eighty80_jupyter.notebook.magic.magic", *SESSION)
CLIENT = ("eighty80_jupyter.wire.client", "eighty80_jupyter.session.recording_client")
# Beyond what the first prompt needs anyway: what highlights the code of most replies.
DRAWING = (
    "eighty80_jupyter.notebook.cell.views.turns",
    "pygments.lexers.python",
    "pygments.formatters.html",
)
TOOLS = ("eighty80_jupyter.tools.schema", "pydantic", "docstring_parser")
# Where Jupyter's own packages are installed jsonschema takes a second: it builds a grammar of URLs.
CHECKS = ("jsonschema", "referencing")
TYPED = ("eighty80_jupyter.structured.asking",)
ROWS = ("eighty80_jupyter.notebook.rows.display",)
MCP = ("eighty80_jupyter.mcp.servers",)
PANEL = ("eighty80_jupyter.notebook.panel.panel",)
# In the order in which they are likely to be needed. Widgets are for those who open a panel.
FIRST_PROMPT = (*MAGIC, *CLIENT, *DRAWING)

_QUIET_SECONDS = 0.1  # a kernel that rests for so long has no next cell waiting
_LOOK_SECONDS = 0.05
_END_SECONDS = 5.0

_loaded: set[str] = set()
# Held while modules are imported. Two threads that import parts of one library at the same time may
# each get a half of it, and a process that is forked off meanwhile would have the locks of the half
# imported module for ever.
_importing = threading.RLock()
_FORK_SECONDS = 10.0  # the import may wait for one that forks, and would do so for ever


def _before_fork() -> None:
    _importing.acquire(timeout=_FORK_SECONDS)


def _after_fork() -> None:
    with suppress(RuntimeError):  # it was not to be had in time
        _importing.release()


def _in_a_fork() -> None:
    global _importing  # noqa: PLW0603  # the thread that held the old one does not exist here
    _importing = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_in_a_fork)


def require(*names: str) -> None:
    """Import modules, so that a following import of them is a mere look-up.

    Raises what an import raises, and KeyboardInterrupt for an interrupt, after which the import
    goes on and the next call waits for it.
    """
    missing = [name for name in names if name not in _loaded]
    if not missing:
        return
    if threading.current_thread() is not threading.main_thread():
        _import(missing)
        return
    failures: list[BaseException] = []
    done = threading.Event()

    def work() -> None:
        try:
            _import(missing)
        except BaseException as error:  # noqa: BLE001  # it is raised where it is waited for
            failures.append(error)
        finally:
            done.set()

    threading.Thread(target=work, name="eighty80-import", daemon=True).start()
    while not done.wait(_LOOK_SECONDS):  # without a limit no interrupt would end it on Windows
        pass
    if failures:
        raise failures[0].with_traceback(None)


def begin(*names: str) -> None:
    """Import modules in the background; whoever requires them waits for what is left of that."""
    missing = [name for name in names if name not in _loaded]
    if missing:
        threading.Thread(
            target=_import_quietly, args=(missing,), name="eighty80-import", daemon=True
        ).start()


def _import_quietly(names: list[str]) -> None:
    with suppress(Exception):  # who needs it will be told
        _import(names)


def _import(names: list[str]) -> None:
    with _importing:
        for name in names:
            import_module(name)
            _loaded.add(name)


class WarmUp:
    """Imports modules one by one in the background, while the kernel rests.

    `busy` and `idle` tell what the kernel does; they return at once. A module whose import has
    begun is imported to its end, also where a cell begins meanwhile. It ends with the last of
    `names`, at `close`, and with the process.
    """

    def __init__(self, *names: str) -> None:
        self._names = names
        self._idle, self._busy, self._closed = (threading.Event() for _ in range(3))
        self._thread: threading.Thread | None = None

    def busy(self, *_: object) -> None:
        """Note that a cell runs."""
        self._idle.clear()
        self._busy.set()

    def idle(self, *_: object) -> None:
        """Note that a cell has ended. The first one begins the work."""
        self._busy.clear()
        self._idle.set()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="eighty80-warm-up", daemon=True)
            self._thread.start()
            atexit.register(self.close)

    def close(self) -> None:
        """Begin no further import, and wait for one that has begun."""
        self._closed.set()
        self._idle.set()
        self._busy.set()
        if self._thread is not None:
            atexit.unregister(self.close)
            self._thread.join(_END_SECONDS)

    def _run(self) -> None:
        for name in self._names:
            while True:
                self._idle.wait()
                if not self._busy.wait(_QUIET_SECONDS):
                    break
                if self._closed.is_set():
                    return
            try:
                require(name)
            except Exception:  # noqa: BLE001  # who needs it will be told
                return
