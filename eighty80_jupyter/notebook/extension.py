"""What `%load_ext` does: tie the session to the shell, register the magics."""

from __future__ import annotations

import sys
from functools import cache
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.notebook.cell.confirm import InputConfirmer
from eighty80_jupyter.session.session import Session

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

_ATTRIBUTE = "_eighty80_session"  # on the shell, so that it outlives a reload of the extension
_MATCHER = "eighty80_jupyter.chat"
_REPLY = ("eighty80_jupyter.api.reply", "Reply")
_TURN = ("eighty80_jupyter.conversation.turn", "Turn")
_CONVERSATION = ("eighty80_jupyter.conversation.conversation", "Conversation")


def current_session() -> Session:
    """Return the session of the running shell, or that of the process where there is none."""
    # Not imported here: in a plain Python nobody has paid for IPython.
    module = sys.modules.get("IPython.core.interactiveshell")
    shell = module.InteractiveShell._instance if module else None  # noqa: SLF001  # no public look
    return _process_session() if shell is None else attach(shell)


@cache
def _process_session() -> Session:
    session = Session()
    session.confirmer = InputConfirmer(in_kernel=False)
    return session


def attach(shell: InteractiveShell) -> Session:
    """Return the shell's session, made on the first call, with its settings in `%config`."""
    session = getattr(shell, _ATTRIBUTE, None)
    if not isinstance(session, Session):
        session = Session(ChatConfig(parent=shell))
        session.namespace = shell.user_ns
        session.confirmer = InputConfirmer(in_kernel=getattr(shell, "kernel", None) is not None)
        session.open_panel = lambda: _open_panel(shell, session)
        _hide_key(shell)
        setattr(shell, _ATTRIBUTE, session)
    configurables: list[Any] = shell.configurables
    if session.config not in configurables:
        configurables.append(session.config)
    _register_displays(shell)
    return session


def _open_panel(shell: InteractiveShell, session: Session) -> Any:
    from eighty80_jupyter.notebook.panel.panel import open_panel  # noqa: PLC0415  # brings in ipywidgets

    return open_panel(shell, session)


def load(shell: InteractiveShell) -> None:
    """Register the magics."""
    from eighty80_jupyter.notebook.magic.magic import (  # noqa: PLC0415  # cycle-free
        ChatCommand,
        ChatMagic,
        chat_without_cell,
    )

    session = attach(shell)
    magic = ChatMagic(shell, session)
    register: Any = shell.register_magic_function  # its decorator loses the first argument
    register(magic.chat, "line_cell", "chat")
    transformers = shell.input_transformer_manager.token_transformers
    if not any(t.__name__ == ChatCommand.__name__ for t in transformers):
        transformers.append(ChatCommand)
    cleanup = shell.input_transformer_manager.cleanup_transforms
    if not any(map(_is_ours, cleanup)):
        cleanup.append(chat_without_cell)
    _complete(shell, session)


def unload(shell: InteractiveShell) -> None:
    """Undo `load`, and close what runs in the background. The session stays on the shell."""
    session = attach(shell)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("chat", None)
    transformers = shell.input_transformer_manager.token_transformers
    transformers[:] = [t for t in transformers if t.__name__ != "ChatCommand"]
    cleanup = shell.input_transformer_manager.cleanup_transforms
    cleanup[:] = [t for t in cleanup if not _is_ours(t)]
    configurables: list[Any] = shell.configurables
    configurables.remove(session.config)
    _complete(shell, None)
    session.close()


def _is_ours(transform: object) -> bool:
    return getattr(transform, "__name__", "") == "chat_without_cell"


def _complete(shell: InteractiveShell, session: Session | None) -> None:
    """Have Tab look at prompts too, instead of what an earlier load left; None: no longer."""
    from IPython.core.completer import CompletionContext, context_matcher  # noqa: PLC0415  # is there

    completer: Any = getattr(shell, "Completer", None)
    if completer is None:
        return
    kept = [m for m in completer.custom_matchers if m.matcher_identifier != _MATCHER]
    if session is not None:

        @context_matcher(identifier=_MATCHER)  # type: ignore[untyped-decorator]  # IPython's
        def match(context: CompletionContext) -> Any:
            from eighty80_jupyter.notebook.line.completion import complete  # noqa: PLC0415  # first Tab

            return complete(session, context)

        kept.append(match)
    completer.custom_matchers = kept


def _hide_key(shell: InteractiveShell) -> None:
    """Take the key of a configuration file out of the shell's settings, which can be printed."""
    section: Any = shell.config.get("ChatConfig", {})
    if "api_key" in section:
        del section["api_key"]


def _register_displays(shell: InteractiveShell) -> None:
    formatter = shell.display_formatter
    if formatter is None:
        return
    html = formatter.formatters["text/html"]
    html.for_type_by_name(*_REPLY, _reply_html)
    html.for_type_by_name(*_CONVERSATION, _conversation_html)
    html.for_type_by_name(*_TURN, _turn_html)


def _reply_html(reply: Any) -> str:
    from eighty80_jupyter.notebook.cell.views import reply_html  # noqa: PLC0415  # the Markdown stack

    return reply_html(reply)


def _conversation_html(conversation: Any) -> str:
    from eighty80_jupyter.notebook.cell.views import conversation_html  # noqa: PLC0415  # the same

    return conversation_html(conversation)


def _turn_html(turn: Any) -> str:
    from eighty80_jupyter.notebook.cell.views import turn_html  # noqa: PLC0415  # the same

    return turn_html(None, turn)
