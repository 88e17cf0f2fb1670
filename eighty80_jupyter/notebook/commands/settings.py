"""Commands for the server, the key, the settings and presets of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from traitlets import TraitError, TraitType, Unicode, Union
from traitlets.config import Config

from eighty80_jupyter.api import request_parameters
from eighty80_jupyter.api.request_parameters import Kind
from eighty80_jupyter.config import expected
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.notebook.cell.display import Progress
from eighty80_jupyter.session.presets import overruled
from eighty80_jupyter.text import shown, unknown
from eighty80_jupyter.wire.endpoint import check_fields
from eighty80_jupyter.wire.secret import Secret, unquoted

if TYPE_CHECKING:
    from eighty80_jupyter.config import ChatConfig
    from eighty80_jupyter.notebook.commands.context import CommandContext

_UNSET = ("None", "default")
# What a preset takes from the line besides the parameters.
OF_A_PRESET = ("system", "tools", "no_tools", "preset")


def remote(context: CommandContext, _value: Any) -> None:
    """Stop the embedded model."""
    context.session.use_remote()
    context.say(f"Talking to {context.session.address}.")


def local(context: CommandContext, path: str) -> None:
    """Start the embedded model."""
    with Progress(context.shell, context.session.config, "Fetching the embedded model") as progress:
        server = context.session.use_local(path or None, progress=progress)
    context.say(f"Talking to {server.model} on this machine ({server.url}). No key is needed.")


def key(context: CommandContext, _value: Any) -> None:
    """Ask for the API key."""
    from getpass import getpass  # noqa: PLC0415  # ipykernel replaces it at the start

    try:
        typed = getpass("API key (it is not shown): ")
    except (EOFError, NotImplementedError, RuntimeError):
        raise UsageError(
            "nobody can type a key in here; set the environment variable _8080_API_KEY"
        ) from None
    context.session.set_key(typed)
    rest = "; the quotes around it were taken off" if unquoted(typed) != typed.strip() else ""
    context.say(f"The key is set for this kernel{rest}.")


def change(context: CommandContext, texts: Mapping[str, str]) -> None:
    """Change settings, all of them or none; without any show those that are not the default."""
    config = context.session.config
    if not texts:
        names = [name for name in changed(config) if name != "api_key"]  # %chat tells of the key
        found = [f"{name} = {_shown(config, name)}" for name in names]
        context.say("\n".join(found) or "Every setting is the default.")
        return
    if texts.get("api_key", "default") != "default":
        raise UsageError(
            "a key does not belong into a notebook, where it would be saved; "
            "%chat --key asks for it"
        )
    traits = config.traits(config=True)
    for name in texts:
        if name not in traits:
            raise UsageError(unknown("setting", name, traits))
    values = {name: _value(config, name, text) for name, text in texts.items()}
    for name in ("extra_headers", "extra_query"):
        fields = check_fields(values.get(name) or {}, name, headers=name == "extra_headers")
        if any(isinstance(value, Secret) for value in fields.values()):
            raise UsageError(
                f"a secret in {name} does not belong into a notebook, where it would be saved; "
                'name an environment variable in its place: {"api-key": "$NAME"}'
            )
    try:
        config.update_config(Config({type(config).__name__: values}))
        if "preset" in values:  # what stands beside it on the line wins
            rest = {name: value for name, value in values.items() if name != "preset"}
            config.update_config(Config({type(config).__name__: rest}))
    except TraitError as error:
        raise UsageError(" ".join(str(error).split())) from None
    for name in values:
        context.say(f"{name} = {_shown(config, name)}")
    if values.get("preset") is not None:
        preset = context.session.presets.find(config.preset or "")
        context.say(f"It sets {preset}.")
        if own := overruled(preset, context.conversation):
            context.say(own)


def save_preset(context: CommandContext, name: str) -> None:
    """Save what is set, and over it what stands on the line; an address only from there."""
    session, line = context.session, context.options
    values: dict[str, Any] = {}
    if line.preset is not None:
        values |= session.presets.find(line.preset).values
    values |= line.parameters
    if line.system is not None:
        values["system"] = line.system
    if line.tools:
        names = [each.strip() for text in line.tools for each in text.split(",") if each.strip()]
        values["tools"] = "all" if "all" in names else names
    elif line.no_tools:
        values["tools"] = False
    if (line.set_ or {}).get("base_url", "default") != "default":
        values["base_url"] = session.config.base_url
    preset = session.presets.what_is_set(
        name, session.conversation, values, scrubbed=session.requests.scrubbed
    )
    path = session.presets.save(preset, secret=session.secrets)
    context.say(f"Saved the preset {name}: {preset} ({path}).")


def changed(config: ChatConfig) -> list[str]:
    """Return the names of the settings that are not the default, in the order of the alphabet."""
    found = []
    for name, trait in config.traits(config=True).items():
        value = getattr(config, name)
        if value != trait.default(config) and not (value is None and trait.allow_none):
            found.append(name)
    return sorted(found)


def _value(config: ChatConfig, name: str, text: str) -> Any:
    """Return the value that a text means for a setting."""
    trait: TraitType[Any, Any] = config.traits()[name]
    if text == "default" or (text in _UNSET and trait.allow_none):
        return trait.default(config)
    kind = (
        request_parameters.PARAMETERS[name].kind if name in request_parameters.PARAMETERS else None
    )
    if kind is Kind.FLAG:
        return {"true": True, "false": False}.get(text.lower(), text)
    if kind is Kind.STRINGS:
        return _strings(text)
    if isinstance(trait, Unicode):
        return text  # the trait's own reading takes a ~ for the home folder
    if isinstance(trait, Union) and text.startswith("{"):
        return _dictionary(name, text)  # the trait's own reading of one fails
    try:
        return trait.from_string(text)
    except (ValueError, TraitError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"{name} must be {expected(trait)}; got {shown(text)}") from None


def _strings(text: str) -> Any:
    """Return the list that a text holds as JSON, or a list of the text itself."""
    try:
        value = json.loads(text)
    except ValueError:
        return [text]
    return value if isinstance(value, list) else [text]


def _dictionary(name: str, text: str) -> Any:
    """Return the dictionary that a text holds as JSON; the trait checks what is in it."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{name} must be a JSON object, got {text[:80]!r} ({error})") from None


def _shown(config: ChatConfig, name: str) -> str:
    value = getattr(config, name)
    # A secret's own text hides it; a long instruction is cut.
    return shown(value) if value is not None else "the default"
