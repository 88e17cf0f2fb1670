"""How fast rows are asked, and what is borne on the way: all on a clock that jumps."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import chain
from typing import Any

import pytest

from eighty80_jupyter.errors import (
    APIConnectionError,
    APIStreamError,
    APITimeoutError,
    BadRequestError,
    ContextLengthError,
    PermissionDeniedError,
    RateLimitError,
    ServerError,
    UsageError,
)
from eighty80_jupyter.rows.running import work
from eighty80_jupyter.rows.running.limits import Bucket, Level, Pause
from eighty80_jupyter.wire.transport_errors import Fault, WireError
from tests.rows.virtual import TOKENS, VirtualClient, run_virtually


def rate_limited(retry_after: float | None = None) -> RateLimitError:
    """Return what a server says that wants to be left alone."""
    return RateLimitError("slow down", status_code=429, retry_after=retry_after)


def failed() -> ServerError:
    """Return what a server says that has failed."""
    return ServerError("it failed", status_code=500)


def broken(fault: Fault) -> APIConnectionError:
    """Return what a broken connection is."""
    error = APIConnectionError(f"no connection: {fault.value}")
    error.__cause__ = WireError(fault, "broken")
    return error


def too_long(limit: int | None) -> ContextLengthError:
    """Return what a server says to a long prompt."""
    error = ContextLengthError("too long", status_code=400)
    error.limit = limit
    return error


def numbers(count: int) -> list[str]:
    """Return rows, each with another number."""
    return [f"row {n}" for n in range(count)]


def test_600_a_minute_are_at_most_610_in_any_minute() -> None:
    """The limit counts requests, retries among them, in any minute, and is used to the full."""
    chance = random.Random(5)

    def answer(prompt: str, attempt: int) -> Any:
        latency = chance.uniform(0.01, 2)
        return latency, failed() if attempt == 0 and prompt.endswith("7") else prompt

    client = VirtualClient(answer)
    run = run_virtually(client, numbers(2000), per_minute=600)
    assert not run.errors
    assert len(client.sent) == 2200
    assert 590 <= client.most_in(60) <= 610
    assert client.sent[-1][0] <= 2200 / 10 + 5


def test_a_limit_holds_after_a_pause() -> None:
    """What was waiting while the server wanted a pause does not come all at once after it."""
    client = VirtualClient(
        lambda prompt, attempt: rate_limited(25) if (prompt, attempt) == ("Say: row 99", 0) else "x"
    )
    run_virtually(client, numbers(1500), per_minute=600, concurrency=64)
    assert client.most_in(60) <= 610
    assert client.most_in(1) <= 20


def test_tokens_a_minute() -> None:
    """The tokens of all requests keep to their limit, though nobody knows them beforehand."""
    client = VirtualClient()
    run = run_virtually(client, numbers(1000), tokens_per_minute=20_000)
    assert not run.errors
    assert client.most_in(60) * TOKENS <= 22_500
    assert client.sent[-1][0] <= 1000 * TOKENS / 20_000 * 60 + 10


def test_concurrency_finds_its_level() -> None:
    """It starts at 8, goes up by one for each window without a failure, and never beyond."""
    client = VirtualClient()
    run_virtually(client, numbers(40))
    assert client.most <= 12
    client = VirtualClient()
    run_virtually(client, numbers(3000), most=20)
    assert client.most == 20
    client = VirtualClient()
    run_virtually(client, numbers(500), concurrency=3)
    assert client.most == 3


def test_concurrency_is_halved_once_for_what_was_under_way() -> None:
    """Requests that were sent together and refused together count as one failure."""
    level = Level(64, start=32)
    for _ in range(32):
        level.failed(sent=1.0, now=2.0)
    assert level.now == 16
    level.failed(sent=3.0, now=4.0)
    assert level.now == 8
    for _ in range(8):
        level.answered()
    assert level.now == 9


def test_retry_after_pauses_all() -> None:
    """Where one row is told to wait, nobody sends before that time, and nothing is lost."""
    asked: list[float] = []

    def answer(prompt: str, attempt: int) -> Any:
        if prompt.endswith(" 100") and attempt == 0:
            asked.append(1)
            return 0.0, rate_limited(20)
        return "x"

    client = VirtualClient(answer)
    run = run_virtually(client, numbers(400))
    assert asked
    assert not run.errors
    told = next(at for at, prompt in client.sent if prompt.endswith(" 100"))
    assert not [at for at, _ in client.sent if told < at < told + 20]
    assert len(client.sent) == 401


def test_one_429_loses_nothing() -> None:
    """A limit that is met in the middle costs no answer (an engine lost 399,999 of them)."""
    client = VirtualClient(
        lambda prompt, attempt: rate_limited() if prompt.endswith(" 400") and attempt < 2 else "x"
    )
    run = run_virtually(client, numbers(1000))
    assert run.progress().asked == 1000
    assert run.progress().state == "done"


@pytest.mark.parametrize("failure", [failed(), broken(Fault.BROKEN), rate_limited()])
def test_bursts_of_failures_are_outlasted(failure: Exception) -> None:
    """A server that fails for a while is asked again; the rows come through."""
    client = VirtualClient(lambda _prompt, attempt: failure if attempt < 3 else "x")
    run = run_virtually(client, numbers(50))
    assert run.progress().asked == 50
    assert not run.errors


def test_a_row_that_always_fails() -> None:
    """A row is tried six times in all and then an error; a bad one is not tried again."""
    answers = {"Say: row 3": failed(), "Say: row 5": BadRequestError("bad", status_code=400)}
    client = VirtualClient(lambda prompt, _attempt: answers.get(prompt, "x"))
    run = run_virtually(client, numbers(30))
    assert [(e.position, e.kind, e.attempts) for e in run.errors] == [
        (3, "server", 6),
        (5, "server", 1),
    ]
    assert len(client.sent) == 28 + 6 + 1


def test_an_answer_that_breaks_off_is_asked_for_again() -> None:
    """A connection that breaks inside an answer has brought none."""
    error = APIStreamError("broke inside")
    error.__cause__ = WireError(Fault.BROKEN, "it ended")
    client = VirtualClient(lambda _prompt, attempt: error if attempt == 0 else "x")
    assert run_virtually(client, numbers(3)).values == ["x"] * 3


def test_silence_is_an_error_of_its_own() -> None:
    """A row to which nothing comes is tried once more, and does not hold up the others."""
    client = VirtualClient(
        lambda prompt, _: (300.0, APITimeoutError("silence")) if prompt.endswith(" 3") else "x"
    )
    run = run_virtually(client, numbers(100))
    assert [(e.position, e.kind, e.attempts) for e in run.errors] == [(3, "timeout", 2)]
    assert run.progress().asked == 99
    assert sum(at > 5 for at, _ in client.sent) == 1


@pytest.mark.parametrize(
    "failure",
    [
        PermissionDeniedError("not allowed", status_code=403),
        broken(Fault.ADDRESS),
        rate_limited(3600),
        RateLimitError("no credit left", status_code=429, code="insufficient_quota"),
    ],
)
def test_what_no_row_would_outlast_stops_the_run(failure: Exception) -> None:
    """A refusal that holds for all rows stops the run at once; the rest is not asked."""
    client = VirtualClient(lambda prompt, _: failure if prompt.endswith(" 50") else "x")
    run = run_virtually(client, numbers(500))
    progress = run.progress()
    assert progress.state == "stopped"
    assert str(failure) in progress.note
    assert len(client.sent) < 100
    assert progress.not_asked == 500 - progress.done


def test_more_than_half_of_the_last_twenty_alike() -> None:
    """The run stops where most rows fail alike, and goes on where fewer do, or not alike."""
    bad = BadRequestError("bad", status_code=400)

    def run(wrong: int) -> Any:
        client = VirtualClient(
            lambda prompt, _: bad if int(prompt.split()[-1]) % 20 < wrong else "x"
        )
        return run_virtually(client, numbers(400), concurrency=1).progress()

    assert run(10).state == "done"
    stopped = run(11)
    assert stopped.state == "stopped"
    assert "11 of the last" in stopped.note
    assert stopped.done < 30


def test_one_long_row_fails_alone() -> None:
    """A row that is too long is an error with its tokens; the limit is learned, and holds."""
    rows = numbers(60)
    for at in (10, 40, 50):
        rows[at] = f"{'word ' * 3000}{at}"
    limit = too_long(2048)
    client = VirtualClient(lambda prompt, _: limit if len(prompt) > 9000 else "x")
    run = run_virtually(client, rows, concurrency=2)
    assert [(e.position, e.kind, e.attempts) for e in run.errors] == [
        (10, "too long", 1),
        (40, "too long", 0),
        (50, "too long", 0),
    ]
    assert "takes 2,048" in run.errors[0].message
    assert "3,0" in run.errors[0].message
    assert run.progress().asked == 57


def test_a_limit_that_is_not_told() -> None:
    """Where a server does not say how much it takes, what is longer than that is not sent."""
    rows = [f"{'word ' * n}{n}" for n in (10, 900, 800, 1000, 20)]
    error = too_long(None)
    client = VirtualClient(lambda prompt, _: error if len(prompt) > 4200 else "x")
    run = run_virtually(client, rows, concurrency=1)
    assert [e.position for e in run.errors] == [1, 3]
    assert len(client.sent) == 4


def test_long_rows_are_cut_where_that_is_said() -> None:
    """With too_long=cut a long row is sent shorter, until the server takes it, and that is said."""
    error = too_long(1000)
    client = VirtualClient(lambda prompt, _: error if len(prompt) > 3000 else "x")
    run = run_virtually(client, ["short", "word " * 5000], too_long="cut", concurrency=1)
    assert run.values == ["x", "x"]
    assert "left out" in client.sent[-1][1]
    assert any("1 cut to fit" in remark for remark in run.progress().remarks)


def test_max_total_tokens() -> None:
    """The run ends once it has taken so many tokens, and what is under way is waited for."""
    client = VirtualClient()
    run = run_virtually(client, numbers(500), max_total_tokens=50 * TOKENS, concurrency=4)
    progress = run.progress()
    assert progress.state == "stopped"
    assert 50 <= progress.asked <= 54
    assert progress.not_asked == 500 - progress.asked
    assert "max_total_tokens = 5,000" in progress.last_line()


def test_a_stream_is_read_as_it_is_needed() -> None:
    """Of an iterator no more is read ahead than four times what is under way."""
    read = 0
    ahead: list[int] = []

    def source() -> Iterator[str]:
        nonlocal read
        for number in range(2000):
            read += 1
            ahead.append(read - len(done))
            yield f"row {number}"

    done: list[str] = []

    def answer(prompt: str, _attempt: int) -> str:
        done.append(prompt)
        return prompt.rsplit(maxsplit=1)[-1]

    run = run_virtually(VirtualClient(answer), source(), all=True, concurrency=10)
    assert run.frame == [str(n) for n in range(2000)]
    assert max(ahead) <= 40


def test_duplicates_of_a_long_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a stream the latest requests are remembered, so that the memory does not grow with it."""
    monkeypatch.setattr(work, "_REMEMBERED", 100)
    rows = [f"row {n % 50}" for n in range(1000)] + [f"row {n}" for n in range(50, 400)]
    client = VirtualClient()
    run = run_virtually(client, iter([*rows, "row 0", "row 399"]), concurrency=1)
    assert run.values == [row.split()[1] for row in [*rows, "row 0", "row 399"]]
    assert len(client.sent) == 401


