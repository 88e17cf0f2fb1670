"""What the front end of the running cell does, as far as a kernel can know."""

from __future__ import annotations

import sys
from contextvars import Context, ContextVar, copy_context
from typing import TYPE_CHECKING, Any, Literal

from IPython.core.interactiveshell import InteractiveShell
from traitlets import HasTraits

if TYPE_CHECKING:
    from eighty80_jupyter.config import ChatConfig

# Outputs are updated in place; or they come once, when they are whole; or text is printed as it
# comes, as to a terminal.
Drawing = Literal["updates", "whole", "text"]


def has_pages(shell: InteractiveShell) -> bool:
    """Tell whether the shell's outputs may be more than text: those of a kernel may."""
    return getattr(shell, "kernel", None) is not None


def drawing(shell: InteractiveShell, config: ChatConfig) -> Drawing:
    """Return how a reply is drawn for the front end that runs the present cell.

    The settings `output_format` and `update_outputs` decide where they are set. Else no message
    names the front end; but those that obey `update_display_data` tell themselves by what they
    send:

    - JupyterLab, Notebook 7 and VS Code send the id of the cell with it.
    - nbclient, and so nbconvert, papermill, Voila and Quarto, says that nobody can type.
    - Google Colab has a package of its own in the kernel.

    A client in Python at which somebody can type is a console (jupyter console, qtconsole, Spyder):
    these ignore updates and HTML. Everything else gets its outputs whole.
    """
    if not has_pages(shell) or config.output_format == "text":
        return "text"
    if config.update_outputs is not None:
        return "updates" if config.update_outputs else "whole"
    asked: Any = getattr(shell, "get_parent", dict)() or {}
    if not asked.get("content", {}).get("allow_stdin") or asked.get("metadata", {}).get("cellId"):
        return "updates"
    if is_console(shell):
        return "text" if config.output_format == "auto" else "whole"
    return "updates" if "google.colab" in sys.modules else "whole"


def is_console(shell: InteractiveShell) -> bool:
    """Tell whether somebody types at a client of Jupyter that is written in Python.

    `jupyter_client` makes the ids of its messages from that of its session; pages draw them anew.
    """
    asked: Any = getattr(shell, "get_parent", dict)() or {}
    header = asked.get("header", {})
    session = str(header.get("session") or "")
    return (
        has_pages(shell)
        and bool(asked.get("content", {}).get("allow_stdin"))
        and not asked.get("metadata", {}).get("cellId")
        and bool(session)
        and str(header.get("msg_id", "")).startswith(f"{session}_")
    )


def listen_where_it_is_sent(widget: Any) -> None:
    """Have the messages to a widget handled in the subshell that the front end sends them to.

    ipykernel 7.4 prefers the one that was busy when the widget was last written to. Threads write
    to these: a click would wait for the end of a cell that had begun since, or be lost with the
    subshell of a page that is gone. A kernel without subshells knows no such thing, and its comms
    may take no attribute: there a click is handled when the kernel gets to it.
    """
    if hasattr(widget.comm, "_reply_subshell_for"):
        widget.comm._reply_subshell_for = None  # noqa: SLF001  # the only way to say so
    for child in getattr(widget, "children", ()):
        listen_where_it_is_sent(child)


def context_of_this_cell() -> Context:
    """Return a copy of the context in which what is printed and shown goes below this cell.

    ipykernel 7 tells by context variables where the output of a thread or a task belongs. Before it
    all displays have one place: below the cell that runs by then, or nowhere after a click, whose
    message no page shows. There each display asks the context first.
    """
    context = copy_context()
    shell = InteractiveShell.instance() if InteractiveShell.initialized() else None
    publisher: Any = getattr(shell, "display_pub", None)
    one_place = isinstance(publisher, HasTraits) and publisher.has_trait("parent_header")
    if one_place and hasattr(publisher, "register_hook"):
        if not isinstance(publisher.publish, _PublishBelow):
            publisher.publish = _PublishBelow(publisher)
        context.run(_below.set, publisher.parent_header)
    return context


# The header of the message of the cell below which displays go, for an ipykernel before 7.
_below: ContextVar[dict[str, Any] | None] = ContextVar("below", default=None)


class _PublishBelow:
    """The `publish` of a publisher of ipykernel 6, which obeys the context that calls it."""

    def __init__(self, publisher: Any) -> None:
        self._publisher = publisher
        self._publish = publisher.publish

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        if (header := _below.get()) is None:
            self._publish(*args, **kwargs)
            return

        def move(message: dict[str, Any]) -> dict[str, Any]:
            return {**message, "parent_header": header}

        self._publisher.register_hook(move)  # for this thread alone
        try:
            self._publish(*args, **kwargs)
        finally:
            self._publisher.unregister_hook(move)
