"""An experiment survives JSON, and a change that does not fit is refused by name."""

from __future__ import annotations

import dataclasses
import json
from operator import attrgetter

import pytest

from bydemo.cli.parsing import parse_with
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
        ("data.target_offset", "1", 1),
        ("data.share", "0.1", 0.1),
        ("data.observation_scaling", "minmax+standardise", "minmax+standardise"),
    ],
)
def test_a_text_becomes_what_the_field_holds(path: str, text: str, value: object) -> None:
    """Also where the field is empty now, or may be emptied."""
    changed = recipes.load("ours")[1](jaco_play_spec()).changed({path: text})
    folder, name = path.split(".")
    found = getattr(getattr(changed, folder), name)
    assert found == value
    assert type(found) is type(value)


EVERY_KIND = [
    ("model.activation", "leaky_relu", ["leaky_relu"], "leaky_relu"),
    ("model.dropout", 0, ["0"], 0.0),
    ("model.pixel_range", [0, 255], ["0", "255"], (0.0, 255.0)),
    ("model.prompt_width", 16, ["16"], 16),
    ("model.continuous_weight", 100, ["100"], 100.0),
    ("model.label_weight", 0.1, ["0.1"], 0.1),
    ("model.class_weights", "balanced", ["balanced"], "balanced"),
    ("model.class_weights", [2, 0.5, 2], ["2", "0.5", "2"], (2.0, 0.5, 2.0)),
    ("training.learning_rate", 1e-2, ["1e-2"], 0.01),
    ("data.observation_scaling", "standardise+minmax", ["standardise+minmax"],
     "standardise+minmax"),
    ("data.observation_scaling", "none", ["none"], "none"),
    ("data.target_offset", 1, ["1"], 1),
    ("data.share", 0.3, ["0.3"], 0.3),
    ("data.view.cameras", ["mount_cam"], ["mount_cam"], ("mount_cam",)),
    ("data.view.cameras", [], [], ()),
]  # fmt: skip
"""Field, JSON value, words of the command line, what the field then holds."""


@pytest.mark.parametrize(("path", "value", "words", "held"), EVERY_KIND)
def test_json_values_and_the_command_line_say_the_same(
    path: str, value: object, words: list[str], held: object
) -> None:
    """So that an entry of a plan, a line of JSON and an option are one experiment."""
    tuned = recipes.load("tuned")[1](jaco_play_spec())
    changed = tuned.changed({path: value})
    found = attrgetter(path)(changed)
    assert found == held
    assert type(found) is type(held)
    option = "--" + path.replace("_", "-")
    _, typed = parse_with(Nothing, tuned, [option, *words], verb="train")
    assert typed == changed
    assert Experiment.from_plain(json.loads(json.dumps(changed.to_plain()))) == changed
    if isinstance(value, list) and value:
        assert tuned.changed({path: ",".join(map(str, value))}) == changed


def test_colour_is_a_flag() -> None:
    tuned = recipes.load("tuned")[1](jaco_play_spec())
    _, typed = parse_with(Nothing, tuned, ["--data.view.colour"], verb="train")
    assert typed == tuned.changed({"data.view.colour": True})
    assert typed.data.view.channels == 6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Nothing:
    """No options of its own."""


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
    for path, value, problem in (
        ("training.epochs", "many", "field 'training.epochs': 'many' is not a int"),
        ("training.epochs", 2.5,
         "field 'training.epochs': is 2.5, expected a whole number or null"),
        ("data.observation_scaling", "standardize",
         "field 'observation_scaling': 'standardize' is none of standardise, minmax, "
         "standardise+minmax, minmax+standardise, none"),
        ("data.view.colour", "yes", "field 'data.view.colour': 'yes' is not a bool"),
    ):  # fmt: skip
        with pytest.raises(InputError) as caught:
            experiment.changed({path: value})
        assert str(caught.value) == problem
    tuned = recipes.load("tuned")[1](jaco_play_spec())
    with pytest.raises(InputError, match=r"'model\.class_weights': 'even' is not a tuple, nor bal"):
        tuned.changed({"model.class_weights": "even"})


def test_an_unknown_recipe_is_answered_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"no recipe named 'baselin'"):
        recipes.load("baselin")


def test_an_unknown_model_is_named() -> None:
    plain = recipes.load("ours")[1](jaco_play_spec()).to_plain()
    plain["model"]["name"] = "keyframe_polici"
    with pytest.raises(UnknownNameError, match="Did you mean 'keyframe_policy'"):
        Experiment.from_plain(plain)
