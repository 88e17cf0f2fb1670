"""The manual that `%%chat?` shows, made from the table of options."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import wrap
from typing import get_args

from eighty80_jupyter.notebook.line.options import OPTIONS, Group, Option

_LEFT = 26  # characters of the left column
_WIDTH = 79  # of all: a terminal has 80


def manual() -> str:
    """Return the text that `%%chat?` shows."""
    groups = {
        group: _rows(o for o in OPTIONS.values() if o.group == group) for group in get_args(Group)
    }
    return _MANUAL.format(**groups)


def _rows(options: Iterable[Option]) -> str:
    lines = []
    for option in options:
        left, margin = f"  {option.usage}", " " * (_LEFT + 2)
        lines += [left] if len(left) > _LEFT else []
        lines += wrap(
            option.help,
            _WIDTH,
            initial_indent=margin if len(left) > _LEFT else left.ljust(len(margin)),
            subsequent_indent=margin,
            break_long_words=False,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


_MANUAL = """\
Talk to a language model. Each cell adds a turn to the current conversation.

  %%chat [options]          the text of the cell is the prompt
  %chat [options] PROMPT    the rest of the line is the prompt, as it is typed
  %chat                     where you stand: server, model, conversation

{{{{df}}}}, {{{{df.head(3)}}}} or {{{{x:.2f}}}} in a prompt inserts a variable, described
so that it fits; {{{{df:schema}}}}, {{{{df:head=20}}}} and {{{{text:full}}}} say how much.
{{{{In[3]}}}} and {{{{Out[3]}}}} are a cell and its result, {{{{_err}}}} is the last error.
All else is sent as it is, braces too.

For one cell:
{ask}

For every row of a frame or a list; the answers are new columns (--into NAME):
{rows}

Parameters of the request, for one cell. Only what is set is sent. To keep one,
set it: %chat --set temperature=0.2
{parameters}

What follows stands instead of a prompt, or before one. -- ends the options.

See:
{see}

Correct. A cell that runs again right after its turn answers that turn anew:
{correct}

Branch:
{branch}

Help with the notebook:
{notebook}

Keep:
{keep}

Servers and settings; %config ChatConfig lists them all:
{set}

In Python: from eighty80_jupyter import chat
           reply = chat.ask("Hello", temperature=0)
"""
