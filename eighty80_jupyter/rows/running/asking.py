"""One row is asked: within the limits, again where that may help, and mended where it must be.

Belongs to the event loop.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from eighty80_jupyter.api.deltas import Adapted, Delta
from eighty80_jupyter.api.messages import Message
from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.errors import (
    APIConnectionError,
    APIError,
    APIStatusError,
    APIStreamError,
    APITimeoutError,
    ChatError,
    ContextLengthError,
    UsageError,
)
from eighty80_jupyter.rows.prompt.request import RowRequest
from eighty80_jupyter.rows.prompt.template import Filled
from eighty80_jupyter.rows.running.answer import Answer, Failed, Reader, answer_of
from eighty80_jupyter.rows.running.limits import Limits
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.retries import Settings, wait_before_retry
from eighty80_jupyter.wire.status_errors import is_out_of_credit
from eighty80_jupyter.wire.transport_errors import Fault, WireError

if TYPE_CHECKING:
    from eighty80_jupyter.structured.asking import Mode

RETRIES = 5  # of one row, because of the server
_SILENCES = 1  # of them where nothing came: each takes ChatConfig.read_timeout
_HALVING = frozenset({408, 429, 503, 529})
_HOPELESS = frozenset({401, 403, 404, 405})
_AWAY = frozenset({Fault.ADDRESS, Fault.PROXY, Fault.SECURITY, Fault.TLS_PORT})
_EXPECTED = 50  # tokens of an answer, before anything is known of them
_LEAST = 20  # tokens of a row; fewer say nothing


class Client(Protocol):
    """What is needed of `wire.client.Client`."""

    async def complete_whole(
        self, endpoint: Endpoint, body: dict[str, Any], *, settings: Settings
    ) -> Sequence[Delta | Adapted]:
        """Post a request and return all that its answer says. Raises APIError."""


@dataclass(slots=True)
class Outcome:
    """What became of a row: its `value`, or why there is none (`failed`).

    `answer` is the last one. `attempts` counts all requests, `mended` tells that an answer before
    could not be read, `usages` is what they took. `cut` tells that the row was cut to fit. `stops`
    tells that no other row would fare better; what is equal in `alike` has failed alike.
    """

    value: Any = None
    failed: Failed | None = None
    answer: Answer = field(default_factory=Answer)
    attempts: int = 0
    mended: bool = False
    usages: list[Usage] = field(default_factory=list)
    cut: bool = False
    stops: bool = False
    alike: object = None


class Asker:
    """Asks rows, any number at the same time, within limits that hold for all of them.

    `limits` say how many there should be at a time, and how soon. `notes` are what the client says
    of the requests. `sleep` and `now` are the clock. `cut_to` fills a prompt again so that it has
    no more than so many tokens; None: what is too long is an error.
    """

    def __init__(
        self,
        request: RowRequest,
        client: Client,
        limits: Limits,
        *,
        cut_to: Callable[[Sequence[Any], int], Filled] | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        now: Callable[[], float],
    ) -> None:
        self.request = request
        self.level = limits.level
        self.pause = limits.pause
        self.notes: dict[str, None] = {}
        self.reader = Reader(None if request.typed is None else request.typed.shape)
        self._client = client
        self._settings = replace(request.settings, max_retries=0)
        self._retries = replace(request.settings, max_retries=RETRIES)
        self._requests = limits.requests
        self._tokens = limits.tokens
        self._cut_to = cut_to
        self._sleep = sleep
        self._now = now
        self._mode: Mode | None = None if request.typed is None else request.typed.modes[0]
        self._limit = request.limit
        self._too_long: int | None = None  # tokens that were too many, where no limit was told
        self._answer_tokens = float(request.parameters.get("max_completion_tokens") or _EXPECTED)

    async def ask(self, filled: Filled) -> Outcome:
        """Ask a row until there is an answer, or nothing that helps. Raises when cancelled only."""
        outcome = Outcome()
        try:
            fitted = self._fitted(filled, outcome)
            while fitted is not None:
                await self._answered(fitted, outcome)
                fitted = self._shorter(fitted, outcome)
        except ChatError as error:  # what cannot be sent at all
            outcome.failed, outcome.stops = Failed("server", str(error)), True
        return outcome

    async def _answered(self, filled: Filled, outcome: Outcome) -> None:
        """Ask until there is an answer that can be read, or that cannot be mended."""
        outcome.failed = None
        typed = self.request.typed
        repairs = 0
        correction: Sequence[Message] = ()
        while True:
            answer = await self._sent(filled, correction, outcome)
            if answer is None:
                return
            outcome.answer = answer
            outcome.value, failed = self.reader.read(
                answer.text, answer.finish_reason, answer.refusal
            )
            if failed is None:
                return
            outcome.alike = failed.kind
            if typed is None or not failed.mendable or repairs >= typed.repairs:
                outcome.failed = failed
                return
            repairs += 1
            outcome.mended = True
            mode = self._mode or typed.modes[0]
            correction = typed.correction(answer.text, failed.problems, mode)

    async def _sent(
        self, filled: Filled, correction: Sequence[Message], outcome: Outcome
    ) -> Answer | None:
        """Send one request until it is answered; None: it failed, as the outcome says."""
        failures = 0
        while True:
            mode = self._mode
            body = self.request.body(
                filled.content, has_data=filled.has_data, mode=mode, correction=correction
            )
            reserved = await self._admitted(filled)
            outcome.attempts += 1
            sent = self._now()
            try:
                found = await self._client.complete_whole(
                    self.request.endpoint, body, settings=self._settings
                )
            except APIError as error:
                if self._tokens is not None:
                    self._tokens.correct(-reserved)
                if self._stepped_down(mode, error):
                    continue
                wait = self._wait(error, failures, sent)
                if wait is None:
                    self._fail(error, filled, outcome)
                    return None
                failures += 1
                if wait:
                    await self._sleep(wait)
                continue
            answer = answer_of(found)
            self.level.answered()
            self._count(answer, reserved, outcome)
            return answer

    async def _admitted(self, filled: Filled) -> float:
        """Wait until a request may be sent; return the tokens that were taken for it."""
        tokens = 0.0
        if self._tokens is not None:
            tokens = self._estimate(filled) + self._answer_tokens
        while True:
            while pause := self.pause.left(self._now()):
                await self._sleep(pause)
            wait = 0.0
            if self._requests is not None:
                wait = self._requests.reserve(self._now())
            if self._tokens is not None:
                wait = max(wait, self._tokens.reserve(self._now(), tokens))
            if not wait:
                return tokens
            await self._sleep(wait)
            if not self.pause.left(self._now()):
                return tokens

    def _count(self, answer: Answer, reserved: float, outcome: Outcome) -> None:
        for note in answer.notes:
            self.notes[note] = None
        usage = answer.usage
        if usage is None:
            return
        outcome.usages.append(usage)
        if self._tokens is not None:
            completion = usage.completion_tokens or 0
            total = usage.total_tokens or (usage.prompt_tokens or 0) + completion
            self._tokens.correct(total - reserved)
            self._answer_tokens += 0.1 * (completion - self._answer_tokens)

    def _stepped_down(self, mode: Mode | None, error: APIError) -> bool:
        """Take the next way to ask for a type, where the server has refused this one."""
        typed = self.request.typed
        if typed is None or mode is None:
            return False
        simpler = typed.after(mode, error)
        if simpler is None:
            return False
        if self._mode == mode:  # another row may have found out before
            self._mode = simpler
            typed.remember(simpler)
        return True

    def _wait(self, error: APIError, failures: int, sent: float) -> float | None:
        """Return the seconds before another attempt, 0 where all wait already; None: give up."""
        now = self._now()
        silent = isinstance(error, APITimeoutError)
        status = error.status_code if isinstance(error, APIStatusError) else 0
        if silent or status in _HALVING:
            self.level.failed(sent, now)
        asked = error.retry_after if isinstance(error, APIStatusError) else None
        if asked is not None and asked <= self._retries.max_retry_wait:
            self.pause.ask(now, asked)
        if silent:
            return 0.0 if failures < _SILENCES else None
        if _fault(error) in _AWAY:
            return None
        if isinstance(error, APIStreamError) and _fault(error) is Fault.BROKEN:
            # No answer has come, as much as if the connection had broken before it.
            again = APIConnectionError(str(error))
            again.__cause__ = error.__cause__
            error = again
        wait = wait_before_retry(error, failures, self._retries)
        return 0.0 if wait is not None and asked is not None else wait

    def _fail(self, error: APIError, filled: Filled, outcome: Outcome) -> None:
        if isinstance(error, ContextLengthError):
            self._learn(error, filled)
            outcome.failed = self._is_too_long(self._estimate(filled))
            outcome.alike = "too long"
            return
        status = error.status_code if isinstance(error, APIStatusError) else 0
        fault = _fault(error)
        lost = self.request.lost() if not status else ""
        outcome.failed = Failed("server", lost or str(error))
        outcome.alike = status or fault or type(error)
        if isinstance(error, APITimeoutError):
            outcome.failed = Failed("timeout", str(error))
        elif isinstance(error, APIStatusError) and "content_filter" in (error.code or ""):
            outcome.failed = Failed("refused", str(error))
        outcome.stops = bool(lost) or fault in _AWAY or self._is_hopeless(error)

    def _is_hopeless(self, error: APIError) -> bool:
        """Tell whether the other rows would get the same answer."""
        if not isinstance(error, APIStatusError):
            return False
        if 300 <= error.status_code < 400 or error.status_code in _HOPELESS:  # noqa: PLR2004  # a redirection
            return True
        asked = error.retry_after
        return is_out_of_credit(error.message, error.code) or (
            asked is not None and asked > self._retries.max_retry_wait
        )

    # What is too long.

    def _estimate(self, filled: Filled) -> int:
        return self.request.tokens(filled.content, has_data=filled.has_data)

    def _fitted(self, filled: Filled, outcome: Outcome) -> Filled | None:
        """Return the prompt, cut where it must be and may be; None: it fails, and is not sent."""
        most = self._limit if self._too_long is None else self._too_long - 1
        if most is None or self._surely_fits(filled, most):
            return filled
        tokens = self._estimate(filled)
        if tokens <= most:
            return filled
        outcome.failed = self._is_too_long(tokens)
        return self._shorter(filled, outcome)

    def _surely_fits(self, filled: Filled, most: int) -> bool:
        """Tell it of a short text without counting: a character is a token at most."""
        text = filled.content
        head = self.request.head_tokens(has_data=filled.has_data)
        return isinstance(text, str) and head + self.request.ratio * len(text) <= most

    def _shorter(self, filled: Filled, outcome: Outcome) -> Filled | None:
        """Return the prompt of a row that is too long with less of its values; None: it stays."""
        failed = outcome.failed
        if self._cut_to is None or failed is None or failed.kind != "too long":
            return None
        if outcome.attempts > RETRIES:
            return None
        most = self._limit if self._limit is not None else (self._too_long or 0) * 3 // 4
        room = most - self.request.head_tokens(has_data=True)
        room -= min(most // 4, int(self._answer_tokens))
        if outcome.cut:
            room = min(room, int(self._estimate(filled) * 0.7))  # the estimate was too low
        try:
            while room >= _LEAST:
                shorter = self._cut_to(filled.values, int(room / self.request.ratio))
                if self._estimate(shorter) <= most:
                    outcome.cut = True
                    return replace(shorter, values=filled.values)
                room = room * 3 // 4
        except UsageError:
            return None
        return None

    def _learn(self, error: ContextLengthError, filled: Filled) -> None:
        if error.limit is not None:
            self._limit = min(error.limit, self._limit or error.limit)
            self.request.remember(self._limit)
        tokens = self._estimate(filled)
        if error.limit is None or tokens <= self._limit:  # type: ignore[operator]  # set above
            self._too_long = min(tokens, self._too_long or tokens)

    def _is_too_long(self, tokens: int) -> Failed:
        takes = f"takes {self._limit:,}" if self._limit is not None else "does not take so many"
        return Failed(
            "too long",
            f"the row has about {tokens:,} tokens with the instruction, and the model {takes}; "
            "send less of it, or let it be cut: --too-long cut",
        )


def _fault(error: BaseException) -> Fault | None:
    cause = error.__cause__
    return cause.fault if isinstance(cause, WireError) else None
