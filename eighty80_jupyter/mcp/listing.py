"""What a server says of its tools: put into order, named so that a model can call them, compared.

All of it is a stranger's text. A name is one that every model's server takes, a description has
nothing in it that is not to be seen, and what a person has allowed is bound to a hash.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.api.json_schema import changed
from eighty80_jupyter.prompt.template.compose import defused
from eighty80_jupyter.text import clean, clean_json
from eighty80_jupyter.tools.arguments import check
from eighty80_jupyter.tools.shown import visible

MOST_TOOLS = 128  # of one server; OpenAI offers as many at most
_MOST_NAME = 64  # characters. Source: OpenAI's function calling, "name"
_MOST_SCHEMA = 50_000  # characters of a schema as JSON
_MOST_WORDS = 4_000  # characters of a description
_MOST_PARAMETER_WORDS = 1_000
_MOST_DIFFERENCE = 40  # lines
_LONGEST_LINE = 300
_HINTS = {
    "readOnlyHint": "read-only",
    "destructiveHint": "may destroy",
    "idempotentHint": "the same when repeated",
    "openWorldHint": "reaches beyond this machine",
}
_PARTS = frozenset({"text", "image", "audio", "resource_link", "resource"})


@dataclass(frozen=True, slots=True)
class ListedTool:
    """A tool as its server lists it: `name`, `description` and `schema` as they came.

    `hints` are what the server says of what it does, in words; they are shown and never trusted.
    """

    name: str
    description: str
    schema: Mapping[str, Any]
    hints: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """The hash that an "always" is bound to: of the name, the description and the schema."""
        text = json.dumps([self.name, self.description, self.schema], sort_keys=True)
        return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def words(self) -> str:
        """The description, as the model is told it."""
        return told(self.description, _MOST_WORDS)

    @property
    def parameters(self) -> dict[str, Any]:
        """The schema, as the model is told it: what is said in it is bounded and harmless."""
        found: dict[str, Any] = changed(self.schema, _told_words)
        return found


def screened(entry: Any) -> dict[str, Any] | str:
    """Return a tool of a listing as the protocol has it, or why it is left out.

    A schema of objects that does not say so is mended. What it says of its results is left away:
    they are shown as they come.
    """
    if not isinstance(entry, dict) or not isinstance(name := entry.get("name"), str) or not name:
        return "a tool without a name"
    entry = clean_json(entry)
    name = entry["name"]
    known = visible(name[:40])
    schema = entry.get("inputSchema")
    if not _is_of_object(schema):
        return f"{known}: its schema is none of an object"
    if len(json.dumps(schema)) > _MOST_SCHEMA:
        return f"{known}: its schema has more than {_MOST_SCHEMA:,} characters"
    kept: dict[str, Any] = {"name": name, "inputSchema": {**schema, "type": "object"}}
    if isinstance(entry.get("description"), str):
        kept["description"] = entry["description"]
    hints = entry.get("annotations")
    if isinstance(hints, dict):
        kept["annotations"] = {n: hints[n] for n in _HINTS if isinstance(hints.get(n), bool)}
    return kept


def _is_of_object(schema: Any) -> bool:
    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        return False
    properties, required = schema.get("properties", {}), schema.get("required", [])
    return (
        isinstance(properties, dict)
        and all(isinstance(one, (dict, bool)) for one in properties.values())
        and isinstance(required, list)
        and all(isinstance(one, str) for one in required)
    )


def mend_result(result: dict[str, Any]) -> None:
    """Name the parts of a tool's result that the protocol does not know, in place.

    One of them would cost all the others. What is structured and no object is wrapped, as the
    protocol has it.
    """
    structured = result.get("structuredContent")
    if structured is not None and not isinstance(structured, dict):
        result["structuredContent"] = {"result": structured}
    if structured is not None and result.get("content") is None:
        result["content"] = []
    parts = result.get("content")
    if isinstance(parts, list):
        result["content"] = [_known_part(part) for part in parts]


def _known_part(part: Any) -> Any:
    if isinstance(part, str):
        return {"type": "text", "text": part}
    kind = part.get("type") if isinstance(part, dict) else type(part).__name__
    if kind in _PARTS:
        return part
    return {"type": "text", "text": f"[{visible(str(kind)[:40])}]"}


def hints_in_words(hints: Mapping[str, bool | None]) -> tuple[str, ...]:
    """Return the hints that a server gives, by the protocol's names, as words."""
    words = [word for name, word in _HINTS.items() if hints.get(name)]
    return (*words, "not destructive") if hints.get("destructiveHint") is False else tuple(words)


