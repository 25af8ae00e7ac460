import numpy as np
import pytest

from bydemo.evaluation.interval import Interval
from bydemo.evaluation.latent.convergence import (
    CONVERGED,
    FALLING,
    RISING,
    UNCLEAR,
    Floor,
    convergence,
    slope,
    verdict,
)


def rows(values, *, kind="validation", part="image", rate=None):
    return [
        {"kind": kind, "epoch": e, "step": e * 10, "loss": v + 5.0, "parts": {part: v, "kl": 5.0},
         **({"learning_rate": rate[e - 1], "gradient_norm": 2.0 / e} if rate is not None else {})}
        for e, v in enumerate(values, start=1)
    ]  # fmt: skip


FLOOR = {"image": Floor(floor=100.0, mean_model=160.0, floor_is="entropy")}


def judged(values, floors=FLOOR):
    return convergence(rows(values), floors)["curves"]["image"]


def test_a_curve_that_has_flattened_has_converged():
    noise = np.random.default_rng(0).normal(0, 0.05, 30)
    found = judged(120 + 40 * np.exp(-np.arange(30)) + noise)
    assert found["verdict"] == CONVERGED
    assert found["over_floor"] == pytest.approx(20, abs=0.2)
    assert found["gained"] == pytest.approx(40 / 60, abs=0.01)
    assert found["fitted_epochs"] == 10
    assert found["relative"]["low"] > -0.01


def test_the_floor_decides_what_is_little():
    """Falling by 0.4 an epoch is 0.3 % of the loss, but 4 % of the ten above its entropy."""
    values = 122 - 0.4 * np.arange(30)
    assert judged(values)["verdict"] == FALLING
    assert judged(values)["relative"]["value"] == pytest.approx(-0.4 / 10.4)
    assert judged(values, {})["verdict"] == CONVERGED
    assert judged(values, {})["measured_against"] == "itself"
    trained = judged(values, {"image": Floor(mean_model=160.0)})
    assert trained["measured_against"] == "what it gained over the mean model"


def test_a_curve_that_turns_up_is_rising():
    values = 110 + 0.5 * np.arange(30) + np.random.default_rng(0).normal(0, 0.1, 30)
    assert judged(values)["verdict"] == RISING


def test_noise_and_shortness_leave_it_open():
    noisy = 120 + np.random.default_rng(1).normal(0, 20, 30)
    assert judged(noisy)["verdict"] == UNCLEAR
    short = judged(120 - np.arange(9.0))
    assert short["fitted_epochs"] == 3
    assert short["verdict"] == UNCLEAR
    assert np.isnan(short["slope"]["value"])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(-0.009, 0.009, CONVERGED), (-0.009, -0.001, CONVERGED), (-0.02, -0.001, FALLING),
     (0.001, 0.02, RISING), (-0.02, 0.001, UNCLEAR)],
)  # fmt: skip
def test_the_rule(low, high, said):
    assert verdict(Interval(value=(low + high) / 2, low=low, high=high)) == said


def test_parts_without_a_floor_do_not_decide():
    made = rows(120 + 0 * np.arange(30.0))
    for row in made:
        row["parts"]["kl"] = 5.0 + row["epoch"]
    found = convergence(made, FLOOR)
    assert found["curves"]["kl"]["verdict"] == RISING
    assert found["deciding"] == ["loss", "image"]
    assert found["verdict"] == CONVERGED


def test_training_rows_serve_where_nothing_was_held_out():
    found = convergence(rows(120 + 0 * np.arange(30.0), kind="train"), FLOOR)
    assert found["judged_on"] == "train"
    assert found["curves"]["image"]["verdict"] == CONVERGED


def test_a_learning_rate_that_ran_out_is_told():
    cosine = 1e-4 * 0.5 * (1 + np.cos(np.pi * np.arange(30) / 30))
    made = rows(120 - np.arange(30.0), kind="train", rate=cosine)
    found = convergence(made, FLOOR)
    assert found["learning_rate"]["ran_out"] is True
    norms = found["gradient_norm"]
    assert norms["last_third"]["high"] < norms["first_third"]["low"]
    steady = convergence(rows([1.0] * 9, kind="train", rate=[1e-3] * 9))
    assert steady["learning_rate"]["ran_out"] is False


def test_the_slope_is_that_of_the_line_and_its_interval_covers_it():
    generator = np.random.default_rng(0)
    hits = 0
    for _ in range(200):
        found = slope(np.arange(10), 3 - 0.2 * np.arange(10) + generator.normal(0, 0.3, 10))
        hits += found.low <= -0.2 <= found.high
    assert 180 <= hits <= 200  # 95 % of 200, and no less for residuals that look correlated
    exact = slope([2, 4, 6, 8], [10, 8, 6, 4])
    assert exact.value == pytest.approx(-1)
    assert exact.high - exact.low < 1e-9
    assert np.isnan(slope([1, 2], [1, 2]).value)
    assert np.isnan(slope([3, 3, 3, 3], [1, 2, 3, 4]).value)


def test_correlated_residuals_widen_the_interval():
    bent = [5, 4.6, 4.3, 4.1, 4.0, 3.95, 3.95, 4.0, 4.1, 4.3]
    straight = np.polyval(np.polyfit(range(10), bent, 1), range(10))
    residual = np.array(bent) - straight
    shuffled = straight + residual[[0, 5, 9, 4, 1, 6, 8, 3, 7, 2]]
    wide, narrow = slope(range(10), bent), slope(range(10), shuffled)
    assert wide.high - wide.low > 1.5 * (narrow.high - narrow.low)


def test_without_rows_nothing_is_claimed():
    found = convergence([])
    assert found["verdict"] == UNCLEAR
    assert found["learning_rate"] is None
