"""The exception tree: everything that this package raises on purpose.

Each text is one line that says what was expected, what came, and what to do now. In a notebook
that line is all that shows (IPython asks an exception for `_render_traceback_`), and the cell
still fails.

    ChatError
    ├── UsageError               what was asked for cannot be done; nothing was sent
    │   └── MissingKeyError      no API key, or one that must not be sent there
    ├── LocalModelError          the embedded model cannot be fetched, started or reached
    ├── MCPServerError           an MCP server cannot be started, or does not do what was asked
    ├── ReplyFormatError         the reply is not the JSON that was asked for
    ├── RowsError                a run over rows stopped, or its rows have failed
    ├── EvaluationError          answers are not as good as was required
    └── APIError                 the request was made and failed
        ├── APIConnectionError   no connection, or it broke before the reply began
        │   └── APITimeoutError  nothing came for longer than the timeout
        ├── APIStreamError       the reply broke off, or is not what the API promises
        └── APIStatusError       the server answered with an error
            ├── BadRequestError  400, 422: a parameter or a message was refused
            │   └── ContextLengthError  the conversation is longer than the model takes
            ├── AuthenticationError     401
            ├── PermissionDeniedError   403
            ├── NotFoundError           404
            ├── RateLimitError          429
            └── ServerError             500 and above
    ChatInterrupted              a KeyboardInterrupt that knows the partial reply
"""

from __future__ import annotations

import re
from typing import Any

# A server's text is part of some errors, and a terminal obeys these.
_CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")


NO_THREADS = (
    "this Python runs in the browser (Pyodide), which has no threads, and replies need one: "
    "use a kernel that runs on a machine"
)


class OneLineError:
    """Show as one line in IPython, whatever the traceback mode; the cell fails all the same."""

    def _render_traceback_(self) -> list[str]:
        assert isinstance(self, BaseException)  # noqa: S101  # a mixin for exceptions only
        return [one_line(self)]


class ChatError(OneLineError, Exception):
    """Base of all errors of this package."""


class UsageError(ChatError, ValueError):
    """What the user wrote cannot be done: a bad option, value or prompt. Nothing was sent."""


class MissingKeyError(UsageError):
    """There is no API key, or it must not be sent to the configured address."""


class LocalModelError(ChatError):
    """The embedded model cannot be fetched, started or reached."""


class MCPServerError(ChatError):
    """An MCP server cannot be started or reached, or does not do what was asked of it."""


class ReplyFormatError(ChatError, ValueError):
    """A reply is not the JSON, or not of the type or schema, that was asked for.

    `reply` is the reply, a `Reply`, or None; `text` what the model wrote, `problems` say
    what is wrong with it, a line each, and `attempts` how often it was asked.
    """

    def __init__(
        self,
        message: str,
        *,
        reply: Any = None,
        text: str = "",
        problems: tuple[str, ...] = (),
        attempts: int = 1,
    ) -> None:
        super().__init__(message)
        self.reply = reply
        self.text = text
        self.problems = problems
        self.attempts = attempts


class RowsError(ChatError):
    """A run over rows stopped, all of its rows failed, or one where none may.

    `run` is the run, a `Run`, with all that it has come to.
    """

    def __init__(self, message: str, *, run: Any = None) -> None:
        super().__init__(message)
        self.run = run


class EvaluationError(ChatError, AssertionError):
    """Answers are not as good as was required. `comparison` is what was measured."""

    def __init__(self, message: str, *, comparison: Any = None) -> None:
        super().__init__(message)
        self.comparison = comparison


class APIError(ChatError):
    """A request was made and failed.

    `reply` is what had arrived by then, a `Reply` or None; it is kept in the
    conversation too.
    """

    reply: Any = None


class APIConnectionError(APIError):
    """The server cannot be reached, or the connection broke before the reply began."""


class APITimeoutError(APIConnectionError):
    """Nothing came for longer than the timeout."""


class APIStreamError(APIError):
    """The reply broke off, or is not what the API promises.

    `body` is the error object that the server put into the stream, if that is what happened.
    """

    def __init__(self, message: str, *, body: Any = None) -> None:
        super().__init__(message)
        self.body = body


class APIStatusError(APIError):
    """The server answered with an error status.

    `status_code` is the HTTP status, `request_id` the server's name for the request (or None),
    `body` the decoded JSON or the text of the answer, `message` the server's own words, `code` its
    error code, `param` the parameter it complains about, and `retry_after` the seconds that it asks
    to wait (each of these None where it said nothing).
    """

    def __init__(
        self,
        text: str,
        *,
        status_code: int,
        message: str = "",
        request_id: str | None = None,
        body: Any = None,
        code: str | None = None,
        param: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(text)
        self.status_code = status_code
        self.message = message
        self.request_id = request_id
        self.body = body
        self.code = code
        self.param = param
        self.retry_after = retry_after

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (type(self), str(self), dict(vars(self)))


def _restored(kind: type[APIStatusError], text: str, state: dict[str, Any]) -> APIStatusError:
    """Make an error again that was pickled, with all that it carried."""
    error = kind(text, status_code=state["status_code"])
    vars(error).update(state)
    return error


class BadRequestError(APIStatusError):
    """400 or 422: the server refused a parameter or a message."""


class ContextLengthError(BadRequestError):
    """The conversation is longer than the model takes.

    `limit` is the number of tokens that the server reported, or None where it named none.
    """

    limit: int | None = None


class AuthenticationError(APIStatusError):
    """401: the key is missing, wrong or expired."""


class PermissionDeniedError(APIStatusError):
    """403: the key is good, but not for this."""


class NotFoundError(APIStatusError):
    """404: no such model, or no such address."""


class RateLimitError(APIStatusError):
    """429: too many requests."""


class ServerError(APIStatusError):
    """500 or above: the server failed."""


class ChatInterrupted(OneLineError, KeyboardInterrupt):  # noqa: N818  # named as its base is
    """The user interrupted a turn. `reply` is what had come (a `Reply`), or None."""

    def __init__(self, text: str, *, reply: Any = None) -> None:
        super().__init__(text)
        self.reply = reply


def one_line(error: BaseException) -> str:
    """Return the class and the text of `error` on one line, which a terminal only shows."""
    text = _CONTROLS.sub("\ufffd", " ".join(str(error).split()))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def error_summary(error: BaseException) -> str:
    """Return type and first line of an exception, cut."""
    try:
        said = error.msg if isinstance(error, SyntaxError) else str(error)
        lines = said.strip().splitlines()
    except Exception:  # noqa: BLE001  # a foreign exception may fail to speak
        lines = []
    text = lines[0] if lines else ""
    text = text if len(text) <= 200 else text[:199] + "…"  # noqa: PLR2004  # still one line
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
