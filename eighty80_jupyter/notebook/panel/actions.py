"""What the panel does: all that the browser asks for, and what is told in return."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock
from typing import TYPE_CHECKING, Any, Literal

from eighty80_jupyter.api import parameter_values
from eighty80_jupyter.conversation.events import CallBegan, CallEnded
from eighty80_jupyter.errors import ChatError, UsageError
from eighty80_jupyter.notebook.cell.front_end import context_of_this_cell
from eighty80_jupyter.notebook.cell.tools.display import open_figures, show_figures, show_pictures
from eighty80_jupyter.notebook.cell.views.dry_run import dry_run_html
from eighty80_jupyter.notebook.compare import variants
from eighty80_jupyter.notebook.panel.page import Page, Tell
from eighty80_jupyter.notebook.panel.questions import PanelConfirmer, Questions
from eighty80_jupyter.notebook.panel.saved import SavedOutputs
from eighty80_jupyter.notebook.saved.asked import check_unchanged
from eighty80_jupyter.prompt.template.prepare import PreparedPrompt
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.text import clean_json
from eighty80_jupyter.turns.feed import TurnEvents
from eighty80_jupyter.turns.request import Place, RunningTurn

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session


@dataclass(slots=True)
class _Begun:
    """A turn that was begun here: by which view, what was typed, and who asks about its calls.

    `others` are the figures that were open before its first call; None before that.
    """

    view: Any
    text: str
    confirmer: PanelConfirmer
    others: list[Any] | None = field(default=None)


class Actions:
    """Does what the browser's messages ask for; what is wrong with it shows as one line.

    `began` is called after every turn that was begun here. What a page asks for arrives on the
    thread of its subshell, turns end on the painter's, tools run on their own: `_lock` owns the
    turns that were begun here, and nothing else waits while it is held.
    """

    def __init__(
        self, session: Session, tell: Tell, saved: SavedOutputs, *, began: Callable[[], None]
    ) -> None:
        self._session = session
        self._tell = tell
        self._saved = saved
        self._began = began
        self._lock = Lock()
        self._begun: dict[str, _Begun] = {}
        self._beginning = Lock()  # a turn's end is not told while one begins
        # A kernel tells by context variables where a thread's output belongs: what a tool prints or
        # shows goes below the panel, and not to the message of a click, which no page shows.
        self.context = context_of_this_cell()
        self.greeted: Callable[[], None] = lambda: None  # when a view is there, or asks something
        self.seen: Callable[[str, str], None] = lambda _view, _page: None  # a view is on a page
        self.gone: Callable[[str], None] = lambda _view: None  # it is no more
        self.returns: Callable[[], str | None] = lambda: None  # the type of the answers
        self.pressed: Callable[[str], None] = lambda _name: None  # when a slider is held
        self.released: Callable[[str], None] = lambda _name: None  # when it was let go
        self.inserted: Callable[[], None] = lambda: None  # when the transcript is to be seen
        self.page = Page(session, tell, ended=self._turn_ended)
        self.questions = Questions(self.page.ask)

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
        message = clean_json(message)  # a browser's text may end within a character
        view = message.get("view")
        match message:
            case {"do": "hello"}:
                self.seen(str(view), str(message.get("page")))
                self.page.hello()
                self.greeted()
            case {"do": "bye"}:
                self.gone(str(view))
            case {"do": "earlier"}:
                self.page.earlier()
            case {"do": "send", "text": str(text)}:
                self.act(lambda: self._send(text, message.get("again"), view))
            case {"do": "preview", "text": str(text)}:
                self._preview(text, message.get("again"), view)
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
                self.questions.answer(key, answer, str(message.get("detail", "")))
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
        check_unchanged(self._session, turn, f"%chat --retry {index + 1} --anyway")
        asked = turn.exchange
        options = TurnOptions(
            tools=list(asked.tools) or None,
            tool_choice=asked.tool_choice,
            parallel_tool_calls=asked.parallel_tool_calls,
            returns=turn.reply.returns,
        )
        self._begin(variants.prompt_of(turn), turn.id, "", None, options)

    def undo(self) -> None:
        """Take the last turn away. Raises UsageError."""
        self._wait_for_the_end()
        self._session.conversation.undo()

    def delete(self) -> None:
        """Take the current conversation away. Raises UsageError while an answer comes."""
        self._wait_for_the_end()
        self._session.conversations.delete(self._session.conversation.name)

    def stop(self) -> None:
        """Stop the answers that are under way in the current conversation."""
        for running in self.page.running:
            running.cancel()
            with self._lock:
                begun = self._begun.get(running.id)
            if begun is not None:
                begun.confirmer.stopped = True
        self.questions.refuse()  # a tool that waits for a yes would keep its turn from ending

    def show_figures(self, event: TurnEvents) -> None:
        """Show what the tools of a turn that was begun here have drawn, in their thread."""
        if not any(isinstance(each, (CallBegan, CallEnded)) for each in event.events):
            return
        with self._beginning, self._lock:  # or a quick server's call comes before it was noted
            begun = self._begun.get(event.running.id)
        if begun is None:
            return
        for each in event.events:  # from one thread, that of the turn's tools
            if isinstance(each, CallBegan) and begun.others is None:
                begun.others = open_figures()
            elif isinstance(each, CallEnded):
                show_figures(each.value, begun.others or ())
                if self._session.config.allow_images:
                    show_pictures(each.value)

    def insert(self) -> None:
        """Show the transcript below the panel. Raises UsageError if it is empty."""
        if not len(self._session.conversation):
            raise UsageError("there is nothing to insert: the conversation has no turns yet")
        self.inserted()
        self._saved.insert()  # the browser says whether it has worked

    def close(self) -> None:
        """Answer what waits for an answer, with no."""
        self.questions.close()

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

    def _send(self, text: str, again: str | None, view: Any) -> None:
        prompt = self._prepared(text, TurnOptions(place=self._place(again)))
        self._begin(prompt, again, text, view, TurnOptions(returns=self.returns()))

    def _prepared(self, text: str, options: TurnOptions) -> PreparedPrompt:
        requests = self._session.requests
        prepared = requests.prepare(text, fields=True)
        return requests.with_cells(prepared, options, self._session.conversation)

    def _begin(
        self,
        prompt: PreparedPrompt,
        again: str | None,
        text: str,
        view: Any,
        options: TurnOptions,
    ) -> None:
        """Begin a turn, in the place of `again` where that is given; `text` was typed for it."""
        confirmer = PanelConfirmer(self.questions)
        options = replace(options, place=self._place(again), confirmer=confirmer)
        run = self.context.copy().run
        with self._beginning:  # it may fail at once, and must not be told before it was noted
            running = run(self._session.start, prompt, options=options)
            self._session.on_page.add(running.id)  # the panel's output keeps it
            with self._lock:
                self._begun[running.id] = _Begun(view, text, confirmer)
            if text:
                self._tell("sent", text=text, to=view)
        self._began()
        self.greeted()

    def _preview(self, text: str, again: str | None, view: Any) -> None:
        """Tell what would be sent, or why that cannot be; it is asked anew as one types."""
        try:
            html, error = self._preview_html(text, again), ""
        except ChatError as refused:
            html, error = None, str(refused)
        self._tell("preview", html=html, error=error, to=view)

    def _preview_html(self, text: str, again: str | None) -> str:
        session, requests = self._session, self._session.requests
        options = TurnOptions(place=self._place(again), returns=self.returns())
        prepared = self._prepared(text, options)
        sent = requests.outgoing(prepared, session.conversation, options)
        fields = parameter_values.body_fields(requests.parameters())
        return dry_run_html(sent, fields, prepared, requests.calibration)

    def _turn_ended(self, running: RunningTurn) -> None:
        with self._beginning, self._lock:
            begun = self._begun.pop(running.id, None)
        if begun is None:
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
        if begun.text:
            self._tell("refill", text=begun.text, to=begun.view)