def test_a_stream_stops_at_the_limit() -> None:
    """A stream is asked up to the limit of rows, and to its end where all are wanted."""
    run = run_virtually(VirtualClient(), iter(numbers(300)), requests=100)
    progress = run.progress()
    assert (progress.asked, progress.state) == (100, "stopped")
    assert "rows_limit = 100" in progress.note
    assert run_virtually(VirtualClient(), iter(numbers(300)), requests=100, all=True).values[
        -1
    ] == ("299")
    assert len(run_virtually(VirtualClient(), iter(numbers(300)), try_rows=5).frame) == 5


def test_too_many_requests_are_refused() -> None:
    """More requests than the limit are refused with their number; duplicates do not count."""
    client = VirtualClient()
    with pytest.raises(UsageError, match=r"101 requests with about [\d,]+ tokens.*--try 20.*--all"):
        run_virtually(client, numbers(101), requests=100)
    assert not client.sent
    assert run_virtually(client, numbers(100) * 3, requests=100).progress().duplicates == 200


def test_try_takes_the_same_rows_each_time() -> None:
    """Some rows are tried: the longest, and others from all over, the same in any order."""
    rows = numbers(1000)
    rows[500] = "the longest row of all 500"
    one = run_virtually(VirtualClient(), rows, try_rows=20)
    two = run_virtually(VirtualClient(), rows[::-1], try_rows=20)
    assert len(one.values) == 20
    assert sorted(one.values) == sorted(two.values)
    assert "500" in one.values
    assert max(map(int, one.values)) > 700
    assert min(map(int, one.values)) < 300
    assert any(remark.startswith("all 1,000 rows would take") for remark in one.progress().remarks)


