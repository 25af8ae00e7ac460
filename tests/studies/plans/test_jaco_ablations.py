"""Every ablation differs from its control by what its name says and nothing else, and trains."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.data.small import write_dataset

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.core.results import read_json, read_lines
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.evaluation.actors import StillActor
from bydemo.models.agent import Agent
from bydemo.models.behavior_cloning import TUNED
from bydemo.models.behavior_cloning import Config as BehaviorCloning
from bydemo.studies.demonstrations import Existing
from bydemo.studies.experiment import Experiment
from bydemo.studies.plan import Arm, StudyPlan
from bydemo.studies.plans import plan_names
from bydemo.studies.plans._jaco_ablations import ABLATIONS, GROUPS, ablations
from bydemo.studies.prepare import prepare
from bydemo.studies.work import Act, Here, Judging, TrainAndJudge

SMALL = {"data.view.size": 16, "training.epochs": None, "training.steps": 1,
         "training.batch_size": 8, "training.precision": "fp32"}  # fmt: skip
DECIDES, ACTED = "offline.validation.policy.gripper.macro_f1", "rollouts.all.rate"
CONTROL = Arm(
    name="tuned", work=TrainAndJudge(recipe="jaco_play.tuned", changes=SMALL), dataset="jaco",
    seeds=(1, 2, 3),
)  # fmt: skip
ARMS, QUESTIONS = ablations(CONTROL, decides=DECIDES, also=("training.loss",), acted=ACTED)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    """Ten short episodes with Jaco's fields."""
    path = tmp_path_factory.mktemp("jaco") / "data"
    small = write_dataset(path, lengths=(5, 4, 6, 5, 4, 5, 6, 4, 5, 5), spec=jaco_play_spec())
    return write_splits(small, make_split(small, "random"))


def experiment(arm: Arm, dataset: Dataset) -> Experiment:
    assert isinstance(arm.work, TrainAndJudge)
    return arm.work.experiment(dataset.spec, Here(folder=Path("runs"), seed=1))


def flat(plain: Any, name: str = "") -> dict[str, Any]:
    """Dotted name -> value."""
    if not isinstance(plain, dict):
        return {name: plain}
    pairs = (flat(value, f"{name}.{key}" if name else key) for key, value in plain.items())
    return {path: value for pair in pairs for path, value in pair.items()}


@pytest.mark.parametrize("arm", ARMS, ids=lambda arm: arm.name)
def test_exactly_what_is_named_differs_and_it_trains(
    arm: Arm, dataset: Dataset, tmp_path: Path
) -> None:
    control, made = experiment(CONTROL, dataset), experiment(arm, dataset)
    ours, theirs = flat(made.to_plain()), flat(control.to_plain())
    differing = {path: ours[path] for path in ours if ours[path] != theirs[path]}
    assert differing == json.loads(json.dumps(dict(ABLATIONS[arm.name].changes)))
    assert ours.keys() == theirs.keys()
    assert isinstance(arm.work, TrainAndJudge)
    here = Here(folder=tmp_path / arm.name / "seed-1", seed=1, dataset=dataset.path)
    arm.work.do("training", here)
    assert read_json(here.folder / "results.json")["training"]["steps"] == 1
    (row,) = (r for r in read_lines(here.folder / "metrics.jsonl") if r["kind"] == "train")
    assert row["parts"].keys() == {"mse", "cross_entropy"}
    assert row["activations"].keys() >= {"observation_branch", "head"}
    assert Agent.from_pretrained(here.folder).view == made.data.view


def test_all_that_the_study_asks_for_is_there() -> None:
    """By what is varied, from the values of the control on."""
    values: dict[str, list[Any]] = {}
    for ablation in ABLATIONS.values():
        assert len(ablation.changes) == 1
        for path, value in ablation.changes.items():
            values.setdefault(path, []).append(value)
    assert values == {
        "data.observation_scaling": ["none", "minmax", "standardise+minmax", "minmax+standardise"],
        "model.pixel_range": [[0.0, 255.0], [-1.0, 1.0], [-2.258, 2.526]],
        "training.learning_rate": [1e-2, 1e-3, 1e-5],
        "model.activation": ["none", "leaky_relu"],
        "model.dropout": [0.0, 0.2],
        "data.view.cameras": [["front_cam"], ["mount_cam"], []],
        "data.view.colour": [True],
        "model.prompt_width": [32],
        "model.continuous_weight": [10.0, 100.0],
        "model.class_weights": ["balanced"],
        "data.target_offset": [1, 2],
    }


