"""What of answers side by side is left out of what is shared."""

from __future__ import annotations

import pytest

from eighty80_jupyter.api.reply import Choice, Reply
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.conversation.side_by_side import Answer, SideBySide
from eighty80_jupyter.storage.omit import conversation_without
from tests.support.talks import talk

DATA = '<data name="df" type="DataFrame" id="0a1b2c">\nsecret rows\n</data>'


def compared() -> Conversation:
    """Make a conversation with a comparison, in whose prompts there is data."""
    made = talk(("a", "b"))
    reply = Reply(choices=(Choice(text="an answer"),))
    answers = (
        Answer(heading="one", reply=reply, prompt=f"see {DATA}"),
        Answer(heading="two", reply=reply),
    )
    made.comparisons = (SideBySide(prompt=f"look at {DATA}", answers=answers),)
    return made


@pytest.mark.parametrize(("kinds", "is_there"), [(("images", "tools"), True), (("data",), False)])
def test_data_is_left_out_of_a_comparison(kinds: tuple[str, ...], *, is_there: bool) -> None:
    """Of its prompt and of those of its answers, and only where data is not wanted."""
    (found,) = conversation_without(compared(), kinds, None).comparisons
    assert ("secret rows" in found.prompt) is is_there
    assert ("secret rows" in found.answers[0].prompt) is is_there
    assert found.prompt.startswith("look at ")
    assert found.answers[0].prompt.startswith("see ")
    assert [(a.heading, a.reply.text) for a in found.answers] == [
        ("one", "an answer"),
        ("two", "an answer"),
    ]
    assert found.answers[1].prompt == ""
