"""The values of the panel's sliders and fields, as the settings and a browser see them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.notebook.panel.controls.parameters import ParameterPanel
from eighty80_jupyter.session.session import Session

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(name="parameters")
def _parameters() -> Iterator[ParameterPanel]:
    session = Session(environ={})
    parameters = ParameterPanel(session)
    yield parameters
    parameters.close()
    session.close()


class Slider:
    """Stands for a slider in a browser: it rounds what it is told, and tells that it has moved."""

    def __init__(self, widget: Any) -> None:
        self.widget = widget
        self.step, self.value = widget.step, widget.value
        self.news: list[Any] = []
        widget.observe(self.news.append, ["step", "value"])

    def take_in(self) -> None:
        """Take in what the kernel has sent."""
        while self.news:
            change = self.news.pop(0)
            if change["name"] == "step":
                self.step = change["new"]
                continue
            low = self.widget.min
            self.value = low + round((change["new"] - low) / self.step) * self.step
            self.widget.value = self.value + 1e-12  # it calculates with percentages


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.333),
        ("temperature", 1 / 3),
        ("temperature", 1.999),
        ("temperature", 2),
        ("top_p", 0),
        ("top_p", 0.005),
        ("frequency_penalty", -1.23456),
        ("presence_penalty", 0.1),
    ],
)
def test_a_setting_between_the_steps_stays_as_it_was_set(
    parameters: ParameterPanel, name: str, value: float
) -> None:
    """A panel that is open changes no setting, and its slider shows what will be sent."""
    config = parameters._session.config
    slider = Slider(parameters.controls[name])
    for other in (value, None, 0.5, value):
        setattr(config, name, other)
        slider.take_in()
        assert getattr(config, name) == other
        shown = PARAMETERS[name].default if other is None else other
        assert slider.value == pytest.approx(shown, abs=1e-6)
        readout = float(format(slider.value, slider.widget.readout_format))
        assert readout == pytest.approx(shown, abs=1e-6)
    setattr(config, name, None)
    slider.take_in()
    assert slider.step == PARAMETERS[name].step
    assert slider.widget.min == (0.01 if name == "top_p" else PARAMETERS[name].minimum)


@pytest.mark.parametrize(
    ("told", "set_to"), [(0.334, 0.35), (0.332, 0.3), (0.45, 0.45), (1.2341, 1.25), (0, 0)]
)
def test_a_slider_that_is_moved_gets_back_to_its_steps(
    parameters: ParameterPanel, told: float, set_to: float
) -> None:
    """A press of an arrow key is one of the parameter's steps again, not a finer one."""
    config, slider = parameters._session.config, parameters.controls["temperature"]
    config.temperature = 0.333
    assert slider.step == 0.001
    slider.value = told
    assert (config.temperature, slider.value) == (set_to, set_to)
    assert slider.step == PARAMETERS["temperature"].step


def test_sliders_have_the_bounds_of_the_table(parameters: ParameterPanel) -> None:
    """What the settings take can be set by a slider, but for a top_p of 0: no token is left."""
    for name in parameters.switches:
        slider, parameter = parameters.controls[name], PARAMETERS[name]
        low = 0.01 if name == "top_p" else parameter.minimum
        bounds = (low, parameter.maximum, parameter.step, parameter.default)
        assert (slider.min, slider.max, slider.step, slider.value) == bounds


def test_stop_texts_are_read_as_they_are_written(parameters: ParameterPanel) -> None:
    """Touching the field changes no text, whatever is in it; what cannot be typed has a name."""
    config, field = parameters._session.config, parameters.controls["stop"]
    texts = ["\n\n", "\\n", "C:\\new\\", "\r\n\t \u2028END "]
    config.stop = texts
    shown = field.value
    assert shown.count("\n") == 3
    assert "\r" not in shown  # a browser would make another text of it
    config.stop = None
    field.value = shown
    assert config.stop == texts
    field.value = "a\n\n\\d\n"
    assert config.stop == ["a", "\\d"]


@pytest.mark.parametrize(
    ("name", "typed", "reason"),
    [
        ("max_tokens", "abc", "max_tokens must be an integer of at least 1"),
        ("max_tokens", "-5", "max_tokens must be an integer of at least 1"),
        ("max_tokens", "1.5", "max_tokens must be an integer of at least 1"),
        ("max_tokens", "2,00", "max_tokens must be an integer of at least 1"),
        ("seed", "1,5", "seed must be an integer"),
        ("n", "0", "n must be an integer of at least 1"),
        ("n", "1000", "n must be between 1 and 16 here, got 1,000"),
        ("temperature", "0,7", "temperature takes a decimal point: 0.7"),
        ("temperature", "hot", "temperature must be between 0 and 2"),
        ("top_p", "3", "top_p must be between 0 and 1"),
        ("presence_penalty", "-2.5", "presence_penalty must be between -2 and 2"),
    ],
)
def test_what_cannot_be_set_stays_in_its_field(
    parameters: ParameterPanel, name: str, typed: str, reason: str
) -> None:
    """It is marked, the reason stands beside it, and the setting is as it was."""
    config, field, row = parameters._session.config, parameters.fields[name], parameters.rows[name]
    field.value = "1"
    before = getattr(config, name)
    assert before == 1
    field.value = typed
    shown = row.children[-1].value
    assert reason in shown
    assert "e80-invalid" in row._dom_classes
    assert (field.value, getattr(config, name)) == (typed, before)
    other = "seed" if name != "seed" else "max_tokens"
    parameters.fields[other].value = "7"  # news of another field
    assert (field.value, row.children[-1].value) == (typed, shown)
    field.value = ""
    assert "e80-invalid" not in row._dom_classes
    assert getattr(config, name) is None


@pytest.mark.parametrize("typed", ["2,000", "2'000", "2 000", " 2000 ", "2\u202f000", "2_000"])
def test_thousands_may_be_parted(parameters: ParameterPanel, typed: str) -> None:
    """A whole number is read as people write it, and shown as it is set."""
    parameters.fields["max_tokens"].value = typed
    assert parameters._session.config.max_tokens == 2000
    assert parameters.fields["max_tokens"].value == "2000"


def test_a_setting_from_elsewhere_takes_the_mark_away(parameters: ParameterPanel) -> None:
    """The field shows what is set, and nothing that is no longer there is wrong."""
    parameters.fields["n"].value = "0"
    assert "e80-invalid" in parameters.rows["n"]._dom_classes
    parameters._session.config.n = 3
    assert (
        parameters.fields["n"].value,
        parameters.rows["n"]._dom_classes.count("e80-invalid"),
    ) == (
        "3",
        0,
    )


def test_the_field_of_a_slider_sets_it(parameters: ParameterPanel) -> None:
    """A number that is typed moves the slider, and one that is dragged stands in the field."""
    parameters.fields["temperature"].value = "0.35"
    assert parameters._session.config.temperature == 0.35
    assert parameters.controls["temperature"].value == 0.35
    parameters.controls["temperature"].value = 1.5
    assert parameters.fields["temperature"].value == "1.50"


def test_what_is_set_is_not_folded_away() -> None:
    """A panel that opens on an instruction or a penalty shows it."""
    session = Session(environ={})
    session.config.stop = ["END"]
    parameters = ParameterPanel(session)
    assert parameters.more.part.layout.display is None
    parameters.close()
    session.close()
