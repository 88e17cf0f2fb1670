"""The panel without a browser: what it tells the browser, and what it does when told."""

from __future__ import annotations

import contextlib
import gc
import re
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from ipywidgets.widgets.widget import _instances
from nbconvert import HTMLExporter

from eighty80_jupyter.errors import ChatInterrupted, UsageError
from eighty80_jupyter.notebook.panel.panel import Panel
from eighty80_jupyter.notebook.panel.questions import Consent
from eighty80_jupyter.session.session import Session
from tests.support.replies import (
    Gate,
    chunk,
    error_reply,
    models_reply,
    sse_reply,
    stream_reply,
    text_chunks,
    tool_call,
    tool_chunks,
)
from tests.support.waiting import wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.kernel import KernelSession
    from tests.support.scripted import ScriptedServer


class Browser:
    """Stands for a view: keeps the transcript that the panel's messages add up to."""

    def __init__(self, panel: Panel) -> None:
        self.panel = panel
        self.order: list[str] = []
        self.turns: dict[str, dict[str, Any]] = {}
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self._lock = threading.RLock()  # the painter's thread draws while a test looks
        panel.view.send = self._take

    def say(self, do: str, **content: Any) -> None:
        """Send a message as the browser does."""
        self.panel.view._receive(None, {"do": do, "view": "here", **content}, [])

    def last(self, op: str) -> dict[str, Any]:
        """Return the last message of a kind."""
        return next(content for name, content in reversed(self.heard) if name == op)

    def html(self, index: int = -1) -> str:
        """Return what an answer looks like; nothing where there is none."""
        with self._lock:
            parts = self.turns[self.order[index]]["parts"] if self.order else {}
            return "".join(
                (part["title"] or "")
                + (part["fold"] or "")
                + "".join(part["blocks"])
                + part["tail"]
                for _, part in sorted(parts.items())
            )

    def done(self, count: int) -> bool:
        """Tell whether there are so many turns, and none of them is under way."""
        with self._lock:
            return len(self.order) == count and not any(t["live"] for t in self.turns.values())

    def _take(self, message: dict[str, Any]) -> None:
        with self._lock:
            self._draw(message)

    def _draw(self, message: dict[str, Any]) -> None:
        op = message["op"]
        content = {name: value for name, value in message.items() if name != "op"}
        self.heard.append((op, content))
        match op:
            case "state":
                self.order, self.turns = [], {}
                for turn in content["turns"]:
                    self._put(turn, self.order[-1] if self.order else None)
            case "turn":
                self._put(content["turn"], content["after"])
            case "earlier":
                after = None
                for turn in content["turns"]:
                    self._put(turn, after)
                    after = turn["id"]
            case "drop":
                for turn_id in content["ids"]:
                    self.order.remove(turn_id)
                    del self.turns[turn_id]
            case "grow":
                parts = self.turns[content["id"]]["parts"]
                part = parts.setdefault(content["key"], {"blocks": []})
                known = [] if content.get("anew") else part["blocks"]
                blocks = known + content.get("freeze", [])
                parts[content["key"]] = {**content, "blocks": blocks}

    def _put(self, turn: dict[str, Any], after: str | None) -> None:
        old = self.turns.get(turn["id"], {"parts": {}})
        parts = old["parts"] if turn["parts"] is None else {p["key"]: p for p in turn["parts"]}
        self.turns[turn["id"]] = {**turn, "parts": parts}
        if turn["id"] not in self.order:
            self.order.insert(0 if after is None else self.order.index(after) + 1, turn["id"])


@pytest.fixture(name="session")
def _session(server: ScriptedServer) -> Iterator[Session]:
    server.route("GET", "/v1/models", models_reply("one", "two"))
    session = Session(environ={"_8080_API_URL": server.url, "_8080_API_KEY": "k"})
    yield session
    wait_until(lambda: not threads("eighty80-models"), what="the end of the models' request")
    session.close()


@pytest.fixture(name="open_panel")
def _open_panel(session: Session) -> Iterator[Callable[[], Browser]]:
    """Give a function that opens a panel and says hello."""
    with contextlib.ExitStack() as stack:

        def open_() -> Browser:
            panel = Panel(session, publish=lambda **_: None)
            stack.callback(panel.close)
            browser = Browser(panel)
            browser.say("hello")
            return browser

        yield open_


