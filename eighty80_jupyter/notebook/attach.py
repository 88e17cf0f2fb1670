"""The session of a shell: made when first used, with its settings in `%config`.

All that a conversation needs comes in with it; `%load_ext` alone loads the settings only.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import cache
from types import ModuleType
from typing import TYPE_CHECKING, Any

from eighty80_jupyter import loading
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import NO_THREADS, UsageError
from eighty80_jupyter.notebook.cell.running_cell import running_cell
from eighty80_jupyter.notebook.cell.summary import NAMESPACE

if TYPE_CHECKING:
    from collections.abc import Callable

    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.notebook.rows.display import RunDisplay
    from eighty80_jupyter.notebook.saved.python_turns import PythonTurns
    from eighty80_jupyter.rows.comparison import RowComparison
    from eighty80_jupyter.rows.review import Review
    from eighty80_jupyter.rows.run import Run
    from eighty80_jupyter.session.session import Session

# On the shell, so that they outlive a reload of the extension.
_SESSION, _CONFIG, _ASKED = "_eighty80_session", "_eighty80_config", "_eighty80_asked"
_RUNS = "_eighty80_runs"

# Held while a session is made: threads that ask first must not each get one of their own.
_making = threading.RLock()


def _in_a_fork() -> None:
    global _making  # noqa: PLW0603  # the thread that held the old one does not exist here
    _making = threading.RLock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_in_a_fork)


def current_session() -> Session:
    """Return the session of the running shell, or that of the process where there is none."""
    # Not imported here: in a plain Python nobody has paid for IPython.
    module = sys.modules.get("IPython.core.getipython")
    shell = None if module is None else module.get_ipython()
    with _making:
        return _process_session() if shell is None else session_of(shell)


@cache
def _process_session() -> Session:
    return _make_session(None, in_kernel=False)


def session_of(shell: InteractiveShell) -> Session:
    """Return the shell's session, made on the first call."""
    session = existing_session(shell)
    if session is None:
        # Late: it needs IPython, which a plain Python does not load.
        from eighty80_jupyter.notebook.run_cells import run_cells_of  # noqa: PLC0415

        in_kernel = getattr(shell, "kernel", None) is not None
        session = _make_session(shell, in_kernel=in_kernel)
        session.namespace = shell.user_ns
        session.requests.run_cells = run_cells_of(shell)
        session.open_panel = lambda: _open_panel(shell, session_of(shell))
        session.running_cell = lambda: _run_of_cell(shell)
        session.say = lambda text: _say(shell, session_of(shell), text)
        session.row_runs.follow = lambda run: _run_display(shell).follow(run)
        session.row_runs.show_review = lambda review: _show_review(shell, review)
        session.comparisons.follow = lambda comparison: _follow_comparison(shell, comparison)
        register_displays(shell)
        if in_kernel:
            # What a cell had shown goes away when it runs again.
            shell.events.register("pre_run_cell", lambda _info: _forget_cell(shell))
            session.answered = lambda turn: _python_turns(shell, session_of(shell)).add(turn)
            session.begun = lambda turn: _python_turns(shell, session_of(shell)).add_late(turn)
        setattr(shell, _SESSION, session)
        try:
            session.presets.begin()
        except UsageError as error:
            session.say(str(error))
    return session


def _forget_cell(shell: InteractiveShell) -> None:
    session_of(shell).in_cells.pop(running_cell(shell).place, None)


def existing_session(shell: InteractiveShell) -> Session | None:
    """Return the shell's session if it has been used."""
    session: Session | None = getattr(shell, _SESSION, None)
    return session


def config_of(shell: InteractiveShell) -> ChatConfig:
    """Return the settings, made on the first call, and have `%config` know them."""
    config = getattr(shell, _CONFIG, None)
    if not isinstance(config, ChatConfig):
        config = ChatConfig(parent=shell)
        # What is secret in a configuration file must not stand in the shell's settings: they are
        # printed.
        section: Any = shell.config.get("ChatConfig", {})
        for name in ("api_key", "extra_headers", "extra_query"):
            section.pop(name, None)
        setattr(shell, _CONFIG, config)
    configurables: list[Any] = shell.configurables
    if config not in configurables:
        configurables.append(config)
    return config


def _python_turns(shell: InteractiveShell, session: Session) -> PythonTurns:
    """Return what shows the turns of `chat.ask` in their cells, made for the first of them."""
    known: PythonTurns | None = getattr(shell, _ASKED, None)
    if known is None:
        loading.require(*loading.DRAWING)
        from eighty80_jupyter.notebook.saved.python_turns import PythonTurns  # noqa: PLC0415  # a door

        known = made = PythonTurns(shell, session)
        setattr(shell, _ASKED, known)
        shell.events.register("post_run_cell", lambda _result: made.finish())
    return known


def _run_of_cell(shell: InteractiveShell) -> str:
    return running_cell(shell).run or str(shell.execution_count)


def _say(shell: InteractiveShell, session: Session, text: str) -> None:
    """Show a line in small and grey letters."""
    from eighty80_jupyter.notebook.commands.context import CommandContext  # noqa: PLC0415  # a door
    from eighty80_jupyter.notebook.markdown.page_text import quiet_html  # noqa: PLC0415  # a door

    context = CommandContext(shell=shell, session=session, conversations=session.conversations)
    context.show(quiet_html(text), text)


