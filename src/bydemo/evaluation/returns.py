"""What episodes earned: returns with their spread, gaps on the same seeds, and a score."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bydemo.evaluation.episode_sums import Floats, Sums
from bydemo.evaluation.interval import Difference, bootstrap, paired_bootstrap, verdict
from bydemo.evaluation.rollout import Rollout

Rows = Sequence[Mapping[str, Any]]
"""Episodes as in a run's results: each has `seed` and `return`, None where it has no return."""
_MEAN = "mean"


def rows_of(results: Sequence[Rollout]) -> list[dict[str, Any]]:
    """The rows of rollouts."""
    return [result.to_json() for result in results]


def return_summary(rows: Rows) -> dict[str, Any]:
    """Mean with its standard error and 95 % bootstrap interval over seeds, median, worst seed.

    Crashed episodes (`steps` 0) say nothing about the actor and are left out, `n` is how many are
    not. An episode that broke off for any other reason has no return, and neither has the actor
    then: all figures are null but `worst_seed`, which is the first of those.
    """
    counted = [row for row in rows if not _crashed(row)]
    broken = [row["seed"] for row in counted if _broken(row)]
    names = ("mean", "standard_error", "low", "high", "median", "worst")
    if broken or not counted:
        seed = broken[0] if broken else None
        return {"n": len(counted), **dict.fromkeys(names), "worst_seed": seed}
    values = np.array([row["return"] for row in counted], np.float64)
    n, worst = len(values), int(values.argmin())
    spread = float(values.std(ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    found = bootstrap({"return": values, "n": np.ones(n)}, _mean)[_MEAN]
    figures = (found.value, spread, found.low, found.high, float(np.median(values)), values[worst])
    plain = {name: _plain(value) for name, value in zip(names, figures, strict=True)}
    return {"n": n, **plain, "worst_seed": counted[worst]["seed"]}


def return_gap(ours: Rows, theirs: Rows) -> Difference | None:
    """Our mean return minus theirs over the seeds where both have one; None if there is none, or
    an episode of either broke off."""
    pairs = _shared(ours, theirs)
    if pairs is None:
        return None
    a, b = pairs
    n = len(a)
    found = paired_bootstrap({"return": a, "n": np.ones(n)}, {"return": b, "n": np.ones(n)},
                             _mean, lambda name: False)[_MEAN]  # fmt: skip
    return replace(found, verdict=verdict(found.low, found.high, n, higher_is_better=True,
                                          of="seeds"))  # fmt: skip


def score(ours: Rows, still: Rows, expert: Rows) -> dict[str, Any] | None:
    """100 (ours - still) / (expert - still) over the seeds that all three have: 0 is doing
    nothing, 100 the expert. None where no seed is shared, an episode broke off, or doing nothing
    earns as much.

    Interval: 95 % bootstrap, all three on the same resampled seeds.
    """
    columns = _shared(ours, still, expert)
    if columns is None:
        return None
    sums = dict(zip(("ours", "still", "expert"), columns, strict=True))
    found = bootstrap(sums, _score)["score"]
    if not math.isfinite(found.value):
        return None
    return {"value": found.value, "low": _plain(found.low), "high": _plain(found.high),
            "n": len(columns[0])}  # fmt: skip


def difference_json(found: Difference) -> dict[str, Any]:
    """A difference as plain values, null where a bound is undefined."""
    return {n: _plain(v) if isinstance(v, float) else v for n, v in found.to_json().items()}


def _shared(*groups: Rows) -> list[Floats] | None:
    """The returns of each group on the seeds on which all have one, in the first one's order."""
    if any(_broken(row) for rows in groups for row in rows):
        return None
    known = [{row["seed"]: row.get("return") for row in rows} for rows in groups]
    seeds = [s for s in known[0] if all(values.get(s) is not None for values in known)]
    if not seeds:
        return None
    return [np.array([values[s] for s in seeds], np.float64) for values in known]


def _mean(sums: Sums) -> dict[str, Floats]:
    return {_MEAN: sums["return"] / sums["n"]}


def _score(sums: Sums) -> dict[str, Floats]:
    span = sums["expert"] - sums["still"]
    with np.errstate(divide="ignore", invalid="ignore"):
        return {"score": np.where(span > 0, 100 * (sums["ours"] - sums["still"]) / span, np.nan)}


def _crashed(row: Mapping[str, Any]) -> bool:
    return row.get("return") is None and "detail" in row


def _broken(row: Mapping[str, Any]) -> bool:
    return row.get("return") is None and "detail" not in row


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
