"""What IPython must be told to read `%chat` and `%%chat` as they are meant."""

from __future__ import annotations

import re
from tokenize import TokenInfo

from IPython.core.inputtransformer2 import EscapedCommand

_ONLY_OPTIONS = re.compile(r"%%chat[ \t]+-")


def chat_without_cell(lines: list[str]) -> list[str]:
    """Read `%%chat --continue` with nothing below it as `%chat`; IPython would refuse it."""
    if lines and _ONLY_OPTIONS.match(lines[0]) and not any(line.strip() for line in lines[1:]):
        return [lines[0].lstrip()[1:]]
    return lines


class ChatCommand(EscapedCommand):
    """Read `%chat WHAT?` as a prompt; IPython would take the question mark for a call for help."""

    priority = 4  # before HelpEnd, which has 5

    @classmethod
    def find(cls, tokens_by_line: list[list[TokenInfo]]) -> ChatCommand | None:
        """Find the first line `%chat` with something after it that is more than `?`."""
        for line in tokens_by_line:
            words = [token for token in line if token.string.strip()]
            if [token.string for token in words[:2]] == ["%", "chat"]:
                rest = words[0].line[words[1].end[1] :].strip()
                if rest.strip("?"):
                    return cls(words[0].start)
        return None
