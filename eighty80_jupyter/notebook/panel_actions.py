"""What the panel does: all that the browser asks for, and what is told in return."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from eighty80_jupyter.chat.turn import Place, Running
from eighty80_jupyter.errors import ChatError, UsageError
from eighty80_jupyter.notebook.panel_page import Page, Tell
from eighty80_jupyter.notebook.panel_saved import SavedOutputs
from eighty80_jupyter.prompt.prepare import Prepared

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.chat.conversation import Turn
    from eighty80_jupyter.chat.tool_loop import Decision
    from eighty80_jupyter.chat.tools import Tool
    from eighty80_jupyter.session import Session

Answer = Literal["yes", "no", "always"]


@dataclass(frozen=True, slots=True)
class Consent:
    """What a person answered, and the detail, which may have been edited."""

    answer: Answer
    detail: str


class Actions:
    """Does what the browser's messages ask for; what is wrong with it shows as one line.

    `began` is called after every turn that was begun here.
    """

    def __init__(
        self, session: Session, tell: Tell, saved: SavedOutputs, *, began: Callable[[], None]
    ) -> None:
        self._session = session
        self._tell = tell
        self._saved = saved
        self._began = began
        self._mine: dict[str, tuple[Any, str]] = {}  # turns begun here: by which view, what typed
        self._beginning = Lock()
        self._questions: dict[str, tuple[str, str, Future[Consent]]] = {}
        self._closed = False
        # A kernel tells by context variables where a thread's output belongs: what a tool prints or
        # shows goes below the panel, and not to the message of a click, which no page shows.
        self.context = copy_context()
        self.greeted: Callable[[], None] = lambda: None  # when a view is there, or asks something
        self.released: Callable[[str], None] = lambda _name: None  # when a slider was let go
        self.page = Page(session, tell, ended=self._turn_ended)

    def act(self, do: Callable[[], object]) -> None:
        """Do what was asked for; show what is wrong with it as one line."""
        try:
            do()
        except ChatError as error:
            self.say(str(error))

    def say(self, text: str, kind: Literal["error", "info"] = "error") -> None:
        """Show a line above the text box; empty: take it away."""
        self._tell("notice", text=text, kind=kind)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Do what a message of the browser says."""
        view = message.get("view")
        match message:
            case {"do": "hello"}:
                self.page.hello()
                self.greeted()
            case {"do": "earlier"}:
                self.page.earlier()
            case {"do": "send", "text": str(text)}:
                self.act(lambda: self._send(text, message.get("again"), view))
            case {"do": "preview", "text": str(text)}:
                self.act(lambda: self._preview(text, message.get("again"), view))
            case {"do": "stop"}:
                self.stop()
            case {"do": "retry", "turn": str(turn_id)}:
                self.act(lambda: self.retry(turn_id))
            case {"do": "choose", "turn": str(turn_id), "alternative": int(number)}:
                self.act(lambda: self._session.conversation.choose(turn_id, number))
            case {"do": "release", "name": str(name)}:
                self.released(name)
            case {"do": "content", "name": str(name)}:
                self._saved.send(name, view)
            case {"do": "answer", "key": str(key), "answer": "yes" | "no" | "always" as answer}:
                self._answer(key, answer, str(message.get("detail", "")))
            case _:
                pass  # of a later version

    def retry(self, turn_id: str | None = None) -> None:
        """Ask a turn's prompt again as it was sent, or that of the last turn. Raises UsageError."""
        conversation = self._session.conversation
        index = len(conversation) - 1 if turn_id is None else conversation.find(turn_id)
        if index is None:
            raise UsageError("this turn is no longer in the conversation")
        if index < 0:
            raise UsageError("there is nothing to retry: the conversation has no turns yet")
        turn = conversation[index]
        known = self._session.tools
        tools = [name for name in turn.exchange.tools if name in known]
        self._begin(as_prepared(turn), turn.id, "", None, tools=tools or None)

    def stop(self) -> None:
        """Stop the answers that are under way in the current conversation."""
        for running in self.page.running:
            running.cancel()
        self._refuse()  # a tool that waits for a yes would keep its turn from ending

    def insert(self) -> None:
        """Put the conversation below the panel, to be saved. Raises UsageError if it is empty."""
        if not len(self._session.conversation):
            raise UsageError("there is nothing to insert: the conversation has no turns yet")
        self._saved.insert(self._session.conversation)  # the browser says whether it has worked

    def confirm(self, question: str, detail: str = "") -> Future[Consent]:
        """Ask in the panel whether something may be done; see `Panel.confirm`."""
        key = uuid.uuid4().hex
        future: Future[Consent] = Future()
        self._questions[key] = (question, detail, future)
        if self._closed:
            self._answer(key, "no", detail)
        self._ask()
        return future

    def close(self) -> None:
        """Answer what waits for an answer, with no."""
        self._closed = True
        self._refuse()

    def _refuse(self) -> None:
        for key, (_, detail, _) in list(self._questions.items()):
            self._answer(key, "no", detail)

    def _send(self, text: str, again: str | None, view: Any) -> None:
        self._begin(self._session.prepare(text), again, text, view)

    def _begin(
        self,
        prompt: Prepared,
        again: str | None,
        text: str,
        view: Any,
        *,
        tools: list[str] | None = None,
    ) -> None:
        """Begin a turn with these tools, or those of the settings; `text` was typed for it."""
        confirmer = PanelConfirmer(self.confirm)
        place = Place(again=again)
        run = self.context.copy().run
        with self._beginning:  # it may fail at once, and must not be told before it was noted
            running = run(
                self._session.start, prompt, place=place, tools=tools, confirmer=confirmer
            )
            self._mine[running.id] = (view, text)
            if text:
                self._tell("sent", text=text, to=view)
        self._began()
        self.greeted()

    def _preview(self, text: str, again: str | None, view: Any) -> None:
        from eighty80_jupyter.api import sampling  # noqa: PLC0415  # seldom needed
        from eighty80_jupyter.notebook.dry_run import dry_run_html  # noqa: PLC0415  # the same

        session = self._session
        prepared = session.prepare(text)
        sent = session.outgoing(prepared, place=Place(again=again))
        fields = sampling.body_fields(session.parameters())
        html = dry_run_html(sent, fields, prepared, session.calibration)
        self._tell("preview", html=html, to=view)

    def _turn_ended(self, running: Running) -> None:
        with self._beginning:
            view, text = self._mine.pop(running.id, (None, None))
        if text is None:
            return  # a cell's, or another panel's: it is told there
        nothing = running.reply is None or running.reply.empty
        if running.error is not None and nothing:
            self.say(str(running.error))
        elif running.reply is not None and running.reply.status == "interrupted" and nothing:
            self.say("Stopped; nothing had come yet.", "info")
        else:
            return
        if text:
            self._tell("refill", text=text, to=view)

    def _ask(self) -> None:
        first = next(iter(self._questions.items()), None)
        asked = None
        if first is not None:
            key, (question, detail, _) = first
            asked = {"key": key, "question": question, "detail": detail}
        self.page.consent = asked
        self._tell("consent", consent=asked)

    def _answer(self, key: str, answer: Answer, detail: str) -> None:
        found = self._questions.pop(key, None)
        if found is not None:
            found[2].set_result(Consent(answer, detail))
            self._ask()


class PanelConfirmer:
    """Asks in the panel before a tool is called; `ask` is `Actions.confirm`."""

    def __init__(self, ask: Callable[[str, str], Future[Consent]]) -> None:
        self._ask = ask

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:  # noqa: ARG002  # the arguments are shown
        """Return the user's decision; waits for it."""
        from eighty80_jupyter.chat.tool_loop import Decision  # noqa: PLC0415  # the first call
        from eighty80_jupyter.notebook.tool_display import pretty  # noqa: PLC0415  # the same

        arguments = pretty(call.arguments)
        consent = self._ask(f"May {tool.name} be called with these arguments?", arguments).result()
        if consent.answer == "yes" and consent.detail != arguments:
            return Decision(answer="edit", arguments=consent.detail)
        return Decision(answer=consent.answer)


def as_prepared(turn: Turn) -> Prepared:
    """Return the prompt of a turn, to be sent as it was."""
    content = turn.messages[0].content
    return Prepared(
        content="" if content is None else content, has_data=turn.has_data, source=turn.source
    )
