"""Values share the room of a message: the largest shrink first, and too much is one error."""

from __future__ import annotations

from typing import Any

import pytest

from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.prompt.describe.protocol import Budgets, Rendered
from tests.data.braces_describe import PlainDescriber
from tests.support.rendering import render


def sizes(result: Rendered) -> dict[str, int]:
    """Return the tokens of each field."""
    return {field.source: field.tokens for field in result.fields}


def test_message_budget() -> None:
    """The largest values shrink first, and as little as it takes; small ones stay whole."""
    namespace = {"a": "a" * 4000, "b": "b" * 2000, "c": "c" * 200}
    result = render(
        "{{a}}{{b}}{{c}}", namespace, describe=PlainDescriber(), budgets=Budgets(message=1000)
    )
    assert sizes(result) == {"{{a}}": 475, "{{b}}": 475, "{{c}}": 50}
    result = render(
        "{{a}}{{b}}{{c}}", namespace, describe=PlainDescriber(), budgets=Budgets(message=1200)
    )
    assert sizes(result) == {"{{a}}": 650, "{{b}}": 500, "{{c}}": 50}


def test_message_budget_with_firm_values() -> None:
    """What cannot shrink keeps its size, and the others make room."""
    namespace = {"a": "a" * 2000, "b": "b" * 3000}
    result = render(
        "{{a:full}}{{b}}", namespace, describe=PlainDescriber(), budgets=Budgets(message=800)
    )
    assert sizes(result)["{{a:full}}"] == 500
    assert 200 < sizes(result)["{{b}}"] <= 300


def test_message_budget_with_a_loose_describer() -> None:
    """A describer that overshoots is asked for less until it fits."""

    class Loose(PlainDescriber):
        def __call__(self, value: Any, *, budget: int, **more: Any) -> Any:
            return super().__call__(value, budget=budget * 6 // 5, **more)

    namespace = {"a": "a" * 4000, "b": "b" * 4000}
    result = render("{{a}}{{b}}", namespace, describe=Loose(), budgets=Budgets(message=1000))
    assert 600 < sum(sizes(result).values()) <= 1000


def test_too_large() -> None:
    """What does not fit is one error with the sizes, the largest first."""
    namespace = {name: name * 4000 for name in "ab"} | {"c": 1}
    with pytest.raises(UsageError) as caught:
        render(
            "{{a:full}} {{b:full}} {{c}}",
            namespace,
            describe=PlainDescriber(),
            budgets=Budgets(message=1500),
        )
    assert str(caught.value) == (
        "the fields need 2,000 tokens and may have 1,500 in a message: {{b:full}} 1,000, "
        "{{a:full}} 1,000, {{c}} 0. Nothing was sent. Insert less of them, such as {{df:schema}} "
        "or {{df:head=3}}, or raise ChatConfig.message_tokens"
    )


def test_too_many() -> None:
    """A hundred fields too many are one short line."""
    namespace = {f"x{n}": "a" * 400 for n in range(100)}
    text = "".join(f"{{{{{name}}}}}" for name in namespace)
    with pytest.raises(UsageError, match=r"and 92 more\. Nothing was sent") as caught:
        render(text, namespace, describe=PlainDescriber(), budgets=Budgets(message=500))
    assert len(str(caught.value)) < 400