def test_samples() -> None:
    """Each sample is a request of its own, also of equal rows, and a row has a list of answers."""
    count = iter(range(100))
    client = VirtualClient(lambda _prompt, _attempt: str(next(count)))
    run = run_virtually(client, ["a", "a"], samples=3)
    assert len(client.sent) == 6
    assert sorted(chain.from_iterable(run.values)) == list("012345")
    assert [len(values) for values in run.values] == [3, 3]


def test_a_bucket_gives_back_what_was_not_used() -> None:
    """What was reserved and not used is there for others."""
    bucket = Bucket(60)
    assert bucket.reserve(0.0, 10) == 0
    assert bucket.reserve(0.0, 1) == pytest.approx(10)
    bucket.correct(-8)
    assert bucket.reserve(0.0, 1) == pytest.approx(3)


def test_a_level_never_falls_to_none() -> None:
    """One request at a time is the least, or nothing would ever be asked again."""
    level = Level(4, start=1)
    level.failed(sent=0.0, now=1.0)
    assert level.now == 1


def test_what_was_sent_after_a_halving_counts_anew() -> None:
    """Requests that were sent before it do not halve again; one sent at that very time does."""
    level = Level(64, start=16)
    level.failed(sent=0.0, now=5.0)
    level.failed(sent=4.9, now=6.0)
    assert level.now == 8
    level.failed(sent=5.0, now=7.0)
    assert level.now == 4


def test_a_short_pause_does_not_shorten_a_long_one() -> None:
    """The longest that was asked for is kept to."""
    pause = Pause()
    pause.ask(0.0, 30)
    pause.ask(1.0, 2)
    assert (pause.left(10.0), pause.left(31.0)) == (20.0, 0.0)
