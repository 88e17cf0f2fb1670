"""A call as a person reads it before it may run: nothing that matters is left out or unseen."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eighty80_jupyter.tools.shown import asked_call, shown_call, visible, visible_json

LONG = "A" * 5000
# One of each kind: direction, zero width, tag, fillers that count as letters, blank, variation.
HIDDEN = "\u202e\u2066\u200b\u00ad\u061c\u2060\U000e0041\u3164\u115f\u2800\ufe0f\U000e0101\u00a0"

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    "arguments",
    [
        {"note": LONG, "cmd": "rm -rf ~"},
        {"cmd": "rm -rf ~", "note": LONG, "other": LONG},
        {"options": {"note": LONG, "cmd": "rm -rf ~"}},
        {"steps": [LONG, "rm -rf ~", LONG]},
        {"script": LONG + "rm -rf ~"},
        {"numbers": list(range(10_000)), "cmd": "rm -rf ~"},
    ],
)
def test_what_is_long_hides_nothing_beside_it(arguments: dict[str, object]) -> None:
    """Each argument stands there by its name; only a long value lacks its middle, and says so."""
    asked = asked_call("run", json.dumps(arguments))
    assert asked.cut
    assert "rm -rf ~" in asked.line
    assert "more …" in asked.line
    assert all(f"{name}=" in asked.lines for name in arguments)
    assert len(asked.line) < 5000
    whole = asked_call("run", json.dumps(arguments), whole=True)
    assert not whole.cut
    assert whole.line == f"run({', '.join(f'{k}={v!r}' for k, v in arguments.items())})"


def test_the_count_of_what_is_missing_is_exact() -> None:
    """Ends and count together are the whole length."""
    ((_, value),) = asked_call("f", json.dumps({"a": LONG})).arguments
    head, count, tail = value.split(" … ")
    assert len(head) + len(tail) + int(count.split()[0].replace(",", "")) == len(repr(LONG))


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("A" * 398, f"'{'A' * 398}'"),
        ("A" * 399, f"'{'A' * 199} … 1 characters more … {'A' * 199}'"),
        (["A" * 398], f"['{'A' * 398}']"),
        ([*range(40)], repr([*range(40)])),
        (
            [*range(41)],
            f"[{repr([*range(20)])[1:-1]}, … 1 entries more …, {repr([*range(21, 41)])[1:]}",
        ),
        ({"k": [*range(40)]}, repr({"k": [*range(40)]})),
        ([str(n) * 100 for n in range(40)], None),
    ],
)
def test_what_has_just_room_is_whole(value: object, shown: str | None) -> None:
    """Both ends of what has not are equally long; nothing is said to be left out where all is."""
    asked = asked_call("f", json.dumps({"a": value}))
    ((_, text),) = asked.arguments
    if shown is None:
        head, _, tail = text.split(" … ")
        assert (len(head), len(tail)) == (2_000, 2_000)
    else:
        assert text == shown
    assert asked.cut is (" more …" in text)


@pytest.mark.parametrize("text", ["[1, 2]", '{"a": ', "[" * 20_000, '"x" * 9'])
def test_what_is_no_object_is_shown_as_it_is(text: str) -> None:
    """Arguments that cannot be read stand there as they came, bounded."""
    asked = asked_call("f", text)
    ((name, value),) = asked.arguments
    assert name == ""
    assert value == text or (asked.cut and len(value) < 4100)


def test_arguments_that_are_nested_deeply_are_shown() -> None:
    """Neither reading nor writing them may fail."""
    deep = '{"a":' * 400 + "1" + "}" * 400
    assert "1" in asked_call("f", deep, whole=True).line
    assert shown_call("f", deep)


@given(st.text())
def test_nothing_is_unseen(text: str) -> None:
    """What is shown can be printed, and holds nothing that Unicode leaves invisible."""
    for one in (visible(text + HIDDEN), asked_call("f", json.dumps({"a": text + HIDDEN})).line):
        assert one.isprintable()
        assert not set(one) & set(HIDDEN)


@given(json_values)
def test_visible_json_is_the_same_json(value: object) -> None:
    """Escapes in JSON text leave its value as it is."""
    shown = visible_json(json.dumps([value, HIDDEN], indent=2, ensure_ascii=False))
    assert json.loads(shown) == [value, HIDDEN]
    assert not set(shown) & set(HIDDEN)
