"""An experiment survives JSON, and a change that does not fit is refused by name."""

from __future__ import annotations

import dataclasses
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


@pytest.mark.parametrize(
    ("path", "text", "value"),
    [
        ("training.validate_every", "400", 400),
        ("training.clip", "none", None),
        ("training.clip", "2", 2.0),
        ("data.episodes", "10", 10),
        ("training.choose", "last", "last"),
        ("training.betas", "0.8,0.9", (0.8, 0.9)),
    ],
)
def test_a_text_becomes_what_the_field_holds(path: str, text: str, value: object) -> None:
    """Also where the field is empty now, or may be emptied."""
    changed = recipes.load("ours")[1](jaco_play_spec()).changed({path: text})
    folder, name = path.split(".")
    found = getattr(getattr(changed, folder), name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize("order", [1, -1])
def test_steps_instead_of_epochs(order: int) -> None:
    """Changes that only make sense together, in whatever order."""
    experiment = recipes.load("ours")[1](jaco_play_spec())
    changes = [("training.epochs", None), ("data.history", 2), ("training.steps", "9")]
    changed = experiment.changed(dict(changes[::order]))
    assert (changed.training.epochs, changed.training.steps, changed.data.history) == (None, 9, 2)
    assert Experiment.from_plain(json.loads(json.dumps(changed.to_plain()))) == changed
    with pytest.raises(InputError, match="'epochs': is 16, and 'steps' 9: give either epochs, or"):
        experiment.changed({"training.steps": 9})


def test_a_whole_part_and_then_one_of_its_fields() -> None:
    experiment = recipes.load("ours")[1](jaco_play_spec())
    short = dataclasses.replace(experiment.training, epochs=2)
    changed = experiment.changed({"training.seed": 7, "training": short})
    assert (changed.training.epochs, changed.training.seed) == (2, 7)


def test_a_typo_lists_the_fields() -> None:
    experiment = recipes.load("ours")[1](jaco_play_spec())
    with pytest.raises(UnknownNameError, match=r"'training\.epoch'.*Did you mean|epochs"):
        experiment.changed({"training.epoch": 3})
    with pytest.raises(UnknownNameError, match=r"'trainin\.epochs'.*Did you mean|training"):
        experiment.changed({"trainin.epochs": 3})


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
