"""Calls that a model has written as text: recognised in every form, and never in anything else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.tools.written import written_call

NAMES = {"get_weather", "now", "tool"}
PARIS = '{"city": "Paris"}'
WEATHER = ("get_weather", {"city": "Paris"})
NOW: tuple[str, dict[str, Any]] = ("now", {})
ONE = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
OTHER = '{"name": "now", "parameters": {}}'

CALLS: dict[str, tuple[str, list[tuple[str, dict[str, Any]]]]] = {
    "plain": (ONE, [WEATHER]),
    "spaces": (f"  \n{ONE}\n\n", [WEATHER]),
    "parameters": (f'{{"name": "get_weather", "parameters": {PARIS}}}', [WEATHER]),
    "args": (f'{{"name": "get_weather", "args": {PARIS}}}', [WEATHER]),
    "input": (f'{{"type": "tool_use", "name": "get_weather", "input": {PARIS}}}', [WEATHER]),
    "text": (f'{{"name": "get_weather", "arguments": {json.dumps(PARIS)}}}', [WEATHER]),
    "empty text": ('{"name": "now", "arguments": ""}', [NOW]),
    "null": ('{"name": "now", "arguments": null}', [NOW]),
    "type": (f'{{"type": "function", "name": "get_weather", "parameters": {PARIS}}}', [WEATHER]),
    "wire": (
        f'{{"id": "a", "type": "function", "function": {ONE}}}',
        [WEATHER],
    ),
    "function": (f'{{"function": {ONE}}}', [WEATHER]),
    "function's name": (f'{{"function": "get_weather", "arguments": {PARIS}}}', [WEATHER]),
    "tool": (f'{{"tool": "get_weather", "args": {PARIS}}}', [WEATHER]),
    "tool object": (f'{{"tool": {ONE}}}', [WEATHER]),
    "tool name": (f'{{"tool_name": "get_weather", "input": {PARIS}}}', [WEATHER]),
    "function call": (f'{{"function_call": {ONE}}}', [WEATHER]),
    "tool calls": (f'{{"tool_calls": [{ONE}, {OTHER}]}}', [WEATHER, NOW]),
    "list": (f"[{ONE}, {OTHER}]", [WEATHER, NOW]),
    "semicolon": (f"{ONE}; {OTHER}", [WEATHER, NOW]),
    "lines": (f"{ONE}\n{OTHER}", [WEATHER, NOW]),
    "commas": (f"{ONE}, {OTHER}", [WEATHER, NOW]),
    "fence": (f"```\n{ONE}\n```", [WEATHER]),
    "json fence": (f"```json\n{ONE}\n```\n", [WEATHER]),
    "fence on a line": (f"```{ONE}```", [WEATHER]),
    "tag": (f"<tool_call>\n{ONE}\n</tool_call>", [WEATHER]),
    "tags": (f"<tool_call>{ONE}</tool_call>\n<tool_call>{OTHER}</tool_call>", [WEATHER, NOW]),
    "tag without arguments": ('<tool_call>{"name": "now"}</tool_call>', [NOW]),
    "fenced tag": (f"```xml\n<tool_call>{ONE}</tool_call>\n```", [WEATHER]),
    "python tag": (f"<|python_tag|>{ONE}", [WEATHER]),
    "python tag and end": (f"<|python_tag|>{ONE}<|eom_id|>", [WEATHER]),
    "python tags": (f"<|python_tag|>{ONE}; <|python_tag|>{OTHER}<|eot_id|>", [WEATHER, NOW]),
    "open tag": (f"<tool_call>\n{ONE}", [WEATHER]),
    "fence in a tag": (f"<tool_call>\n```json\n{ONE}\n```\n</tool_call>", [WEATHER]),
    "list in a tag": (f"<tool_call>[{ONE}, {OTHER}]</tool_call>", [WEATHER, NOW]),
    "open fence": (f"```json\n{ONE}", [WEATHER]),
    "other fence": (f"~~~json\n{ONE}\n~~~", [WEATHER]),
    "two fences": (f"```json\n{ONE}\n```\n\n```json\n{OTHER}\n```", [WEATHER, NOW]),
    "Mistral": (f"[TOOL_CALLS] [{ONE}, {OTHER}]</s>", [WEATHER, NOW]),
    "thought before": (
        f"<think>\nThe user wants {OTHER}.\n</think>\n\n<tool_call>\n{ONE}\n</tool_call>",
        [WEATHER],
    ),
    "function tag": (f"<function=get_weather>{PARIS}</function>", [WEATHER]),
    "function tags": (
        f"<function=get_weather>{PARIS}</function>\n<function=now></function>",
        [WEATHER, NOW],
    ),
    "line end in a text": (
        '{"name": "get_weather", "arguments": {"city": "a\nb"}}',
        [("get_weather", {"city": "a\nb"})],
    ),
    "half a pair": (
        '{"name": "get_weather", "arguments": {"city": "\\ud800é"}}',
        [("get_weather", {"city": "\ud800é"})],
    ),
}


@pytest.mark.parametrize("row", CALLS)
def test_written(row: str) -> None:
    """Each form that models write is a call, with an id of its own."""
    text, expected = CALLS[row]
    calls = written_call(text, NAMES)
    assert calls is not None
    assert [(call.name, json.loads(call.arguments)) for call in calls] == expected
    assert len({call.id for call in calls}) == len(calls)
    assert all(len(call.id) == 9 and call.id.isalnum() for call in calls)
    json.dumps([call.to_wire() for call in calls]).encode()
    "".join(call.arguments for call in calls).encode()


DEFINITION = '{"type": "object", "properties": {"city": {"type": "string"}}}'
NO_CALLS = {
    "empty": "",
    "spaces": "  \n",
    "prose": "The weather in Paris is fine.",
    "call in prose": f"I will call {ONE}",
    "prose after": f"{ONE}\nThis gives the weather.",
    "prose before a fence": f"Here:\n```json\n{ONE}\n```",
    "prose after a fence": f"```json\n{ONE}\n```\nDone.",
    "unknown": '{"name": "delete", "arguments": {}}',
    "one unknown": f'[{ONE}, {{"name": "delete", "arguments": {{}}}}]',
    "name only": '{"name": "get_weather"}',
    "no name": '{"arguments": {"city": "Paris"}}',
    "more": '{"name": "get_weather", "arguments": {}, "note": "x"}',
    "person": '{"name": "now", "age": 5}',
    "arguments in a list": '{"name": "now", "arguments": []}',
    "arguments in prose": '{"name": "now", "arguments": "none"}',
    "argument number": '{"name": "now", "arguments": 5}',
    "definition": f'{{"name": "get_weather", "parameters": {DEFINITION}}}',
    "wire definition": (
        '{"type": "function", "function": {"name": "get_weather", "description": "x", '
        f'"parameters": {DEFINITION}}}}}'
    ),
    "another type": '{"type": "person", "name": "now", "arguments": {}}',
    "type of another kind": '{"type": {}, "name": "now", "arguments": {}}',
    "name of another kind": '{"name": ["now"], "arguments": {}}',
    "JSON": '{"city": "Paris", "temperature": 5}',
    "numbers": "[1, 2, 3]",
    "number": "5",
    "text": '"get_weather"',
    "null": "null",
    "empty list": "[]",
    "empty object": "{}",
    "nested list": f"[[{ONE}]]",
    "cut off": ONE[:-1],
    "single quotes": "{'name': 'now', 'arguments': {}}",
    "python": "get_weather(city='Paris')",
    "text between tags": f"<tool_call>{ONE}</tool_call> and <tool_call>{OTHER}</tool_call>",
    "empty tag": "<tool_call></tool_call>",
    "function tag without an object": "<function=now>5</function>",
    "function tag in prose": f"Use <function=get_weather>{PARIS}</function>",
    "unknown function tag": "<function=delete>{}</function>",
    "prose between fences": f"```\n{ONE}\n```\nand\n```\n{OTHER}\n```",
    "thought only": f"<think>{ONE}</think>",
    "thought without an end": f"<think>{ONE}",
    "prose after a thought": f"<think>{ONE}</think>\nI will call it.",
    "tags only": "```json\n```",
    "half of tool calls": f'{{"tool_calls": [{ONE}], "content": "x"}}',
    "deep": "[" * 50_000,
    "wrapped for ever": '{"tool":' * 900 + "{}" + "}" * 900,
}


@pytest.mark.parametrize("row", NO_CALLS)
def test_not_written(row: str) -> None:
    """A text that is anything else, or more, stays a text."""
    assert written_call(NO_CALLS[row], NAMES) is None


def test_no_tools() -> None:
    """Where no tool was offered there is no call."""
    assert written_call(ONE, ()) is None


@pytest.mark.parametrize(
    "text",
    [
        " " * 50_000_000,
        ONE * 1_000_000,
        "```" + " " * 99_000,
        "```json" + "\n" * 90_000 + "```x",
        "<tool_call>" * 9_000,
        "<tool_call>" + " " * 90_000 + "</tool_call",
        "<function=now>" + " " * 90_000,
        "{" * 99_000,
        '{"name":' * 12_000,
        ONE + " " * 99_000 + "x",
        "<|eot_id|>" * 9_000,
        '"' + "\\" * 99_000,
    ],
    ids=range(12),
)
def test_bounded(text: str) -> None:
    """The work does not grow faster than the text, and a huge one is not read."""
    start = time.process_time()
    assert written_call(text, NAMES) is None
    assert time.process_time() - start < 60  # a quadratic one takes minutes


PIECES = st.sampled_from([*'{}[]";,` \n', ONE, OTHER, "```", "<tool_call>", "</tool_call>", "name"])


@given(st.lists(PIECES, max_size=8).map("".join) | st.text())
def test_any_text(text: str) -> None:
    """Nothing raises, and what is found has a known name."""
    for call in written_call(text, NAMES) or ():
        assert call.name in NAMES
        assert isinstance(json.loads(call.arguments), dict)
