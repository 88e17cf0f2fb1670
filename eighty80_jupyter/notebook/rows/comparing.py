"""Follow a comparison over rows to its end: one output that is updated in place, or a few lines."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from eighty80_jupyter.notebook.cell.front_end import drawing, is_console
from eighty80_jupyter.notebook.cell.outputs import Output, Page
from eighty80_jupyter.notebook.cell.terminal_text import harmless
from eighty80_jupyter.notebook.rows.comparison_html import (
    comparison_html,
    comparison_markdown,
    comparison_text,
)
from eighty80_jupyter.notebook.rows.display import watch

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from eighty80_jupyter.config import ChatConfig
    from eighty80_jupyter.rows.comparison import RowComparison


def follow_comparison(
    shell: InteractiveShell, config: ChatConfig, comparison: RowComparison
) -> None:
    """Wait for a comparison and show how it stands. An interrupt stops it, and is raised."""
    how = drawing(shell, config)
    if how == "text":
        try:
            watch(comparison, lambda: None)
        finally:
            sys.stdout.write(harmless(comparison_text(comparison)) + "\n")
        return
    publish = shell.display_pub.publish
    page = Page(publish, live=how == "updates", latex=not is_console(shell))
    output = Output(page)
    try:
        watch(
            comparison,
            lambda: output.html(
                comparison_html(comparison), comparison_text(comparison), partial=True
            ),
        )
    finally:
        html, text = comparison_html(comparison), comparison_text(comparison)
        output.html(html, text, markdown=comparison_markdown(comparison))
        page.release()
