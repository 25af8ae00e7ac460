"""Has a training converged? Losses over their floors, the slope of the last epochs, and a verdict.

The rule: in the last third of the epochs a straight line is fitted to a loss, with its 95 %
interval, and divided by what that loss still has above its floor: the relative change an epoch.

- `converged`: the whole interval lies within 1 % an epoch.
- `still falling`, `rising`: it lies below 0, or above, and reaches beyond 1 %.
- `cannot tell`: it holds 0 but reaches beyond 1 %, or there are fewer than four epochs to fit.

A loss without a floor is measured against what it gained over a model that knows only the mean,
or, lacking that too, against itself. A curve also flattens because the learning rate ran out; the
result says so where it did.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from bydemo.evaluation.interval import Interval

TOLERANCE = 0.01
"""Relative change an epoch that counts as none."""
FEWEST = 4
"""Epochs of the last third that a line is fitted to."""
TOTAL = "loss"
CONVERGED, FALLING, RISING, UNCLEAR = "converged", "still falling", "rising", "cannot tell"
DECAYED = 0.1
"""Share of its largest value below which the learning rate had run out."""
RULE = (
    "converged: the 95 % interval of the last third's slope lies within 1 % an epoch of what the "
    "loss still has above its floor; still falling or rising: it lies on one side of 0 and reaches "
    "beyond 1 %; otherwise it cannot be told"
)


@dataclass(frozen=True, kw_only=True)
class Floor:
    """What a part of the loss is measured against, per sample and in the loss's own unit.

    floor: it cannot fall below; mean_model: what a model that knows only the mean reaches; each
    None where unknown. floor_is, mean_model_is: what they are, in words.
    """

    floor: float | None = None
    mean_model: float | None = None
    floor_is: str = ""
    mean_model_is: str = ""


def convergence(
    rows: Iterable[Mapping[str, Any]], floors: Mapping[str, Floor] | None = None
) -> dict[str, Any]:
    """The plain `convergence` block of the rows of `metrics.jsonl`; `floors` by name of the part,
    `loss` for the total. The verdict is about the total and every part with a floor or a mean
    model; other parts (a KL that grows while the picture is learned) are shown beside them."""
    kept, floors = list(rows), floors or {}
    held_out = any(row.get("kind") == "validation" for row in kept)
    kind = "validation" if held_out else "train"
    judged = [row for row in kept if row.get("kind") == kind]
    trained = [row for row in kept if row.get("kind") == "train"]
    names = dict.fromkeys([TOTAL, *(n for row in judged for n in row.get("parts") or {})])
    curves = {n: _curve(n, judged, trained, floors.get(n, Floor())) for n in names}
    deciding = [n for n in names if n == TOTAL or n in floors]
    return {
        "judged_on": kind, "rule": RULE, "tolerance": TOLERANCE, "curves": curves,
        "verdict": _overall([curves[n]["verdict"] for n in deciding]), "deciding": deciding,
        "learning_rate": _learning_rate(trained),
        "gradient_norm": _gradient_norm(trained),
    }  # fmt: skip


def slope(epochs: Sequence[float], values: Sequence[float]) -> Interval:
    """Change an epoch by least squares, with a t interval.

    Its degrees of freedom are those of as many independent points as the residuals' correlation
    from one epoch to the next leaves.
    """
    x, y = np.asarray(epochs, np.float64), np.asarray(values, np.float64)
    n = len(x)
    if n < 3 or not np.isfinite(y).all() or x.min() == x.max():
        return Interval(value=np.nan, low=np.nan, high=np.nan)
    centred = x - x.mean()
    value = float((centred * y).sum() / (centred**2).sum())
    residual = y - y.mean() - value * centred
    squared = float((residual**2).sum())
    correlation = float((residual[1:] * residual[:-1]).sum() / squared) if squared > 0 else 0.0
    correlation = min(max(correlation, 0.0), 0.99)
    free = max(n * (1 - correlation) / (1 + correlation) - 2, 1.0)
    error = float(np.sqrt(squared / free / (centred**2).sum()))
    half = float(stats.t.ppf(0.975, free)) * error
    return Interval(value=value, low=value - half, high=value + half)


def verdict(relative: Interval) -> str:
    """In words, by the rule of this file, of a relative change an epoch."""
    if not (np.isfinite(relative.low) and np.isfinite(relative.high)):
        return UNCLEAR
    if max(abs(relative.low), abs(relative.high)) <= TOLERANCE:
        return CONVERGED
    if relative.high < 0:
        return FALLING
    return RISING if relative.low > 0 else UNCLEAR


def last_third(count: int) -> int:
    """How many of `count` epochs are the last third, rounded up."""
    return -(-count // 3)


def _value(row: Mapping[str, Any], name: str) -> float:
    found = row.get(TOTAL) if name == TOTAL else (row.get("parts") or {}).get(name)
    return float(found) if isinstance(found, (int, float)) else np.nan


def _curve(
    name: str, judged: Sequence[Mapping[str, Any]], trained: Sequence[Mapping[str, Any]],
    known: Floor,
) -> dict[str, Any]:  # fmt: skip
    epochs = [float(row["epoch"]) for row in judged]
    values = [_value(row, name) for row in judged]
    tail = last_third(len(values))
    last = values[-1] if values else np.nan
    found = slope(epochs[-tail:], values[-tail:]) if tail >= FEWEST else slope([], [])
    scale, against = _scale(last, known)
    relative = Interval(value=found.value / scale, low=found.low / scale, high=found.high / scale)
    return {
        "epochs": epochs, "values": values,
        "train_epochs": [float(row["epoch"]) for row in trained],
        "train": [_value(row, name) for row in trained],
        "last": last, "floor": known.floor, "floor_is": known.floor_is,
        "mean_model": known.mean_model, "mean_model_is": known.mean_model_is,
        "over_floor": None if known.floor is None else last - known.floor,
        "gained": _gained(last, known), "fitted_epochs": tail, "slope": found.to_json(),
        "measured_against": against, "relative": relative.to_json(), "verdict": verdict(relative),
    }  # fmt: skip


def _scale(last: float, known: Floor) -> tuple[float, str]:
    """What a slope is divided by, positive, and what that is."""
    if known.floor is not None and last > known.floor:
        return last - known.floor, "what it has above its floor"
    if known.mean_model is not None and known.mean_model > last:
        return known.mean_model - last, "what it gained over the mean model"
    return (abs(last) or np.nan), "itself"


def _gained(last: float, known: Floor) -> float | None:
    """Share of the way from the mean model down to the floor (or to 0 nats above nothing)."""
    if known.mean_model is None or known.floor is None or known.mean_model <= known.floor:
        return None
    return (known.mean_model - last) / (known.mean_model - known.floor)


def _overall(verdicts: Sequence[str]) -> str:
    """The least favourable one: a single part that still falls is a training that still learns."""
    for found in (RISING, FALLING, UNCLEAR):
        if found in verdicts:
            return found
    return CONVERGED if verdicts else UNCLEAR


def _learning_rate(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    rates = [float(r["learning_rate"]) for r in rows if "learning_rate" in r]
    if not rates:
        return None
    return {"highest": max(rates), "last": rates[-1],
            "ran_out": rates[-1] < DECAYED * max(rates)}  # fmt: skip


def _gradient_norm(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Means over the first and the last third of the epochs, with t intervals over epochs."""
    norms = [float(r["gradient_norm"]) for r in rows if "gradient_norm" in r]
    third = last_third(len(norms))
    if third < 2:
        return None
    return {"first_third": _mean(norms[:third]), "last_third": _mean(norms[-third:])}


def _mean(values: Sequence[float]) -> dict[str, float]:
    rows = np.asarray(values, np.float64)
    half = float(stats.t.ppf(0.975, len(rows) - 1) * stats.sem(rows))
    mean = float(rows.mean())
    return Interval(value=mean, low=mean - half, high=mean + half).to_json()
