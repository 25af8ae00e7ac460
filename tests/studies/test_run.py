"""A run folder from a dataset: it acts, it is judged beside baselines, and it refuses mix-ups."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.small import episode, write_dataset

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.images import View
from bydemo.core.results import read_json, read_lines
from bydemo.data.source import Dataset
from bydemo.data.splits import Split, make_split, write_splits
from bydemo.models.agent import Agent
from bydemo.studies import recipes
from bydemo.studies.experiment import DataConfig, Experiment
from bydemo.studies.judging import judge_offline
from bydemo.studies.prepare import prepare, training_episodes
from bydemo.studies.run import open_dataset, open_run, train_run

BLIND = View(cameras=())


def small_experiment(dataset: Dataset, name: str = "ours", **changes: Any) -> Experiment:
    fields = {"training.epochs": 1, "training.batch_size": 8, "training.precision": "fp32"}
    if name == "ours":
        fields |= {"model.width": 8, "model.hidden": 16, "model.embedding": 8}
    return recipes.load(name)[1](dataset.spec).changed({**fields, **changes})


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("run") / "data"
    small = write_dataset(path, lengths=(6, 5, 7, 6, 5, 8, 6, 7, 5, 6))
    return write_splits(small, make_split(small, "random"))


@pytest.fixture(scope="module")
def run(dataset: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "ours"
    train_run(small_experiment(dataset), dataset, folder, recipe="jaco_play.ours")
    return folder


def test_a_run_says_how_it_was_made(run: Path, dataset: Dataset) -> None:
    config, results = read_json(run / "config.json"), read_json(run / "results.json")
    assert config["recipe"] == "jaco_play.ours"
    assert Experiment.from_plain(config["experiment"]) == small_experiment(dataset)
    assert {"bydemo", "torch", "python", "numpy"} <= set(config["versions"])
    assert results["training"]["chosen_epoch"] == 1
    assert results["dataset"]["fingerprint"] == dataset.fingerprint()
    kinds = {row["kind"] for row in read_lines(run / "metrics.jsonl")}
    assert {"train", "validation"} <= kinds


def test_a_run_acts_on_raw_observations(run: Path) -> None:
    agent = Agent.from_pretrained(run)
    agent.reset(0, "pick up the thing 3")
    seen = episode(99, 4)
    action = agent.act({n: a[0] for n, a in seen.observation.items()})
    assert action.shape == (3,)
    assert np.isfinite(action).all()


def test_a_run_is_judged_beside_baselines_on_held_out_episodes(
    run: Path, dataset: Dataset, tmp_path: Path
) -> None:
    blind = tmp_path / "blind"
    train_run(small_experiment(dataset, "blind"), dataset, blind, recipe="jaco_play.blind")
    with pytest.raises(InputError, match="evaluate that run first"):
        judge_offline(run, ["test"], beside=[blind])
    judge_offline(blind, ["test"])
    results = judge_offline(run, ["test"], beside=[blind])
    judged = results["offline"]["test"]
    assert judged["episodes"] == len(dataset.split("test"))
    assert {"policy", "blind", "majority", "mean action", "copy previous"} <= set(
        judged["candidates"]
    )
    assert 0 <= judged["candidates"]["policy"]["gripper.accuracy"]["value"] <= 1
    assert (run / "predictions" / "test.parquet").exists()
    stored = read_json(run / "results.json")["offline"]["test"]
    assert stored["candidates"]["policy"]["gripper.confusion"] == [
        list(row) for row in judged["candidates"]["policy"]["gripper.confusion"]
    ]


def test_an_existing_run_is_not_overwritten(run: Path, dataset: Dataset) -> None:
    with pytest.raises(InputError, match="already holds a run"):
        train_run(small_experiment(dataset), dataset, run, recipe="jaco_play.ours")


def test_resume_refuses_another_experiment(run: Path, dataset: Dataset) -> None:
    other = small_experiment(dataset, **{"model.width": 16})
    with pytest.raises(InputError, match=r"experiment\.model.*start a new run"):
        train_run(other, dataset, run, recipe="jaco_play.ours", resume=True)


def test_resume_refuses_other_data(run: Path, dataset: Dataset, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other", lengths=(5,) * 10)
    other = write_splits(other, make_split(other, "random"))
    with pytest.raises(InputError, match="started with other data"):
        train_run(small_experiment(other), other, run, recipe="jaco_play.ours", resume=True)
    results = read_json(run / "results.json")
    with pytest.raises(InputError, match="is not the data that the run was trained on"):
        open_dataset(results, other.path)


def test_an_unfinished_run_is_named(run: Path, tmp_path: Path) -> None:
    unfinished = tmp_path / "unfinished"
    unfinished.mkdir()
    (unfinished / "config.json").write_bytes((run / "config.json").read_bytes())
    with pytest.raises(InputError, match="training has not finished here"):
        open_run(unfinished)
    with pytest.raises(InputError, match="nothing: no such run folder"):
        open_run(tmp_path / "nothing")


def test_a_dataset_without_splits_is_answered(tmp_path: Path) -> None:
    bare = write_dataset(tmp_path / "bare")
    with pytest.raises(UnknownNameError, match="split"):
        prepare(small_experiment(bare).data, bare)


def test_a_smaller_share_is_part_of_a_larger_one(dataset: Dataset) -> None:
    chosen = {
        share: set(
            training_episodes(small_experiment(dataset, **{"data.share": share}).data, dataset)
        )
        for share in (0.2, 0.5, 1.0)
    }
    assert chosen[0.2] < chosen[0.5] < chosen[1.0]


def test_so_many_episodes_of_the_same_shuffle(dataset: Dataset) -> None:
    """Fewer are a part of more; as many as a share says are the same ones."""
    known = len(dataset.split("train"))
    chosen = [training_episodes(DataConfig(view=BLIND, episodes=n), dataset)
              for n in range(1, known + 1)]  # fmt: skip
    assert [len(episodes) for episodes in chosen] == list(range(1, known + 1))
    for fewer, more in pairwise(chosen):
        assert set(fewer) < set(more)
    assert chosen[-1] == dataset.split("train")
    half = training_episodes(DataConfig(view=BLIND, share=0.5), dataset)
    assert half == chosen[len(half) - 1]


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"episodes": 0}, "field 'episodes': is 0, expected at least 1, or none"),
        ({"episodes": 3, "share": 0.5}, "'episodes': is 3, and 'share' 0.5: give one of them"),
    ],
)
def test_impossible_numbers_of_episodes(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        DataConfig(view=BLIND, **settings)


def test_more_episodes_than_there_are(dataset: Dataset) -> None:
    with pytest.raises(InputError) as caught:
        prepare(DataConfig(view=BLIND, episodes=8), dataset)
    assert str(caught.value) == (
        f"{dataset.path}, field 'episodes': is 8, but the split 'train' has 7"
    )


@pytest.fixture
def unvalidated(tmp_path: Path) -> Dataset:
    """A dataset that is all for training."""
    small = write_dataset(tmp_path / "whole", lengths=(6, 5, 7))
    return write_splits(small, Split(kind="all", parts={"train": (0, 1, 2)}))


def test_without_validation_episodes_the_last_weights_are_kept(
    unvalidated: Dataset, tmp_path: Path
) -> None:
    experiment = small_experiment(
        unvalidated, "blind",
        **{"training.epochs": None, "training.steps": 5, "training.choose": "last"},
    )  # fmt: skip
    result = train_run(experiment, unvalidated, tmp_path / "run", recipe="jaco_play.blind")
    assert (result.steps, result.chosen_step) == (5, 5)
    results = read_json(tmp_path / "run" / "results.json")
    assert results["dataset"]["validation_episodes"] == 0
    assert results["dataset"]["train_episodes"] == 3
    assert Agent.from_pretrained(tmp_path / "run").spec == unvalidated.spec
    again = train_run(experiment, unvalidated, tmp_path / "run", recipe="jaco_play.blind",
                      resume=True)  # fmt: skip
    assert again.loss is result.loss is None
    assert again.training_loss == result.training_loss is not None


def test_without_validation_episodes_there_is_no_best(unvalidated: Dataset, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        train_run(small_experiment(unvalidated, "blind"), unvalidated, tmp_path / "run",
                  recipe="jaco_play.blind")  # fmt: skip
    assert str(caught.value) == (
        f"{unvalidated.path}, field 'training.choose': is 'best', but the dataset's split has no "
        "part 'validation' to choose by (it has: train); keep the last weights with 'last', or "
        "give the dataset a split with validation episodes"
    )
    assert not (tmp_path / "run").exists()
