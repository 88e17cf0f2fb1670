"""From an error answer to the exception for it. No I/O.

Source: the chat-completions contract, "Errors": 8080's own shape, and the chip vendor's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from eighty80_jupyter import errors
from eighty80_jupyter.wire.endpoint import Secret, without_secret

_LONG = 300  # characters of a server's message that are shown
_TELLING = 2_000  # characters of a message in which a limit is looked for
_CONTEXT_CODES = (
    "context_length_exceeded",
    "context_length_error",
    "exceed_context_size_error",
    "model_context_window_exceeded",
)
_CONTEXT_WORDS = re.compile(
    r"context (?:length|size|window|limit)|maximum (?:context|(?:sequence|prompt) length)|"
    r"too many (?:input |prompt )?tokens|(?:prompt|input) (?:is )?too long|"
    r"reduce the length of the (?:input|prompt|messages)|"
    # The parts and the whole: "`inputs` must have less than", "sum of prompt length ... exceed"
    r"\b(?:inputs?|prompt)`? (?=.*token)(?:tokens?|length|must)\b[^;]{0,80}?"
    r"(?:exceed|(?:less than|<=) [\d,]{3,})|max_model_len|max_seq_len",
    re.IGNORECASE,
)
_RATE = re.compile(r"\bper (?:second|min(?:ute)?|hour|day)\b", re.IGNORECASE)
_SHORTER = (
    "send less, start anew with %chat --new, or let old turns go: "
    "%config ChatConfig.context_policy = 'trim'"
)
_NUMBER = r"(\d{1,4}k\b|\d{1,3}(?:[, ]\d{3})+(?!\d)|\d{3,})"
# Between a word and the limit; what was sent, or by how much it is too much, is none.
_GAP = r"(?:(?!exceed|request|given|got|received|sent\b|ha[sd]\b|by\b|than\b)\D){0,30}?"
# The surest form first.
_CONTEXT_LIMIT = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"(?:[^=-]>|<=?)\s*{_NUMBER}",
        rf"{_NUMBER} (?:tokens? )?(?:maximum|limit)\b",
        rf"(?:context|sequence)[\w ]*?(?:length|size|window){_GAP}{_NUMBER}",
        rf"(?:maximum|max(?!_(?:new_|output_|completion_)?tokens)|limit|not exceed){_GAP}{_NUMBER}",
        rf"(?:than|exceeds?)(?:(?!by\b)\D){{0,30}}?{_NUMBER}",
    )
)


def parse_body(text: str, secret: Secret | None = None) -> tuple[Any, str, str | None, str | None]:
    """Return body, message, code and parameter of an error answer, with `secret` cut out of all.

    The message is the first of: `error.message`, `error` as a text, `detail` as a text, `detail` as
    a list, `message`; else the first 200 characters of a text that is no web page.
    """
    try:
        # Decoded first: an echo of the secret may be written with escapes.
        body = without_secret(json.loads(text), secret)
    except (ValueError, RecursionError):
        text = without_secret(text, secret)
        plain = " ".join(text.split())
        return text, "" if plain.startswith("<") else plain[:200], None, None
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict):
        message = error.get("message")
        code = error.get("code")
        if not isinstance(code, str):
            code = error.get("type")
        return body, _string(message) or "", _string(code), _string(error.get("param"))
    if isinstance(error, str):
        return body, error, None, None
    detail = body.get("detail") if isinstance(body, dict) else None
    if isinstance(detail, str):
        return body, detail, None, None
    if isinstance(detail, list):
        return body, _details(detail), None, _location(detail[0]) if detail else None
    message = _string(body.get("message")) if isinstance(body, dict) else None
    return body, message or json.dumps(body, ensure_ascii=False)[:200], None, None


def status_error(
    status: int,
    text: str,
    *,
    url: str,
    headers: Mapping[str, str],
    after: float | None,
    secret: Secret | None = None,
) -> errors.APIStatusError:
    """Return the exception for an answer with an error status.

    `text` is the body, `url` the base address, `after` the seconds that Retry-After asks for, and
    `secret` what must not show, should the server echo it.
    """
    body, message, code, param = parse_body(text, secret)
    request_id = headers.get("x-request-id") or headers.get("request-id")
    host = urlsplit(url).netloc
    said = f": {_cut(message)}" if message else ""
    facts: dict[str, Any] = {
        "status_code": status,
        "message": message,
        "request_id": without_secret(request_id, secret),
        "body": body,
        "code": code,
        "param": param,
        "retry_after": after,
    }
    if status in (400, 413, 422, 500) and _is_context(message, code):
        limit = context_limit(body, message)
        tells = (
            f"it takes {limit:,} tokens" if limit else "the server did not say how many it takes"
        )
        context = errors.ContextLengthError(
            f"the conversation is too long for the model ({tells}){said}; {_SHORTER}",
            **facts,
        )
        context.limit = limit
        return context
    match status:
        case 400 | 422:
            return errors.BadRequestError(f"{host} refused the request ({status}){said}", **facts)
        case 401:
            return errors.AuthenticationError(
                f"{host} does not accept the API key (401){said}; set _8080_API_KEY, "
                "or run %chat --key to type another one in",
                **facts,
            )
        case 403:
            return errors.PermissionDeniedError(
                f"{host} does not allow this with your key (403){said}; "
                "check its project and its rights, or choose another model with -m",
                **facts,
            )
        case 404:
            return errors.NotFoundError(
                f"{host} does not know this model or address (404){said}; "
                "check the model (-m) and the address (_8080_API_URL)",
                **facts,
            )
        case 429:
            wait = f"; it asks to wait {after:,.0f} s" if after else "; wait a little and try again"
            return errors.RateLimitError(
                f"{host} takes no more requests for now (429){said}{wait}", **facts
            )
    if status >= 500:  # noqa: PLR2004  # the class of server errors
        return errors.ServerError(
            f"{host} failed ({status}){said}; nothing is wrong on your side, try again", **facts
        )
    if 300 <= status < 400:  # noqa: PLR2004  # the class of redirections
        to = without_secret(_origin(headers.get("location", "")), secret)
        return errors.APIStatusError(
            f"{host} redirects to {to} ({status}), and the key is not sent there; "
            "set _8080_API_URL to the final address",
            **facts,
        )
    return errors.APIStatusError(f"{host} answered with status {status}{said}", **facts)


def stream_error(body: Any, *, url: str, secret: Secret | None = None) -> errors.APIError:
    """Return the exception for an error object, or a text, that came inside a stream."""
    text = body if isinstance(body, str) else json.dumps(body)
    parsed, message, code, param = parse_body(text, secret)
    said = _cut(message) or "no reason given"
    host = urlsplit(url).netloc
    if _is_context(message, code):
        limit = context_limit(parsed, message)
        error = errors.ContextLengthError(
            f"the conversation is too long for the model: {said}; {_SHORTER}",
            status_code=200,
            message=message,
            body=parsed,
            code=code,
            param=param,
        )
        error.limit = limit
        return error
    return errors.APIStreamError(f"{host} broke the reply off: {said}", body=parsed)


def context_limit(body: Any, message: str) -> int | None:
    """Return the number of tokens that the model takes, as far as the server tells it."""
    error = body.get("error") if isinstance(body, dict) else None
    if isinstance(error, dict) and isinstance(error.get("n_ctx"), int):
        return int(error["n_ctx"])
    for pattern in _CONTEXT_LIMIT:
        if found := pattern.search(message[:_TELLING]):
            digits = re.sub(r"\D", "", found[1])
            return int(digits) * (1000 if found[1][-1] in "kK" else 1)
    return None


def _is_context(message: str, code: str | None) -> bool:
    if code in _CONTEXT_CODES:
        return True
    message = message[:_TELLING]
    return _CONTEXT_WORDS.search(message) is not None and _RATE.search(message) is None


def _origin(location: str) -> str:
    """Return the origin of a redirect's target; what else stands in it may be a secret."""
    try:
        target = urlsplit(location)
    except ValueError:
        return "an address that is none"
    return f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else "itself"


def _string(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None


def _location(item: Any) -> str | None:
    place = item.get("loc") if isinstance(item, dict) else None
    if not isinstance(place, list):
        return None
    return ".".join(str(step) for step in place if step != "body") or None


def _details(items: list[Any]) -> str:
    lines = []
    for item in items[:3]:
        place, text = _location(item), item.get("msg") if isinstance(item, dict) else item
        lines.append(f"{place}: {text}" if place else str(text))
    return "; ".join(lines)


def _cut(text: str) -> str:
    """Return the beginning of a text on one line, without what a terminal would obey."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."
