"""The parameters of a turn as sliders and fields, tied to the settings in both directions.

All of them come from the table in `api.request_parameters`. "The server's default" is a state of
its own: the setting is None, the parameter is not sent, and its control is dimmed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Checkbox, Combobox, FloatSlider, HBox, Text, Textarea, VBox

from eighty80_jupyter.api.request_parameters import PARAMETERS, Kind, Parameter
from eighty80_jupyter.config import DEFAULT_MODEL
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.markdown.page_text import page_text
from eighty80_jupyter.notebook.panel.controls.models import ModelList
from eighty80_jupyter.notebook.panel.controls.values import DIGITS, least, moved, read, slide, write
from eighty80_jupyter.notebook.panel.widgets import Fold, Setting, button, close_all
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.watchers import Watchers

if TYPE_CHECKING:
    from eighty80_jupyter.session.session import Session

SHOWN = (
    "model",
    "temperature",
    "top_p",
    "max_tokens",
    "seed",
    "n",
    "reasoning_effort",
    "frequency_penalty",
    "presence_penalty",
    "stop",
)
_FOLDED = ("frequency_penalty", "presence_penalty", "stop", "system")
EFFORTS = ("low", "medium", "high")
_UNSET = "server's default"

Told = Callable[[str], None]


class ParameterPanel(VBox):  # type: ignore[misc]  # untyped
    """A row for each parameter, the instruction message, and "Reset".

    `controls` has the widget of each by its name in the table, `system` and `returns`; `fields`
    what is typed into, which for a slider stands beside it. Moving a slider sets the parameter, its
    checkbox gives it back to the server, and a field that is empty is unset. What cannot be set
    stays where it was typed, marked, with the reason below it, and the setting stays as it was.

    `changed` are told the name of each parameter that the user changes, also while a slider is
    dragged, `released` that of a slider that was let go by mouse, touch or key.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._setting = Setting()
        self.changed: Watchers[Told] = Watchers()
        self.released: Watchers[Told] = Watchers()
        self._models = ModelList(session, self._offer)
        self.controls: dict[str, Any] = {}
        self.switches: dict[str, Any] = {}
        self.fields: dict[str, Any] = {}
        self.rows: dict[str, Any] = {}
        self._reasons: dict[str, Any] = {}
        for name in SHOWN:
            self._add(PARAMETERS[name])
        self._add_instruction()
        self._add_returns()
        self.reset_button = button(
            "Reset to defaults", "Leave every parameter but the model to the server", self.reset
        )
        folded = VBox([self.rows[name] for name in _FOLDED])
        folded.add_class("e80-parameters")
        self.more = Fold("Penalties, stop, instruction", folded)
        shown = [row for name, row in self.rows.items() if name not in _FOLDED]
        super().__init__([*shown, self.more, self.reset_button])
        self.add_class("e80-parameters")
        session.config.observe(self._follow, names=[*SHOWN, "system"])
        for name in (*SHOWN, "system"):
            self._show(name)
        if any(getattr(session.config, name) for name in _FOLDED):
            self.more.turn()  # what is set must be in sight

    def release(self, name: str) -> None:
        """Tell that a slider was let go; the browser says when."""
        if name in self.controls:
            for told in self.released:
                told(name)

    def refresh(self) -> None:
        """Show the instruction of the conversation; the settings tell by themselves."""
        if not self._reasons["system"].value:  # or what was typed there would be lost
            self._show("system")

    def reset(self) -> None:
        """Leave every parameter to the server; the model and the instruction stay."""
        for name in SHOWN:
            if name != "model":
                setattr(self._session.config, name, None)
                self._mark(name, "")
                self._show(name)
                self._tell(name)
        self.controls["returns"].value = ""

    @property
    def returns(self) -> str | None:
        """The type that the next answers shall have, as it was typed; None: a text."""
        return self.controls["returns"].value.strip() or None

    def fetch_models(self) -> None:
        """Fill the list of models in the background, unless that was done.

        Without an answer it stays as it is, and a later call tries again, up to three times.
        """
        self._models.fetch()

    def close(self) -> None:
        """Follow the settings no longer."""
        if self.comm is not None:  # not closed before
            self._session.config.unobserve(self._follow, names=[*SHOWN, "system"])
            self._models.close()
            close_all(*self._reasons.values())
        super().close()

    def _offer(self, models: Sequence[str]) -> None:
        if self.comm is not None:
            self.controls["model"].options = models

    # The controls.

    def _add(self, parameter: Parameter) -> None:
        name, title = parameter.name, parameter.name.replace("_", " ")
        if parameter.step is not None:
            self._add_slider(parameter, title)
            return
        settings: dict[str, Any] = {
            "description": title,
            "tooltip": parameter.help,
            "continuous_update": False,
        }
        if name == "model":
            control = Combobox(placeholder=DEFAULT_MODEL, **settings)
        elif name == "reasoning_effort":
            control = Combobox(placeholder="default", options=EFFORTS, **settings)
        elif parameter.kind is Kind.STRINGS:
            settings["tooltip"] += "; here one text on each line, \\n for the end of a line"
            settings["tooltip"] += ", \\\\ for a backslash"
            control = Textarea(placeholder=_UNSET, rows=2, **settings)
        else:
            control = Text(placeholder="default", **settings)
        control.observe(lambda change: self._typed(name, change["new"]), "value")
        self._put(name, control, [control])
        if name in ("max_tokens", "seed", "n", "reasoning_effort"):
            self.rows[name].add_class("e80-half")

    def _add_slider(self, parameter: Parameter, title: str) -> None:
        name = parameter.name
        slider = FloatSlider(
            value=parameter.default,
            min=least(parameter),
            max=parameter.maximum,
            step=parameter.step,
            readout=False,
            tooltip=parameter.help,
        )
        field = Text(placeholder="default", continuous_update=False, tooltip=parameter.help)
        field.observe(lambda change: self._typed(name, change["new"]), "value")
        switch = Checkbox(
            value=False,
            description=title,
            indent=False,
            tooltip=f"{parameter.help}. Off: the server's default ({parameter.default:g})",
        )
        slider.observe(lambda change: self._moved(name, change["new"]), "value")
        switch.observe(lambda change: self._switched(name, change["new"]), "value")
        self.switches[name], self.fields[name] = switch, field
        head = HBox([switch, field])
        head.add_class("e80-value")
        self._put(name, slider, [head, slider])

    def _add_instruction(self) -> None:
        control = Textarea(
            description="instruction",
            placeholder="none",
            rows=3,
            continuous_update=False,
            tooltip="the instruction message of this conversation (-s)",
        )
        control.observe(lambda change: self._instructed(change["new"]), "value")
        self._put("system", control, [control])

    def _add_returns(self) -> None:
        control = Text(
            description="returns",
            placeholder="text",
            continuous_update=False,
            tooltip="the type of the answers (--returns), as: label: bug|feature, score: float",
        )
        control.observe(lambda _change: self._check_returns(), "value")
        self._put("returns", control, [control])

    def _put(self, name: str, control: Any, parts: list[Any]) -> None:
        row = VBox(parts)
        row.add_class("e80-parameter")
        row.add_class(f"e80-p-{name}")
        self.controls[name], self.rows[name] = control, row
        self.fields.setdefault(name, control)
        reason = self._reasons[name] = HTML()  # a Label would set formulas
        reason.add_class("e80-wrong")

    # What the user does.

    def _moved(self, name: str, value: float) -> None:
        if self._setting.active:
            return
        old, parameter = getattr(self._session.config, name), PARAMETERS[name]
        new = moved(parameter, parameter.default if old is None else old, value)
        if new is not None:
            self._set(name, lambda: new)

    def _switched(self, name: str, on: object) -> None:
        if not self._setting.active:
            value = round(self.controls[name].value, DIGITS) if on else None
            self._set(name, lambda: value)

    def _typed(self, name: str, text: str) -> None:
        if not self._setting.active:
            self._set(name, lambda: read(name, text))

    def _instructed(self, text: str) -> None:
        if self._setting.active:
            return
        session = self._session
        conversation = session.conversation

        def put() -> None:
            filled = session.requests.instruction(TurnOptions(system=text.strip(), fields=True))
            conversation.system = filled or ("" if session.config.system else None)

        self._try("system", put)

    def _check_returns(self) -> None:
        """Say what is wrong with the type; what is sent with it is refused until it is mended."""
        try:
            self._session.requests.typed(TurnOptions(returns=self.returns))
        except UsageError as error:
            self._mark("returns", str(error))
        else:
            self._mark("returns", "")

    def _set(self, name: str, value: Callable[[], Any]) -> None:
        self._try(name, lambda: setattr(self._session.config, name, value()))

    def _try(self, name: str, do: Callable[[], None]) -> None:
        """Do it and tell; what is refused stays in its field, marked, with the reason."""
        try:
            do()
        except UsageError as error:
            self._mark(name, str(error))
            return
        self._mark(name, "")
        self._show(name)
        self._tell(name)

    def _mark(self, name: str, reason: str) -> None:
        """Show why what stands in a field cannot be set; empty: it can."""
        row, shown = self.rows[name], self._reasons[name]
        shown.value = page_text(reason)
        if reason and shown not in row.children:
            row.children = (*row.children, shown)
            row.add_class("e80-invalid")
        elif not reason and shown in row.children:
            row.children = tuple(child for child in row.children if child is not shown)
            row.remove_class("e80-invalid")

    def _tell(self, name: str) -> None:
        for told in self.changed:
            told(name)

    # What the settings say.

    def _follow(self, change: Any) -> None:
        self._mark(change["name"], "")
        self._show(change["name"])

    def _show(self, name: str) -> None:
        control = self.controls[name]
        if name == "system":
            conversation = self._session.conversation
            own = conversation.system
            shown = (self._session.config.system if own is None else own) or ""
        else:
            value = getattr(self._session.config, name)
            parameter = PARAMETERS[name]
            if name in self.switches:
                self._show_slider(parameter, value)
                return
            shown = write(value)
        with self._setting.values():
            control.value = shown

    def _show_slider(self, parameter: Parameter, value: float | None) -> None:
        row, slider = self.rows[parameter.name], self.controls[parameter.name]
        with self._setting.values():
            self.switches[parameter.name].value = value is not None
            slide(slider, parameter, parameter.default if value is None else value)
            shown = "" if value is None else f"{value:{slider.readout_format}}"
            self.fields[parameter.name].value = shown
        if value is None:
            row.add_class("e80-unset")
        else:
            row.remove_class("e80-unset")
