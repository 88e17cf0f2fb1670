"""The presets that a session knows: those of the configuration and those in files."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from traitlets.config import Config

from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.config import ChatConfig
from eighty80_jupyter.conversation.conversation import Conversation
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.session.embedded import Embedded
from eighty80_jupyter.session.options import TurnOptions
from eighty80_jupyter.storage.presets import (
    Preset,
    checked_name,
    make_preset,
    preset_names,
    read_preset,
    write_preset,
)
from eighty80_jupyter.text import unknown
from eighty80_jupyter.wire.secret import Secrets


def overruled(preset: Preset, conversation: Conversation) -> str:
    """Say that the conversation does not follow the instruction of a preset, or nothing."""
    if preset.system is None or conversation.system is None:
        return ""
    own = "an instruction of its own (-s)" if conversation.system else 'no instruction (-s "")'
    return f"The conversation {conversation.name} has {own}, which counts there."


class Presets:
    """Finds presets by their names, and has the setting `preset` set what one of them says.

    What the settings were before is set again when another one is chosen, or none; what has been
    changed since stays.
    """

    def __init__(self, config: ChatConfig, embedded: Embedded) -> None:
        self._config = config
        self._embedded = embedded
        self._before: dict[str, tuple[Any, Any]] = {}  # by name: what was there, what was set
        config.find_preset = self.find
        config.observe(self._chosen, "preset")

    def names(self) -> list[str]:
        """Return the names of all presets, sorted."""
        return sorted({*self._config.presets, *preset_names()})

    def find(self, name: str) -> Preset:
        """Return the preset of that name; one of the configuration hides a file. Raises UsageError.

        A file is read each time, so that what was changed in it counts at once.
        """
        own = self._config.presets
        if name in own:
            return make_preset(name, own[name], f"c.ChatConfig.presets[{name!r}]")
        names = self.names()
        if name not in names:
            if not names:
                raise UsageError(
                    f"there is no preset {name!r}, nor any other; "
                    f"%chat -s TEXT --preset-save {name} saves one"
                )
            raise UsageError(f"{unknown('preset', name, names)} (there are: {', '.join(names)})")
        return read_preset(name)

    def applied(self, options: TurnOptions) -> TurnOptions:
        """Return the options of a turn with its preset below them. Raises UsageError."""
        if not isinstance(options.preset, str):
            return options
        preset = self.find(options.preset)
        parameters = dict(preset.parameters)
        model = self._embedded.elsewhere("model")
        if preset.base_url is not None and model != self._config.model:
            parameters.setdefault("model", model)  # the embedded model is none of that server's
        if options.returns is not None:
            parameters.pop("response_format", None)  # the type says it
        return replace(
            options,
            preset=preset,
            tools=preset.tools if options.tools is None else options.tools,
            parameters={**parameters, **options.parameters},
        )

    def what_is_set(
        self,
        name: str,
        conversation: Conversation,
        more: Mapping[str, Any] | None = None,
        *,
        scrubbed: Callable[[str], str],
    ) -> Preset:
        """Return what is set as a preset, `more` over it; an address only from there.

        `scrubbed` takes secrets out of a text. Raises UsageError where that is nothing.
        """
        config, own = self._config, conversation.system
        values: dict[str, Any] = {key: getattr(config, key) for key in PARAMETERS}
        values |= {"system": config.system if own is None else own, "tools": config.tools}
        if self._embedded.active:
            values["model"] = None  # it is another one elsewhere
        values |= more or {}
        for key in ("system", "tools"):
            if values[key] in ("", []):
                values[key] = None
        if isinstance(values["system"], str):
            values["system"] = scrubbed(values["system"])
        preset = make_preset(checked_name(name), values, f"the preset {name}")
        if not preset.values:
            raise UsageError(
                "there is nothing to save: every setting is the default; set something first, as "
                f'in %chat -s "Be brief." -t 0.2 --preset-save {name}'
            )
        return preset

    def save(self, preset: Preset, *, secret: Secrets) -> Path:
        """Write a preset into a file, and return its path. Raises UsageError."""
        if preset.name in self._config.presets:
            raise UsageError(
                f"{preset.name} is a preset of your configuration (c.ChatConfig.presets), which "
                "would hide the file; save it under another name"
            )
        return write_preset(preset, secret=secret)

    def begin(self) -> None:
        """Set what the preset of a configuration file says, but what the file itself sets.

        Raises UsageError, and then it is set no longer.
        """
        name = self._config.preset
        if name is None or self._before:
            return
        try:
            preset = self.find(name)
        except UsageError:
            self._config.preset = None
            raise
        own = self._config.config.get(type(self._config).__name__, {})
        self._set({k: v for k, v in preset.values.items() if k not in own})

    def _chosen(self, change: Any) -> None:
        values = self.find(change["new"]).values if change["new"] is not None else {}
        before, self._before = self._before, {}
        for name, (was, became) in before.items():
            if getattr(self._config, name) == became:
                setattr(self._config, name, was)
        self._set(values)

    def _set(self, values: dict[str, Any]) -> None:
        values = {k: None if v is False and k == "tools" else v for k, v in values.items()}
        was = {name: getattr(self._config, name) for name in values}
        self._config.update_config(Config({type(self._config).__name__: values}))
        self._before = {name: (was[name], getattr(self._config, name)) for name in values}
