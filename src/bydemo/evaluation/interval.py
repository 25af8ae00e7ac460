"""How sure a figure is: intervals for rates and for figures over episodes, and paired verdicts.

Steps of one episode resemble each other, so every interval here counts episodes, never steps.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bydemo.core.errors import InputError
from bydemo.evaluation.episode_sums import Floats, Sums, resampled, total

RESAMPLES = 1000
LEVEL = 0.95
_Z = 1.959963984540054
"""The standard normal's 97.5 % quantile."""


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A figure between the bounds of its 95 % interval; NaN where it is undefined."""

    value: float
    low: float
    high: float

    def to_json(self) -> dict[str, float]:
        """{"value", "low", "high"}."""
        return {"value": self.value, "low": self.low, "high": self.high}


def wilson(successes: int, n: int) -> Interval:
    """The score interval of a rate (Wilson, 1927); n = 0 knows nothing: NaN within 0..1."""
    if not 0 <= successes <= n:
        raise InputError(f"{successes} of {n} is no rate", field="successes")
    if n == 0:
        return Interval(value=math.nan, low=0.0, high=1.0)
    rate, z2 = successes / n, _Z**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = _Z * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    low = 0.0 if successes == 0 else centre - half
    high = 1.0 if successes == n else centre + half
    return Interval(value=rate, low=low, high=high)


@functools.lru_cache(maxsize=16)  # many figures are of the same episodes, and a draw costs 10 ms
def resample_counts(episodes: int, *, seed: int = 0, resamples: int = RESAMPLES) -> Floats:
    """(resamples, episodes): how often each episode is drawn, with replacement; rows sum to it.

    Read-only: who asks for the same draw gets the same array.
    """
    generator = np.random.default_rng(seed)
    drawn = generator.multinomial(episodes, np.full(episodes, 1 / episodes), size=resamples)
    counts = drawn.astype(np.float64)
    counts.setflags(write=False)
    return counts


Figures = Callable[[Sums], Mapping[str, Floats]]


def bootstrap(sums: Sums, figures: Figures, *, seed: int = 0) -> dict[str, Interval]:
    """Each figure with its percentile interval over resampled episodes.

    `sums` are per-episode sufficient statistics, name -> (E, ...); `figures` maps their total,
    or any leading axis of totals, to named figures. One episode alone gives no interval (NaN).
    """
    episodes = len(next(iter(sums.values())))
    if episodes == 0:
        raise InputError("no episodes to resample", field="sums")
    values = figures(total(sums))
    if episodes == 1:
        nan = math.nan
        return {n: Interval(value=float(v), low=nan, high=nan) for n, v in values.items()}
    drawn = figures(resampled(sums, resample_counts(episodes, seed=seed)))
    return _percentiles({n: float(v) for n, v in values.items()}, drawn)


def _percentiles(values: Mapping[str, float], drawn: Mapping[str, Floats]) -> dict[str, Interval]:
    """Each value between the percentiles of what was drawn (R,), of which NaN are left out."""
    found = dict.fromkeys(values, (math.nan, math.nan))
    whole = []
    for name, value in values.items():
        defined = drawn[name][np.isfinite(drawn[name])]
        if not math.isfinite(value) or len(defined) < 2:
            continue
        if len(defined) == len(drawn[name]):
            whole.append(name)
        else:
            found[name] = _tails(defined)
    if whole:  # in one call, which costs more than its sorting
        lows, highs = _tails(np.stack([drawn[n] for n in whole]))
        found |= dict(zip(whole, zip(lows, highs, strict=True), strict=True))
    return {
        n: Interval(value=values[n], low=float(low), high=float(high))
        for n, (low, high) in found.items()
    }


def _tails(drawn: Floats) -> Any:
    """(2, ...) the bounds of the middle LEVEL of (..., R)."""
    tail = (1 - LEVEL) / 2
    return np.quantile(drawn, [tail, 1 - tail], axis=-1)


@dataclass(frozen=True, kw_only=True)
class Difference:
    """Ours minus theirs on the same episodes, with its 95 % interval and the verdict in words."""

    value: float
    low: float
    high: float
    verdict: str
    n: int
    p: float | None = None

    def to_json(self) -> dict[str, Any]:
        """{"value", "low", "high", "verdict", "n"} and "p" where a test was made."""
        plain = {"value": self.value, "low": self.low, "high": self.high}
        p = {} if self.p is None else {"p": self.p}
        return {**plain, "verdict": self.verdict, "n": self.n, **p}


def verdict(low: float, high: float, n: int, *, higher_is_better: bool, of: str) -> str:
    """'better', 'worse', or 'cannot tell from n = 12 episodes' when the interval holds 0."""
    if low > 0 or high < 0:
        return "better" if (low > 0) == higher_is_better else "worse"
    return f"cannot tell from n = {n} {of}"


def paired_bootstrap(
    ours: Sums, theirs: Sums, figures: Figures, lower_is_better: Callable[[str], bool],
    *, seed: int = 0,
) -> dict[str, Difference]:  # fmt: skip
    """Ours minus theirs for each figure that both have, resampling the same episodes for both."""
    n = len(next(iter(ours.values())))
    if n != len(next(iter(theirs.values()))):
        raise InputError("the two do not cover the same episodes", field="sums")
    mine, other = figures(total(ours)), figures(total(theirs))
    shared = [name for name in mine if name in other]
    if n < 2:
        gaps: dict[str, Floats] = {name: np.full(2, np.nan) for name in shared}
    else:
        counts = resample_counts(n, seed=seed)
        a, b = figures(resampled(ours, counts)), figures(resampled(theirs, counts))
        gaps = {name: a[name] - b[name] for name in shared}
    intervals = _percentiles({name: float(mine[name] - other[name]) for name in shared}, gaps)
    out = {}
    for name, found in intervals.items():
        words = verdict(
            found.low, found.high, n, higher_is_better=not lower_is_better(name), of="episodes"
        )
        out[name] = Difference(value=found.value, low=found.low, high=found.high, verdict=words,
                               n=n)  # fmt: skip
    return out


def paired_rates(ours: Sequence[bool], theirs: Sequence[bool]) -> Difference:
    """Our success rate minus theirs, episode i of both begun from the same seed.

    Interval: Newcombe's hybrid score for paired proportions (Statistics in Medicine 17, 1998,
    method 10). Verdict: McNemar's exact test at 5 %, two-sided.
    """
    if len(ours) != len(theirs):
        raise InputError(f"{len(ours)} results against {len(theirs)}", field="theirs")
    n = len(ours)
    if n == 0:
        nan = math.nan
        return Difference(value=nan, low=-1.0, high=1.0, verdict="cannot tell from n = 0 seeds",
                          n=0, p=1.0)  # fmt: skip
    a, b = np.asarray(ours, bool), np.asarray(theirs, bool)
    both, first = int((a & b).sum()), int((a & ~b).sum())
    second, neither = int((~a & b).sum()), int((~a & ~b).sum())
    p = mcnemar(first, second)
    low, high = _newcombe(both, first, second, neither)
    value = (first - second) / n
    words = f"cannot tell from n = {n} seeds"
    if p < 1 - LEVEL:
        words = "better" if first > second else "worse"
    return Difference(value=value, low=low, high=high, verdict=words, n=n, p=p)


def mcnemar(first: int, second: int) -> float:
    """Exact two-sided p of `first` wins against `second` among the pairs that differ."""
    discordant = first + second
    if discordant == 0:
        return 1.0
    tail = sum(math.comb(discordant, k) for k in range(min(first, second) + 1))
    return min(1.0, float(2 * tail / 2**discordant))


def _newcombe(both: int, first: int, second: int, neither: int) -> tuple[float, float]:
    n = both + first + second + neither
    a, b = wilson(both + first, n), wilson(both + second, n)
    margins = (both + first) * (second + neither) * (both + second) * (first + neither)
    cross = both * neither - first * second
    # Newcombe's correction keeps a positive correlation from being overstated.
    corrected = max(cross - n / 2, 0.0) if cross > 0 else float(cross)
    phi = corrected / math.sqrt(margins) if margins else 0.0

    def reach(down: float, up: float) -> float:
        return math.sqrt(max(down**2 - 2 * phi * down * up + up**2, 0.0))

    value = (first - second) / n
    low = value - reach(a.value - a.low, b.high - b.value)
    high = value + reach(b.value - b.low, a.high - a.value)
    return low, high
