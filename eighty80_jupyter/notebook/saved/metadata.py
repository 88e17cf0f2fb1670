"""What the last line's output keeps of a turn, besides the reply, so that it can be read back."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from eighty80_jupyter.notebook.cell.summary import SCHEMA, reply_metadata
from eighty80_jupyter.storage.serialization import plain

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from eighty80_jupyter.api.messages import Message
    from eighty80_jupyter.api.reply import Choice
    from eighty80_jupyter.conversation.branches import Conversations
    from eighty80_jupyter.conversation.conversation import Conversation
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.session.session import Session

MOST_KEPT = 200_000  # characters: what a panel keeps is sent again after every turn
# What all turns of a conversation have in common, or what their places tell.
_COMMON = frozenset({"schema", "role", "conversation", "turn", "after", "at", "system", "formerly"})


def page_of(conversation: Conversation, turn: Turn) -> dict[str, Any]:
    """Return all that the last output of a turn keeps."""
    return {
        "schema": SCHEMA,
        "role": "assistant",
        "conversation": conversation.name,
        "turn": conversation.number_of(turn.id),
        **reply_metadata(turn.reply, turn.messages),
        **turn_metadata(conversation, turn),
    }


def state_of(conversation: Conversation) -> dict[str, Any]:
    """Return what tells that a conversation was changed: its last turn then, its instruction."""
    values = {
        "schema": SCHEMA,
        "role": "state",
        "conversation": conversation.name,
        "after": conversation[-1].id if conversation else "",
        "at": round(time.time(), 3),
        "system": conversation.system,
        "formerly": list(conversation.former_names) or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def turn_metadata(conversation: Conversation, turn: Turn) -> dict[str, Any]:
    """Return what tells where a turn stands: its id, the turn before it, and when it was answered.

    By these the turns of a page are put in order again, whichever of its cells were run anew, moved
    or deleted. What else was said stands with them: reasoning, and further answers.
    """
    number = conversation.number_of(turn.id)
    first, *further = turn.reply.choices
    values = {
        "id": turn.id,
        "after": conversation[number - 2].id if number > 1 else "",
        "at": round(time.time(), 3),
        "source": turn.source,
        "has_data": turn.has_data,
        "system": conversation.system,
        "formerly": list(conversation.former_names) or None,
        "reasoning": first.reasoning or None,
        "further": [_answer(choice) for choice in further] or None,
        "attached": sum(map(_attached, turn.messages)) or None,
        "tools": list(turn.exchange.tools) or None,
        "tool_choice": turn.exchange.tool_choice,
        "parallel_tool_calls": turn.exchange.parallel_tool_calls,
        "server": turn.exchange.server or None,
        "rounds": turn.reply.rounds if turn.reply.rounds > 1 else None,
        "error": turn.reply.error or None,
        "notes": list(turn.reply.notes) or None,
    }
    return {name: value for name, value in values.items() if value is not None}


def turns_so_far(conversation: Conversation, turns: Sequence[Turn]) -> dict[str, Any]:
    """Return what an output keeps of turns that are under way, each behind the one before it."""
    entries: list[dict[str, Any]] = []
    for turn in turns:
        entry = page_of(conversation, turn)
        if entries and conversation.find(turn.id) is None:
            entry |= {"turn": entries[-1]["turn"] + 1, "after": entries[-1]["id"]}
        entries.append(entry)
    return {"schema": SCHEMA, "role": "cell", "entries": entries}


def asked_in_python(session: Session, conversation: Conversation, turn: Turn) -> dict[str, Any]:
    """Return what a page keeps of the turns before one that stand on no page: their numbers."""
    before = enumerate(conversation.turns(before=turn.id), 1)
    numbers = [n for n, one in before if one.id in session.asked and one.id not in session.on_page]
    return {"in_python": numbers} if numbers else {}


class SavedPanel:
    """What the output of a panel keeps: of all conversations, as most turns were asked in no cell.

    That is the latest turns with their alternatives, of the current conversation before the others,
    within `MOST_KEPT` in all.
    """

    def __init__(self) -> None:
        self._known: dict[str, tuple[Turn, list[dict[str, Any]], int]] = {}
        self._begun: set[str] = set()

    def of(self, conversations: Conversations) -> dict[str, Any]:
        """Return what is kept now; nothing where nothing was ever said."""
        current = conversations.current
        others = [c for c in reversed(list(conversations.values())) if c is not current]
        room = MOST_KEPT
        known: dict[str, tuple[Turn, list[dict[str, Any]], int]] = {}
        pages: list[dict[str, Any]] = []
        for conversation in (current, *others):
            if conversation:
                self._begun.add(conversation.name)
            elif conversation.name not in self._begun:
                continue  # what an earlier kernel has left on the page must not be taken for undone
            page, room = self._page(conversation, room, known)
            if page["turns"] or "comparisons" in page or not conversation:
                pages.append(page)
        self._known = known
        if not pages:
            return {}
        at = round(time.time(), 3)
        return {"schema": SCHEMA, "role": "panel", "at": at, "conversations": pages[::-1]}

    def _page(
        self,
        conversation: Conversation,
        room: int,
        known: dict[str, tuple[Turn, list[dict[str, Any]], int]],
    ) -> tuple[dict[str, Any], int]:
        """Return what is kept of a conversation, and the room that is left; add to `known`."""
        turns = conversation.turns()
        kept: list[dict[str, Any]] = []
        for index in reversed(range(len(turns))):
            turn = turns[index]
            found = self._known.get(turn.id)
            if found is None or found[0] is not turn:
                found = _answers(conversation, turn)
            room -= found[2]
            if room < 0:
                break
            known[turn.id] = found
            place = {"turn": index + 1, "after": turns[index - 1].id if index else ""}
            kept.append({**place, "answers": found[1]})
        page: dict[str, Any] = {
            "name": conversation.name,
            "system": conversation.system,
            "turns": kept[::-1],
        }
        page["last"] = turns[-1].id if turns else ""
        for one in reversed(conversation.comparisons):
            value = plain(one)
            room -= len(json.dumps(value))
            if room < 0:
                break
            page.setdefault("comparisons", []).insert(0, value)
        if conversation.former_names:
            page["formerly"] = list(conversation.former_names)
        return page, room


def _answers(conversation: Conversation, turn: Turn) -> tuple[Turn, list[dict[str, Any]], int]:
    """Return a turn, what is kept of its answers, the chosen one last, and its characters."""
    count = len(turn.alternatives)
    order = [*range(count), *([turn.chosen] if turn.chosen != count - 1 else [])]
    answers = [
        {
            name: value
            for name, value in page_of(conversation, replace(turn, chosen=number)).items()
            if name not in _COMMON
        }
        for number in order
    ]
    return turn, answers, len(json.dumps(answers))


def entries_of(metadata: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Give what any output keeps, a turn each: that of a cell, of `chat.ask`, or of a panel.

    Of a panel these are the turns, then their end.
    """
    if metadata.get("role") == "cell":
        yield from _dicts(metadata.get("entries"))
        return
    if metadata.get("role") != "panel":
        yield dict(metadata)
        return
    for page in _dicts(metadata.get("conversations")):
        common = {"schema": SCHEMA, "conversation": page.get("name"), "at": metadata.get("at")}
        common |= {n: page[n] for n in ("system", "formerly") if page.get(n) is not None}
        for turn in _dicts(page.get("turns")):
            place = {"turn": turn.get("turn"), "after": turn.get("after")}
            for answer in _dicts(turn.get("answers")):
                yield {**answer, **common, **place, "role": "assistant"}
        yield {**common, "role": "state", "after": page.get("last")}


def comparisons_of(kept: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Give what the output of a panel keeps of comparisons, with the names of conversations."""
    for page in _dicts(kept.get("conversations")):
        for one in _dicts(page.get("comparisons")):
            yield str(page.get("name")), one


def _dicts(values: Any) -> list[dict[str, Any]]:
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []


def _attached(message: Message) -> int:
    """Return the number of pictures and sounds, of which a page keeps the names only."""
    parts = message.content if isinstance(message.content, tuple) else ()
    return sum(part["type"] != "text" for part in parts)


def _answer(choice: Choice) -> dict[str, Any]:
    """Return what else was answered to a prompt: its words, and how it ended."""
    values = {
        "index": choice.index,
        "text": choice.text,
        "reasoning": choice.reasoning,
        "refusal": choice.refusal,
        "finish_reason": choice.finish_reason,
    }
    return {name: value for name, value in values.items() if value}
