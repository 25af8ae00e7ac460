"""How sure a figure over several trainings is, and the difference of two arms, in words.

Two things vary: the training (its seed) and the episodes that judge it. Three or five trainings are
too few to resample: a percentile bootstrap of three covers the truth four times in five, not
nineteen in twenty. So the seeds' part of an interval is Student's t on the values of the seeds, the
episodes' part a bootstrap that draws the same episodes for all seeds and both arms (for success
rates, an interval that also holds where all episodes went alike), and the two are put together by
the square-and-add rule (Zou & Donner, Statistics in Medicine 27, 2008).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy import stats

from bydemo.evaluation.episode_sums import Floats, resampled
from bydemo.evaluation.interval import LEVEL, RESAMPLES, resample_counts, verdict, wilson
from bydemo.studies.evidence import Evidence, higher_is_better

Runs = Mapping[int | None, Evidence]
"""Training seed -> what its run says; the one key None for work without training."""
_TAIL = (1 - LEVEL) / 2
_Z = float(stats.norm.ppf(1 - _TAIL))


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A mean over training seeds with its interval, NaN bounds where there is none.

    n: training seeds, 0 without training; episodes: that each was judged on, None for a plain
    number; seeds: seed -> value.
    """

    value: float
    low: float
    high: float
    n: int
    episodes: int | None
    seeds: Mapping[int, float] = field(default_factory=dict)

    @property
    def over(self) -> str:
        """What the interval covers."""
        if math.isnan(self.low):
            return ""
        parts = ["seeds"] * (self.n > 1) + ["episodes"] * (self.episodes is not None)
        return " x ".join(parts)

    def to_json(self) -> dict[str, Any]:
        """As docs/study_schema.md has it."""
        seeds = [{"seed": seed, "value": value} for seed, value in self.seeds.items()]
        return {"value": self.value, "low": self.low, "high": self.high, "n": self.n,
                "episodes": self.episodes, "over": self.over, "seeds": seeds}  # fmt: skip


def estimate(runs: Runs) -> Estimate:
    """The figure of one arm."""
    units = _shared(list(runs.values()))
    found = {seed: evidence.at(units) for seed, evidence in runs.items()}
    made = _combine({seed: e.value for seed, e in found.items()}, _reach(found, units), units)
    return _within(made, 0.0, 1.0) if all(e.rate for e in found.values()) else made


def difference(ours: Runs, theirs: Runs) -> Estimate | str:
    """Ours minus theirs, paired over the training seeds and the episodes that both have; a text
    says why there is none."""
    pairs = _pairs(ours, theirs)
    if not pairs:
        return "the two have no training seed in common"
    whole = [evidence for pair in pairs.values() for evidence in pair]
    units = _shared(whole)
    if not units and any(evidence.units for evidence in whole):
        return "the two were not judged on the same episodes"
    cut = {seed: (a.at(units), b.at(units)) for seed, (a, b) in pairs.items()}
    values = {seed: a.value - b.value for seed, (a, b) in cut.items()}
    made = _combine(values, _reach_between(cut, units), units)
    return _within(made, -1.0, 1.0) if all(a.rate and b.rate for a, b in cut.values()) else made


def words(found: Estimate, *, higher: bool) -> str:
    """better, worse, or `cannot tell from n = 3 seeds x 100 episodes`."""
    many = [_count(found.n, "seed")] if found.n else []
    many += [_count(found.episodes, "episode")] if found.episodes is not None else []
    unsure = f"cannot tell from n = {' x '.join(many) or '1 value'}"
    if found.n == 1 or math.isnan(found.low):
        return unsure  # another training might have gone otherwise
    said = verdict(found.low, found.high, 0, higher_is_better=higher, of="")
    return said if said in ("better", "worse") else unsure


def effect(ours: Runs, theirs: Runs, figure: str, higher: bool | None = None) -> dict[str, Any]:
    """The difference of a figure as plain values, with its verdict."""
    up = higher_is_better(figure) if higher is None else higher
    found = difference(ours, theirs)
    if isinstance(found, str):
        return {"problem": found}
    return {**found.to_json(), "verdict": words(found, higher=up), "higher_is_better": up}