def register_displays(shell: InteractiveShell) -> None:
    """Have replies, turns and conversations show as HTML where they are a cell's result."""
    formatter = shell.display_formatter
    if formatter is None:
        return
    html, latex = (formatter.formatters[kind] for kind in ("text/html", "text/latex"))
    # How each looks, and the same as Markdown.
    kinds: dict[tuple[str, str], tuple[Callable[[Any], str], Callable[[Any], str]]] = {
        ("eighty80_jupyter.api.reply", "Reply"): (
            lambda it: _views().reply_html(it),
            lambda it: "\n\n".join(_markdown().reply_markdown(it)),
        ),
        ("eighty80_jupyter.conversation.turn", "Turn"): (
            lambda it: _views().turn_html(None, it),
            lambda it: "\n\n".join(_markdown().turn_markdown(None, it)),
        ),
        ("eighty80_jupyter.conversation.conversation", "Conversation"): (
            lambda it: _views().conversation_html(it),
            lambda it: _markdown().conversation_markdown(it),
        ),
        ("eighty80_jupyter.rows.comparison", "RowComparison"): (
            lambda it: _comparisons().comparison_html(it),
            lambda it: _comparisons().comparison_markdown(it),
        ),
        ("eighty80_jupyter.rows.run", "Run"): (
            lambda it: _run_display(shell).result_html(it),
            lambda it: _run_display(shell).result_markdown(it),
        ),
    }
    for kind, (look, said) in kinds.items():
        # nbconvert finds the Markdown in the metadata: on a page it would be obeyed.
        html.for_type_by_name(
            *kind, lambda it, look=look, said=said: (look(it), {NAMESPACE: {"markdown": said(it)}})
        )
        latex.for_type_by_name(*kind, lambda it, said=said: _typeset(shell, said(it)))


def _typeset(shell: InteractiveShell, markdown: str) -> str | None:
    """Return Markdown as LaTeX, for a notebook that becomes a PDF; a console would set it."""
    from eighty80_jupyter.notebook.cell.front_end import is_console  # noqa: PLC0415  # a door
    from eighty80_jupyter.notebook.markdown.latex import latex  # noqa: PLC0415  # a door

    return None if is_console(shell) else latex(markdown)


def _follow_comparison(shell: InteractiveShell, comparison: RowComparison) -> None:
    """Wait for a comparison and show it."""
    loading.require(*loading.ROWS)
    from eighty80_jupyter.notebook.rows.display import follow_comparison  # noqa: PLC0415  # a door

    follow_comparison(shell, config_of(shell), comparison)


def _show_review(shell: InteractiveShell, review: Review) -> None:
    """Have a person label rows."""
    from eighty80_jupyter.notebook.rows.review import show_review  # noqa: PLC0415  # a door: widgets

    show_review(shell, config_of(shell), review)


def _comparisons() -> ModuleType:
    loading.require(*loading.ROWS)
    from eighty80_jupyter.notebook.rows import comparison_html  # noqa: PLC0415  # a door

    return comparison_html


def _run_display(shell: InteractiveShell) -> RunDisplay:
    """Return what shows the runs over rows, made for the first of them."""
    known: RunDisplay | None = getattr(shell, _RUNS, None)
    if known is None:
        loading.require(*loading.ROWS)
        from eighty80_jupyter.notebook.rows.display import RunDisplay  # noqa: PLC0415  # a door

        known = RunDisplay(shell, config_of(shell), lambda: _run_of_cell(shell))
        setattr(shell, _RUNS, known)
    return known


def check_threads() -> None:
    """Raise UsageError where there are no threads, before one is needed for an import."""
    if sys.platform == "emscripten":
        raise UsageError(NO_THREADS)


def _make_session(shell: InteractiveShell | None, *, in_kernel: bool) -> Session:
    check_threads()
    loading.require(*loading.SESSION)
    from eighty80_jupyter.notebook.cell.tools.confirm import InputConfirmer  # noqa: PLC0415  # a door
    from eighty80_jupyter.session.session import Session  # noqa: PLC0415  # a door

    session = Session(None if shell is None else config_of(shell))
    session.row_runs.follow = _follow_in_terminal
    session.confirmer = InputConfirmer(in_kernel=in_kernel, shell=shell if in_kernel else None)
    return session


def _follow_in_terminal(run: Run) -> None:
    """Wait for a run where there is no shell, and tell it beside what the program writes."""
    loading.require(*loading.ROWS)
    from eighty80_jupyter.notebook.rows.display import follow_in_terminal  # noqa: PLC0415  # a door

    follow_in_terminal(run, sys.stderr, live=sys.stderr.isatty())


def _views() -> ModuleType:
    loading.require(*loading.DRAWING)
    from eighty80_jupyter.notebook.cell.views import turns  # noqa: PLC0415  # a door: Markdown

    return turns


def _markdown() -> ModuleType:
    loading.require(*loading.DRAWING)
    from eighty80_jupyter.notebook.saved import export_markdown  # noqa: PLC0415  # a door: Markdown

    return export_markdown


def _open_panel(shell: InteractiveShell, session: Session) -> Any:
    loading.require(*loading.PANEL)
    from eighty80_jupyter.notebook.panel.panel import open_panel  # noqa: PLC0415  # a door: ipywidgets

    return open_panel(shell, session)
