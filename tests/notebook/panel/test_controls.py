"""What is set in the panel: parameters, presets, branches, files and the type of an answer."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from tests.support.replies import (
    Gate,
    sse_reply,
    stream_reply,
    text_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import pytest

    from eighty80_jupyter.session.session import Session
    from tests.notebook.panel.hearing import Browser
    from tests.support.scripted import ScriptedServer


def test_parameters_follow_the_settings(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Every control is tied to its setting in both directions; what is refused changes nothing."""
    panel = open_panel().panel
    parameters, config = panel.parameters, session.config
    told: list[str] = []
    released: list[str] = []
    parameters.changed.watch(told.append)
    parameters.released.watch(released.append)
    assert set(parameters.controls) >= {"model", "temperature", "seed", "stop", "n", "system"}
    parameters.controls["temperature"].value = 0.15000000000000002
    assert config.temperature == 0.15
    assert parameters.switches["temperature"].value is True
    parameters.switches["temperature"].value = False
    assert config.temperature is None
    assert parameters.controls["temperature"].value == 1
    parameters.switches["top_p"].value = True
    assert config.top_p == 1
    config.frequency_penalty = -1.5
    assert parameters.controls["frequency_penalty"].value == -1.5
    assert "e80-unset" not in parameters.rows["frequency_penalty"]._dom_classes
    assert "e80-unset" in parameters.rows["presence_penalty"]._dom_classes
    parameters.controls["max_tokens"].value = "0"
    reason = parameters._reasons["max_tokens"]
    assert reason.value.startswith("max_tokens must be an integer of at least 1")
    assert (config.max_tokens, parameters.controls["max_tokens"].value) == (None, "0")
    parameters.controls["stop"].value = "a\nb\\n"
    assert config.stop == ["a", "b\n"]
    assert reason.value != ""  # news of another field say nothing of max_tokens
    parameters.controls["max_tokens"].value = "10"
    assert reason.value == ""
    parameters.controls["model"].value = "two"
    wait_until(lambda: parameters.controls["model"].options == ("one", "two"), what="the models")
    parameters.controls["system"].value = "Be brief."
    assert session.conversation.system == "Be brief."
    changed = ["temperature", "temperature", "top_p", "stop", "max_tokens", "model", "system"]
    assert told == changed
    panel.view._receive(None, {"do": "release", "name": "top_p"}, [])
    assert released == ["top_p"]
    panel.live.toggle.value = True
    panel.view._receive(None, {"do": "press", "name": "top_p"}, [])
    wait_until(lambda: panel.live.live._held, what="the news that it is held")
    panel.view._receive(None, {"do": "release", "name": "top_p"}, [])
    wait_until(lambda: not panel.live.live._held, what="the news that it is not")
    panel.live.toggle.value = False
    parameters.reset()
    assert session.requests.parameters() == {"model": "two"}
    server.queue(stream_reply("Yes."))
    session.ask("x")
    assert [m["content"] for m in server.chats[-1].json["messages"]] == ["Be brief.", "x"]


def test_files(open_panel: Callable[[], Browser], session: Session, tmp_path: Path) -> None:
    """A conversation is saved, exported and loaded from the panel; without a path it says so."""
    browser = open_panel()
    files = browser.panel.menu
    files.buttons["Save"].click()
    assert browser.last("notice")["kind"] == "error"
    session.conversation.system = "Be kind."
    files.path.value = str(tmp_path / "talk.json")
    files.buttons["Save"].click()
    assert browser.last("notice") == {"text": "Saved to talk.json.", "kind": "info"}
    session.conversations.new()
    files.buttons["Load"].click()
    assert "Loaded" in browser.last("notice")["text"]
    files.path.value = str(tmp_path / "talk.md")
    files.buttons["Export"].click()
    assert (tmp_path / "talk.md").exists()


