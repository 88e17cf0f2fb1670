"""What a server says in the body of an error, in whichever form it says it. No I/O.

The forms are 8080's own, FastAPI's, and what is seen at other servers of the protocol; none of them
is told by a marker of its own, so that the words are looked for by their usual names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from eighty80_jupyter.wire.secret import Secrets, without_secret

_SHOWN = 200  # characters of a text that is no JSON, or of JSON without any words
_DEEPEST = 6
_ITEMS = 3  # of a list of complaints
# Where an error stands inside a body, and the names of its words; the surest first.
_HOLDERS = (
    "error", "errors", "detail", "baseresp", "response", "fault", "err", "innererror",
    "details", "header", "data", "result",
)  # fmt: skip
_WORDS = (
    "message", "errormessage", "errormsg", "msg", "statusmsg", "detail", "errordescription",
    "description", "faultstring", "text", "reason", "title", "error", "err", "details", "errmsg",
)  # fmt: skip
_CODES = ("code", "errorcode", "errcode", "type", "errortype", "status", "statuscode", "reason")
# Names that only an error has, and those that say that an object is none.
_ERROR_NAMES = frozenset(
    {"errormsg", "errormessage", "errorcode", "errortype", "errcode", "errmsg"}
)
_ANSWER_NAMES = frozenset({"choices", "usage", "data", "models", "delta"})
_WRAPPERS = ("response", "data", "result")
_GOOD_CODES = frozenset({"", "ok", "okay", "success", "successful", "succeeded", "done", "none"})
# What is under way says so in words of its own, or in HTTP's: a code below 300.
_STAGE = re.compile(
    r"(?:in )?(?:queued?|pending|progress|processing|running|start(?:ed|ing)?|loading|waiting|"
    r"working|searching|thinking|generating|creat(?:ed|ing)|init\w*|warm\w*|completed?|finished|"
    r"ping|alive|heartbeat|info|warning|notice|status|ready|active|streaming|continue)\b"
)
_FAILED = re.compile(r"err|fail|invalid|time|\bnot\b|limit")
_GOOD_NUMBERS = re.compile(r"0+|[12]\d\d|(?:200|20)0+")
_BARE_WORD = re.compile(r"[\w.-]{1,40}")
_ERROR_STATUSES = range(400, 600)


@dataclass(frozen=True, slots=True)
class Told:
    """What an error says: its words, its code, the parameter it complains about, and a status."""

    message: str = ""
    code: str | None = None
    param: str | None = None
    status: int | None = None


def read_error(text: str, secret: Secrets = None) -> tuple[Any, Told]:
    """Return the decoded body of an error answer and what it says, with `secret` cut out of both.

    What is no JSON tells the first 200 characters of its text, unless it is a web page.
    """
    try:
        # Decoded first: an echo of the secret may be written with escapes.
        body = without_secret(json.loads(text), secret)
    except (ValueError, RecursionError):
        text = without_secret(text, secret)
        plain = " ".join(text.split())
        return text, Told("" if plain.startswith("<") else plain[:_SHOWN])
    told = tell(body)
    if not told.message and not _is_known_form(body):
        told = Told(
            json.dumps(body, ensure_ascii=False)[:_SHOWN], told.code, told.param, told.status
        )
    return body, told


def is_error(body: Any) -> bool:
    """Tell whether a JSON object that came with a status of success says that it is an error."""
    if isinstance(body, list):
        return bool(body) and is_error(body[0])
    if not isinstance(body, Mapping):
        return False
    if body.get("choices") and not (body.get("error") or "base_resp" in body):
        return False  # nearly every one
    fields = {_plain(name): value for name, value in body.items()}
    if _holds_error(fields):
        return True
    if _ANSWER_NAMES & fields.keys():
        return False
    if "error" in (fields.get("object"), fields.get("type")) or fields.get("success") is False:
        return True
    code = _code_in(body)
    if _is_good(code):
        return False
    named = any(fields.get(name) for name in (*_ERROR_NAMES, "detail", "fault"))
    return named or (code is not None and bool(tell(body).message))


def _holds_error(fields: Mapping[str, Any]) -> bool:
    """Tell whether a field that is there for errors, in any object around it, holds one."""
    base, error = fields.get("baseresp"), fields.get("error")
    if isinstance(base, Mapping) and base.get("status_code"):
        return True
    if _says_something(error) and not (isinstance(error, Mapping) and _is_good(_code_in(error))):
        return True
    if fields.get("errors") and not fields.get("choices"):
        return True
    holders = [fields[name] for name in _WRAPPERS if isinstance(fields.get(name), Mapping)]
    return any(_says_something(holder.get("error")) for holder in holders)


def _code_in(body: Mapping[str, Any]) -> str | None:
    """Return the first code of an object as a text; None: it has none."""
    fields = {_plain(name): value for name, value in body.items()}
    names = ("errorcode", "errcode", "code", "statuscode", "status")
    codes = [fields[name] for name in names if type(fields.get(name)) in (int, str)]
    return str(codes[0]) if codes else None


def _is_good(code: str | None) -> bool:
    """Tell whether a code says that all went well, or is still under way."""
    if code is None:
        return False
    code = code.strip().lower().replace("_", " ").replace("-", " ")
    if code in _GOOD_CODES or _GOOD_NUMBERS.fullmatch(code):
        return True
    return _STAGE.match(code) is not None and _FAILED.search(code) is None


def _says_something(value: Any) -> bool:
    """Tell whether a field that is there for errors holds one."""
    if isinstance(value, Mapping):
        return any(map(_says_something, value.values()))
    return bool(value)


def tell(value: Any, depth: int = 0) -> Told:
    """Return what a decoded body says."""
    if depth > _DEEPEST:
        return Told()
    if isinstance(value, str):
        return _tell_text(value, depth)
    if isinstance(value, list):
        return _tell_list(value, depth)
    if isinstance(value, Mapping):
        return _tell_object(value, depth)
    return Told()


def _tell_text(text: str, depth: int) -> Told:
    """Return a text, or what the JSON in it says: gateways pass on a body as a text."""
    inner = text.strip()
    if inner[:1] in ("{", "["):
        try:
            told = tell(json.loads(inner), depth + 1)
        except (ValueError, RecursionError):
            return Told(text)
        if told.message:
            return told
    return Told(text)


def _tell_list(items: list[Any], depth: int) -> Told:
    found = [told for item in items[:_ITEMS] if (told := tell(item, depth + 1)).message]
    if not found:
        return Told()
    first = found[0]
    return Told("; ".join(told.message for told in found), first.code, first.param, first.status)


def _tell_object(body: Mapping[str, Any], depth: int) -> Told:
    fields = {_plain(name): value for name, value in body.items()}
    inner = Told()
    if isinstance(fields.get("errors"), Mapping):
        fields["errors"] = _by_field(fields["errors"])
    for name in _HOLDERS:
        if isinstance(fields.get(name), (Mapping, list)) and fields[name]:
            inner = tell(fields[name], depth + 1)
            if inner.message:
                break
    own = _words(fields, depth)
    message = inner.message or own.message
    metadata = fields.get("metadata")
    if isinstance(metadata, Mapping) and metadata.get("raw"):
        # A gateway's own words say only that somebody else failed.
        raw = tell(metadata["raw"], depth + 1)
        message = f"{message}: {raw.message}" if message and raw.message else message or raw.message
        inner = Told(message, raw.code, raw.param, raw.status)
    place = _location(body)
    if place and own.message and not inner.message:
        message = f"{place}: {own.message}"
    code, status = _code(fields)
    return Told(
        message,
        inner.code or own.code or code,
        inner.param or own.param or _text(fields.get("param")) or place,
        inner.status or own.status or status,
    )


def _by_field(errors: Mapping[str, Any]) -> Any:
    """Return complaints that stand by their fields as a list; anything else as it is."""
    if not all(isinstance(said, list) for said in errors.values()):
        return errors
    return [f"{name}: {text}" for name, said in errors.items() for text in said]


def _words(fields: Mapping[str, Any], depth: int) -> Told:
    for name in _WORDS:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            told = _tell_text(value, depth)
        elif isinstance(value, (Mapping, list)) and name in ("message", "msg", "text"):
            told = tell(value, depth + 1)
        else:
            continue
        if told.message:
            return told
    return Told()


def _code(fields: Mapping[str, Any]) -> tuple[str | None, int | None]:
    """Return the code in words, or else its number as a text, and a number that is a status."""
    values = [fields[name] for name in _CODES if name in fields]
    words = [v for v in values if isinstance(v, str) and v and _BARE_WORD.fullmatch(v)]
    named = [word for word in words if not word.isdigit()]
    status = next((s for v in values if (s := _status(v)) is not None), None)
    numbers = [str(v) for v in values if type(v) is int and v and status is None]
    return next(iter(named or words or numbers), None), status


def _status(value: Any) -> int | None:
    if isinstance(value, str) and value.isdigit():
        value = int(value)
    return value if type(value) is int and value in _ERROR_STATUSES else None


def _is_known_form(body: Any) -> bool:
    """Tell whether a body has the place for words, and left it empty."""
    return isinstance(body, Mapping) and (
        isinstance(body.get("error"), Mapping) or isinstance(body.get("detail"), list)
    )


def _location(item: Mapping[str, Any]) -> str | None:
    """Return the path of a field in FastAPI's form."""
    place = item.get("loc")
    if not isinstance(place, list):
        return None
    return ".".join(str(step) for step in place if step != "body") or None


def _plain(name: str) -> str:
    return str(name).replace("_", "").replace("-", "").lower()


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
