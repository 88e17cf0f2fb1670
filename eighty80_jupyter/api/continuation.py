"""Where an answer that goes on meets what it goes on from.

A model that is asked to go on often says its last words again, or all of them.
"""

from __future__ import annotations

_LEAST = 24  # characters; less may well be meant
_REACH = 8_000  # characters of the earlier text that are looked at


def overlap(before: str, after: str) -> int:
    """Return how many characters `after` begins with that `before` has ended with already."""
    before, head = before[-_REACH:], after[:_LEAST]
    place = before.find(head) if len(head) == _LEAST else -1
    while place >= 0:
        if after.startswith(before[place:]):
            return len(before) - place
        place = before.find(head, place + 1)
    return 0


def undecided(before: str, after: str) -> bool:
    """Tell whether more of `after` is needed to know: it may go on to repeat `before`."""
    before, head = before[-_REACH:], after[:_LEAST]
    if len(head) < _LEAST:
        return len(before) >= _LEAST
    place = before.find(head)
    while place >= 0:
        if len(before) - place > len(after) and before.startswith(after, place):
            return True
        place = before.find(head, place + 1)
    return False
