"""Tool calls come in pieces of many shapes; each piece goes to the call that it belongs to."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.api.call_assembly import Calls
from eighty80_jupyter.api.reply import Reply
from tests.support.reading import reply_to
from tests.support.replies import chunk, tool_call, tool_chunks

STOP = chunk(finish_reason="stop")


def calls_of(reply: Reply) -> list[tuple[str, str, str]]:
    """List the calls of the first choice."""
    return [(call.id, call.name, call.arguments) for call in reply.choices[0].tool_calls]


def call_piece(
    *,
    index: int | None = None,
    id: str | None = None,  # noqa: A002  # the field's name
    name: str | None = None,
    arguments: str = "",
) -> dict[str, Any]:
    """Make a chunk with a piece of a tool call; what is None is absent."""
    function: dict[str, Any] = {"arguments": arguments}
    if name is not None:
        function["name"] = name
    call = {"index": index, "id": id, "type": "function", "function": function}
    return chunk({"tool_calls": [{k: v for k, v in call.items() if v is not None}]})


@pytest.mark.parametrize("with_index", [True, False])
def test_tool_calls_with_and_without_an_index(with_index: bool) -> None:  # noqa: FBT001  # a parameter of the test
    """An id opens a call and pieces without one continue it, with or without the index."""
    calls = [tool_call("add", {"a": 1, "b": 2}, id="x"), tool_call("now", {}, id="y")]
    reply = reply_to(*tool_chunks(*calls, n=3, with_index=with_index))
    assert calls_of(reply) == [("x", "add", '{"a": 1, "b": 2}'), ("y", "now", "{}")]
    assert reply.finish_reason == "tool_calls"


def test_calls_are_keyed_by_their_index() -> None:
    """Indices that arrive as 0, 2, 1 with their pieces mixed make three calls, in their order."""
    pieces = [
        call_piece(index=0, id="a", name="f", arguments="{"),
        call_piece(index=2, id="c", name="h", arguments="["),
        call_piece(index=1, id="b", name="g", arguments="("),
        call_piece(index=2, arguments="]"),
        call_piece(index=0, arguments="}"),
        call_piece(index=1, arguments=")"),
    ]
    assert calls_of(reply_to(*pieces, STOP)) == [
        ("a", "f", "{}"),
        ("b", "g", "()"),
        ("c", "h", "[]"),
    ]


def test_a_call_may_come_whole_in_one_delta() -> None:
    """Two whole calls in one delta are two calls, with and without index and id."""
    whole = [tool_call("f", {"a": 1}, id="x"), tool_call("g", {}, id="y")]
    assert calls_of(reply_to(chunk({"tool_calls": whole}), STOP)) == [
        ("x", "f", '{"a": 1}'),
        ("y", "g", "{}"),
    ]
    bare = [{"function": {"name": name, "arguments": "{}"}} for name in "fg"]
    assert calls_of(reply_to(chunk({"tool_calls": bare}), STOP)) == [
        ("call_0", "f", "{}"),
        ("call_1", "g", "{}"),
    ]


def test_an_index_that_is_always_0_does_not_melt_calls() -> None:
    """Another id with a name opens another call, though the server numbers all of them 0."""
    pieces = [
        call_piece(index=0, id="x", name="f", arguments="{"),
        call_piece(index=0, arguments="}"),
        call_piece(index=0, id="y", name="g", arguments="[]"),
        call_piece(index=0, arguments=" "),
    ]
    assert calls_of(reply_to(*pieces, STOP)) == [("x", "f", "{}"), ("y", "g", "[] ")]


def test_an_id_that_comes_again_continues_its_call() -> None:
    """Servers that repeat id and name in each piece do not open a call with each."""
    for index in (None, 0):
        pieces = [call_piece(index=index, id="x", name="f", arguments=part) for part in ("{", "}")]
        assert calls_of(reply_to(*pieces, STOP)) == [("x", "f", "{}")]


def test_ids_that_come_late_or_never() -> None:
    """A call whose id comes in a later piece has it; one without gets a number."""
    late = [call_piece(index=0, name="f"), call_piece(index=0, id="x", arguments="{}")]
    assert calls_of(reply_to(*late, STOP)) == [("x", "f", "{}")]
    assert calls_of(reply_to(call_piece(name="f", arguments="{}"), STOP)) == [("call_0", "f", "{}")]
    assert calls_of(reply_to(call_piece(arguments="{}"), STOP)) == [("call_0", "", "{}")]


PARIS, ROME = '{"city": "Paris"}', '{"city": "Rome"}'
TWO = [("f", PARIS), ("g", ROME)]
FIELDS = {"name": "f", "arguments": PARIS}


def cut(arguments: str, size: int = 4) -> list[str]:
    """Cut arguments into pieces."""
    return [arguments[at : at + size] for at in range(0, len(arguments), size)]


def both(**fields: Any) -> list[dict[str, Any]]:
    """Make two calls, each in pieces of which every one has these fields and the name."""
    return [call_piece(name=n, arguments=p, **fields) for n, text in TWO for p in cut(text)]


@pytest.mark.parametrize(
    ("pieces", "calls"),
    [
        pytest.param(
            [call_piece(index=0, name=name, arguments=text) for name, text in (*TWO, ("f", ROME))],
            [*TWO, ("f", ROME)],
            id="whole calls, all of them 0 and without an id",
        ),
        pytest.param(both(index=0), TWO, id="pieces with a name, all of them 0 and without an id"),
        pytest.param(both(), TWO, id="pieces with a name and nothing else"),
        pytest.param(both(id="x"), TWO, id="one id for two calls"),
        pytest.param(both(index=0, id="x"), TWO, id="one id and one index for two calls"),
        pytest.param(
            [
                call_piece(index=0, name="f", arguments=PARIS),
                *[call_piece(index=0, name="", arguments=piece) for piece in cut(ROME)],
            ],
            [("f", PARIS), ("f", ROME)],
            id="the arguments of two calls, one after the other",
        ),
        pytest.param(
            [
                call_piece(id="x", name="f", arguments='{"a"'),
                call_piece(id="y", name="g", arguments='{"b"'),
                call_piece(id="x", arguments=": 1}"),
                call_piece(id="y", arguments=": 2}"),
            ],
            [("f", '{"a": 1}'), ("g", '{"b": 2}')],
            id="mixed, told apart by their ids",
        ),
        pytest.param(
            [
                call_piece(index=0, id="x", name="f", arguments='{"a"'),
                call_piece(index=0, id="y", name="g", arguments='{"b"'),
                call_piece(index=0, id="x", arguments=": 1}"),
                call_piece(index=0, id="y", arguments=": 2}"),
            ],
            [("f", '{"a": 1}'), ("g", '{"b": 2}')],
            id="mixed, all of them 0",
        ),
    ],
)
def test_calls_that_a_server_does_not_number_well(
    pieces: list[dict[str, Any]], calls: list[tuple[str, str]]
) -> None:
    """A name or a bracket after complete arguments begins another call."""
    assert [call[1:] for call in calls_of(reply_to(*pieces, STOP))] == calls


@pytest.mark.parametrize("fields", [{"index": 0}, {"id": "x"}, {"index": 0, "id": "x"}])
@pytest.mark.parametrize(
    "names",
    [
        ["get_weather", "get_weather", "get_weather"],
        ["get_", "weat", "her"],
        ["get_", "get_weat", "get_weather"],
        ["get_weather", "", ""],
        ["", "", "get_weather"],
    ],
)
def test_a_name_may_come_again_or_in_pieces(fields: dict[str, Any], names: list[str]) -> None:
    """Servers repeat the name, cut it, let it grow, or send it late."""
    pieces = [call_piece(**fields, name=name) for name in names]
    pieces += [call_piece(**fields, arguments=piece) for piece in cut(PARIS)]
    assert [call[1:] for call in calls_of(reply_to(*pieces, STOP))] == [("get_weather", PARIS)]


@pytest.mark.parametrize("index", [None, 0])
def test_other_ids_without_a_name_continue_a_call(index: int | None) -> None:
    """Some servers give each piece an id of its own; a blank one is none."""
    for ids in (["x", "y", "z", "q", "r"], ["x", " ", " ", " ", " "]):
        pieces = [call_piece(index=index, id=ids[0], name="f")]
        pieces += [
            call_piece(index=index, id=call_id, name="", arguments=piece)
            for call_id, piece in zip(ids[1:], cut(PARIS, 5), strict=True)
        ]
        assert calls_of(reply_to(*pieces, STOP)) == [("x", "f", PARIS)]


@pytest.mark.parametrize("name", ["f", ""])
def test_a_call_that_is_sent_once_more_is_one_call(name: str) -> None:
    """Some servers end with all of the call."""
    pieces = [call_piece(index=0, id="x", name="f")]
    pieces += [call_piece(index=0, arguments=piece) for piece in cut(PARIS)]
    pieces += [call_piece(index=0, id="x", name=name, arguments=PARIS)]
    assert calls_of(reply_to(*pieces, STOP)) == [("x", "f", PARIS)]


@pytest.mark.parametrize("pieces", [["}", "}"], ["]", "]"], ['"', '"'], ["1", "1"], ["}{", "}{"]])
def test_the_same_piece_twice_is_two_pieces(pieces: list[str]) -> None:
    """Only arguments that are whole can come once more; broken ones are kept as they came."""
    chunks = [call_piece(index=0, id="x", name="f", arguments=piece) for piece in pieces]
    assert calls_of(reply_to(*chunks, STOP)) == [("x", "f", "".join(pieces))]


def test_the_same_call_twice_is_two_calls() -> None:
    """Another id says so, also where all are numbered 0; an id that comes late is no other one."""
    pieces = [call_piece(index=0, id=x, name="f", arguments="{}") for x in "xy"]
    assert calls_of(reply_to(*pieces, STOP)) == [("x", "f", "{}"), ("y", "f", "{}")]
    without = call_piece(index=0, name="f", arguments="{}")
    assert calls_of(reply_to(without, pieces[0], STOP)) == [("x", "f", "{}")]


def test_brackets_in_texts_do_not_end_arguments() -> None:
    """Cut anywhere, within an escape too, arguments end with their outermost bracket."""
    code = json.dumps({"code": '}}{"\\\\" ]', "more": [{"a": "\\"}]})
    for size in (1, 2, 3):
        pieces = [
            call_piece(index=0, name=name, arguments=piece)
            for name in "fg"
            for piece in cut(code, size)
        ]
        assert calls_of(reply_to(*pieces, STOP)) == [("call_0", "f", code), ("call_1", "g", code)]


VALUES = st.recursive(
    st.text('{}[]"\\\\ a', max_size=4) | st.integers(), lambda inner: st.lists(inner, max_size=2)
)
ARGUMENTS = st.dictionaries(st.sampled_from('a{}"'), VALUES, max_size=2).map(json.dumps)
# What tells the calls apart: in the first piece, and in every further one.
STYLES: dict[str, tuple[Callable[[int], dict[str, Any]], Callable[[int], dict[str, Any]]]] = {
    "numbered": (lambda n: {"index": n, "id": f"{n}"}, lambda n: {"index": n}),
    "numbered, without ids": (lambda n: {"index": n}, lambda n: {"index": n}),
    "ids at the beginning": (lambda n: {"id": f"{n}"}, lambda _: {}),
    "ids in all": (lambda n: {"id": f"{n}"}, lambda n: {"id": f"{n}"}),
    "all are 0": (lambda n: {"index": 0, "id": f"{n}"}, lambda _: {"index": 0}),
}


@pytest.mark.slow
@pytest.mark.parametrize("style", STYLES)
@given(
    calls=st.lists(st.tuples(st.sampled_from("fg"), ARGUMENTS), min_size=1, max_size=3),
    size=st.integers(1, 9),
)
def test_any_cut_gives_the_same_calls(style: str, calls: list[tuple[str, str]], size: int) -> None:
    """However the arguments are cut, also where two calls ask for the same."""
    first, further = STYLES[style]
    pieces: list[dict[str, Any]] = []
    for number, (name, arguments) in enumerate(calls):
        begin, *rest = cut(arguments, size)
        pieces.append(call_piece(name=name, arguments=begin, **first(number)))
        pieces += [call_piece(arguments=piece, **further(number)) for piece in rest]
    assert [call[1:] for call in calls_of(reply_to(*pieces, STOP))] == calls


def test_the_call_of_old_servers() -> None:
    """A `function_call` is a call; where tool_calls stand beside it, it is the same one."""
    pieces = [chunk({"function_call": {"name": "f", "arguments": ""}})]
    pieces += [chunk({"function_call": {"arguments": piece}}) for piece in cut(PARIS)]
    end = chunk(finish_reason="function_call")
    assert calls_of(reply_to(*pieces, end)) == [("call_0", "f", PARIS)]
    message: dict[str, Any] = {"role": "assistant", "content": None, "function_call": FIELDS}
    whole = {"choices": [{"index": 0, "message": message, "finish_reason": "function_call"}]}
    assert calls_of(reply_to(whole)) == [("call_0", "f", PARIS)]
    message["tool_calls"] = [{"id": "x", "type": "function", "function": FIELDS}]
    assert calls_of(reply_to(whole)) == [("x", "f", PARIS)]


def test_an_empty_call_of_old_servers_is_none() -> None:
    """Some servers send one beside every piece of text."""
    nothing = {"name": "", "arguments": ""}
    pieces = [chunk({"content": text, "function_call": nothing}) for text in ("Hel", "lo")]
    reply = reply_to(*pieces, STOP)
    assert (reply.text, calls_of(reply)) == ("Hello", [])


@pytest.mark.slow
def test_many_calls_and_many_pieces_take_no_longer_each() -> None:
    """A model that repeats itself, or sends spaces without end, does not hold up the loop."""
    calls, count = Calls(), 100_000
    start = time.process_time()
    for number in range(count):
        calls.take(0, f"{number}", "f", "{}")
    for _ in range(count):
        calls.take(0, "", "", " ")
    assert time.process_time() - start < 60  # a quadratic one takes minutes
    assert len(calls.calls) == count


def test_calls_of_several_choices_stay_apart() -> None:
    """Each choice numbers its own calls."""
    pieces = [
        chunk({"tool_calls": [tool_call(name, {}, id=name)]}, index=index)
        for index, name in ((1, "g"), (0, "f"))
    ]
    reply = reply_to(*pieces, choices=2)
    assert [choice.tool_calls[0].name for choice in reply.choices] == ["f", "g"]


def test_arguments_may_be_an_object() -> None:
    """Some servers send the object itself where JSON text is promised."""
    call = {"id": "x", "function": {"name": "f", "arguments": {"a": "é"}}}
    assert calls_of(reply_to(chunk({"tool_calls": [call]}), STOP)) == [("x", "f", '{"a": "é"}')]


@pytest.mark.parametrize(
    "call", [{"id": 5, "function": None}, {"function": {"name": None, "arguments": None}}, {}]
)
def test_odd_calls_do_no_harm(call: dict[str, Any]) -> None:
    """Fields of another type count as absent."""
    assert calls_of(reply_to(chunk({"tool_calls": [call]}), STOP)) == [("call_0", "", "")]