def test_presets(
    open_panel: Callable[[], Browser],
    session: Session,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The menu saves what is set under a name, and chooses and takes back what was saved."""
    monkeypatch.setattr("eighty80_jupyter.storage.presets.preset_folder", lambda: tmp_path)
    browser = open_panel()
    menu = browser.panel.menu
    session.config.system, session.config.temperature = "Be terse.", 0.3
    menu.buttons["Preset"].click()
    assert "the name of a preset" in browser.last("notice")["text"]
    menu.preset_name.value = "terse"
    menu.buttons["Preset"].click()
    assert "Saved the preset terse: system, temperature 0.3" in browser.last("notice")["text"]
    session.config.system = session.config.temperature = None
    menu.turn()
    menu.preset.value = "terse"
    assert browser.last("notice")["text"] == "Preset: system, temperature 0.3."
    config: Any = session.config
    assert (config.system, config.temperature) == ("Be terse.", 0.3)
    for own, says in (
        ("Be long.", "an instruction of its own (-s)"),
        ("", 'no instruction (-s "")'),
    ):
        menu.preset.value = ""
        session.conversation.system = own
        menu.preset.value = "terse"
        assert browser.last("notice")["text"].endswith(f"main has {says}, which counts there.")
    session.conversation.system = None
    (tmp_path / "terse.json").write_text("{")
    session.config.preset = None
    menu.refresh()
    assert menu.preset.value == ""
    menu.preset.value = "terse"
    assert "is no JSON" in browser.last("notice")["text"]
    assert (menu.preset.value, config.temperature) == ("", None)


def test_renaming_and_deleting(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """One click renames; two delete, unless something has changed between them."""
    browser = open_panel()
    menu, bar = browser.panel.menu, browser.panel.bar
    delete = menu.buttons["Delete"]
    server.queue(stream_reply("One."), stream_reply("Two."))
    session.ask("a")
    menu.name.value = "main"
    session.conversations.new("other")
    menu.buttons["Rename"].click()
    assert "there is a conversation main already" in browser.last("notice")["text"]
    menu.name.value = "churn"
    menu.buttons["Rename"].click()
    wait_until(lambda: bar.menu.options == ("main", "churn"), what="the name in the bar")
    assert (bar.menu.value, menu.name.value) == ("churn", "")
    delete.click()  # it is empty
    wait_until(lambda: bar.menu.options == ("main",), what="the end of the empty one")
    delete.click()
    assert delete.description == "Really delete 1 turn?"
    session.ask("b")
    wait_until(lambda: delete.description == "Delete", what="another question")
    delete.click()
    assert (delete.description, len(session.conversation)) == ("Really delete 2 turns?", 2)
    delete.click()
    wait_until(lambda: browser.done(0), what="the transcript to go")
    assert (delete.description, list(session.conversations)) == ("Delete", ["main"])


def test_a_typed_answer(
    session: Session, open_panel: Callable[[], Browser], server: ScriptedServer
) -> None:
    """The field Returns says the type; the value is a table, its text is folded."""
    browser = open_panel()
    field = browser.panel.parameters.controls["returns"]
    field.value = "name: strng"
    assert "strng is no type" in browser.panel.parameters._reasons["returns"].value
    field.value = "name: str, born: int"
    assert not browser.panel.parameters._reasons["returns"].value
    server.queue(stream_reply("It is Ada."), stream_reply('{"name": "<b>Ada</b>", "born": 1815}'))
    browser.say("send", text="Who?", again=None)
    wait_until(lambda: browser.done(1), what="the answer")
    assert session.conversation[0].reply.value == {"name": "<b>Ada</b>", "born": 1815}
    assert "&lt;b&gt;Ada&lt;/b&gt;</td>" in browser.html()
    assert "<details>" in browser.html()
    assert "It is Ada" not in browser.html()
    browser.panel.parameters.reset()
    assert browser.panel.parameters.returns is None


def test_the_fields_of_a_typed_answer_fill_while_it_comes(
    open_panel: Callable[[], Browser], server: ScriptedServer
) -> None:
    """Half an answer is shown as the fields that are there, as in a cell, and not as JSON."""
    gate = threading.Event()
    browser = open_panel()
    browser.panel.parameters.controls["returns"].value = "name: str, born: int"
    pieces = text_chunks('{"name": "<b>Ada</b>", "born": 1815}', n=4)
    server.queue(sse_reply([*pieces[:3], Gate(gate), *pieces[3:]]))
    browser.say("send", text="Who?", again=None)
    wait_until(lambda: "name</th>" in browser.html(), what="the first field")
    assert "{" not in browser.html()
    gate.set()
    wait_until(lambda: browser.done(1), what="the answer")
    assert "1815</td>" in browser.html()
