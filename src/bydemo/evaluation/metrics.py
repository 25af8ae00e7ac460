"""Figures of merit of predicted actions, each a function of sums over steps.

Every figure is computed from per-episode sums (float64), never from means of means, so that a
short last batch or a short episode weighs what it should, and episodes can be resampled cheaply.

Names: `<part>.<figure>` of a continuous part, `<label>.<figure>` of a label part.

- `mse`, `rmse`: over all components, raw units squared and raw units; `range_relative`: RMSE with
  each component divided by its range; `r2`: 1 - squared error / variance, components pooled, so
  that a joint that hardly moves cannot dominate; `direction`: mean cosine to the true vector where
  it is longer than a twentieth of the range.
- `accuracy`; `cross_entropy` [nats]; `macro_f1`, `weighted_f1` over the classes that occur;
  `recall.<class>`; `move_or_stay`, `move_f1`: whether to move at all, for labels with a neutral
  class; `direction`: which move, where truth and prediction both move; `forced_direction`: the
  likelier move wherever the truth moves, however sure of staying; `event_f1`: events found within
  3 steps; `event_exact`: share of events whose prediction begins in the very same step, which no
  copy of the previous label ever achieves.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.fields import Field
from bydemo.evaluation.classification import label_figures, label_sums
from bydemo.evaluation.episode_sums import EpisodeAdder, Floats, Sums, total
from bydemo.evaluation.interval import bootstrap
from bydemo.evaluation.predictions import Predictions, Steps, continuous_parts
from bydemo.evaluation.regression import part_figures, part_sums

LOWER_IS_BETTER = ("mse", "rmse", "range_relative", "cross_entropy")


def lower_is_better(name: str) -> bool:
    """Is a smaller value of this figure the better one?"""
    return name.rsplit(".", 1)[-1] in LOWER_IS_BETTER


@dataclass(frozen=True, kw_only=True, eq=False)
class Judge:
    """Turns predictions into figures; `ranges` (C,) is the width of each continuous component."""

    field: Field
    ranges: Floats

    @classmethod
    def of(cls, field: Field, training_actions: NDArray[Any]) -> Judge:
        """Ranges are the spec's limits where it has them, else what (N, A) training actions span.
        """  # fmt: skip
        columns = field.columns(labels=False)
        numbers = training_actions[:, columns].astype(np.float64)
        span = numbers.max(axis=0) - numbers.min(axis=0) if len(columns) else np.zeros(0)
        return cls.with_limits(field, span)

    @classmethod
    def with_limits(cls, field: Field, span: Floats) -> Judge:
        """Ranges are the spec's limits where it has them, else `span` (C,)."""
        ranges = span.copy()
        for part, where in continuous_parts(field).values():
            if part.low is not None and part.high is not None:
                ranges[where] = part.high - part.low
        return cls(field=field, ranges=ranges)

    def sums(
        self, steps: Steps, predictions: Predictions, *, events: bool = True
    ) -> dict[str, Floats]:
        """Per-episode sums, name -> (E, ...), episodes in ascending order of their index.

        `events=False` for steps that are not whole episodes, where no event can be told.
        """
        check_finite(steps, predictions)
        episodes, where = np.unique(steps.episode, return_inverse=True)
        add = EpisodeAdder(where.astype(np.int64), len(episodes))
        out = {"steps": add(np.ones(len(steps)))}
        if predictions.continuous is not None:
            for name, (part, columns) in continuous_parts(self.field).items():
                truth, said = steps.continuous[:, columns], predictions.continuous[:, columns]
                out |= part_sums(name, part, truth, said, self.ranges[columns], add)
        if predictions.labels is not None:
            for g, part in enumerate(self.field.labels):
                out |= label_sums(part, g, steps, predictions, add, events)
        return out

    def figures(self, sums: Sums) -> dict[str, Floats]:
        """Sums (...) with any leading axes -> figure name -> (...); NaN where undefined."""
        out: dict[str, Floats] = {}
        with np.errstate(divide="ignore", invalid="ignore"):
            for name, (_, columns) in continuous_parts(self.field).items():
                if f"{name}.squared" in sums:
                    out |= part_figures(name, sums, self.ranges[columns])
            for part in self.field.labels:
                if f"{part.name}.confusion" in sums:
                    out |= label_figures(part, sums)
        return out

    def report(self, sums: Sums, *, seed: int = 0) -> dict[str, Any]:
        """The plain dictionary of a candidate: figures with intervals, confusion, event counts."""
        intervals = bootstrap(sums, self.figures, seed=seed)
        out: dict[str, Any] = {name: found.to_json() for name, found in intervals.items()}
        whole = total(sums)
        for name in continuous_parts(self.field):
            if f"{name}.squared" in whole:
                mean_squares = whole[f"{name}.squared"] / whole["steps"]
                out[f"{name}.rmse_by_component"] = np.sqrt(mean_squares).tolist()
        for part in self.field.labels:
            if f"{part.name}.confusion" in whole:
                out[f"{part.name}.confusion"] = (
                    whole[f"{part.name}.confusion"].astype(np.int64).tolist()
                )
            if f"{part.name}.events" in whole:
                there, predicted, found, _ = (int(v) for v in whole[f"{part.name}.events"])
                counts = {"found": found, "there": there, "predicted": predicted}
                out[f"{part.name}.event_f1"] |= counts
        return out


def check_finite(steps: Steps, predictions: Predictions) -> None:
    """Refuse predictions of another length or that are not finite, naming the step."""
    for name in ("continuous", "labels"):
        said = getattr(predictions, name)
        if said is None:
            continue
        expected = getattr(steps, name).shape
        if said.shape != expected:
            raise InputError(f"shape {said.shape}, expected {expected}", field=name)
        if not np.isfinite(said).all():
            row = int(np.argwhere(~np.isfinite(said))[0][0])
            raise InputError(f"prediction is not finite at step {steps.step[row]} of episode "
                             f"{steps.episode[row]}", field=name)  # fmt: skip
