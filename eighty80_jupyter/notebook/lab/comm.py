"""The kernel's side of prompt cells: answers to what the page asks about a prompt.

Nothing is evaluated, and nothing of a value but its type, size and count of tokens is told. The
first answer brings the code with which the page asks the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eighty80_jupyter import loading
from eighty80_jupyter.notebook.lab.table import option_table
from eighty80_jupyter.notebook.line.input import names
from eighty80_jupyter.notebook.run_cells import run_cells_of

if TYPE_CHECKING:
    from comm.base_comm import BaseComm
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.config import ChatConfig
    from eighty80_jupyter.session.session import Session

TARGET = "eighty80_jupyter.prompts"
PAGE = Path(__file__).parent / "static" / "page.js"  # what a page runs once it has found the comm
_LONGEST = 100_000  # characters of a prompt that is looked at
_COMM = "_eighty80_comm"  # on the shell


def open_comm(
    shell: InteractiveShell,
    session: Callable[[], Session | None],
    config: ChatConfig | None = None,
) -> None:
    """Listen for a page's questions. Nothing is sent: the page looks for the comm itself.

    `config` are the settings that a session will have.
    """
    from comm import create_comm, get_comm_manager  # noqa: PLC0415  # a kernel has it loaded

    close_comm(shell)
    comm = create_comm(target_name=TARGET, primary=False)

    # Not through `on_msg`, which has the shell run what waits for the end of a cell: drawing
    # figures, and hooks of the user's.
    def handle(message: Mapping[str, Any]) -> None:
        with suppress(Exception):  # whatever a page sends, it is no concern of the kernel's
            cells = run_cells_of(shell)
            cells.page_is_there, cells.tell_page = True, comm.send
            always = bool(config is not None and config.cells)
            _handle(comm, message["content"]["data"], shell, session(), always=always)

    setattr(comm, "handle_msg", handle)  # noqa: B010  # mypy knows it as a method
    get_comm_manager().register_comm(comm)
    setattr(shell, _COMM, comm)


def close_comm(shell: InteractiveShell) -> None:
    """Listen no longer."""
    comm: BaseComm | None = getattr(shell, _COMM, None)
    if comm is not None:
        delattr(shell, _COMM)
        run_cells_of(shell).tell_page = None
        comm.close()


def _handle(
    comm: BaseComm, data: Any, shell: InteractiveShell, session: Session | None, *, always: bool
) -> None:
    question = data.get("ask")
    answer: dict[str, Any]
    if question == "page":
        run_cells_of(shell).page_came(data)
        return
    if question == "put":
        run_cells_of(shell).page_has_put(done=data.get("done") is True)
        return
    if question == "ready":
        run_cells_of(shell).page_is_ready()
        return
    if question == "table":
        options, page = option_table(), PAGE.read_text(encoding="utf-8")
        answer = {"names": sorted(names()), "options": options, "cells": always, "page": page}
    elif question in ("check", "describe"):
        loading.require("eighty80_jupyter.notebook.lab.answers")
        from eighty80_jupyter.notebook.lab.answers import check, describe_field  # noqa: PLC0415  # a door

        namespace = shell.user_ns
        text = data.get("text")
        if not isinstance(text, str) or len(text) > _LONGEST:
            return
        if question == "check":
            answer = {"wrong": check(text, namespace)}
        else:
            registry = session.requests.registry if session is not None else None
            cell = data.get("cell")
            cell = cell if isinstance(cell, str) and len(cell) <= _LONGEST else ""
            answer = {"text": describe_field(text, namespace, registry, cell=cell)}
    else:
        return
    comm.send(answer)