def test_a_turn_grows_and_ends(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """What streams in shows before its end, also to a late view, and the end is the whole."""
    gate = threading.Event()
    text = "A **bold** word.\n\n" * 300
    pieces = text_chunks(text, n=20)
    thought = chunk({"reasoning": "Let me think."})
    server.queue(sse_reply([thought, *pieces[:15], Gate(gate), *pieces[15:]]))
    browser = open_panel()
    browser.say("send", text="Go", again=None)
    assert browser.last("sent") == {"text": "Go", "to": "here"}
    wait_until(lambda: browser.order and "<strong>bold" in browser.html(), what="the beginning")
    late = open_panel()
    gate.set()
    for view in (browser, late):
        wait_until(partial(view.done, 1), what="the end")
        assert view.html().count("<strong>bold</strong>") == 300
        assert "Reasoning (3 words)" in view.html()
        assert view.turns[view.order[0]]["text"] == text
        assert "tokens/s" in view.turns[view.order[0]]["line"]
    assert session.conversation[0].source == "Go"
    grown = [c for op, c in browser.heard if op == "grow"]
    assert sum(len(c["tail"]) for c in grown) < 20 * 6000


def test_cells_and_panels_agree(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Whoever makes, changes or takes away a turn: all panels show the same."""
    one, two = open_panel(), open_panel()
    server.queue(*(stream_reply(f"Answer {n}.") for n in range(1, 6)))
    session.ask("From a cell")
    two.say("send", text="From a panel")
    wait_until(lambda: one.done(2) and two.done(2), what="two turns")
    one.say("retry", turn=one.order[0])
    wait_until(lambda: "Answer 3." in two.html(0) and two.done(2), what="the alternative")
    assert (two.turns[two.order[0]]["alternatives"], two.turns[two.order[0]]["chosen"]) == (2, 1)
    two.say("choose", turn=one.order[0], alternative=0)
    wait_until(lambda: "Answer 1." in one.html(0), what="the first answer")
    session.conversation.undo()
    wait_until(lambda: one.done(1) and two.done(1), what="the undo")
    session.conversations.new("other")
    wait_until(lambda: one.done(0) and two.panel.bar.menu.value == "other", what="the other")
    two.panel.bar.menu.value = "main"
    wait_until(lambda: one.done(1) and two.done(1), what="the first conversation")
    assert session.conversation.name == "main"
    assert one.order == two.order == [turn.id for turn in session.conversation]


def test_what_is_not_kept_does_not_show(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A turn aside, as live mode makes them, and one of another conversation stay out."""
    from eighty80_jupyter.turns.request import Place  # noqa: PLC0415 - as the library does

    browser = open_panel()
    session.conversations.add(session.conversation.fork("aside"))
    session.conversations.use("main")
    server.queue(*(stream_reply(t) for t in ("Aside.", "Elsewhere.", "Here.")))
    session.ask("x", place=Place(keep=False))
    session.ask("y", conversation="aside")
    session.ask("z")
    wait_until(lambda: browser.done(1), what="the turn")
    assert "Here." in browser.html()
    assert [turn["source"] for turn in browser.turns.values()] == ["z"]
    assert "Aside." not in str(browser.heard)


def test_stop_and_failures(open_panel: Callable[[], Browser], server: ScriptedServer) -> None:
    """Stop keeps what had come; where nothing had, or a request fails, the text comes back."""
    gate = threading.Event()
    browser = open_panel()
    server.queue(sse_reply([*text_chunks("Half of it", n=1)[:2], Gate(gate)], done=False))
    browser.say("send", text="One")
    wait_until(lambda: browser.order and "Half" in browser.html(), what="the beginning")
    browser.say("stop")
    wait_until(lambda: browser.done(1), what="the end")
    assert "interrupted" in browser.turns[browser.order[0]]["line"]
    server.queue(sse_reply([Gate(gate)], done=False))
    browser.say("send", text="Two")
    wait_until(lambda: len(browser.order) == 2, what="the second turn")
    wait_until(lambda: server.queued == 0, what="the request")  # or the next one gets its reply
    browser.say("stop")
    wait_until(lambda: browser.done(1), what="its end")
    wait_until(lambda: "refill" in [op for op, _ in browser.heard], what="the text")
    assert browser.last("refill") == {"text": "Two", "to": "here"}
    server.queue(error_reply(400, "not like this"))
    browser.say("send", text="Three")
    wait_until(lambda: browser.last("refill")["text"] == "Three", what="the text")
    assert "not like this" in browser.last("notice")["text"]
    browser.say("send", text="{{nothing}}")  # no namespace: it is text
    browser.panel.session.namespace = {}
    browser.say("send", text="{{missing}}")
    assert "missing" in browser.last("notice")["text"]
    gate.set()


def test_a_turn_that_fails_at_once_gives_the_text_back_after_it_was_taken(
    open_panel: Callable[[], Browser], server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What clears the text box must not come behind what fills it again."""
    browser = open_panel()
    actions = browser.panel.actions
    tell = actions._tell

    def slowly(op: str, **content: Any) -> None:
        if op == "sent":
            time.sleep(0.3)  # the failure has come long before
        tell(op, **content)

    monkeypatch.setattr(actions, "_tell", slowly)
    server.queue(error_reply(400, "not like this"))
    browser.say("send", text="One")
    wait_until(lambda: "refill" in [op for op, _ in browser.heard], what="the text")
    told = [op for op, _ in browser.heard if op in ("sent", "refill")]
    assert told == ["sent", "refill"]


@pytest.mark.slow
def test_stop_ends_a_turn_of_a_cell(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Stop in the panel interrupts the cell that asks, and what had come is kept."""
    gate = threading.Event()
    browser = open_panel()
    server.queue(sse_reply([*text_chunks("Half of it", n=1)[:2], Gate(gate)], done=False))
    with ThreadPoolExecutor() as pool:
        cell = pool.submit(session.ask, "From a cell")
        wait_until(lambda: browser.order and "Half" in browser.html(), what="the beginning")
        browser.say("stop")
        with pytest.raises(ChatInterrupted, match="what had come is kept"):
            cell.result(60)
    gate.set()
    assert session.conversation[0].reply.text == "Half of it"


def test_the_last_turn_is_left_alone_while_an_answer_comes(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Undo and Retry mean the answer that comes, not the one above it; what waits has a number."""
    gate = threading.Event()
    browser = open_panel()
    buttons = {**browser.panel.bar.buttons, **browser.panel.menu.buttons}
    server.queue(stream_reply("One."), sse_reply([*text_chunks("Two."), Gate(gate)]))
    server.queue(stream_reply("Three."))
    session.ask("a")
    browser.say("send", text="b")
    wait_until(lambda: len(browser.order) == 2 and "Two" in browser.html(), what="the second")
    browser.say("send", text="c")
    wait_until(lambda: len(browser.order) == 3, what="the third, which waits")
    assert [browser.turns[turn_id]["number"] for turn_id in browser.order] == [1, 2, 3]
    for name in ("Undo", "Retry", "Delete", "Delete"):
        buttons[name].click()
    assert list(session.conversations) == ["main"]
    for name in ("Undo", "Retry"):
        buttons[name].click()
        assert "an answer is being written" in browser.last("notice")["text"]
    assert len(session.conversation) == 1
    gate.set()
    wait_until(lambda: browser.done(3), what="the end")
    buttons["Undo"].click()
    wait_until(lambda: browser.done(2), what="the undo")
    assert [turn.source for turn in session.conversation] == ["a", "b"]


def test_an_edit_stays_in_its_conversation(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A prompt that is edited is sent in the place of its turn, or not at all."""
    browser = open_panel()
    server.queue(stream_reply("One."), stream_reply("Two."))
    session.ask("a")
    turn_id = session.conversation[0].id
    session.conversations.new("other")
    for do, told, where in (("send", "notice", "text"), ("preview", "preview", "error")):
        browser.say(do, text="edited", again=turn_id)
        assert "not in this conversation" in browser.last(told)[where]
    assert len(server.chats) == 1
    session.conversations.use("main")
    browser.say("send", text="edited", again=turn_id)
    wait_until(lambda: len(session["main"][0].alternatives) == 2, what="the answer")
    assert len(session["other"]) == 0


def test_a_failure_in_another_conversation_is_told(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Whoever went on elsewhere hears that the prompt was not answered, and gets it back."""
    gate = threading.Event()
    browser = open_panel()
    server.queue(error_reply(400, "not like this").after(Gate(gate)))
    browser.say("send", text="One")
    wait_until(lambda: len(browser.order) == 1, what="the turn")
    session.conversations.new("other")
    wait_until(lambda: browser.done(0), what="the other")
    gate.set()
    wait_until(lambda: "refill" in [op for op, _ in browser.heard], what="the text")
    assert browser.last("refill")["text"] == "One"
    assert browser.last("notice")["text"].startswith("In the conversation main: ")
    assert not browser.panel.actions._begun


def test_thoughts_say_whose_they_are(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """They stand above the title of their answer, and must not seem to belong to the one before."""
    gate = threading.Event()
    browser = open_panel()
    pieces = [
        chunk({"reasoning": "Let me think.", "content": "Yes."}, finish_reason="stop", index=index)
        for index in (0, 1)
    ]
    server.queue(sse_reply([*pieces, Gate(gate)]))
    session.config.n = 2
    browser.say("send", text="Is it?")
    wait_until(lambda: browser.order and "Answer 2" in browser.html(), what="the answers")
    late = open_panel()
    folds = ["Reasoning of answer 1 (3 words)", "Reasoning of answer 2 (3 words)"]

    def seen(view: Browser) -> list[str]:
        parts = view.turns[view.order[0]]["parts"]
        return [part["fold"] for _, part in sorted(parts.items()) if part["fold"]]

    assert seen(browser) == folds
    gate.set()
    wait_until(lambda: browser.done(1), what="the end")
    late.say("hello")
    assert seen(browser) == seen(late) == folds


def test_text_that_was_reasoning_is_folded(
    open_panel: Callable[[], Browser], server: ScriptedServer
) -> None:
    """A tag that ends reasoning makes a fold of what stood there as the answer."""
    gate, end = threading.Event(), threading.Event()
    browser = open_panel()
    pieces = [chunk({"content": "Let me think." + " Hm.\n\n" * 2000})]
    rest = [chunk({"content": "\n</think>\n\nYes."}, finish_reason="stop")]
    server.queue(sse_reply([*pieces, Gate(gate), *rest, Gate(end)]))
    browser.say("send", text="Is it?")
    wait_until(lambda: browser.order and "Let me think" in browser.html(), what="the text")
    gate.set()
    wait_until(lambda: "Yes." in browser.html(), what="the answer")
    parts = browser.turns[browser.order[0]]["parts"]
    assert [part["fold"] for _, part in sorted(parts.items())] == ["Reasoning (2,003 words)", None]
    thought, answer = ("".join([*p["blocks"], p["tail"]]) for _, p in sorted(parts.items()))
    assert "Let me think" in thought
    assert "Hm." not in answer
    end.set()
    wait_until(lambda: browser.done(1), what="the end")


def test_a_panel_that_is_closed_is_not_shown(open_panel: Callable[[], Browser]) -> None:
    """Nothing but one line comes of it, and no panel spells out its buttons as text."""
    panel = open_panel().panel
    assert repr(panel) == "<Panel: <Conversation 'main': 0 turns>>"
    panel.close()
    assert repr(panel) == "<Panel: closed>"
    with pytest.raises(UsageError, match="this panel is closed"):
        panel._ipython_display_()


def test_parameters_follow_the_settings(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Every control is tied to its setting in both directions; what is refused changes nothing."""
    panel = open_panel().panel
    parameters, config = panel.parameters, session.config
    told: list[str] = []
    released: list[str] = []
    parameters.on_change(told.append)
    parameters.on_release(released.append)
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


def test_tools_ask_in_the_panel(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A tool waits for the answer in the panel; its arguments can be edited; Stop says no."""
    called: list[int] = []

    @session.tool(confirm=True)
    def double(number: int) -> int:
        """Double a number."""
        called.append(number)
        return 2 * number

    session.config.tools = "all"
    browser = open_panel()
    call = sse_reply(tool_chunks(tool_call("double", {"number": 4})))
    server.queue(call, stream_reply("It is 10."), call)
    browser.say("send", text="Double 4")
    asked = question(browser)
    assert "double" in asked["question"]
    browser.say("answer", key=asked["key"], answer="yes", detail=asked["detail"].replace("4", "5"))
    wait_until(lambda: browser.done(1), what="the answer")
    assert called == [5]
    assert "It is 10." in browser.html()
    assert re.search(r"double.*<details|<details.*double", browser.html(), re.DOTALL)
    browser.say("send", text="Again")
    wait_until(lambda: browser.panel.actions.page.consent is not None, what="the question")
    browser.say("stop")
    wait_until(lambda: not browser.panel.actions.page.running, what="the end")
    assert called == [5]


def question(browser: Browser) -> dict[str, Any]:
    """Wait for a question in the panel and return it."""

    def asked() -> dict[str, Any] | None:
        told = (content for op, content in reversed(browser.heard) if op == "consent")
        return next((content["consent"] for content in told), None)

    told = wait_until(asked, what="the question")
    assert told is not None
    return told


@pytest.mark.parametrize("answer", ["yes", "always"])
def test_a_slip_in_edited_arguments_is_not_the_models(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer, answer: str
) -> None:
    """What does not fit is asked about again as it was typed, with what is wrong; then it runs."""
    called: list[int] = []

    @session.tool
    def double(number: int) -> int:
        """Double a number."""
        called.append(number)
        return 2 * number

    session.config.tools = "all"
    browser = open_panel()
    server.queue(
        sse_reply(tool_chunks(tool_call("double", {"number": 4}))), stream_reply("It is 10.")
    )
    browser.say("send", text="Double 4")
    first = question(browser)
    browser.say("answer", key=first["key"], answer=answer, detail='{"number": "five"}')
    wait_until(lambda: question(browser)["key"] != first["key"], what="the next question")
    second = question(browser)
    assert "number should be a valid integer" in second["question"]
    assert second["detail"] == '{"number": "five"}'
    browser.say("answer", key=second["key"], answer=answer, detail='{"number": 5}')
    wait_until(lambda: browser.done(1), what="the answer")
    assert called == [5]
    result = server.chats[-1].json["messages"][-1]["content"]
    assert result == "[the user changed the arguments: double(number=5)]\n10"


def test_stop_at_a_question_asks_no_other(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """Calls that would run side by side are asked about one by one; none runs, none stays."""
    called: list[int] = []

    @session.tool
    async def double(number: int) -> int:
        """Double a number."""
        called.append(number)
        return 2 * number

    session.config.tools = "all"
    browser = open_panel()
    wanted = [tool_call("double", {"number": n}, id=f"c{n}") for n in range(4)]
    server.queue(sse_reply(tool_chunks(*wanted)))
    browser.say("send", text="Double all")
    first = question(browser)
    browser.say("answer", key=first["key"], answer="yes", detail=first["detail"])
    wait_until(lambda: question(browser)["key"] != first["key"], what="the next question")
    browser.say("stop")
    wait_until(lambda: not browser.panel.actions.page.running, what="the end")
    worker = [t for t in threading.enumerate() if t.name == "eighty80-tools"]
    wait_until(lambda: not any(t.is_alive() for t in worker), what="the end of the calls")
    assert browser.panel.actions.page.consent is None
    assert called == []


def test_retry_offers_the_tools_of_its_turn(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """A turn that a cell asked with tools is asked again with them."""

    @session.tool(safe=True)
    def double(number: int) -> int:
        """Double a number."""
        return 2 * number

    browser = open_panel()
    server.queue(stream_reply("Eight."), stream_reply("It is 8."))
    session.ask("Double 4", tools=["double"])
    browser.say("retry", turn=session.conversation[0].id)
    wait_until(lambda: len(session.conversation[0].alternatives) == 2, what="the answer")
    offered = server.chats[1].json["tools"]
    assert [tool["function"]["name"] for tool in offered] == ["double"]


def test_closing_answers_no(open_panel: Callable[[], Browser]) -> None:
    """A question in a panel that is closed is answered with no, also when it comes later."""
    panel = open_panel().panel
    waiting = panel.confirm("May it?", "{}")
    panel.close()
    assert waiting.result(60) == Consent("no", "{}")
    assert panel.confirm("And now?").result(60).answer == "no"


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


@pytest.mark.slow
def test_nothing_is_left(
    open_panel: Callable[[], Browser], session: Session, server: ScriptedServer
) -> None:
    """After 200 sends there are no more threads and widgets than before, and none once closed."""
    before = widgets()
    browser = open_panel()
    panel = browser.panel

    def has_turns(number: int) -> bool:
        return len(session.conversation) == number

    def send(times: int) -> None:
        for _ in range(times):
            server.queue(stream_reply("Some **words**.", n=2))
            turns = len(session.conversation)
            browser.say("send", text="Go on")
            wait_until(partial(has_turns, turns + 1), what="a turn")
        wait_until(lambda: not panel.actions.page.running, what="the last one")

    send(20)
    wait_until(lambda: not threads("eighty80-panel"), what="the end of the painter")
    count, active = len(widgets()), threading.active_count()
    session.conversation.reset()
    browser.heard.clear()
    gc.collect()
    objects = len(gc.get_objects())
    send(200)
    session.conversation.reset()
    wait_until(
        lambda: browser.done(0) and not threads("eighty80-panel"), what="the end of the painter"
    )
    assert len(widgets()) == count
    assert threading.active_count() <= active
    page = panel.actions.page
    kept = [page._events, page._seen, page._live, page._known, panel.actions._begun]
    assert not any(kept), kept
    browser.heard.clear()
    browser.turns.clear()
    server.requests.clear()
    gc.collect()
    assert len(gc.get_objects()) - objects < 2000
    panel.close()
    assert widgets() == before
    assert not tuple(session._turns.feed._watchers)
    panel.close()


SENDS = """
import gc, threading, time, tracemalloc

def send(times):
    \"""Send so many prompts of 4 KB, and return the bytes that are in use afterwards.\"""
    for number in range(times):
        if number % 20 == 0:
            chat.conversation.reset()
        turns = len(chat.conversation)
        content = {"do": "send", "view": "here", "text": "Go on. " + "x" * 4000}
        panel.view._handle_custom_msg(content, [])
        while len(chat.conversation) == turns:
            time.sleep(0.002)
    chat.conversation.reset()
    while any(thread.name == "eighty80-panel" for thread in threading.enumerate()):
        time.sleep(0.01)
    gc.collect()
    return tracemalloc.get_traced_memory()[0]

tracemalloc.start()
send(20)
before = send(20)
print(send(200) - before)"""


@pytest.mark.slow
def test_no_memory_is_left(kernel: Callable[..., KernelSession], server: ScriptedServer) -> None:
    """What 200 prompts and answers of 4 KB have used is free again once they are forgotten."""
    server.route("GET", "/v1/models", models_reply("one", "two"))
    server.default = stream_reply("word " * 800, n=2)
    opening = "%load_ext eighty80_jupyter\nfrom eighty80_jupyter import chat\npanel = chat.panel()"
    running = kernel(env={"_8080_API_URL": server.url, "_8080_API_KEY": "k"}, startup=opening)
    assert running.run("panel").ok
    result = running.run(SENDS, timeout=110)
    assert result.ok, result.error
    assert int(result.stdout) < 400_000  # 100,000 were measured, most of them Jupyter's own


def test_without_a_kernel_the_transcript_is_read() -> None:
    """The committed notebook, exported to HTML, tells each turn once, and where it was asked."""
    path = Path(__file__).parents[3] / "notebooks" / "panel.ipynb"
    notebook: Any = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call]  # nbformat is half typed
    (opening,) = (c for c in notebook.cells if c.source == "%chat --panel")
    (asking,) = (c for c in notebook.cells if c.source.startswith("%%chat"))
    alone = nbformat.v4.new_notebook(cells=[opening, asking])  # type: ignore[no-untyped-call]  # the same
    html, _ = HTMLExporter().from_notebook_node(alone)  # type: ignore[no-untyped-call]  # the same
    assert "asked in a cell, which shows it: What is the capital of France?" in html
    assert html.count("The capital of France is Paris.") == 1
    assert "It was being written" not in html


def widgets() -> set[str]:
    """Return the models of the widgets that are open."""
    return set(_instances)


def threads(name: str) -> list[threading.Thread]:
    """Return the threads of that name."""
    return [thread for thread in threading.enumerate() if thread.name == name]


def test_only_where_there_is_a_notebook(session: Session) -> None:
    """In plain Python a panel is refused in one line."""
    with pytest.raises(UsageError, match="a panel needs a notebook"):
        session.panel()


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
