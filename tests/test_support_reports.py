"""Reports pass between processes, whatever their test was about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import execnet
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

CASES: dict[str, tuple[str, Callable[[str], Any]]] = {
    "failed": ("longrepr", lambda text: f"assert {text} == 1"),
    "skipped": ("longrepr", lambda text: ("a.py", 1, f"Skipped: {text}")),
    "logged": ("sections", lambda text: [("Captured log call", text)]),
    "told": ("user_properties", lambda text: [("text", text)]),
}


@pytest.mark.parametrize(("field", "holding"), CASES.values(), ids=CASES)
def test_half_a_character(
    field: str, holding: Callable[[str], Any], pytestconfig: pytest.Config
) -> None:
    """It arrives in another process as its escape, wherever in a report it stands."""
    fields = {"longrepr": "no", "sections": [], "user_properties": [], field: holding("\ud800")}
    report = pytest.TestReport("a.py::b", ("a.py", 1, "b"), {}, "failed", when="call", **fields)
    hook = pytestconfig.hook
    sent = execnet.dumps(hook.pytest_report_to_serializable(config=pytestconfig, report=report))
    again = hook.pytest_report_from_serializable(config=pytestconfig, data=execnet.loads(sent))
    assert getattr(again, field) == holding("\\ud800")
