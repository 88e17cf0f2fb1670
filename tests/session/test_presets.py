"""Presets: named sets of instruction, parameters and tools, in files and in the configuration."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Any

import pytest
from traitlets.config import Config

from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.session.session import Session
from eighty80_jupyter.storage import presets
from tests.support.replies import stream_reply

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from tests.support.scripted import ScriptedServer

REVIEWER = {"system": "You review.", "temperature": 0.3, "tools": "all", "stop": "END"}
KEY = "sk-presets-secret-key"


def what_is_set(
    session: Session, name: str, more: Mapping[str, Any] | None = None
) -> presets.Preset:
    """Return what is set in a session as a preset."""
    scrubbed = session.requests.scrubbed
    return session.presets.what_is_set(name, session.conversation, more, scrubbed=scrubbed)


@pytest.fixture(name="folder")
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Have presets lie in a folder of the test's."""
    monkeypatch.setattr(presets, "preset_folder", lambda: tmp_path / "presets")
    return tmp_path / "presets"


@pytest.fixture(name="session")
def _session(server: ScriptedServer, folder: Path) -> Iterator[Session]:
    assert folder
    server.default = stream_reply("ok")
    session = Session(
        ChatConfig(max_retries=0), environ={"_8080_API_URL": server.url, "_8080_API_KEY": KEY}
    )
    session.config.presets = {"reviewer": REVIEWER}
    yield session
    session.close()


def test_one_turn(server: ScriptedServer, session: Session) -> None:
    """A preset holds for one turn, below what is said beside it; its instruction does not stay."""
    session.conversation.system = "You are kind."
    session.ask("one", preset="reviewer", temperature=1, tools=False)
    session.ask("two", preset="reviewer", system="Be brief.", tools=False)
    session.ask("three")
    one, two, three = (request.json for request in server.requests)
    assert one["messages"][0] == {"role": "system", "content": "You review."}
    assert (one["temperature"], one["stop"]) == (1, ["END"])
    assert two["messages"][0]["content"] == three["messages"][0]["content"] == "Be brief."
    assert two["temperature"] == 0.3
    assert "temperature" not in three


def test_its_address_and_its_type(server: ScriptedServer, session: Session) -> None:
    """An address that a preset names is asked for that turn; a type overrules its form."""
    session.config.presets = {
        "there": {"base_url": server.url, "response_format": {"type": "json_object"}}
    }
    session.config.base_url = "http://127.0.0.1:9"
    server.default = stream_reply("true")
    assert session.ask("one?", preset="there", returns=bool).value is True
    assert len(server.requests) == 1
    assert session.address == "http://127.0.0.1:9"


def test_the_kernel_follows_it(session: Session) -> None:
    """Choosing another, or none, sets back what it set, but not what was changed since."""
    config = session.config
    config.temperature, config.top_p = 1.5, 0.9
    config.presets = {**config.presets, "other": {"top_p": 0.1, "tools": False}}
    config.preset = "reviewer"
    assert (config.system, config.temperature, config.tools) == ("You review.", 0.3, "all")
    config.stop = ["STOP"]
    config.preset = "other"
    assert (config.system, config.temperature, config.tools) == (None, 1.5, None)
    assert (config.stop, config.top_p) == (["STOP"], 0.1)
    config.preset = None
    assert config.top_p == 0.9


def test_an_unknown_one_changes_nothing(session: Session) -> None:
    """It is refused in one line, with those that there are; so is what is wrong in one."""
    session.config.preset = "reviewer"
    for name in ("revewer", "../x"):
        with pytest.raises(UsageError, match=r"unknown preset .*\(there are: reviewer\)"):
            session.config.preset = name
    assert session.config.preset == "reviewer"
    session.config.preset = None
    session.config.presets = {}
    with pytest.raises(UsageError, match="nor any other"):
        session.ask("x", preset="any")


@pytest.mark.parametrize("own", [{}, {"temperature": 0.9}])
def test_of_a_configuration_file(folder: Path, own: dict[str, Any]) -> None:
    """A file's own settings win over those of the preset that it names; a missing one is said."""
    assert folder
    section = {"preset": "reviewer", "presets": {"reviewer": REVIEWER}, **own}
    session = Session(ChatConfig(config=Config({"ChatConfig": section})), environ={})
    session.presets.begin()
    assert session.config.system == "You review."
    assert session.config.temperature == own.get("temperature", 0.3)
    lost = Session(ChatConfig(config=Config({"ChatConfig": {"preset": "lost"}})), environ={})
    with pytest.raises(UsageError, match="no preset 'lost'"):
        lost.presets.begin()
    assert lost.config.preset is None


def test_saved_and_read(session: Session, folder: Path) -> None:
    """A file has what is set and what is said, private to the user, and never the key."""
    session.config.temperature = 0.5
    session.config.base_url = "http://127.0.0.1:9"
    more = {"system": f"Use {KEY}, é", "extra": {"k": KEY}, "tools": ["a", "b"]}
    path = session.presets.save(what_is_set(session, "my own", more), secret=session.secrets)
    assert path == folder / "my own.json"
    text = path.read_text(encoding="utf-8")
    assert KEY not in text
    assert "é" in text
    assert "127.0.0.1" not in text
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert session.presets.names() == ["my own", "reviewer"]
    found = session.presets.find("my own")
    assert (found.tools, found.parameters["temperature"]) == (["a", "b"], 0.5)
    assert what_is_set(session, "x", {"base_url": "http://127.0.0.1:9"}).base_url
    with pytest.raises(UsageError, match="would hide the file"):
        session.presets.save(what_is_set(session, "reviewer"), secret=())
    for name in ("", "../x", ".x", "a/b", "x.", "a" * 80):
        with pytest.raises(UsageError, match="the name of a preset"):
            what_is_set(session, name)
    session.config.temperature = None
    with pytest.raises(UsageError, match="nothing to save"):
        what_is_set(session, "empty")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "is no JSON"),
        ("\x00", "is no JSON"),
        pytest.param("[" * 300_000, "is no JSON", id="deep"),
        ("[1]", "must be an object"),
        ('{"temperature": 9}', "temperature must be between"),
        ('{"api_key": "x"}', "nothing secret"),
        ('{"colour": "red"}', "neither a parameter nor"),
        ('{"tools": {"a": 1}}', "tools must be names"),
        ('{"base_url": "ftp://x"}', "http"),
        ('{"system": 3}', "system must be a text"),
    ],
)
def test_a_bad_file(session: Session, folder: Path, text: str, what: str) -> None:
    """It is one line that names the file, and the others work."""
    folder.mkdir()
    (folder / "bad.json").write_text(text)
    (folder / "good.json").write_text(json.dumps({"seed": 1, "top_p": None}))
    with pytest.raises(UsageError, match=what) as caught:
        session.presets.find("bad")
    assert str(folder / "bad.json") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert session.presets.applied(TurnOptions(preset="good")).parameters == {"seed": 1}