def tool_names(server: str, listed: Sequence[ListedTool]) -> dict[str, str]:
    """Return for each of a server's names the one that the model is told: `fetch__get`.

    It has 1 to 64 ASCII letters, digits, `_` or `-`. Names that would be the same, are cut or have
    nothing of this kind, end with a hash of the server's name; one that needs no change has none.
    """
    prefix = f"{server}__"
    room = _MOST_NAME - len(prefix)
    plain = {tool.name: re.sub(r"[^A-Za-z0-9_-]", "_", tool.name) for tool in listed}
    counts = Counter(plain.values())
    found = {}
    for raw, name in plain.items():
        found[raw] = prefix + name
        is_shared = name != raw and counts[name] > 1
        if is_shared or len(name) > room or not name.strip("_-"):
            mark = hashlib.sha256(raw.encode("utf-8", "surrogatepass")).hexdigest()[:6]
            found[raw] = f"{prefix}{name[: room - 7].strip('_') or 'tool'}_{mark}"
    return found


def difference(old: ListedTool, new: ListedTool) -> str:
    """Return what has changed, line by line, as a person reads it."""
    lines = list(difflib.unified_diff(_lines(old), _lines(new), "before", "now", lineterm="", n=1))[
        2:
    ]
    lines = [line for line in lines if not line.startswith("@@")]
    left = len(lines) - _MOST_DIFFERENCE
    more = [f"… {left:,} lines more"] if left > 0 else []
    return "\n".join(line[:_LONGEST_LINE] for line in [*lines[:_MOST_DIFFERENCE], *more])


def note(server: str, tool: ListedTool, before: ListedTool | None) -> str:
    """Return what a person is told beside the question whether the tool may be called."""
    lines = []
    if before is not None:
        lines += [f"{server} has changed this tool:", difference(before, tool)]
    if tool.hints:
        lines.append(f"{server} calls it {', '.join(tool.hints)}; nobody has checked that.")
    return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class Arguments:
    """Reads the arguments of a call by a server's schema."""

    schema: Mapping[str, Any]

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments as they are. Raises ToolInputError where they do not fit.

        Patterns are left to the server: there are some that take Python for ever.
        """
        check(values, changed(self.schema, _without_patterns))
        return dict(values)


def told(text: str, most: int) -> str:
    """Return a server's text as a model or a person is told it, with escapes for what is unseen."""
    shown = "\n".join(visible(line) for line in clean(text[: most + 1]).split("\n"))
    return defused(shown if len(shown) <= most else f"{shown[:most]} …")


def _lines(tool: ListedTool) -> list[str]:
    schema = json.dumps(tool.schema, indent=1, sort_keys=True, ensure_ascii=False)
    return [visible(line) for line in f"{tool.description}\n{schema}".split("\n")]


def _told_words(schema: dict[str, Any]) -> dict[str, Any]:
    return {
        key: told(value, _MOST_PARAMETER_WORDS)
        if key in ("description", "title") and isinstance(value, str)
        else value
        for key, value in schema.items()
    }


def _without_patterns(schema: dict[str, Any]) -> dict[str, Any]:
    gone = {"pattern", "patternProperties"}
    if "patternProperties" in schema:
        gone |= {"additionalProperties", "unevaluatedProperties"}
    return {key: value for key, value in schema.items() if key not in gone}
