"""What is tried again and after which wait, and how long a silence with comments is borne."""

from __future__ import annotations

import pytest

from eighty80_jupyter import errors
from eighty80_jupyter.wire import retries
from eighty80_jupyter.wire.endpoint import Endpoint
from eighty80_jupyter.wire.reading.stream import ReplyReader
from eighty80_jupyter.wire.retries import Keepalive, Settings, wait_before_retry
from eighty80_jupyter.wire.transport_errors import Fault, WireError

PATIENT = Settings(max_retries=8)


def status(code: int, *, after: float | None = None) -> errors.APIStatusError:
    """Return what a server's status raises."""
    return errors.APIStatusError("no", status_code=code, retry_after=after)


def broken(fault: Fault) -> errors.APIConnectionError:
    """Return what a fault of the connection raises."""
    error = errors.APIConnectionError("no")
    error.__cause__ = WireError(fault, "no")
    return error


def test_attempts_are_counted() -> None:
    """There are as many further attempts as the settings say, and none with zero."""
    waits = [wait_before_retry(status(503), n, Settings(max_retries=2)) for n in range(4)]
    assert [wait is not None for wait in waits] == [True, True, False, False]
    assert wait_before_retry(status(503), 0, Settings(max_retries=0)) is None


@pytest.mark.parametrize("edge", [0.75, 1.25])
def test_waits_double_up_to_a_bound(monkeypatch: pytest.MonkeyPatch, edge: float) -> None:
    """They begin at half a second, vary by a quarter, and end at eight seconds or the setting."""
    bounds: list[tuple[float, float]] = []

    def uniform(low: float, high: float) -> float:
        bounds.append((low, high))
        return edge

    monkeypatch.setattr("random.uniform", uniform)
    waits = [wait_before_retry(status(500), n, PATIENT) for n in range(6)]
    assert waits == [min(0.5 * 2**n * edge, 8.0) for n in range(6)]
    assert set(bounds) == {(0.75, 1.25)}
    short = Settings(max_retries=8, max_retry_wait=1.0)
    assert wait_before_retry(status(500), 3, short) == 1.0


def test_what_a_server_asks_for() -> None:
    """Its wait counts as it is, none at all among it, up to the longest that is borne."""
    settings = Settings(max_retry_wait=30.0)
    for asked, wait in ((0.0, 0.0), (7.5, 7.5), (30.0, 30.0), (30.5, None)):
        assert wait_before_retry(status(429, after=asked), 0, settings) == wait


@pytest.mark.parametrize("code", [408, 409, 429, 500, 502, 503, 504, 520, 529])
def test_statuses_that_may_pass(code: int) -> None:
    """Those of a busy or a broken server are tried again."""
    assert wait_before_retry(status(code), 0, PATIENT) is not None


@pytest.mark.parametrize("code", [400, 401, 403, 404, 413, 422, 501, 505, 519, 530])
def test_statuses_that_will_not_pass(code: int) -> None:
    """Those that say what is wrong with the request are not, whatever the server asks for."""
    assert wait_before_retry(status(code), 0, PATIENT) is None
    assert wait_before_retry(status(code, after=1.0), 0, PATIENT) is None


def test_faults() -> None:
    """A connection that fails before the reply is tried again, but not what would fail again."""
    tried = {fault for fault in Fault if wait_before_retry(broken(fault), 0, PATIENT) is not None}
    assert tried == {Fault.ADDRESS, Fault.PROXY, Fault.BROKEN}
    assert wait_before_retry(errors.APIConnectionError("no"), 0, PATIENT) is None
    other = errors.APIError("no")
    other.__cause__ = WireError(Fault.BROKEN, "no")
    assert wait_before_retry(other, 0, PATIENT) is None


class Clock:
    """A clock that is moved by hand."""

    now = 100.0

    def monotonic(self) -> float:
        """Return the time."""
        return self.now


def test_how_long_comments_are_borne(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exactly the setting, counted anew from each word of the reply, and told with the host."""
    clock = Clock()
    monkeypatch.setattr(retries, "time", clock)
    endpoint = Endpoint(url="https://h.example:8443/v1")
    limit = Keepalive(endpoint, Settings(keepalive_timeout=10.0))
    reader = ReplyReader(endpoint)

    def passes(seconds: float, text: bytes = b": wait\n\n") -> None:
        clock.now += seconds
        reader.feed(text)
        limit.check(reader)

    word = b'data: {"choices": [{"index": 0, "delta": {"content": "a"}}]}\n\n'
    passes(0)
    passes(10)
    passes(1, word)
    passes(100)  # the silence is counted from here
    passes(10)
    with pytest.raises(errors.APITimeoutError, match=r"^h\.example:8443 kept .*keepalive_timeout"):
        passes(0.5)
    passes(0, word)
    passes(0)


def test_comments_are_borne_for_ever_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """None as the setting means that nothing is ended."""
    clock = Clock()
    monkeypatch.setattr(retries, "time", clock)
    endpoint = Endpoint(url="https://host.example")
    limit = Keepalive(endpoint, Settings(keepalive_timeout=None))
    reader = ReplyReader(endpoint)
    for _ in range(3):
        clock.now += 1e9
        limit.check(reader)
