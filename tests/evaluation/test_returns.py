import math

import numpy as np
import pytest

from bydemo.evaluation.returns import return_gap, return_summary, score


def rows(*values, first=0, **more):
    return [{"seed": first + i, "steps": 5, "return": v, **more} for i, v in enumerate(values)]


def test_mean_spread_median_and_worst_seed():
    found = return_summary(rows(-3.0, -1.0, -8.0, -2.0, first=7))
    assert (found["n"], found["mean"], found["median"]) == (4, -3.5, -2.5)
    assert (found["worst"], found["worst_seed"]) == (-8.0, 9)
    assert found["standard_error"] == pytest.approx(np.std([-3, -1, -8, -2], ddof=1) / 2)
    assert -8 <= found["low"] < -3.5 < found["high"] <= -1


def test_one_episode_has_no_spread():
    found = return_summary(rows(-3.0))
    assert (found["mean"], found["worst_seed"]) == (-3.0, 0)
    assert found["standard_error"] is found["low"] is found["high"] is None


def test_a_crash_is_left_out_and_an_episode_that_broke_off_is_not():
    crash = {"seed": 9, "steps": 0, "return": None, "detail": "RuntimeError: no"}
    assert return_summary([*rows(-1.0, -3.0), crash])["mean"] == -2.0
    broken = return_summary([*rows(-1.0), {"seed": 9, "steps": 3, "return": None}])
    assert (broken["n"], broken["mean"], broken["worst_seed"]) == (2, None, 9)
    assert return_summary([crash])["worst_seed"] is None
    assert return_gap([*rows(-1.0, -3.0), crash], rows(-2.0, -2.0)).n == 2
    assert return_gap([{"seed": 0, "steps": 3, "return": None}], rows(-2.0)) is None


def test_a_gap_is_paired_by_seed():
    generator = np.random.default_rng(0)
    hard = generator.normal(0, 10, 50)  # seeds differ far more than the policies
    ours, theirs = rows(*(hard + 0.5)), rows(*(hard + generator.normal(0, 0.3, 50)))[::-1]
    found = return_gap(ours, theirs)
    assert found.verdict == "better"
    assert 0.3 < found.low < found.value < found.high < 0.7
    assert return_gap(theirs, ours).verdict == "worse"
    unclear = return_gap(ours[:2], rows(hard[0] + 0.6, hard[1] + 0.4))
    assert unclear.verdict == "cannot tell from n = 2 seeds"
    assert return_gap(rows(1.0), rows(1.0, first=5)) is None
    assert math.isnan(return_gap(rows(1.0), rows(2.0)).low)


def test_the_score_is_where_the_policy_stands_between_nothing_and_the_expert():
    still, expert = rows(-50.0, -60.0, -40.0), rows(-20.0, -20.0, -20.0)
    assert score(still, still, expert)["value"] == 0
    assert score(expert, still, expert) == {"value": 100.0, "low": 100.0, "high": 100.0, "n": 3}
    half = score(rows(-35.0, -40.0, -30.0), still, expert)
    assert (half["value"], half["n"]) == (50, 3)
    assert score(rows(-10.0, -10.0, -10.0), still, expert)["value"] > 100


def test_without_common_ground_there_is_no_score():
    assert score(rows(-1.0), rows(-2.0), rows(-1.0, first=5)) is None
    assert score(rows(-1.0, -1.0), rows(-2.0, -2.0), rows(-2.0, -2.0)) is None
    assert score(rows(-1.0, -1.0), rows(-2.0, -2.0), rows(-3.0, -2.0)) is None  # a worse expert
