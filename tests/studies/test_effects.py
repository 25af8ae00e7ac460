"""Intervals that hold as often as they say, and verdicts that never say more than they do."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bydemo.evaluation.interval import wilson
from bydemo.studies.effects import difference, effect, estimate, words
from bydemo.studies.evidence import Evidence


def means(values: Sequence[float], units: Sequence[Any] | None = None, **more: Any) -> Evidence:
    numbers = np.asarray(values, np.float64)
    sums = {"value": numbers, "count": np.ones(len(numbers))}
    chosen = range(len(numbers)) if units is None else units
    return Evidence.of(list(chosen), sums, lambda s: np.asarray(s["value"] / s["count"]), **more)


def coverage(seeds: int, between: float, shared: float, own: float, studies: int = 300) -> float:
    """How often the interval of a difference that is 0 in truth holds 0."""
    rng = np.random.default_rng(seeds)
    hits = 0
    for _ in range(studies):
        gaps = (rng.normal(0, between, (seeds, 1)) + rng.normal(0, shared, (1, 40))
                + rng.normal(0, own, (seeds, 40)))  # fmt: skip
        base = rng.normal(0, 5, (seeds, 40))
        found = difference({s: means(base[s] + gaps[s]) for s in range(seeds)},
                           {s: means(base[s]) for s in range(seeds)})  # fmt: skip
        assert not isinstance(found, str)
        hits += found.low <= 0 <= found.high
    return hits / studies


@pytest.mark.parametrize(
    ("seeds", "between", "shared", "own"),
    [(3, 1.0, 0.3, 1.0), (3, 0.1, 3.0, 1.0), (5, 1.0, 1.0, 1.0), (2, 1.0, 1.0, 1.0)],
)
def test_the_interval_of_a_difference_holds_the_truth_as_often_as_it_says(
    seeds: int, between: float, shared: float, own: float
) -> None:
    # A percentile bootstrap over seeds and episodes reaches 0.78, 0.96, 0.86 and 0.69 here.
    assert coverage(seeds, between, shared, own) > 0.92


def test_the_seeds_part_is_students_interval() -> None:
    found = estimate({1: Evidence(value=1.0), 2: Evidence(value=2.0), 3: Evidence(value=6.0)})
    half = 4.302653 * np.std([1, 2, 6], ddof=1) / math.sqrt(3)
    assert (found.value, found.n, found.episodes, found.over) == (3.0, 3, None, "seeds")
    assert (found.low, found.high) == pytest.approx((3 - half, 3 + half), rel=1e-6)


def test_seeds_and_episodes_together_are_wider_than_either() -> None:
    rng = np.random.default_rng(0)
    runs = {seed: means(rng.normal(seed, 4, 30)) for seed in range(3)}
    both = estimate(runs)
    seeds = estimate({seed: Evidence(value=e.value) for seed, e in runs.items()})
    episodes = estimate({None: means(np.mean([e.sums["value"] for e in runs.values()], axis=0))})
    assert both.over == "seeds x episodes"
    widths = [found.high - found.low for found in (both, seeds, episodes)]
    assert widths[0] ** 2 == pytest.approx(widths[1] ** 2 + widths[2] ** 2, rel=0.01)


def test_one_training_tells_of_its_episodes_and_nothing_of_another() -> None:
    ours, theirs = {1: means(np.full(50, 9.0))}, {1: means(np.arange(50) / 50)}
    found = difference(ours, theirs)
    assert not isinstance(found, str)
    assert found.low > 8
    assert found.over == "episodes"
    assert words(found, higher=True) == "cannot tell from n = 1 seed x 50 episodes"
    lone = difference({1: Evidence(value=2.0)}, {1: Evidence(value=1.0)})
    assert not isinstance(lone, str)
    assert math.isnan(lone.low)
    assert lone.over == ""
    assert words(lone, higher=True) == "cannot tell from n = 1 seed"


def test_verdicts_follow_the_interval_and_the_direction() -> None:
    rng = np.random.default_rng(1)
    base = {seed: means(rng.normal(0, 1, 20)) for seed in (1, 2, 3)}
    more = {seed: means(e.sums["value"] + 1 + 0.01 * seed) for seed, e in base.items()}
    assert effect(more, base, "rollouts.t.return")["verdict"] == "better"
    assert effect(base, more, "rollouts.t.return")["verdict"] == "worse"
    assert effect(more, base, "training.loss")["verdict"] == "worse"
    assert effect(more, base, "training.loss", higher=True)["verdict"] == "better"
    same = effect(base, base, "rollouts.t.return")
    assert same["verdict"] == "cannot tell from n = 3 seeds x 20 episodes"
    assert same["seeds"] == [{"seed": s, "value": 0.0} for s in (1, 2, 3)]


def test_pairing_takes_away_what_both_share() -> None:
    rng = np.random.default_rng(2)
    hard = rng.normal(0, 30, 60)  # some episodes are far harder than others, for everybody
    ours = {s: means(hard + 1 + rng.normal(0, 0.1, 60)) for s in (1, 2, 3)}
    theirs = {s: means(hard + rng.normal(0, 0.1, 60)) for s in (1, 2, 3)}
    assert effect(ours, theirs, "rollouts.t.return")["verdict"] == "better"
    alone = estimate(ours)
    assert alone.high - alone.low > 8


def test_only_shared_seeds_and_episodes_are_compared() -> None:
    ours = {1: means([1, 2, 3], "abc"), 2: means([1, 2, 30], "abc"), 3: means([5], "a")}
    theirs = {2: means([0, 0], "bc"), 1: means([0, 0, 0], "cbd"), 9: means([7], "b")}
    found = difference(ours, theirs)
    assert not isinstance(found, str)
    assert dict(found.seeds) == {1: 2.5, 2: 16.0}
    assert found.episodes == 2
    assert difference(ours, {7: means([1], "a")}) == "the two have no training seed in common"
    other = difference(ours, {1: means([1], "x")})
    assert other == "the two were not judged on the same episodes"
    assert effect(ours, {1: means([1], "x")}, "x") == {"problem": other}


def test_an_arm_without_training_stands_beside_every_seed() -> None:
    expert = {None: means([1.0, 2.0, 3.0])}
    found = difference({4: means([0.0, 1, 2]), 5: means([0.0, 1, 5])}, expert)
    assert not isinstance(found, str)
    assert dict(found.seeds) == {4: -1.0, 5: 0.0}
    assert found.n == 2
    both = difference(expert, {None: means([0.0, 0.0, 0.0])})
    assert not isinstance(both, str)
    assert (both.n, both.over) == (0, "episodes")
    assert words(both, higher=True) == "better"


def test_the_interval_of_a_rate_holds_nothing_that_a_rate_cannot_be() -> None:
    few, most = ([1.0] * n + [0.0] * (12 - n) for n in (1, 11))
    low, high = ({1: means(v, rate=True), 2: means(few, rate=True), 3: means(most, rate=True)}
                 for v in (few, most))  # fmt: skip
    for runs in (low, high):
        found = estimate(runs)
        assert (found.low, found.high) == (0.0, 1.0)  # Student's alone is wider
    gap = difference({1: means(most, rate=True), 2: means(few, rate=True)},
                     {1: means(few, rate=True), 2: means(few, rate=True)})  # fmt: skip
    assert not isinstance(gap, str)
    assert (gap.low, gap.high) == (-1.0, 1.0)
    plain = estimate({1: means(few), 2: means(few), 3: means(most)})
    assert plain.low < 0


def test_a_rate_of_all_or_none_is_not_certain() -> None:
    found = estimate({s: means(np.ones(100), rate=True) for s in (1, 2, 3)})
    assert found.high == 1.0
    assert found.low == pytest.approx(wilson(100, 100).low)
    few = np.zeros(100)
    few[:4] = 1  # four wins and no loss in a hundred: McNemar's p is 0.125
    none = np.zeros(100)
    runs = [{s: means(v, rate=True) for s in (1, 2, 3)} for v in (few, none)]
    assert effect(runs[0], runs[1], "rollouts.t.rate")["verdict"].startswith("cannot tell")
    few[:9] = 1
    runs = [{s: means(v, rate=True) for s in (1, 2, 3)} for v in (few, none)]
    assert effect(runs[0], runs[1], "rollouts.t.rate")["verdict"] == "better"
