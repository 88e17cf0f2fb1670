"""The forms in which models write calls, other than bare JSON. No I/O.

Source: chat templates, and what servers read (vLLM's `tool_parsers`, llama.cpp's `common/chat`).
"""

from __future__ import annotations

import ast
import json
import re
import warnings
from collections.abc import Collection
from typing import Any

_NAME = r"([\w.:-]{1,64}?)"
_DECODER = json.JSONDecoder(strict=False)
_LONGEST_PYTHON = 20_000  # characters; its parser may take long for nested brackets

# What stands around calls: fences, tags, marks of chat templates. The last is often missing.
AROUND = re.compile(
    r"(?:[\s;,]|(?:```|~~~)[\w+-]{0,20}|</?(?:tool_calls?|function_call|TOOLCALL|tool_code)>"
    r"|<\|/?tool_call\|>|<\|python_(?:tag|start|end)\|>|functools(?=\[)"
    r"|\[/?TOOL_CALLS\](?!\s*[A-Za-z_])|<\|e[om][mt]_id\|>|<\|im_end\|>|</s>"
    r"|</?(?:\w+:)?function_calls>|</?minimax:tool_call>|<\|(?:START|END)_ACTION\|>"
    r"|<\|action_(?:start|end)\|>|<\|plugin\|>"
    r"|<\uff5ctool\u2581(?:calls?|outputs?)\u2581(?:begin|end)\uff5c>|<\uff5cend\u2581of\u2581sentence\uff5c>"
    r"|<\|tool_calls_section_(?:begin|end)\|>|<\|tool_call_(?:begin|end)\|>)*"
)
# What marks a call behind a sentence.
MARKED = re.compile(
    r"<tool_calls?>|<function=|<function_call>|<TOOLCALL>|<\|tool_call\|>|\[TOOL_CALLS\]"
    r"|<(?:\w+:)?invoke name=|<(?:\w+:)?function_calls>|<minimax:tool_call>"
    r"|<\|python_(?:tag|start)\|>|```tool_code|```tool_call|<tool_code>|<\|START_ACTION\|>"
    r"|<\|action_start\|>|<\uff5ctool\u2581calls?\u2581begin\uff5c>|<\|tool_calls_section_begin\|>"
    r"|(?:<\|start\|>assistant)?<\|channel\|>\w+ to="
)
_PYTHON_MARKED = re.compile(r"(?:<\|python_(?:tag|start)\|>|```tool_code|<tool_code>)\s*\Z")
# Llama, Qwen 3 Coder: JSON, or one tag for each parameter.
_FUNCTION = re.compile(
    rf"<function={_NAME}>(.*?)(?:</function>|(?:(?<=\}})|(?<=</parameter>))\s*\Z)", re.DOTALL
)
_PARAMETER = re.compile(
    r"\s*<parameter=([^<>\s]{1,100})>(.*?)(?:</parameter>|(?=<parameter=)|\Z)", re.DOTALL
)
# Claude's form, which MiniMax and others took over.
_INVOKE = re.compile(
    rf"<((?:\w+:)?)invoke name=[\"']{_NAME}[\"']\s*>(.*?)(?:</(?:\w+:)?invoke>|\Z)", re.DOTALL
)
_NAMED_PARAMETER = re.compile(
    r"\s*<(?:\w+:)?parameter name=[\"']([^\"'<>]{1,99})[\"'][^>]{0,99}>(.*?)</(?:\w+:)?parameter>",
    re.DOTALL,
)
# GLM 4.5.
_KEYED = re.compile(rf"{_NAME}\s*(?=<arg_key>|</tool_call>)")
_PAIR = re.compile(r"\s*<arg_key>(.*?)</arg_key>\s*<arg_value>(.*?)(?:</arg_value>|\Z)", re.DOTALL)
# Those whose arguments are JSON behind a head: harmony, Mistral, DeepSeek, Kimi, and a mere name.
_HEADS = tuple(
    re.compile(form)
    for form in (
        (
            rf"(?:<\|start\|>assistant)?(?:<\|channel\|>\w+ ?)?to=(?:functions\.)?{_NAME}"
            r"(?:<\|channel\|>\w+)?\s*(?:<\|constrain\|>)?\s*(?:json|code)?\s*<\|message\|>"
        ),
        rf"\[TOOL_CALLS\]\s*{_NAME}\s*(?:\[CALL_ID\]\w{{1,64}})?\s*(?:\[ARGS\]\s*)?(?=\{{)",
        rf"(?:function)?<\uff5ctool\u2581sep\uff5c>{_NAME}\s*(?:```json)?\s*(?=\{{)",
        rf"{_NAME}<\uff5ctool\u2581sep\uff5c>\s*(?=\{{)",
        rf"(?:functions\.)?{_NAME}(?::\d+)?\s*<\|tool_call_argument_begin\|>\s*",
    )
)
_CALL_MARK = re.compile(r"\s*<\|(?:call|end|return)\|>")
_PYTHON_END = re.compile(
    r"<\|python_end\|>|<\|e[om][mt]_id\|>|<\|im_end\|>|</s>|```|</tool_code>|</?tool_call>"
)
_PYTHON = re.compile(r"\[\s*[A-Za-z_][\w.]*\s*\(")
_CONSTANTS = {"true": True, "false": False, "null": None}


