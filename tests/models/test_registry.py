"""The folder is the registry."""

from __future__ import annotations

import pytest

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.models import model_config, model_names
from bydemo.models.base import config_name
from bydemo.models.behavior_cloning import Config


def test_names_are_the_models_alone() -> None:
    names = model_names()
    assert {"behavior_cloning", "proprioception"} <= set(names)
    assert not {"base", "acting", "agent", "chunking", "action_head"} & set(names)


def test_config_from_plain_values() -> None:
    config = model_config("behavior_cloning", {"activation": "relu", "dropout": 0.4})
    assert config == Config(activation="relu", dropout=0.4)
    assert config_name(config) == "behavior_cloning"


def test_typo_and_shared_module() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'behavior_cloning'"):
        model_config("behaviour_cloning")
    with pytest.raises(UnknownNameError, match="there is no model named 'base'"):
        model_config("base")


def test_unknown_field() -> None:
    with pytest.raises((InputError, UnknownNameError), match="dropuot"):
        model_config("behavior_cloning", {"dropuot": 0.1})
