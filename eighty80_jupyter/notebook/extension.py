"""What `%load_ext` does: register the magics. All that they need comes in at their first use."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from IPython.core.completer import CompletionContext, context_matcher
from IPython.core.magic import no_var_expand

from eighty80_jupyter import loading
from eighty80_jupyter.notebook.attach import (
    check_threads,
    config_of,
    existing_session,
    register_displays,
    session_of,
)
from eighty80_jupyter.notebook.lab.comm import close_comm, open_comm
from eighty80_jupyter.notebook.line.input import NAME, REPLY, ChatAssign, ChatCommand, plain_chat
from eighty80_jupyter.notebook.line.lexer import coloured_prompts, plain_prompts
from eighty80_jupyter.notebook.line.manual import manual
from eighty80_jupyter.notebook.run_cells import note_cells

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.api.reply import Reply
    from eighty80_jupyter.notebook.magic.magic import ChatMagic

_WARM_UP = "_eighty80_warm_up"  # on the shell
_MATCHER = "eighty80_jupyter.chat"


def _magic(shell: InteractiveShell) -> ChatMagic:
    check_threads()
    loading.require(*loading.MAGIC, *loading.CLIENT)
    from eighty80_jupyter.notebook.magic.magic import ChatMagic  # noqa: PLC0415  # a door

    return ChatMagic(shell, session_of(shell))


def load(shell: InteractiveShell) -> None:
    """Register the magics."""
    config = config_of(shell)
    register_displays(shell)
    magic = cache(lambda: _magic(shell))

    @no_var_expand
    def chat(line: str, cell: str | None = None) -> None:
        magic().chat(line, cell)  # what it returns would be shown once more

    @no_var_expand
    def chat_reply(line: str) -> Reply | None:
        return magic().chat(line)

    chat.__doc__ = manual()
    register: Any = shell.register_magic_function  # its decorator loses the first argument
    chat_reply.__doc__ = "What `x = %chat ...` calls: ask, show the reply, and return it."
    register(chat, "line_cell", NAME)
    register(chat_reply, "line", REPLY)
    _forget_transforms(shell)
    shell.input_transformer_manager.token_transformers += [ChatCommand, ChatAssign]
    shell.input_transformer_manager.cleanup_transforms.append(plain_chat)
    _complete(shell, on=True)
    note_cells(shell, on=True)
    plain_prompts(shell)
    in_kernel = getattr(shell, "kernel", None) is not None
    if in_kernel:
        open_comm(shell, lambda: existing_session(shell), config)
    if in_kernel and sys.platform != "emscripten" and not hasattr(shell, _WARM_UP):
        warm_up = loading.WarmUp(*loading.FIRST_PROMPT)
        shell.events.register("pre_run_cell", warm_up.busy)
        shell.events.register("post_run_cell", warm_up.idle)
        setattr(shell, _WARM_UP, warm_up)


def unload(shell: InteractiveShell) -> None:
    """Undo `load`, and close what runs in the background. The session stays on the shell."""
    close_comm(shell)
    note_cells(shell, on=False)
    warm_up: loading.WarmUp | None = getattr(shell, _WARM_UP, None)
    if warm_up is not None:
        delattr(shell, _WARM_UP)
        shell.events.unregister("pre_run_cell", warm_up.busy)
        shell.events.unregister("post_run_cell", warm_up.idle)
        warm_up.close()
    for kind in ("line", "cell"):
        for name in (NAME, REPLY):
            shell.magics_manager.magics[kind].pop(name, None)
    _forget_transforms(shell)
    configurables: list[Any] = shell.configurables
    configurables.remove(config_of(shell))
    _complete(shell, on=False)
    coloured_prompts(shell)
    if (session := existing_session(shell)) is not None:
        session.close()


def _forget_transforms(shell: InteractiveShell) -> None:
    """Take away what an earlier load left; a reload has made other objects of the same names."""
    manager = shell.input_transformer_manager
    ours = {plain_chat.__name__, ChatCommand.__name__, ChatAssign.__name__}
    for transforms in (manager.token_transformers, manager.cleanup_transforms):
        transforms[:] = [t for t in transforms if getattr(t, "__name__", "") not in ours]


def _complete(shell: InteractiveShell, *, on: bool) -> None:
    """Have Tab look at prompts too, instead of what an earlier load left; or no longer."""
    completer: Any = getattr(shell, "Completer", None)
    if completer is None:
        return
    kept = [m for m in completer.custom_matchers if m.matcher_identifier != _MATCHER]
    if on:

        @context_matcher(identifier=_MATCHER)  # type: ignore[untyped-decorator]  # IPython's
        def match(context: CompletionContext) -> Any:
            from eighty80_jupyter.notebook.line.completion import complete  # noqa: PLC0415  # a door

            return complete(session_of(shell), context)

        kept.append(match)
    completer.custom_matchers = kept