def read_form(text: str, at: int, names: Collection[str]) -> tuple[list[Any], int] | None:
    """Return the calls that begin at a place, as objects, and where they end.

    None where none of these forms is there. Raises ValueError for one that is broken.
    """
    if (tag := _FUNCTION.match(text, at)) is not None:
        return [_object(tag[1], _tagged(tag[2], _PARAMETER))], tag.end()
    if (tag := _INVOKE.match(text, at)) is not None:
        return [_object(tag[2], _tagged(tag[3], _NAMED_PARAMETER))], tag.end()
    if (head := _KEYED.match(text, at)) is not None:
        return _pairs(text, head)
    for form in _HEADS:
        if (head := form.match(text, at)) is not None:
            arguments, end = _DECODER.raw_decode(text, head.end())
            mark = _CALL_MARK.match(text, end)
            return [_object(head[1], arguments)], end if mark is None else mark.end()
    if _PYTHON.match(text, at) or _PYTHON_MARKED.search(text[max(0, at - 40) : at]):
        return _python(text, at, names)
    return None


def _object(name: str, arguments: Any) -> dict[str, Any]:
    return {"name": name, "arguments": arguments}


def _tagged(body: str, form: re.Pattern[str]) -> Any:
    """Return the arguments in the body of a tag: JSON, or tags of their own."""
    if not body.strip().startswith("<"):
        return json.loads(body.strip() or "{}", strict=False)
    arguments: dict[str, Any] = {}
    at = 0
    while (found := form.match(body, at)) is not None:
        arguments[found[1]] = _value(found[2])
        at = found.end()
    if body[at:].strip():
        raise ValueError("more than parameters")
    return arguments


def _pairs(text: str, head: re.Match[str]) -> tuple[list[Any], int]:
    arguments: dict[str, Any] = {}
    at = head.end()
    while (found := _PAIR.match(text, at)) is not None:
        arguments[found[1].strip()] = _value(found[2])
        at = found.end()
    return [_object(head[1], arguments)], at


def _value(text: str) -> Any:
    """Return the value that a tag holds: a text, which the tool's types convert, or JSON."""
    text = text.removeprefix("\n").removesuffix("\n")
    if text.strip()[:1] in ("{", "["):
        try:
            return json.loads(text, strict=False)
        except ValueError:
            pass
    return text


def _python(text: str, at: int, names: Collection[str]) -> tuple[list[Any], int] | None:
    """Return the calls of a Python expression that goes on to a mark, or to the end."""
    mark = _PYTHON_END.search(text, at)
    end = len(text) if mark is None else mark.start()
    if end - at > _LONGEST_PYTHON or text[at : at + 1] == "{":
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # an escape in a text that Python does not know
            tree = ast.parse(text[at:end].strip())
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    expressions: list[ast.expr] = []
    for statement in tree.body:
        if not isinstance(statement, ast.Expr):
            return None
        value = statement.value
        expressions += value.elts if isinstance(value, (ast.List, ast.Tuple)) else [value]
    calls = [_python_call(expression, names) for expression in expressions]
    return (list(calls), end) if calls and all(calls) else None


def _python_call(node: ast.expr, names: Collection[str]) -> dict[str, Any] | None:
    if not isinstance(node, ast.Call):
        return None
    name = ast.unparse(node.func)
    if name == "print" and len(node.args) == 1 and "print" not in names:
        return _python_call(node.args[0], names)
    if name not in names:  # Gemma's `default_api.f`, Llama's `f.call`
        name = name.removeprefix("default_api.").removeprefix("functions.").removesuffix(".call")
    if node.args or any(keyword.arg is None for keyword in node.keywords):
        return None
    arguments = {str(keyword.arg): _literal(keyword.value) for keyword in node.keywords}
    return _object(name, arguments)


def _literal(node: ast.expr) -> Any:
    """Return the value of a literal, JSON's words among them. Raises ValueError for others."""
    if isinstance(node, ast.Name) and node.id in _CONSTANTS:
        return _CONSTANTS[node.id]
    if isinstance(node, (ast.List, ast.Tuple)):
        return [_literal(item) for item in node.elts]
    if isinstance(node, ast.Dict):
        return {
            str(_literal(key)): _literal(value)
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        }
    value = ast.literal_eval(node)
    if not isinstance(value, (str, int, float, bool, type(None))):
        raise ValueError("no JSON value")  # noqa: TRY004  # of a text, not of an argument
    return value
