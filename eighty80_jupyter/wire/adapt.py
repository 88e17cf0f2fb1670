"""Which changes an error of a server asks for. No I/O.

An error that names a field of the request, in whichever words and with whichever status, has it
sent once more without that field, or with the field under its older name. What a user would miss
without being told by the answer itself (tools, the format, stops, the number of answers, limits) is
never left out: there the error stands.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eighty80_jupyter.api.request_parameters import NEVER_OMITTED
from eighty80_jupyter.errors import (
    APIStatusError,
    APIStreamError,
    ContextLengthError,
)
from eighty80_jupyter.wire.changes import Change, Way, called_tools
from eighty80_jupyter.wire.error_bodies import tell

_NAMES = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
# `tool_choice` may go where it asks for what is usual.
_USUAL_CHOICES = ("auto", "none", None)
# What a message or a tool cannot do without; other keys inside of them may go.
_CORE = frozenset(
    {"role", "content", "tool_calls", "tool_call_id", "id", "type", "function", "name", "arguments",
     "parameters", "text", "image_url", "url", "input_audio", "data", "format", "description"}
)  # fmt: skip
# Not refused for a field: the key, money, time, size, and how often.
_OTHER_STATUSES = frozenset({401, 402, 408, 409, 413, 429})
_TELLING = 4_000  # characters of an error in which a field is looked for

_EXTRA = re.compile(
    r"(?:extra|unknown|unrecogni[sz]ed|unexpected|additional|unsupported|undocumented)\s+(?:\w+\s+)?"
    r"(?:field|input|parameter|param|propert|argument|key|option)|extra_forbidden",
    re.IGNORECASE,
)
# Something is named, and it was none of the request's fields: nothing is to be guessed.
_NAMED = re.compile(
    r"[\"'`]\w+[\"'`]|\b(?!extra_forbidden|value_error|invalid_request)[a-z]+_[a-z_]+|"
    r"(?:field|input|parameter|param|property|argument|key|option)s?:\s*\w",
)
# What follows is advice, and names other fields.
_ADVICE = re.compile(
    r"\b(?:use|try|please|expected|did you mean|(?:must|should|can) be (?:one )?of|allowed|instead|"
    r"(?:valid|supported|permitted|accepted|known|available|allowed)\s+"
    r"(?:fields?|param\w*|arguments?|options?|values?|roles?|keys?|names?)\b)",
    re.IGNORECASE,
)
# The value is wrong and not the field: the user can mend it, and should be told.
_VALUE = re.compile(
    r"\b(?:between|range|at (?:least|most)|(?:less|greater|more|larger|smaller|higher|lower) than|"
    r"too (?:high|large|big|low|small|long|many)|one of|maximum|minimum|exceeds?)\b|[<>]=?\s*-?\d|"
    r"supported values|valid values|less_than|greater_than|literal_error",
    re.IGNORECASE,
)
_ONLY = re.compile(
    r"\bonly\b[^.]{0,40}\b(?:default|1(?:\.0)?)\b|\bdefault\b[^.]{0,30}\bonly\b|"
    r"\bmust be (?:set to |equal to )?(?:exactly )?1(?:\.0)?(?![\d.]*\d)",
    re.IGNORECASE,
)
_TOOLS = re.compile(r"\btool(?:s|config|_use|use|_calls?|_results?|_choice)?\b", re.IGNORECASE)
# The form of an id is refused: "Tool call id was x but must be a-z, A-Z, 0-9, with a length of 9".
_ID = re.compile(
    r"\btool[_ -]?(?:call|use)s?\b[\w.\[\]\s]{0,12}?\bids?\b|\btool_call_ids?\b", re.IGNORECASE
)
_FORM = re.compile(
    r"\blength\b|\bpattern\b|alphanumeric|\ba-z|too long|\bcharacters\b", re.IGNORECASE
)
_ROLE = re.compile(r"\broles?\b", re.IGNORECASE)
_STREAMING = re.compile(r"\bstreaming\b|\bto stream\b|\bSSE\b", re.IGNORECASE)
# A field that is missed; the request may have it under its other name.
_MISSED = re.compile(
    r"\brequired\b|\bmissing\b|\bmust be (?:set|given|present|specified)\b", re.IGNORECASE
)
# Names that are words as well: they count where something says that they are a name.
_WORDS = frozenset(
    {"n", "stop", "user", "tools", "stream", "store", "metadata", "functions", "prompt", "input",
     "echo", "suffix", "best_of", "models", "provider", "format", "options", "think", "tool_choice"}
)  # fmt: skip
_ALSO = {"stream_options": r"include[ _]?usage|include[ _]?obfuscation"}


def find_changes(error: Exception, body: Mapping[str, Any]) -> tuple[Change, ...]:
    """Return what may help after `error`; empty where the error is about something else.

    Each of the changes makes `body` another one.
    """
    if isinstance(error, ContextLengthError) or not isinstance(
        error, (APIStatusError, APIStreamError)
    ):
        return ()
    status = getattr(error, "status_code", 400)
    if status < 400 or status in _OTHER_STATUSES:  # noqa: PLR2004  # the first status of an error
        return ()
    told = tell(error.body)
    text = told.message[:_TELLING]
    places = [told.param or "", *_places(error.body)]
    found = _candidates(text, places, told.code or "", body)
    return tuple(change for change in found if change.apply(body) != body)


def _candidates(
    text: str, places: Sequence[str], code: str, body: Mapping[str, Any]
) -> Sequence[Change]:
    """Return the changes of the first kind for which something speaks."""
    whole = " ".join([text, *places])
    if _ID.search(whole) and _FORM.search(whole):
        return [Change(Way.IDS)]
    if "tools" not in body and called_tools(body) and _TOOLS.search(whole):
        return [Change(Way.OFFER)]
    if change := _role(whole, body):
        return [change]
    if _MISSED.search(text) and (missed := _missed(text, places, body)):
        return missed
    first, *_ = _ADVICE.split(text, maxsplit=1)
    for part in (first, text):
        if (inside := _inside(part, places, body)) or (inside := _fields(part, places, body)):
            return [change for change in inside if _speaks_for(change, text)]
    if "stream" in body and (
        _names("stream", text) or _STREAMING.search(text) or "stream" in places
    ):
        return [Change(Way.NO_STREAM)]
    if _EXTRA.search(f"{text} {code}") and not _NAMED.search(text):
        return _nameless(body)
    return []


def _speaks_for(change: Change, text: str) -> bool:
    """Tell whether a field is refused, and not its value. A seed is a wish whatever its value."""
    if not _VALUE.search(text) or _EXTRA.search(text):
        return True
    return change.way is not Way.RENAME and (change.field == "seed" or bool(_ONLY.search(text)))


def _fields(text: str, places: Sequence[str], body: Mapping[str, Any]) -> list[Change]:
    """Return the changes for the fields of the request that are named."""
    roots = {re.split(r"[.\[/]", place.lstrip("#/$."))[0] for place in places}
    found = []
    for field in body:
        if not (_names(field, text) or field in roots):
            continue
        if field in _NAMES:
            found.append(Change(Way.RENAME, field, _NAMES[field]))
        elif field not in NEVER_OMITTED and (
            field != "tool_choice" or body[field] in _USUAL_CHOICES
        ):
            found.append(Change(Way.DROP, field))
    return found


def _missed(text: str, places: Sequence[str], body: Mapping[str, Any]) -> list[Change]:
    """Return the changes for fields that the server misses, and has under their other name."""
    return [
        Change(Way.RENAME, field, wanted)
        for field, wanted in _NAMES.items()
        if field in body and not _names(field, text) and (_names(wanted, text) or wanted in places)
    ]


def _inside(text: str, places: Sequence[str], body: Mapping[str, Any]) -> list[Change]:
    """Return the changes for keys inside the messages or the tools, named by their paths."""
    paths = [*places, *re.findall(r"\b(?:messages|tools)[.\[/][\w.\[\]/'-]+", text)]
    found = []
    for path in paths:
        steps = [step for step in re.split(r"[.\[\]/'#$]+", path) if step and step != "body"]
        root, key = (steps[0], steps[-1]) if len(steps) > 1 else ("", "")
        if root in ("messages", "tools") and root in body and not (key in _CORE or key.isdigit()):
            found.append(Change(Way.DROP_INSIDE, root, key))
    return found


def _role(text: str, body: Mapping[str, Any]) -> Change | None:
    roles = {message.get("role") for message in body.get("messages", ())}
    if "developer" in roles and (
        re.search(r"\bdeveloper\b", text, re.IGNORECASE) or _ROLE.search(text)
    ):
        return Change(Way.ROLE)
    if "system" in roles and re.search(
        r"\bsystem\b[^.]{0,30}\b(?:role|message|prompt|instruction)s?\b[^.]{0,30}\bnot\b|"
        r"\bnot?\b[^.]{0,30}\bsystem (?:role|message|prompt|instruction)",
        text,
        re.IGNORECASE,
    ):
        return Change(Way.MERGE)
    return None


def _nameless(body: Mapping[str, Any]) -> list[Change]:
    """Return the changes where some field is refused without a name: first the newest ones."""
    newest = [Change(Way.DROP, f) for f in ("stream_options", "parallel_tool_calls") if f in body]
    if "max_completion_tokens" in body:
        newest.append(Change(Way.RENAME, "max_completion_tokens", "max_tokens"))
    return newest or [
        Change(Way.DROP, field)
        for field in body
        if field not in NEVER_OMITTED and field not in ("temperature", "top_p", "tool_choice")
    ]


def _names(field: str, text: str) -> bool:
    """Tell whether a text names a field of the request."""
    name = re.escape(field).replace("_", "[ _-]?")
    if field in _ALSO:
        name = f"(?:{name}|{_ALSO[field]})"
    if field not in _WORDS:
        return re.search(rf"(?<!\w)(?<!\w-){name}(?![\w-])", text, re.IGNORECASE) is not None
    return (
        re.search(
            rf"[\"'`*]{name}[\"'`*]|(?:body|\$|#)[./]{name}\b|"
            rf"\b(?:parameters?|params?|fields?|arguments?|propert\w+|keys?|options?|names?)\b[\s:='\"`]{{1,4}}{name}\b|"
            rf"(?<![\w-]){name}\b[\"'`]?\s*(?:parameter|param|field|argument|option|:|=|is\s+(?:not|un)|are\s+not|not\s+(?:support|allow|permit)|unsupported)|"
            rf"\b(?:unsupported|unknown|unrecogni[sz]ed|unexpected|extra|supports?|allow\w*|permit\w*)[\s:]+(?:\w+\s+)?{name}\b",
            text,
            re.IGNORECASE,
        )
        is not None
    )


def _places(body: Any, depth: int = 0) -> Iterator[str]:
    """Yield the paths that a structured error names: FastAPI's `loc`, Google's `field`."""
    if depth > 6:  # noqa: PLR2004  # deeper than any error
        return
    if isinstance(body, str) and body.lstrip()[:1] in ("{", "["):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            # A list as Python writes it, in a text.
            yield from (
                ".".join(re.findall(r"\w+", place.replace("body", "", 1)))
                for place in re.findall(r"'loc': [\(\[]([^\)\]]*)[\)\]]", str(body))
            )
            return
    if isinstance(body, list):
        for item in body:
            yield from _places(item, depth + 1)
    elif isinstance(body, Mapping):
        for name, value in body.items():
            if name == "errors" and isinstance(value, Mapping):
                yield from map(str, value)  # complaints by their fields
            if name in ("loc", "path") and isinstance(value, list):
                yield ".".join(str(step) for step in value if step != "body")
            elif name in ("param", "field", "parameter", "pointer") and isinstance(value, str):
                yield value.removeprefix("body.")
            elif name not in ("input", "ctx"):  # an echo of what was sent
                yield from _places(value, depth + 1)
