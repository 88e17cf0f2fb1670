"""%chat --preset, --preset-save and --set preset= in a real kernel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.kernel import KernelSession
    from tests.support.scripted import ScriptedServer


@pytest.mark.slow
def test_presets(kernel: Callable[..., KernelSession], server: ScriptedServer) -> None:
    """One is saved by a line, asked with, completed by Tab, set for the kernel, and taken back."""
    server.default = stream_reply("ok")
    env = {"_8080_API_URL": server.url, "_8080_API_KEY": "sk-presets"}
    notebook = kernel(env=env, startup="%load_ext eighty80_jupyter")

    def sent(cell: str) -> tuple[str, object]:
        result = notebook.run(cell)
        assert result.ok, result.error
        body = server.requests[-1].json
        first = body["messages"][0]
        return first["content"] if first["role"] == "system" else "", body.get("temperature")

    saved = notebook.run('%chat -s "Be terse." -t 0.3 --preset-save terse')
    assert "Saved the preset terse: system, temperature 0.3 (" in saved.stdout
    assert sent("%chat one") == ("", None)  # saving sets nothing
    assert sent("%%chat --preset terse\ntwo") == ("Be terse.", 0.3)
    assert sent("%%chat --preset=terse -t 1\nthree") == ("Be terse.", 1)
    assert sent("%chat four") == ("", None)
    dry = notebook.run("%chat --preset terse --dry-run five").data()[-1]
    assert "Be terse." in dry
    assert '"temperature": 0.3' in dry
    shown = notebook.run("%chat --set preset=terse temperature=0.7").stdout
    assert "It sets system, temperature 0.3." in shown
    assert sent("%chat six") == ("Be terse.", 0.7)
    notebook.run("%chat --set preset=default temperature=default")
    assert sent("%chat seven") == ("", None)
    retried = sent("%chat --retry --preset terse")
    assert retried == ("Be terse.", 0.3)
    for code in ("%chat --preset te", "%chat --set preset=te", "%chat --preset-save "):
        assert notebook.complete(code) == ["terse"], code
    for line, what in (
        ("--preset terse", "--set preset=terse"),
        ("--preset tense hello", "did you mean terse"),
        ("--set preset=tense", "did you mean terse"),
        ("--preset-save a/b -t 1", "the name of a preset"),
    ):
        error = notebook.run(f"%chat {line}").error
        assert error is not None
        assert what in error.evalue
        assert "\n" not in error.plain
