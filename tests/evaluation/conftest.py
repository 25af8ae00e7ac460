"""Demonstrations of the stand-in task, recorded once for all tests of this folder."""

import numpy as np
import pytest
from tests.evaluation import point_task

from bydemo.data.source import Dataset
from bydemo.evaluation.offline import JudgedSplit
from bydemo.evaluation.predictions import Predictions
from bydemo.evaluation.record import record


@pytest.fixture(scope="package")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("offline") / "d"
    record(point_task.Config(), path, episodes=60, workers=0)
    return Dataset.open(path)


@pytest.fixture(scope="package")
def splits(dataset):
    return (JudgedSplit.of(dataset, dataset.split("train")),
            JudgedSplit.of(dataset, dataset.split("test")))  # fmt: skip


@pytest.fixture(scope="session")
def noisy():
    """Makes the expert's actions with errors of a given size and share."""
    return _noisy


def _noisy(judged, noise, seed=0):
    generator = np.random.default_rng(seed)
    steps = judged.steps
    wrong = generator.random(steps.labels.shape) < noise
    labels = np.where(wrong, (steps.labels + 1) % 3, steps.labels)
    probabilities = np.full((len(steps), 3), 0.1)
    probabilities[np.arange(len(steps)), labels[:, 0]] = 0.8
    return Predictions(
        continuous=steps.continuous + generator.normal(0, noise, steps.continuous.shape),
        labels=labels, log_probabilities=(np.log(probabilities),),
    )  # fmt: skip
