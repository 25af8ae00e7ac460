"""Does one figure foretell another over the arms of a study? Spearman's rank correlation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from bydemo.evaluation.episode_sums import Floats
from bydemo.evaluation.interval import LEVEL, RESAMPLES, Interval
from bydemo.studies.effects import Runs, estimate
from bydemo.studies.evidence import higher_is_better

FEWEST = 4
"""Arms below which no interval is given: three points can be in six orders only."""


@dataclass(frozen=True, kw_only=True)
class Ranking:
    """Does figure `x` foretell figure `y` over arms? Answered by their rank correlation.

    arms: all that have both figures unless given. chapter: as a question has it.
    """

    title: str
    why: str
    x: str
    y: str
    arms: tuple[str, ...] = ()
    chapter: str = ""


def rank(ranking: Ranking, arms: Sequence[str], runs: Callable[[str, str], Runs]) -> dict[str, Any]:
    """The outcome as plain values; `runs(arm, figure)` is what the study found.

    An arm is one point, at the means of its training seeds; the interval resamples arms.
    """
    points: list[dict[str, Any]] = []
    for arm in ranking.arms or arms:
        x, y = runs(arm, ranking.x), runs(arm, ranking.y)
        if x and y:
            points.append({"arm": arm, "x": estimate(x).value, "y": estimate(y).value})
    found = spearman([p["x"] for p in points], [p["y"] for p in points])
    expected = 1 if higher_is_better(ranking.x) == higher_is_better(ranking.y) else -1
    verdict = _verdict(found, expected, len(points))
    return {
        "title": ranking.title, "chapter": ranking.chapter, "why": ranking.why,
        "x": ranking.x, "y": ranking.y,
        "points": points, "rho": found.to_json(), "n": len(points),
        "expected": "positive" if expected > 0 else "negative", "verdict": verdict,
        "conclusion": _sentence(ranking, found, verdict, len(points)),
    }  # fmt: skip


def spearman(x: Sequence[float], y: Sequence[float], *, seed: int = 0) -> Interval:
    """Spearman's rho with its percentile bootstrap interval over the points; NaN where undefined.
    """  # fmt: skip
    a, b = np.asarray(x, np.float64), np.asarray(y, np.float64)
    if len(a) < 2:
        return Interval(value=math.nan, low=math.nan, high=math.nan)
    value = float(_rho(a[None], b[None])[0])
    if len(a) < FEWEST or not math.isfinite(value):
        return Interval(value=value, low=math.nan, high=math.nan)
    chosen = np.random.default_rng(seed).integers(len(a), size=(RESAMPLES, len(a)))
    drawn = _rho(a[chosen], b[chosen])
    drawn = drawn[np.isfinite(drawn)]
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(value=value, low=float(low), high=float(high))


def _rho(x: Floats, y: Floats) -> NDArray[np.float64]:
    """(R, n) each -> (R,): the correlation of the ranks, ties at their mean rank."""
    a, b = (stats.rankdata(values, axis=1) for values in (x, y))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((a * b).sum(1) / np.sqrt((a**2).sum(1) * (b**2).sum(1)))


def _verdict(found: Interval, expected: int, n: int) -> str:
    if found.low > 0 or found.high < 0:
        return "ranks" if (found.low > 0) == (expected > 0) else "ranks the wrong way"
    return f"cannot tell from n = {n} arms"


def _sentence(ranking: Ranking, found: Interval, verdict: str, n: int) -> str:
    if math.isnan(found.low):
        return f"Does {ranking.x} rank {ranking.y}? {verdict}."
    numbers = f"rank correlation {found.value:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
    if verdict == "ranks":
        return f"{ranking.x} ranks {ranking.y}: {numbers} over {n} arms."
    if verdict == "ranks the wrong way":
        return f"{ranking.x} ranks {ranking.y} the wrong way: {numbers} over {n} arms."
    return f"Does {ranking.x} rank {ranking.y}? {verdict}; {numbers}."
