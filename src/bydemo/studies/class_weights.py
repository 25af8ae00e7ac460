"""Class weights that follow from how often each class comes in the training episodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from bydemo.data.source import Dataset
from bydemo.studies.experiment import Experiment


def with_class_weights(
    experiment: Experiment, dataset: Dataset, episodes: Sequence[int]
) -> Experiment:
    """The experiment with class weights `balanced` as numbers of these training episodes; others
    stay as they are."""
    if getattr(experiment.model, "class_weights", ()) != "balanced":
        return experiment
    weights = balanced_weights(dataset, episodes)
    model = dataclasses.replace(experiment.model, class_weights=weights)  # type: ignore[type-var]
    return dataclasses.replace(experiment, model=model)


def balanced_weights(dataset: Dataset, episodes: Sequence[int]) -> tuple[float, ...]:
    """One number a class, label part after label part: all steps / (classes * steps of the class),
    so that every class weighs the same in sum and a step weighs 1 on average. A class that never
    comes is not counted, and has 1."""
    spans = [dataset.episodes[i] for i in episodes]
    columns = dataset.spec.action.columns(labels=True)
    out: list[float] = []
    for part, column in zip(dataset.spec.action.labels, columns, strict=True):
        labels = np.concatenate([dataset.action[e.start : e.stop, column] for e in spans])
        counts = np.bincount(labels.astype(np.int64), minlength=len(part.classes))
        there = int((counts > 0).sum())
        out += [len(labels) / (there * n) if n else 1.0 for n in counts.tolist()]
    return tuple(out)
