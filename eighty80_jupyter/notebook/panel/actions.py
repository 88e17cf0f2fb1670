"""What the panel does: all that the browser asks for, and what is told in return."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextvars import copy_context
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from eighty80_jupyter.conversation.events import CallBegan, CallEnded
from eighty80_jupyter.errors import ChatError, UsageError
from eighty80_jupyter.notebook.panel.page import Page, Tell
from eighty80_jupyter.notebook.panel.saved import SavedOutputs
from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
from eighty80_jupyter.turns.feed import TurnEvents
from eighty80_jupyter.turns.turn import Place, RunningTurn

if TYPE_CHECKING:
    from eighty80_jupyter.api.messages import ToolCall
    from eighty80_jupyter.conversation.turn import Turn
    from eighty80_jupyter.session.session import Session
    from eighty80_jupyter.tools.rounds import Decision
    from eighty80_jupyter.tools.toolbox import Tool

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
        # The turns begun here: by which view, what was typed, and who asks about their calls.
        self._mine: dict[str, tuple[Any, str, PanelConfirmer | None]] = {}
        # The figures that were open before the first call of a turn: they are somebody else's.
        self._figures: dict[str, list[Any]] = {}
        self._beginning = Lock()
        self._questions: dict[str, tuple[str, str, Future[Consent]]] = {}
        self._closed = False
        # A kernel tells by context variables where a thread's output belongs: what a tool prints or
        # shows goes below the panel, and not to the message of a click, which no page shows.
        self.context = copy_context()
        self.greeted: Callable[[], None] = lambda: None  # when a view is there, or asks something
        self.pressed: Callable[[str], None] = lambda _name: None  # when a slider is held
        self.released: Callable[[str], None] = lambda _name: None  # when it was let go
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
            case {"do": "press", "name": str(name)}:
                self.pressed(name)
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
        if turn_id is None:
            self._wait_for_the_end()
        index = len(conversation) - 1 if turn_id is None else conversation.find(turn_id)
        if index is None:
            raise UsageError("this turn is no longer in the conversation")
        if index < 0:
            raise UsageError("there is nothing to retry: the conversation has no turns yet")
        turn = conversation[index]
        known = self._session.tools
        tools = [name for name in turn.exchange.tools if name in known]
        self._begin(as_prepared(turn), turn.id, "", None, tools=tools or None)

    def undo(self) -> None:
        """Take the last turn away. Raises UsageError."""
        self._wait_for_the_end()
        self._session.conversation.undo()

    def stop(self) -> None:
        """Stop the answers that are under way in the current conversation."""
        for running in self.page.running:
            running.cancel()
            confirmer = self._mine.get(running.id, (None, "", None))[2]
            if confirmer is not None:
                confirmer.stopped = True
        self._refuse()  # a tool that waits for a yes would keep its turn from ending

    def show_figures(self, event: TurnEvents) -> None:
        """Show what the tools of a turn that was begun here have drawn, in their thread."""
        from eighty80_jupyter.notebook.cell import tool_display  # noqa: PLC0415  # the first turn

        if event.running.id not in self._mine:
            return
        for each in event.events:
            if isinstance(each, CallBegan):
                self._figures.setdefault(event.running.id, tool_display.open_figures())
            elif isinstance(each, CallEnded):
                tool_display.show_figures(each.value, self._figures.get(event.running.id, ()))

    def insert(self) -> None:
        """Put the conversation below the panel, to be saved. Raises UsageError if it is empty."""
        if not len(self._session.conversation):
            raise UsageError("there is nothing to insert: the conversation has no turns yet")
        self._saved.insert(self._session.conversation)  # the browser says whether it has worked

    def confirm(
        self, question: str, detail: str = "", stopped: Callable[[], bool] = lambda: False
    ) -> Future[Consent]:
        """Ask in the panel whether something may be done; see `Panel.confirm`.

        `stopped` tells that nobody wants to know any more.
        """
        key = uuid.uuid4().hex
        future: Future[Consent] = Future()
        self._questions[key] = (question, detail, future)
        if self._closed or stopped():
            self._answer(key, "no", detail)
        self._ask()
        return future

    def close(self) -> None:
        """Answer what waits for an answer, with no."""
        self._closed = True
        self._refuse()

    def _wait_for_the_end(self) -> None:
        """Refuse what is meant for the last turn while an answer comes, which may become that."""
        if any(not running.done for running in self.page.running):
            raise UsageError("an answer is being written: stop it first, or wait for its end")

    def _place(self, again: str | None) -> Place:
        """Return the place of a turn, or of one that is answered again. Raises UsageError."""
        if again is not None and self._session.conversation.find(again) is None:
            raise UsageError(
                "the turn that is edited is not in this conversation; "
                "go back to its own, or cancel the edit"
            )
        return Place(again=again)

    def _refuse(self) -> None:
        for key, (_, detail, _) in list(self._questions.items()):
            self._answer(key, "no", detail)

    def _send(self, text: str, again: str | None, view: Any) -> None:
        self._begin(self._session.prepare(text), again, text, view)

    def _begin(
        self,
        prompt: PreparedPrompt,
        again: str | None,
        text: str,
        view: Any,
        *,
        tools: list[str] | None = None,
    ) -> None:
        """Begin a turn with these tools, or those of the settings; `text` was typed for it."""
        confirmer = PanelConfirmer(self.confirm)
        place = self._place(again)
        run = self.context.copy().run
        with self._beginning:  # it may fail at once, and must not be told before it was noted
            running = run(
                self._session.start, prompt, place=place, tools=tools, confirmer=confirmer
            )
            self._mine[running.id] = (view, text, confirmer)
            if text:
                self._tell("sent", text=text, to=view)
        self._began()
        self.greeted()

    def _preview(self, text: str, again: str | None, view: Any) -> None:
        from eighty80_jupyter.api import request_parameters  # noqa: PLC0415  # seldom needed
        from eighty80_jupyter.notebook.cell.dry_run import dry_run_html  # noqa: PLC0415  # the same

        session = self._session
        prepared = session.prepare(text)
        sent = session.outgoing(prepared, place=self._place(again))
        fields = request_parameters.body_fields(session.parameters())
        html = dry_run_html(sent, fields, prepared, session.calibration)
        self._tell("preview", html=html, to=view)

    def _turn_ended(self, running: RunningTurn) -> None:
        with self._beginning:
            view, text, _ = self._mine.pop(running.id, (None, None, None))
            self._figures.pop(running.id, None)
        if text is None:
            return  # a cell's, or another panel's: it is told there
        nothing = running.reply is None or running.reply.empty
        if running.error is not None and nothing:
            name = running.conversation.name
            here = running.conversation is self._session.conversation
            self.say(f"{'' if here else f'In the conversation {name}: '}{running.error}")
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
    """Asks in the panel before a tool of one turn is called; `ask` is `Actions.confirm`.

    Once the turn is `stopped` all answers are no.
    """

    def __init__(self, ask: Callable[[str, str, Callable[[], bool]], Future[Consent]]) -> None:
        self._ask = ask
        self.stopped = False

    def confirm(self, tool: Tool, call: ToolCall, shown: str) -> Decision:  # noqa: ARG002  # the arguments are shown
        """Return the user's decision; waits for it."""
        from eighty80_jupyter.notebook.cell.tool_display import pretty  # noqa: PLC0415  # the same
        from eighty80_jupyter.tools.rounds import Decision  # noqa: PLC0415  # the first call

        arguments = detail = pretty(call.arguments)
        question = asked = f"May {tool.name} be called with these arguments?"
        while True:
            consent = self._ask(asked, detail, lambda: self.stopped).result()
            answer, detail = consent.answer, consent.detail
            if answer == "no" or detail == arguments:
                return Decision(answer=answer)
            try:
                tool.arguments(detail)
            except UsageError as error:
                asked = f"{error}. {question}"  # the model must not hear of a slip of the user's
            else:
                edited = "edit" if answer == "yes" else answer
                return Decision(answer=edited, arguments=detail.strip() or "{}")


def as_prepared(turn: Turn) -> PreparedPrompt:
    """Return the prompt of a turn, to be sent as it was."""
    content = turn.messages[0].content
    return PreparedPrompt(
        content="" if content is None else content, has_data=turn.has_data, source=turn.source
    )
