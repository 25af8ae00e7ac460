import math

import numpy as np
import pytest

from bydemo.core.errors import InputError
from bydemo.evaluation.interval import (
    bootstrap,
    mcnemar,
    paired_bootstrap,
    paired_rates,
    resample_counts,
    wilson,
)


def test_wilson_gives_the_published_interval():
    # Newcombe, Statistics in Medicine 17 (1998) 857-872, table I, method 3.
    for successes, n, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605),
                                    (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)):  # fmt: skip
        found = wilson(successes, n)
        assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)
        assert found.value == successes / n


def test_wilson_mirrors_and_knows_nothing_from_nothing():
    a, b = wilson(3, 50), wilson(47, 50)
    assert (a.low, a.high) == pytest.approx((1 - b.high, 1 - b.low))
    assert wilson(20, 20).high == 1.0
    empty = wilson(0, 0)
    assert math.isnan(empty.value)
    assert (empty.low, empty.high) == (0.0, 1.0)
    with pytest.raises(InputError, match="field 'successes': 5 of 4 is no rate"):
        wilson(5, 4)


def test_each_resample_draws_as_many_episodes_as_there_are():
    counts = resample_counts(7, seed=3)
    assert counts.shape == (1000, 7)
    assert (counts.sum(axis=1) == 7).all()
    assert np.array_equal(counts, resample_counts(7, seed=3))
    assert not np.array_equal(counts, resample_counts(7, seed=4))
    assert not counts.flags.writeable  # it is handed out again


def test_draws_in_which_a_figure_is_undefined_are_left_out_of_its_interval():
    sums = {"hits": np.array([1.0, 0.0, 0.0, 3.0]), "there": np.array([2.0, 0.0, 0.0, 3.0])}

    def figures(found):
        with np.errstate(invalid="ignore"):
            return {"rate": found["hits"] / found["there"], "hits": found["hits"]}

    found = bootstrap(sums, figures)
    counts = resample_counts(4)
    drawn = figures({name: counts @ values for name, values in sums.items()})
    assert np.isnan(drawn["rate"]).any()
    for name, values in drawn.items():
        low, high = np.quantile(values[np.isfinite(values)], [0.025, 0.975])
        assert (found[name].low, found[name].high) == pytest.approx((low, high), abs=0)


def mean_of(sums):
    return {"mean": sums["total"] / sums["count"]}


def test_the_bootstrap_covers_the_truth_about_as_often_as_it_says():
    generator = np.random.default_rng(0)
    hits = 0
    for trial in range(200):
        values = generator.normal(1.0, 1.0, 60)
        found = bootstrap({"total": values, "count": np.ones(60)}, mean_of, seed=trial)["mean"]
        hits += found.low <= 1.0 <= found.high
    assert 0.89 <= hits / 200 <= 0.99


def test_steps_of_one_episode_are_not_independent_evidence():
    few = {"total": np.array([0.0, 100.0, 0.0, 100.0]), "count": np.full(4, 100.0)}
    found = bootstrap(few, mean_of)["mean"]
    assert found.value == 0.5
    assert found.high - found.low > 0.9


def test_one_episode_gives_no_interval():
    found = bootstrap({"total": np.array([3.0]), "count": np.array([4.0])}, mean_of)["mean"]
    assert found.value == 0.75
    assert math.isnan(found.low)


def test_pairing_sees_what_two_separate_intervals_cannot():
    generator = np.random.default_rng(1)
    hard = generator.normal(10, 5, 40)
    ones = np.ones(40)
    ours = {"total": hard - 0.5 + generator.normal(0, 0.1, 40), "count": ones}
    theirs = {"total": hard, "count": ones}
    a, b = bootstrap(ours, mean_of)["mean"], bootstrap(theirs, mean_of)["mean"]
    assert a.high > b.low  # the separate intervals overlap widely
    lower = paired_bootstrap(ours, theirs, mean_of, lambda name: True)["mean"]
    assert lower.verdict == "better"
    assert lower.value == pytest.approx(-0.5, abs=0.1)
    assert paired_bootstrap(ours, theirs, mean_of, lambda name: False)["mean"].verdict == "worse"
    same = paired_bootstrap(theirs, theirs, mean_of, lambda name: True)["mean"]
    assert same.verdict == "cannot tell from n = 40 episodes"
    with pytest.raises(InputError, match="do not cover the same episodes"):
        paired_bootstrap(ours, {"total": ones[:3], "count": ones[:3]}, mean_of, lambda n: True)


def pairs(both, first, second, neither):
    ours = [True] * (both + first) + [False] * (second + neither)
    theirs = [True] * both + [False] * first + [True] * second + [False] * neither
    return ours, theirs


def test_paired_rates_give_the_published_interval():
    # Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10 on 36, 12, 2, 0.
    found = paired_rates(*pairs(36, 12, 2, 0))
    assert (found.low, found.high) == pytest.approx((0.0569, 0.3404), abs=1e-4)
    turned = paired_rates(*pairs(36, 2, 12, 0))
    assert (turned.low, turned.high) == pytest.approx((-0.3404, -0.0569), abs=1e-4)


def test_paired_rates_that_never_differ_are_still_not_certainly_equal():
    small, large = paired_rates(*pairs(5, 0, 0, 5)), paired_rates(*pairs(50, 0, 0, 50))
    for found in (small, large):
        assert found.low < found.value == 0 < found.high
    assert large.high < small.high


def test_paired_rates_decide_by_mcnemar():
    assert mcnemar(12, 2) == pytest.approx(2 * (1 + 14 + 91) / 2**14)
    assert mcnemar(0, 0) == mcnemar(3, 3) == 1.0
    assert paired_rates(*pairs(36, 12, 2, 0)).verdict == "better"
    assert paired_rates(*pairs(36, 2, 12, 0)).verdict == "worse"
    undecided = paired_rates(*pairs(3, 2, 1, 4))
    assert undecided.verdict == "cannot tell from n = 10 seeds"
    assert undecided.value == pytest.approx(0.1)
    assert undecided.n == 10
    assert paired_rates([], []).verdict == "cannot tell from n = 0 seeds"
    with pytest.raises(InputError, match="2 results against 1"):
        paired_rates([True, False], [True])
