"""How much of each modality's variance a reconstruction keeps: the same figure for any loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.evaluation.episode_sums import Floats, Sums
from bydemo.evaluation.interval import bootstrap
from bydemo.evaluation.latent.steps import LatentSteps


def kept(
    steps: LatentSteps, errors: Mapping[str, tuple[NDArray[Any], NDArray[Any]]], *, seed: int = 0
) -> dict[str, Any]:
    """Modality -> `kept`: 1 - squared error / squared error of the mean model, so that 1 is perfect
    and 0 is as good as the training mean; `mse` and `mean_model_mse` in the given units.

    errors: modality -> (N,) mean squared error of each step, and of the mean model.
    """
    add = steps.add
    out = {}
    for name, (ours, mean_model) in errors.items():
        sums = {
            "steps": add(np.ones(len(steps))), "ours": add(ours), "mean": add(mean_model),
        }  # fmt: skip
        out[name] = {n: i.to_json() for n, i in bootstrap(sums, _figures, seed=seed).items()}
    return out


def _figures(sums: Sums) -> dict[str, Floats]:
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "kept": 1 - sums["ours"] / sums["mean"], "mse": sums["ours"] / sums["steps"],
            "mean_model_mse": sums["mean"] / sums["steps"],
        }  # fmt: skip
