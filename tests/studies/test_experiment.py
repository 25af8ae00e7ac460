"""An experiment survives JSON, and a change that does not fit is refused by name."""

from __future__ import annotations

import json

import pytest

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.studies import recipes
from bydemo.studies.experiment import Experiment


@pytest.mark.parametrize("name", sorted(recipes.recipes()))
def test_every_recipe_survives_json(name: str) -> None:
    experiment = recipes.load(name)[1](jaco_play_spec())
    assert Experiment.from_plain(json.loads(json.dumps(experiment.to_plain()))) == experiment


def test_changes_by_dotted_name() -> None:
    experiment = recipes.load("ours")[1](jaco_play_spec())
    changed = experiment.changed(
        {
            "training.epochs": "3",
            "model.ignore": "ee_velocity,ee_position",
            "data.keyframes": "false",
        }
    )
    assert changed.training.epochs == 3
    assert changed.model.ignore == ("ee_velocity", "ee_position")
    assert changed.data.keyframes is False
    assert experiment.training.epochs != 3


def test_a_typo_lists_the_fields() -> None:
    experiment = recipes.load("ours")[1](jaco_play_spec())
    with pytest.raises(UnknownNameError, match=r"'training\.epoch'.*Did you mean|epochs"):
        experiment.changed({"training.epoch": 3})


def test_a_value_of_another_kind_is_refused() -> None:
    experiment = recipes.load("ours")[1](jaco_play_spec())
    with pytest.raises(InputError, match=r"field 'training\.epochs': 'many' is not a int"):
        experiment.changed({"training.epochs": "many"})


def test_an_unknown_recipe_is_answered_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"no recipe named 'baselin'"):
        recipes.load("baselin")


def test_an_unknown_model_is_named() -> None:
    plain = recipes.load("ours")[1](jaco_play_spec()).to_plain()
    plain["model"]["name"] = "keyframe_polici"
    with pytest.raises(UnknownNameError, match="Did you mean 'keyframe_policy'"):
        Experiment.from_plain(plain)
