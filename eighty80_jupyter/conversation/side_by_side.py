"""Answers that stood side by side: one prompt with several settings, none of which counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from eighty80_jupyter.api.reply import Reply

MOST = 50  # comparisons that a conversation keeps: the latest


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One of the answers: `heading` says with what it was asked, `prompt` by what if not by all."""

    heading: str
    reply: Reply
    prompt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SideBySide:
    """A comparison that has ended: the prompt, as it was sent, and the answers in their order.

    It stands behind the turn with the id `after`; empty: before the first one.
    """

    prompt: str
    after: str = ""
    answers: tuple[Answer, ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether it can be shown; what a file brings may be of any shape."""
        return all(answer.reply.choices for answer in self.answers)


def behind(comparisons: Iterable[SideBySide], turn_id: str) -> list[SideBySide]:
    """Return those that stand behind a turn; of an empty id: those before the first one."""
    return [one for one in comparisons if one.after == turn_id]