def test_the_control_is_the_references_tuned_recipe(dataset: Dataset) -> None:
    made = experiment(CONTROL, dataset)
    assert made.model == TUNED == BehaviorCloning(activation="relu", dropout=0.4)
    assert made.training.learning_rate == 1e-4
    assert made.data.observation_scaling == "standardise"


def test_both_orders_of_scaling_give_what_the_last_one_gives(dataset: Dataset) -> None:
    """So a difference that the reference saw between them was noise."""

    def scale(name: str) -> Any:
        arm = next((arm for arm in ARMS if arm.name == name), CONTROL)
        return prepare(experiment(arm, dataset).data, dataset).codec.proprioception

    for both, last in (
        ("scaling-standardise-minmax", "scaling-minmax"),
        ("scaling-minmax-standardise", "tuned"),
    ):
        assert scale(both).scale == pytest.approx(scale(last).scale, rel=1e-12)
        assert scale(both).offset == pytest.approx(scale(last).offset, rel=1e-9, abs=1e-12)


def test_arms_and_questions_make_a_plan(tmp_path: Path) -> None:
    datasets = {"jaco": Existing(path=tmp_path)}
    StudyPlan(name="jaco", title="", datasets=datasets, arms=(CONTROL, *ARMS),
              questions=QUESTIONS).check()  # fmt: skip
    assert [arm.name for arm in ARMS] == list(ABLATIONS)
    assert all((arm.seeds, arm.dataset) == (CONTROL.seeds, "jaco") and arm.about for arm in ARMS)
    asked = [name for question in QUESTIONS for name in question.arms]
    assert asked == list(ABLATIONS)
    assert all(question.control == "tuned" and question.why for question in QUESTIONS)


def test_offsets_are_decided_by_acting_or_not_at_all() -> None:
    """Their target is another one, so held-out errors are no common measure."""
    by = {question.arms[0]: question.decides for question in QUESTIONS}
    assert by.pop("offset-1") == ACTED
    assert set(by.values()) == {DECIDES}
    arms, questions = ablations(CONTROL, decides=DECIDES)
    assert len(questions) == len(GROUPS) - 1
    assert {arm.name for arm in ARMS} - {arm.name for arm in arms} == {"offset-1", "offset-2"}


def test_curves_go_through_the_control() -> None:
    lines = {q.arms[0]: q.curve for q in QUESTIONS if q.curve is not None}
    assert list(lines["rate-1e-2"].series["tuned"]) == ["rate-1e-5", "tuned", "rate-1e-3",
                                                        "rate-1e-2"]  # fmt: skip
    assert not lines["offset-1"].log


def test_some_groups_judged_in_their_own_way() -> None:
    judging = Judging(offline=("validation",))
    arms, questions = ablations(CONTROL, decides=DECIDES, groups=("loss",), judging=judging)
    assert [arm.name for arm in arms] == ["position-x10", "position-x100", "classes-balanced"]
    assert len(questions) == 1
    assert all(isinstance(a.work, TrainAndJudge) and a.work.judging == judging for a in arms)


def test_mistakes_are_named() -> None:
    with pytest.raises(UnknownNameError, match="'scalings'"):
        ablations(CONTROL, decides=DECIDES, groups=("scalings",))
    still = Arm(name="still", work=Act(actor=StillActor(), judging=Judging()))
    with pytest.raises(InputError, match="'still' is no training that could be varied"):
        ablations(still, decides=DECIDES)


def test_it_is_no_study_of_its_own() -> None:
    assert not [name for name in plan_names() if "ablations" in name]
