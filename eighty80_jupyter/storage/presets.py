"""Presets: named sets of instruction, parameters and tools, each a file of the user's own.

A file is JSON of this form, and lies in the folder `presets` of the user's configuration folder:

    {"system": "You review code.", "temperature": 0.2, "tools": ["run_tests"]}
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from eighty80_jupyter.api.parameter_values import check
from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.errors import UsageError
from eighty80_jupyter.storage.files import read_file, reason, write_file
from eighty80_jupyter.text import shown
from eighty80_jupyter.wire.address import clean_url
from eighty80_jupyter.wire.secret import Secrets, without_secret

SETTINGS = ("system", "tools", "base_url")  # besides the parameters of a request
_LIMIT = 2**20  # bytes of a file
_NAME = re.compile(r"\w[\w .-]{0,63}(?<![ .])")
_NOT_HERE = ("api_key", "extra_headers", "extra_query")


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """What a preset sets; None is left as it is elsewhere. `tools` False: none are offered."""

    name: str
    system: str | None = None
    tools: str | list[str] | bool | None = None
    base_url: str | None = None
    parameters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def values(self) -> dict[str, Any]:
        """What it sets, by the names of the settings, as a file has it."""
        own = {"system": self.system, "tools": self.tools, "base_url": self.base_url}
        return {k: v for k, v in own.items() if v is not None} | dict(self.parameters)

    def __str__(self) -> str:
        return ", ".join(
            name if name == "system" else f"{name} {shown(value)}"
            for name, value in self.values.items()
        )


def preset_folder() -> Path:
    """Return where the presets of this user lie."""
    from platformdirs import user_config_path  # noqa: PLC0415  # for those who use presets

    return user_config_path("eighty80_jupyter") / "presets"


def checked_name(name: str) -> str:
    """Return a name that a file can have on every system. Raises UsageError."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            "the name of a preset has letters, digits, spaces, dots and dashes, and begins with a "
            f"letter or digit; got {shown(name)}"
        )
    return name


def make_preset(name: str, values: Any, where: str) -> Preset:
    """Return the preset that plain values describe; `where` they stand. Raises UsageError."""
    if not isinstance(values, Mapping):
        raise UsageError(
            f'{where} must be an object such as {{"system": "Be brief.", "temperature": 0.2}}; '
            f"got {shown(values)}"
        )
    found: dict[str, Any] = {}
    parameters: dict[str, Any] = {}
    for key, value in values.items():
        kept = parameters if key in PARAMETERS else found
        try:
            kept[key] = None if value is None else _checked(key, value)
        except UsageError as error:
            raise UsageError(f"{where}: {error}") from None
    parameters = {key: value for key, value in parameters.items() if value is not None}
    return Preset(name=name, parameters=parameters, **found)


def _checked(key: str, value: Any) -> Any:
    if key in PARAMETERS:
        return check(key, value)
    if key in _NOT_HERE:
        raise UsageError(f"{key} is none of a preset's, which holds nothing secret")
    if key not in SETTINGS:
        raise UsageError(f"{shown(key)} is neither a parameter nor one of {', '.join(SETTINGS)}")
    if key == "tools":
        names = value if isinstance(value, list) else [value]
        if value is False or (names and all(isinstance(name, str) and name for name in names)):
            return value
        raise UsageError(f'tools must be names, "all" or false; got {shown(value)}')
    if not isinstance(value, str):
        raise UsageError(f"{key} must be a text, got {shown(value)}")
    return clean_url(value) if key == "base_url" else value


def preset_names() -> list[str]:
    """Return the names of the presets that are files, sorted."""
    try:
        return sorted(path.stem for path in preset_folder().glob("*.json") if path.is_file())
    except OSError:
        return []


def read_preset(name: str) -> Preset:
    """Return a preset from its file. Raises UsageError."""
    path = preset_folder() / f"{name}.json"
    data = read_file(path, _LIMIT)
    try:
        values = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON: {' '.join(str(error).split())}") from None
    return make_preset(name, values, str(path))


def write_preset(preset: Preset, *, secret: Secrets) -> Path:
    """Write a preset into its file, in place of an earlier one; `secret` is cut out.

    A new file is private to the user. Raises UsageError.
    """
    path = preset_folder() / f"{checked_name(preset.name)}.json"
    values = without_secret(preset.values, secret)
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    except OSError as error:
        raise UsageError(f"cannot make {path.parent}: {reason(error)}") from None
    text = json.dumps(values, indent=2, ensure_ascii=False)
    write_file(path, f"{text}\n".encode())
    return path
