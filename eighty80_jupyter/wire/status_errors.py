"""From an error answer to the exception for it. No I/O.

Source: the chat-completions contract, "Errors": 8080's own shape, and the chip vendor's.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from eighty80_jupyter import errors
from eighty80_jupyter.wire.error_bodies import Told, read_error
from eighty80_jupyter.wire.secret import Secrets, without_secret

_DAY = 86_400.0  # seconds
_LONG = 300  # characters of a server's message that are shown
_TELLING = 2_000  # characters of a message in which a limit is looked for
_CONTEXT_CODES = (
    "context_length_exceeded",
    "context_length_error",
    "exceed_context_size_error",
    "model_context_window_exceeded",
)
_CONTEXT_WORDS = re.compile(
    r"context (?:length|size|window|limit)|maximum context|"
    r"(?:max(?:imum)?|range of) (?:sequence|prompt|input) (?:length|size|tokens)|"
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
        rf"\b(?:only|up to){_GAP}{_NUMBER}|\[\d+, ?{_NUMBER}\]",
        rf"(?:context|sequence)[\w ]*?(?:length|size|window){_GAP}{_NUMBER}",
        rf"(?:maximum|max(?!_(?:new_|output_|completion_)?tokens)|limit|not exceed){_GAP}{_NUMBER}",
        rf"(?:than|exceeds?)(?:(?!by\b|request|given|got|sent\b)\D){{0,30}}?{_NUMBER}",
    )
)


# Words and codes that say what an error is, where the status does not.
_AUTH_CODES = frozenset(
    {"invalid_api_key", "authentication_error", "api_key_invalid", "invalidapikey", "unauthorized",
     "unauthenticated", "autherror", "authfailure", "invalid_authentication"}
)  # fmt: skip
_KEY = r"(?:api|access|auth)[ _-]?(?:key|token)"
_AUTH_WORDS = re.compile(
    rf"(?:invalid|incorrect|missing|expired|wrong|no|malformed)\b[\w ,'-]{{0,20}}\b{_KEY}|"
    rf"{_KEY}\b[^.;]{{0,40}}?\b"
    r"(?:not (?:valid|found)|invalid|incorrect|expired|missing|required|wrong)|"
    r"\bunauthori[sz]ed\b|\bunauthenticated\b|authentication (?:failed|error|fails|required)|"
    r"login fail|not logged in|"
    r"^no connected db\b",  # LiteLLM's proxy, which would look there for a key it does not know
    re.IGNORECASE,
)
_RATE_CODES = frozenset(
    {"rate_limit_exceeded", "rate_limit_error", "resource_exhausted", "too_many_requests",
     "insufficient_quota", "requestlimitexceeded", "throttling", "toomanyrequests", "ratelimit"}
)  # fmt: skip
_RATE_WORDS = re.compile(
    r"rate[ _-]?limit|too many requests|request limit (?:reached|exceeded)|limit reached|"
    r"quota (?:exceeded|reached)|exceeded your (?:current )?quota|\bqps\b|throttl",
    re.IGNORECASE,
)

_CREDIT_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "billing_not_active", "access_terminated",
     "insufficient_balance", "insufficient_credits", "exceeded_current_quota_error",
     "quota_exceeded", "arrearage", "account_overdue"}
)  # fmt: skip
_CREDIT_WORDS = re.compile(
    r"insufficient[ _](?:quota|balance|credits?|funds)|(?:out of|not enough|no) credits?\b|"
    r"credit balance is too low|billing (?:hard )?limit|account balance|recharge",
    re.IGNORECASE,
)
_OUT = "; nothing is left of your quota or credit, and waiting a little does not help"


def status_error(
    status: int,
    text: str,
    *,
    url: str,
    headers: Mapping[str, str],
    secret: Secrets = None,
    now: float = 0.0,
) -> errors.APIStatusError:
    """Return the exception for an answer with an error status.

    `text` is the body, `url` the address that was asked, `now` the time in seconds since the epoch,
    and `secret` what must not show, should the server echo it.
    """
    body, told = read_error(text, secret)
    request_id = headers.get("x-request-id") or headers.get("request-id")
    if 300 <= status < 400:  # noqa: PLR2004  # the class of redirections
        to = without_secret(_origin(headers.get("location", "")), secret)
        return errors.APIStatusError(
            f"{urlsplit(url).netloc} redirects to {to} ({status}), and the key is not sent there; "
            "set _8080_API_URL to the final address",
            **_facts(status, told, body, request_id=without_secret(request_id, secret)),
        )
    after = _retry_after(headers.get("retry-after"), now)
    facts = _facts(status, told, body, request_id=without_secret(request_id, secret), after=after)
    return _exception(_meant(status, told), url, told, facts, now)


def stream_error(body: Any, *, url: str, secret: Secrets = None) -> errors.APIError:
    """Return the exception for an error object, or a text, that came with a status of success."""
    text = body if isinstance(body, str) else json.dumps(body)
    parsed, told = read_error(text, secret)
    if _is_context(told.message, told.code):
        return _context_error(told, _facts(200, told, parsed))
    meant = _meant(told.status or 200, told)
    if meant in (401, 403, 429):
        return _exception(meant, url, told, _facts(meant, told, parsed), 0.0)
    said = _cut(told.message) or "no reason given"
    return errors.APIStreamError(f"{urlsplit(url).netloc} broke the reply off: {said}", body=parsed)


def _facts(
    status: int, told: Told, body: Any, *, request_id: str | None = None, after: float | None = None
) -> dict[str, Any]:
    return {
        "status_code": status,
        "message": told.message,
        "request_id": request_id,
        "body": body,
        "code": told.code,
        "param": told.param,
        "retry_after": after,
    }


def _meant(status: int, told: Told) -> int:
    """Return the status that fits what is told, where the one that came says little."""
    if status not in (200, 400, 500, 503):
        return status
    code = (told.code or "").lower()
    if code in _AUTH_CODES:
        return 401
    if code in _RATE_CODES:
        return 429
    # In other refusals a limit may be one of the request itself, and a key one of an object.
    if status != 400 and _RATE_WORDS.search(told.message[:_TELLING]):  # noqa: PLR2004  # HTTP's own
        return 429
    if status in (200, 400) and _AUTH_WORDS.search(told.message[:_TELLING]):
        return 401
    return status


def _exception(
    status: int, url: str, told: Told, facts: dict[str, Any], now: float
) -> errors.APIStatusError:
    host, after = urlsplit(url).netloc, facts["retry_after"]
    came = facts["status_code"]
    said = f": {_cut(told.message)}" if told.message else ""
    if status in (400, 413, 422, 500) and _is_context(told.message, told.code):
        return _context_error(told, facts)
    match status:
        case 400 | 422:
            return errors.BadRequestError(f"{host} refused the request ({came}){said}", **facts)
        case 401:
            return errors.AuthenticationError(
                f"{host} does not accept the API key ({came}){said}; set _8080_API_KEY, "
                "or run %chat --key to type another one in",
                **facts,
            )
        case 403:
            return errors.PermissionDeniedError(
                f"{host} does not allow this with your key ({came}){said}; "
                "check its project and its rights, or choose another model with -m",
                **facts,
            )
        case 404:
            return errors.NotFoundError(
                f"{url} does not know this model or address ({came}){said}; "
                f"check the model (-m) and the address (_8080_API_URL){_other_base(url)}",
                **facts,
            )
        case 429:
            return errors.RateLimitError(
                f"{host} takes no more requests for now ({came}){said}"
                + (_OUT if is_out_of_credit(told.message, told.code) else _until(after, now)),
                **facts,
            )
    if status >= 500:  # noqa: PLR2004  # the class of server errors
        return errors.ServerError(
            f"{host} failed ({came}){said}; nothing is wrong on your side, try again", **facts
        )
    asked = url if status == 405 else host  # noqa: PLR2004  # HTTP's word for a wrong address
    return errors.APIStatusError(f"{asked} answered with status {came}{said}", **facts)


def _context_error(told: Told, facts: dict[str, Any]) -> errors.ContextLengthError:
    limit = context_limit(facts["body"], told.message)
    tells = f"it takes {limit:,} tokens" if limit else "the server did not say how many it takes"
    said = f": {_cut(told.message)}" if told.message else ""
    error = errors.ContextLengthError(
        f"the conversation is too long for the model ({tells}){said}; {_SHORTER}", **facts
    )
    error.limit = limit
    return error


def is_out_of_credit(message: str, code: str | None) -> bool:
    """Tell whether a limit is one of money or of a whole period, which no wait of ours outlasts."""
    return (code or "").lower() in _CREDIT_CODES or _CREDIT_WORDS.search(message) is not None


def _until(after: float | None, now: float) -> str:
    """Return in words how long the server asks to wait; with a date where that is far off."""
    if not after:
        return "; wait a little and try again"
    if after <= _DAY:
        return f"; it asks to wait {after:,.0f} s"
    try:
        day = datetime.fromtimestamp(now + after, tz=UTC)
    except (OverflowError, ValueError, OSError):
        return f"; it asks to wait {after / _DAY / 365:,.0f} years"
    return f"; it asks to wait until {day:%Y-%m-%d}"


def _other_base(url: str) -> str:
    """Return the proposal of an address with `/v1` for one that has another path."""
    base = url.partition("?")[0].removesuffix("/chat/completions").removesuffix("/models")
    if "/v1" in base.lower() or not urlsplit(base).path:
        return ""
    return f"; an address with a path is taken as it stands, try {base}/v1"


def context_limit(body: Any, message: str) -> int | None:
    """Return the number of tokens that the model takes, as far as the server tells it."""
    for place in (body.get("error"), body) if isinstance(body, dict) else ():
        if isinstance(place, dict) and type(place.get("n_ctx")) is int:
            return int(place["n_ctx"])
    for pattern in _CONTEXT_LIMIT:
        if found := pattern.search(message[:_TELLING]):
            number = next(filter(None, found.groups()))
            return int(re.sub(r"\D", "", number)) * (1000 if number[-1] in "kK" else 1)
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


def _cut(text: str) -> str:
    """Return the beginning of a text on one line, without what a terminal would obey."""
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(text.split()))
    return text if len(text) <= _LONG else text[: _LONG - 3] + "..."


def _retry_after(value: str | None, now: float) -> float | None:
    """Return the seconds that a Retry-After header asks for, given in seconds or as a date.

    `now` is the time in seconds since the epoch. None where the header is absent or unreadable.
    """
    if not value:
        return None
    try:
        seconds = float(value)
    except ValueError:
        from email.utils import parsedate_to_datetime  # noqa: PLC0415  # a rare case pays for it

        try:
            seconds = parsedate_to_datetime(value).timestamp() - now
        except (ValueError, OverflowError):
            return None
    return max(0.0, seconds) if math.isfinite(seconds) else None
