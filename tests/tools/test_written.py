"""Calls that a model has written as text: recognised in every form, and never in anything else."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.tools.written import written_calls

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

CITY = '<parameter name="city">Paris</parameter>'
W, N = "get_weather", "now"
# Forms that mark a call, as models of these families write them.
MARKED: dict[str, tuple[str, list[tuple[str, dict[str, Any]]]]] = {
    "Hermes": (f"<tool_call>\n{ONE}\n</tool_call>", [WEATHER]),
    "Hermes, twice": (
        f"<tool_call>{ONE}</tool_call><tool_call>{OTHER}</tool_call>",
        [WEATHER, NOW],
    ),
    "Qwen 3 Coder": (
        f"<tool_call>\n<function={W}>\n<parameter=city>\nParis\n</parameter>\n</function>\n</tool_call>",
        [WEATHER],
    ),
    "Qwen 3 Coder, no parameter": (f"<tool_call><function={N}></function></tool_call>", [NOW]),
    "Qwen 3 Coder, a list": (
        f"<function={W}><parameter=city>[1, 2]</parameter><parameter=x>3</parameter></function>",
        [(W, {"city": [1, 2], "x": "3"})],
    ),
    "Llama": (f"<function={W}>{PARIS}</function>", [WEATHER]),
    "Llama, python tag": (f"<|python_tag|>{ONE}", [WEATHER]),
    "Llama, a call in Python": (f'<|python_tag|>{W}.call(city="Paris")', [WEATHER]),
    "Llama 4": (f'<|python_start|>[{W}(city="Paris"), {N}()]<|python_end|>', [WEATHER, NOW]),
    "Mistral, list": (f"[TOOL_CALLS] [{ONE}, {OTHER}]", [WEATHER, NOW]),
    "Mistral, names": (f"[TOOL_CALLS]{W}[ARGS]{PARIS}[TOOL_CALLS]{N}[ARGS]{{}}", [WEATHER, NOW]),
    "Mistral, ids": (f"[TOOL_CALLS]{W}[CALL_ID]a1b2c3d4e[ARGS]{PARIS}</s>", [WEATHER]),
    "Mistral, plain": (f"[TOOL_CALLS]{W}{PARIS}", [WEATHER]),
    "invoke": (
        (f'<function_calls>\n<invoke name="{W}">\n{CITY}\n</invoke>\n</function_calls>'),
        [WEATHER],
    ),
    "invoke, bare": (
        f'<invoke name="{W}">{CITY}</invoke><invoke name="{N}"></invoke>',
        [WEATHER, NOW],
    ),
    "MiniMax": (
        (f'<minimax:tool_call>\n<invoke name="{W}">\n{CITY}\n</invoke>\n</minimax:tool_call>'),
        [WEATHER],
    ),
    "harmony": (
        (
            f"<|start|>assistant<|channel|>commentary to=functions.{W} <|constrain|>json"
            f"<|message|>{PARIS}<|call|>"
        ),
        [WEATHER],
    ),
    "harmony, short": (f"<|channel|>commentary to=functions.{W}<|message|>{PARIS}", [WEATHER]),
    "tool_code": (f'```tool_code\n{W}(city="Paris")\n```', [WEATHER]),
    "tool_code, printed": (
        f"```tool_code\nprint({W}(city='Paris'))\nprint({N}())\n```",
        [WEATHER, NOW],
    ),
    "tool_code, from its module": (
        f"<tool_code>\ndefault_api.{W}(city='Paris')\n</tool_code>",
        [WEATHER],
    ),
    "GLM": (
        f"<tool_call>{W}\n<arg_key>city</arg_key>\n<arg_value>Paris</arg_value>\n</tool_call>",
        [WEATHER],
    ),
    "DeepSeek": (
        (
            "<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>function"
            f"<\uff5ctool\u2581sep\uff5c>{W}\n```json\n{PARIS}\n```<\uff5ctool\u2581call\u2581end\uff5c>"
            "<\uff5ctool\u2581calls\u2581end\uff5c>"
        ),
        [WEATHER],
    ),
    "DeepSeek 3.1": (
        (
            f"<\uff5ctool\u2581calls\u2581begin\uff5c><\uff5ctool\u2581call\u2581begin\uff5c>{W}"
            f"<\uff5ctool\u2581sep\uff5c>{PARIS}<\uff5ctool\u2581call\u2581end\uff5c>"
        ),
        [WEATHER],
    ),
    "Kimi": (
        (
            f"<|tool_calls_section_begin|><|tool_call_begin|>functions.{W}:0<|tool_call_argument_begin|>{PARIS}"
            "<|tool_call_end|><|tool_calls_section_end|>"
        ),
        [WEATHER],
    ),
    "Cohere": (
        (
            f'<|START_ACTION|>[{{"tool_call_id": "0", "tool_name": "{W}", "parameters": {PARIS}}}]'
            "<|END_ACTION|>"
        ),
        [WEATHER],
    ),
    "Granite": (f"<|tool_call|>[{ONE}]", [WEATHER]),
    "Nemotron": (f"<TOOLCALL>[{ONE}]</TOOLCALL>", [WEATHER]),
    "InternLM": (f"<|action_start|><|plugin|>{ONE}<|action_end|>", [WEATHER]),
}
CALLS.update(MARKED)
CALLS |= {
    "Python": (f'[{W}(city="Paris")]', [WEATHER]),
    "Python, twice": (f"[{W}(city='Paris'), {N}()]", [WEATHER, NOW]),
    "Python, values": (
        f"[{W}(city=['a', 1.5], at={{'x': None}}, on=true, off=False, n=-1)]",
        [(W, {"city": ["a", 1.5], "at": {"x": None}, "on": True, "off": False, "n": -1})],
    ),
    "Phi": (f"functools[{ONE}]", [WEATHER]),
    "python tag and a list": (f"<|python_tag|>[{ONE}, {OTHER}]", [WEATHER, NOW]),
    "a type as an argument": (
        '{"name": "now", "arguments": {"type": "object"}}',
        [(N, {"type": "object"})],
    ),
    "properties as an argument": (
        '{"name": "now", "arguments": {"properties": {"x": 1}}}',
        [(N, {"properties": {"x": 1}})],
    ),
    "properties that are none": (
        '{"name": "now", "arguments": {"type": "object", "properties": 5}}',
        [(N, {"type": "object", "properties": 5})],
    ),
    "line end in a tag": (
        f'<function={W}>{{"city": "a\nb"}}</function>',
        [(W, {"city": "a\nb"})],
    ),
}


@pytest.mark.parametrize(
    "said",
    [
        "Use `x` and `y`.",
        'It is "so".',
        "An open ` above.\nNow.",
        "```\nx\n```\nNow.",
        "I will look it up.",
        "Let me see:\n",
        "Wait...\n\n",
        "Now!",
    ],
)
def test_a_marked_call_may_follow_a_sentence(said: str, subtests: pytest.Subtests) -> None:
    """What was said before is told apart from the calls."""
    for row, (text, expected) in MARKED.items():
        with subtests.test(row):
            written = written_calls(f"{said} {text}", NAMES)
            assert written is not None
            assert [(call.name, json.loads(call.arguments)) for call in written.calls] == expected
            assert written.said == said.strip()


@pytest.mark.parametrize(
    "around",
    [
        "In this form:\n```\n{}\n```\nSo it goes.",
        "In this form:\n```xml\n{}\n```",
        "In this form:\n~~~\n{}",
        "The form `{}` is one.",
        "The form `{}`",
        'They write "{}".',
        'They write: "{}"',
        "{} is a call.",
        "{}\nThat is how it is written.",
        "A model may write {}",
        "Either {} or {}",
        "They open `one. {}",
        'They say "so. {}',
        'Not "this". But "that. {}',
    ],
)
def test_text_about_a_form_is_text(around: str, subtests: pytest.Subtests) -> None:
    """In a fence, in quotes, in the middle of a sentence, or with more behind it, it is no call."""
    for row, (text, _) in MARKED.items():
        with subtests.test(row):
            assert written_calls(around.replace("{}", text), NAMES) is None


@pytest.mark.parametrize("row", MARKED)
def test_a_marked_call_of_an_unknown_tool_is_text(row: str) -> None:
    """Only the tools that were offered can be called."""
    assert written_calls(f"I will look it up. {MARKED[row][0]}", {"other"}) is None
    assert written_calls(MARKED[row][0], {"other"}) is None


@pytest.mark.parametrize("row", CALLS)
def test_written(row: str) -> None:
    """Each form that models write is a call."""
    text, expected = CALLS[row]
    written = written_calls(text, NAMES)
    assert written is not None
    calls = written.calls
    assert [(call.name, json.loads(call.arguments)) for call in calls] == expected
    json.dumps([call.to_wire() for call in calls]).encode()
    "".join(call.arguments for call in calls).encode()


def test_letters_of_arguments_stay() -> None:
    """The text of arguments is what the model wrote, whatever letters there are in it."""
    written = written_calls('{"name": "get_weather", "arguments": {"city": "Zürich 😀"}}', NAMES)
    assert written is not None
    (call,) = written.calls
    assert call.arguments == '{"city": "Zürich 😀"}'


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
    "positional arguments": f"[{'get_weather'}('Paris')]",
    "a name as a value": "[get_weather(city=paris)]",
    "an expression as a value": "[get_weather(city='a' + 'b')]",
    "Python that does more": "```tool_code\nx = get_weather(city='Paris')\n```",
    "a list of names": "[get_weather, now]",
    "Python in a fence of its own": "```python\nget_weather(city='Paris')\n```",
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
    assert written_calls(NO_CALLS[row], NAMES) is None


def test_no_tools() -> None:
    """Where no tool was offered there is no call."""
    assert written_calls(ONE, ()) is None


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
        "[now(" * 19_000,
        "[now(x=" + "(" * 9_000,
        "<invoke name=" * 7_000,
        '<invoke name="now">' + "<parameter name=" * 6_000,
        "<tool_call>now" + "<arg_key>" * 10_000,
        "So.<tool_call>" * 7_000,
        "<function=now>" + "} " * 49_000,
        "[TOOL_CALLS]" * 8_000,
    ],
    ids=range(20),
)
def test_bounded(text: str) -> None:
    """The work does not grow faster than the text, and a huge one is not read."""
    start = time.process_time()
    assert written_calls(text, NAMES) is None
    assert time.process_time() - start < 60  # a quadratic one takes minutes


PIECES = st.sampled_from([*'{}[]";,` \n', ONE, OTHER, "```", "<tool_call>", "</tool_call>", "name"])


@given(st.lists(PIECES, max_size=8).map("".join) | st.text())
def test_any_text(text: str) -> None:
    """Nothing raises, and what is found has a known name."""
    written = written_calls(text, NAMES)
    for call in [] if written is None else written.calls:
        assert call.name in NAMES
        assert isinstance(json.loads(call.arguments), dict)
