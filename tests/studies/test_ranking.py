"""Rank correlation over arms, with a verdict that knows which sign was promised."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from bydemo.studies.evidence import Evidence
from bydemo.studies.ranking import Ranking, rank, spearman


def test_it_is_spearmans() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=12), rng.integers(0, 4, 12).astype(float)
    found = spearman(x, y)
    assert found.value == pytest.approx(stats.spearmanr(x, y).statistic)
    assert found.low < found.value < found.high


def test_few_or_equal_points_have_no_interval() -> None:
    assert math.isnan(spearman([1.0], [2.0]).value)
    three = spearman([1.0, 2, 3], [1.0, 2, 3])
    assert three.value == 1.0
    assert math.isnan(three.low)
    assert math.isnan(spearman([1.0, 1, 1, 1], [1.0, 2, 3, 4]).value)


def outcome(sign: float, x: str = "training.loss", noise: float = 0.0) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    values = {f"arm{i}": (float(i), sign * i + noise * rng.normal()) for i in range(10)}

    def runs(arm: str, figure: str) -> dict[int | None, Evidence]:
        if arm not in values:
            return {}
        which = values[arm][0 if figure == x else 1]
        return {1: Evidence(value=which - 0.1), 2: Evidence(value=which + 0.1)}

    asked = Ranking(title="Does it rank?", why="Maybe.", x=x, y="rollouts.push.return")
    return rank(asked, [*values, "unfinished"], runs)


def test_a_lower_loss_is_expected_to_go_with_a_higher_return() -> None:
    found = outcome(-1.0)
    assert found["n"] == 10
    assert found["points"][3] == {"arm": "arm3", "x": pytest.approx(3.0), "y": pytest.approx(-3.0)}
    assert (found["expected"], found["verdict"]) == ("negative", "ranks")
    assert found["conclusion"].startswith("training.loss ranks rollouts.push.return: rank corr")
    assert outcome(1.0)["verdict"] == "ranks the wrong way"
    assert outcome(0.0, noise=1.0)["verdict"] == "cannot tell from n = 10 arms"
    assert outcome(1.0, x="offline.test.policy.gripper.accuracy")["verdict"] == "ranks"
