"""Balanced class weights are counted in the training episodes, and kept as numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from tests.data.small import SPEC, episode

from bydemo.core.images import View
from bydemo.core.results import read_json
from bydemo.data.source import Dataset
from bydemo.data.splits import Split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.models import proprioception
from bydemo.models.agent import Agent
from bydemo.studies.class_weights import balanced_weights, with_class_weights
from bydemo.studies.experiment import DataConfig, Experiment
from bydemo.studies.run import train_run
from bydemo.training.config import TrainingConfig

LABELS = ([1, 1, 1, 0], [1, 2, 1, 1], [0, 0, 0, 0, 0], [1, 2, 2])


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    """Training episodes 0 and 1 hold 1, 6 and 1 steps of the classes; 2 is for validation, 3 for
    nothing."""
    with DatasetWriter(tmp_path / "data", SPEC, source={"kind": "test"}) as writer:
        for seed, labels in enumerate(LABELS):
            made = episode(seed, len(labels))
            action = made.action.copy()
            action[:, 2] = labels
            writer.add(replace(made, action=action))
    parts = {"train": (0, 1), "validation": (2,), "unused": (3,)}
    return write_splits(Dataset.open(tmp_path / "data"), Split(kind="own", parts=parts))


EXPERIMENT = Experiment(
    model=proprioception.Config(widths=(4,), class_weights="balanced"),
    data=DataConfig(view=View(cameras=())),
    training=TrainingConfig(epochs=1, batch_size=4),
)


def test_every_class_weighs_the_same_in_sum(dataset: Dataset) -> None:
    weights = balanced_weights(dataset, (0, 1))
    assert weights == pytest.approx((8 / 3, 8 / 18, 8 / 3))
    assert sum(n * w for n, w in zip((1, 6, 1), weights, strict=True)) == pytest.approx(8)


def test_a_class_that_never_comes_weighs_one(dataset: Dataset) -> None:
    assert balanced_weights(dataset, (0,)) == pytest.approx((2.0, 2 / 3, 1.0))


def test_a_run_counts_its_own_training_episodes(dataset: Dataset, tmp_path: Path) -> None:
    """What was asked for stays in the run's configuration; the model is built from numbers, with
    fewer episodes from those alone, and acts without the dataset."""
    for changes, episodes in (({}, (0, 1)), ({"data.episodes": 1}, None)):
        run = tmp_path / f"run-{len(changes)}"
        experiment = EXPERIMENT.changed(changes)
        train_run(experiment, dataset, run, recipe="own")
        asked = read_json(run / "config.json")["experiment"]["model"]["class_weights"]
        kept = read_json(run / "model" / "config.json")["config"]["class_weights"]
        assert asked == "balanced"
        if episodes:
            assert kept == list(balanced_weights(dataset, episodes))
        else:
            assert kept in [list(balanced_weights(dataset, (n,))) for n in (0, 1)]
        Agent.from_pretrained(run)
    train_run(EXPERIMENT, dataset, tmp_path / "run-0", recipe="own", resume=True)


def test_other_weights_stay_as_they_are(dataset: Dataset) -> None:
    for weights in ((), (1.0, 2.0, 3.0)):
        experiment = EXPERIMENT.changed({"model.class_weights": weights})
        assert with_class_weights(experiment, dataset, (0, 1)) is experiment