def _count(number: int | None, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _pairs(ours: Runs, theirs: Runs) -> dict[int | None, tuple[Evidence, Evidence]]:
    """Work without training stands beside every training of the other."""
    if None in ours or None in theirs:
        trained = [seed for seed in {**ours, **theirs} if seed is not None]
        seeds: list[int | None] = [*trained] if trained else [None]
        return {s: (ours.get(s) or ours[None], theirs.get(s) or theirs[None]) for s in seeds}
    return {seed: (ours[seed], theirs[seed]) for seed in ours if seed in theirs}


def _shared(evidence: Sequence[Evidence]) -> tuple[Hashable, ...]:
    """The units that all have, in the first one's order."""
    common = set.intersection(*(set(e.units) for e in evidence))
    return tuple(unit for unit in evidence[0].units if unit in common)


def _within(found: Estimate, least: float, most: float) -> Estimate:
    """What a rate, or the difference of two, cannot be is left out of its interval."""
    return replace(found, low=max(found.low, least), high=min(found.high, most))


def _combine(
    values: Mapping[int | None, float], reach: tuple[float, float], units: Sequence[Hashable]
) -> Estimate:
    """`reach`: how far the episodes' interval goes below and above the mean."""
    seeds = {seed: value for seed, value in values.items() if seed is not None}
    value = float(np.mean(list(values.values())))
    down, up = reach
    spread = 0.0
    if len(seeds) > 1:
        deviation = float(np.std(list(seeds.values()), ddof=1))
        spread = float(stats.t.ppf(1 - _TAIL, len(seeds) - 1)) * deviation / math.sqrt(len(seeds))
    if not units:
        down = up = 0.0 if len(seeds) > 1 else math.nan
    return Estimate(
        value=value, low=value - math.hypot(down, spread), high=value + math.hypot(up, spread),
        n=len(seeds), episodes=len(units) or None, seeds=seeds,
    )  # fmt: skip


def _reach(runs: Runs, units: Sequence[Hashable]) -> tuple[float, float]:
    """Over episodes, the trainings being those that they are."""
    if not units:
        return math.nan, math.nan
    found = list(runs.values())
    if all(evidence.rate for evidence in found):
        rate = float(np.mean([evidence.value for evidence in found]))
        # The score interval takes a mean rate as it takes a count; Wilson (1927).
        bounds = _wilson(rate, len(units))
        return rate - bounds[0], bounds[1] - rate
    counts = resample_counts(len(units))
    drawn = np.mean([_drawn(evidence, counts) for evidence in found], axis=0)
    return _tails(drawn, float(np.mean([evidence.value for evidence in found])))


def _reach_between(
    pairs: Mapping[int | None, tuple[Evidence, Evidence]], units: Sequence[Hashable]
) -> tuple[float, float]:
    if not units:
        return math.nan, math.nan
    whole = list(pairs.values())
    if all(a.rate and b.rate for a, b in whole):
        gaps = np.mean([a.sums["value"] - b.sums["value"] for a, b in whole], axis=0)
        return _agresti_min(gaps)
    counts = resample_counts(len(units))
    drawn = np.mean([_drawn(a, counts) - _drawn(b, counts) for a, b in whole], axis=0)
    return _tails(drawn, float(np.mean([a.value - b.value for a, b in whole])))


def _drawn(evidence: Evidence, counts: Floats) -> Floats:
    assert evidence.figure is not None
    return np.broadcast_to(evidence.figure(resampled(evidence.sums, counts)), len(counts))


def _tails(drawn: Floats, value: float) -> tuple[float, float]:
    defined = drawn[np.isfinite(drawn)]
    if not math.isfinite(value) or len(defined) < RESAMPLES / 2:
        return math.nan, math.nan
    low, high = np.quantile(defined, [_TAIL, 1 - _TAIL])
    return max(value - float(low), 0.0), max(float(high) - value, 0.0)


def _wilson(rate: float, n: int) -> tuple[float, float]:
    found = [wilson(count, n) for count in (math.floor(rate * n), math.ceil(rate * n))]
    return min(found[0].low, rate), max(found[1].high, rate)


def _agresti_min(gaps: Floats) -> tuple[float, float]:
    """How far below and above their mean the interval of paired successes goes: half a pair
    is added to each of the four outcomes (Agresti & Min, Statistics in Medicine 24, 2005)."""
    n = len(gaps) + 2
    centre = float(gaps.sum()) / n
    variance = (float((gaps**2).sum()) + 1) / n - centre**2
    half = _Z * math.sqrt(variance / n)
    value = float(gaps.mean())
    return max(value - (centre - half), 0.0), max(centre + half - value, 0.0)
