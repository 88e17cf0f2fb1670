"""One row's way through its requests: on a clock that jumps, with answers of a type."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from eighty80_jupyter.api.deltas import ChoiceDone, RefusalDelta
from eighty80_jupyter.api.reply import Usage
from eighty80_jupyter.errors import (
    APIConnectionError,
    APIStatusError,
    BadRequestError,
    UsageError,
)
from eighty80_jupyter.structured.asking import Mode, TypedAnswer
from eighty80_jupyter.structured.shape import shape_of
from tests.rows.virtual import TOKENS, VirtualClient, run_virtually

REFUSED = BadRequestError("response_format is not supported", status_code=400)


def typed(learned: list[Mode] | None = None, *, repairs: int = 2) -> TypedAnswer:
    """Return what asks for whole numbers, and notes what is learned of the server."""
    known: list[Mode] = [] if learned is None else learned
    return TypedAnswer(shape=shape_of(int), repairs=repairs, remember=known.append)


@pytest.mark.parametrize("bad", [1, 2])
def test_an_answer_of_another_type_is_mended(bad: int) -> None:
    """It is asked for again with what was wrong, at most twice; the line counts the row."""
    client = VirtualClient(lambda _prompt, attempt: "none" if attempt < bad else "7")
    run = run_virtually(client, ["row 1"], typed=typed())
    assert run.values == [7]
    assert len(client.sent) == 1 + bad
    assert run.progress().second_attempt == 1
    assert run.usage.total_tokens == TOKENS * (1 + bad)
    roles = [[message["role"] for message in body["messages"]] for body in client.bodies]
    assert roles[0] == ["system", "user"]
    assert roles[-1] == ["system", "user", "assistant", "user"]
    wrong, request = client.bodies[-1]["messages"][-2:]
    assert wrong["content"] == "none"
    assert "expected a number, got 'none'" in request["content"]


def test_what_is_never_of_the_type_is_an_error_with_the_text() -> None:
    """After the repairs the row fails; what the model wrote and how often it was asked is there."""
    client = VirtualClient(lambda prompt, _: "none" if prompt.endswith(" 3") else "7")
    run = run_virtually(client, [f"row {n}" for n in range(30)], typed=typed(repairs=1))
    (error,) = run.errors
    assert (error.position, error.kind, error.attempts, error.text) == (3, "invalid", 2, "none")
    assert run.progress().second_attempt == 0
    assert run.progress().state == "done"


def test_invalid_answers_never_stop_a_run() -> None:
    """However many there are: another row may be read."""
    client = VirtualClient(lambda prompt, _: "7" if prompt.endswith(" 39") else "none")
    run = run_virtually(client, [f"row {n}" for n in range(40)], typed=typed(repairs=0))
    assert run.progress().state == "done"
    assert run.values == [None] * 39 + [7]


def test_a_way_to_ask_that_is_refused_is_left_once() -> None:
    """All rows that were under way step down by one, and it is remembered once."""
    learned: list[Mode] = []

    def answer(_prompt: str, attempt: int) -> Any:
        return 0.05, REFUSED if attempt == 0 else "7"

    client = VirtualClient(answer)
    run = run_virtually(client, [f"row {n}" for n in range(8)], concurrency=8, typed=typed(learned))
    assert run.values == [7] * 8
    assert not run.errors
    assert learned == ["object"]
    kinds = Counter(body["response_format"]["type"] for body in client.bodies)
    assert kinds == {"json_schema": 8, "json_object": 8}


def test_a_refusal_of_the_last_way_is_an_error() -> None:
    """Below asking in words there is nothing; all rows fail alike."""
    learned: list[Mode] = []
    run = run_virtually(VirtualClient(lambda *_: REFUSED), ["row 1"], typed=typed(learned))
    assert learned == ["object", "prompt"]
    assert [error.message for error in run.errors] == [str(REFUSED)]
    assert run.errors[0].attempts == 3


def test_what_cannot_be_sent_at_all_stops_the_run_with_its_words() -> None:
    """The other rows would fare no better."""

    def answer(prompt: str, _attempt: int) -> Any:
        return UsageError("the proxy is none") if prompt.endswith(" 2") else "x"

    run = run_virtually(VirtualClient(answer), [f"row {n}" for n in range(40)], concurrency=1)
    assert (run.progress().state, run.progress().note) == ("stopped", "the proxy is none")
    (error,) = run.errors
    assert (error.position, error.kind, error.message) == (2, "server", "the proxy is none")


@pytest.mark.parametrize("status", [301, 405])
def test_a_wrong_address_stops_the_run(status: int) -> None:
    """A redirection and a method that is not allowed hold for all rows."""
    failure = APIStatusError("elsewhere", status_code=status)
    client = VirtualClient(lambda prompt, _: failure if prompt.endswith(" 2") else "x")
    run = run_virtually(client, [f"row {n}" for n in range(40)], concurrency=1)
    assert run.progress().state == "stopped"
    assert len(client.sent) == 3


def test_a_filter_refuses_one_row() -> None:
    """It says so, and the others are asked."""
    failure = BadRequestError("filtered", status_code=400, code="content_filter")
    client = VirtualClient(lambda prompt, _: failure if prompt.endswith(" 2") else "x")
    run = run_virtually(client, [f"row {n}" for n in range(40)])
    assert [(error.position, error.kind) for error in run.errors] == [(2, "refused")]


def test_a_server_that_is_no_more_says_what_helps() -> None:
    """The embedded model tells why it has ended, in place of a broken connection."""
    client = VirtualClient(lambda *_: APIConnectionError("no connection"))
    run = run_virtually(client, ["row 1", "row 2"], concurrency=1, lost=lambda: "it was ended")
    assert (run.progress().state, run.progress().note) == ("stopped", "it was ended")
    assert len(client.sent) == 1


def test_tokens_are_counted_where_no_sum_is_told() -> None:
    """Prompts and answers are added up, for the limit of a minute as well."""
    usage = Usage(prompt_tokens=TOKENS - 10, completion_tokens=10)
    client = VirtualClient(usage=usage)
    run = run_virtually(client, [f"row {n}" for n in range(600)], tokens_per_minute=20_000)
    assert run.usage.total_tokens == 600 * TOKENS
    assert client.most_in(60) * TOKENS <= 22_500


def test_tokens_of_failed_requests_are_given_back() -> None:
    """A server that fails has counted nothing: what was reserved is there for the others."""
    failure = APIStatusError("it failed", status_code=500)
    client = VirtualClient(lambda _prompt, attempt: failure if attempt < 1 else "x", usage=None)
    rows = [f"{'word ' * 500}{n}" for n in range(20)]
    run_virtually(client, rows, tokens_per_minute=12_000, concurrency=20)
    once = VirtualClient(usage=None)
    run_virtually(once, rows, tokens_per_minute=12_000, concurrency=20)
    assert client.sent[-1][0] < 1.5 * once.sent[-1][0]


def test_cells_that_only_their_own_code_describes_are_filled_elsewhere() -> None:
    """Lists among texts, in several slices: each row once, and in order."""
    rows: list[dict[str, Any]] = [
        {"a": [n, n]} if n % 2 else {"a": f"text {n}"} for n in range(600)
    ]
    client = VirtualClient(lambda prompt, _: prompt.split()[-1].strip("]"))
    run = run_virtually(client, rows, "Say: {{a}}", missing="send")
    assert run.values == [str(n) for n in range(600)]
    assert len(client.sent) == 600


def test_the_duplicates_of_a_failed_row_have_failed_too() -> None:
    """Those that wait for it and those that come later, each with its own place and label."""
    failure = BadRequestError("bad", status_code=400)
    client = VirtualClient(lambda prompt, _: failure if prompt.endswith("bad") else "x")
    rows = {f"key {n}": "bad" if n in {1, 3, 580} else f"row {n}" for n in range(600)}
    run = run_virtually(client, rows)
    assert [(e.position, e.label, e.message) for e in run.errors] == [
        (n, f"key {n}", "bad") for n in (1, 3, 580)
    ]
    assert len(client.sent) == 598
    assert run.progress().duplicates == 0
    assert run.progress().failed == {"server": 3}


def test_a_long_row_is_cut_to_what_a_long_prompt_leaves() -> None:
    """It is made shorter until all of it fits, and no shorter than about that."""
    client = VirtualClient(lambda *_: "x")
    prompt = f"{'please ' * 600}{{{{row}}}}"
    run = run_virtually(client, ["word " * 5000], prompt, too_long="cut", limit=1000)
    assert run.values == ["x"]
    ((_, sent),) = client.sent
    assert 150 < sent.count("word ") < 400
    assert any("1 cut to fit" in remark for remark in run.progress().remarks)


def test_a_refusal_is_no_answer_and_is_not_asked_for_again() -> None:
    """What the model says in place of an answer stands in the error."""
    said = [RefusalDelta(0, "I will not."), ChoiceDone(0, "stop")]
    client = VirtualClient(lambda *_: said)
    (error,) = run_virtually(client, ["row 1"], typed=typed()).errors
    assert (error.kind, error.attempts) == ("refused", 1)
    assert "I will not." in error.message


def test_what_all_rows_would_take_counts_their_samples() -> None:
    """100 rows with two samples each, by five that were tried."""
    run = run_virtually(VirtualClient(), [f"row {n}" for n in range(100)], try_rows=5, samples=2)
    assert run.usage.total_tokens == 10 * TOKENS
    (told,) = (one for one in run.progress().remarks if one.startswith("all 100 rows"))
    assert told.startswith("all 100 rows would take about 20k tokens in ")
