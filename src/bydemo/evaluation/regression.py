"""Figures of a continuous part of the action: how far off, and in the right direction or not."""

from __future__ import annotations

import numpy as np

from bydemo.core.fields import Part
from bydemo.evaluation.episode_sums import EpisodeAdder, Floats, Sums

MOVING = 0.05
"""Share of a part's range above which a vector has a direction worth comparing."""


def part_sums(
    name: str, part: Part, truth: Floats, said: Floats, ranges: Floats, add: EpisodeAdder
) -> dict[str, Floats]:
    centred = truth - truth.mean(axis=0)  # sums of squares lose no digits to a large mean
    out = {
        f"{name}.squared": add((said - truth) ** 2),
        f"{name}.truth": add(centred),
        f"{name}.truth_squared": add(centred**2),
    }
    if part.size > 1:
        lengths = np.linalg.norm(truth, axis=1)
        moving = lengths > MOVING * float(ranges.max(initial=0.0))
        product = lengths * np.linalg.norm(said, axis=1)
        cosine = np.divide((truth * said).sum(axis=1), product,
                           out=np.zeros(len(truth)), where=product > 0)  # fmt: skip
        out[f"{name}.cosine"] = add(np.stack([cosine * moving, moving], axis=1))
    return out


def part_figures(name: str, sums: Sums, ranges: Floats) -> dict[str, Floats]:
    count = sums["steps"][..., None]
    by_component = sums[f"{name}.squared"] / count
    mse = by_component.mean(axis=-1)
    spread = sums[f"{name}.truth_squared"] - sums[f"{name}.truth"] ** 2 / count
    variance = spread.sum(axis=-1)
    wide = ranges > 0
    relative = (by_component[..., wide] / ranges[wide] ** 2).sum(axis=-1) / max(wide.sum(), 1)
    unexplained = sums[f"{name}.squared"].sum(axis=-1) / variance
    out = {
        f"{name}.mse": mse,
        f"{name}.rmse": np.sqrt(mse),
        f"{name}.range_relative": np.sqrt(relative) if wide.any() else np.full_like(mse, np.nan),
        f"{name}.r2": np.where(variance > 0, 1 - unexplained, np.nan),
    }
    if f"{name}.cosine" in sums:
        cosine = sums[f"{name}.cosine"]
        out[f"{name}.direction"] = cosine[..., 0] / cosine[..., 1]
    return out
