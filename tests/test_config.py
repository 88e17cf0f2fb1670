"""The settings: from the table, all or nothing, and without the key."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from traitlets import TraitError
from traitlets.config import Config

from eighty80_jupyter.api.request_parameters import PARAMETERS
from eighty80_jupyter.config import DEFAULT_MODEL, ChatConfig
from eighty80_jupyter.errors import UsageError


def test_every_parameter_is_a_trait() -> None:
    """Each parameter of the table is a setting with the table's help, unset at first."""
    traits = ChatConfig.class_traits(config=True)
    for name, parameter in PARAMETERS.items():
        assert traits[name].help == parameter.help
        assert getattr(ChatConfig(), name) is None


def test_only_what_is_set_is_sent() -> None:
    """The parameters of a fresh configuration are the default model and nothing else."""
    config = ChatConfig()
    assert config.parameters() == {"model": DEFAULT_MODEL}
    config.temperature = 0
    assert config.parameters() == {"model": DEFAULT_MODEL, "temperature": 0}


@pytest.mark.parametrize(
    ("name", "value"),
    [("temperature", 3), ("n", 0), ("stop", []), ("base_url", "ftp://x"), ("api_key", "a b")],
)
def test_bad_values_are_refused(name: str, value: Any) -> None:
    """A bad value raises an error that traitlets and this package both know; nothing changes."""
    config = ChatConfig()
    before = getattr(config, name)
    with pytest.raises(UsageError) as caught:
        setattr(config, name, value)
    assert isinstance(caught.value, TraitError)
    assert getattr(config, name) == before


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("temprature", 1, "unknown setting temprature; did you mean temperature?"),
        ("parameters", {"seed": 1}, "unknown setting parameters"),  # a method
        ("stream", "x", "stream must be True or False; got 'x'"),
        ("temperature", 10**400, "temperature must be between 0 and 2, got 1000"),
        ("temperature", np.array([0.5, 1]), "temperature must be between 0 and 2, got array"),
        ("max_tokens", np.array([1, 2]), "max_tokens must be an integer of at least 1, got array"),
        ("seed", float("nan"), "seed must be an integer, got nan"),
        ("seed", 1.5, "seed must be an integer, got 1.5"),
        ("field_tokens", 5, "field_tokens must be an integer of at least 20; got 5"),
        ("tool_timeout", -1, "tool_timeout must be a number of at least 0.001, or None; got -1"),
        ("context_policy", "cut", "context_policy must be error or trim or summarize; got 'cut'"),
        ("context_limit", 12, "context_limit must be an integer of at least 64, or a dictionary"),
        ("tools", 5, "tools must be a text, or a list of texts, or None; got 5"),
        ("system", 5, "system must be a text, or None; got 5"),
    ],
)
def test_mistakes_are_told_in_one_line(name: str, value: Any, message: str) -> None:
    """A name that is no setting, and a value that is none of its kind, say what is expected."""
    config = ChatConfig()
    with pytest.raises(UsageError) as caught:
        setattr(config, name, value)
    assert str(caught.value).startswith(message)
    assert isinstance(caught.value, TraitError)


def test_update_is_all_or_nothing() -> None:
    """A configuration with one bad value changes nothing, also not the next time."""
    config = ChatConfig()
    with pytest.raises(UsageError, match="temperature must be between"):
        config.update_config(Config({"ChatConfig": {"top_p": 0.5, "temperature": 3}}))
    assert config.top_p is None
    config.update_config(Config({"ChatConfig": {"seed": 1}}))
    assert (config.seed, config.temperature) == (1, None)


def test_update_leaves_other_settings_alone() -> None:
    """What was set in Python stays when %config changes something else."""
    config = ChatConfig(config=Config({"ChatConfig": {"temperature": 0.1}}))
    config.temperature = 0.9
    config.update_config(Config({"ChatConfig": {"seed": 1}}))
    assert (config.temperature, config.seed) == (0.9, 1)


def test_unknown_setting() -> None:
    """A misspelt setting is refused with the nearest name."""
    with pytest.raises(UsageError, match="did you mean temperature"):
        ChatConfig().update_config(Config({"ChatConfig": {"temprature": 1}}))


def test_key_shows_nowhere() -> None:
    """The key is in no repr, help text or pickle of the settings."""
    config = ChatConfig(api_key="sk-very-secret")
    assert "very-secret" not in repr(config.api_key)
    assert "very-secret" not in repr(config.trait_values())
    assert "very-secret" not in ChatConfig.class_get_help(config)
    assert b"very-secret" not in pickle.dumps(config.api_key)


def test_address_is_cleaned() -> None:
    """A trailing slash and a final /v1 are left out of the address."""
    assert ChatConfig(base_url="http://localhost:1/v1/").base_url == "http://localhost:1"
