"""Statistics are float64 whatever the data, and impossible ones are refused."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bydemo.core.errors import InputError
from bydemo.core.statistics import Statistics, measure

TRAINING_STEPS = 25_469
"""Rows of the reference's training split, over which it took its standard deviations."""


@pytest.mark.parametrize(
    ("published", "spreads"),
    [
        (0.07086, (0.19, 0.22, 0.24)),
        (0.2834, (0.76, 0.88, 0.96)),
        (0.401, (1.08, 1.24, 1.35)),
        (0.567, (1.52, 1.76, 1.92)),
    ],
)
def test_the_published_deviations_are_float16_saturation(
    published: float, spreads: tuple[float, ...]
) -> None:
    """Summing squares in float16 stalls at a power of two, where an addend is below half a step.

    So numpy gives the very number that the reference printed for data of quite different spread,
    and ours gives each its own.
    """
    random = np.random.default_rng(0)
    for spread in spreads:
        rows = (random.choice([-1.0, 1.0], (TRAINING_STEPS, 2)) * spread).astype(np.float16)
        assert (rows.std(axis=0) == np.float16(published)).all()
        np.testing.assert_allclose(measure([rows]).std, spread, rtol=1e-3)


def test_float16_mean_overflows_and_ours_does_not() -> None:
    rows = np.full((70_000, 1), 2.0, np.float16)
    with np.errstate(over="ignore"):
        assert np.isinf(np.add.reduce(rows, axis=0, dtype=np.float16)[0])
    assert measure([rows]).mean[0] == 2.0


def test_more_spread_than_the_range_allows_is_refused() -> None:
    """No data in [0, 1] deviates by .567: a wrong statistic can't even be built."""
    zero, one = np.zeros(1), np.ones(1)
    with pytest.raises(
        InputError, match=r"field 'std': component 0: 0\.567 is more than half the range 1; no data"
    ):
        Statistics(count=TRAINING_STEPS, mean=one / 2, std=one * 0.567, low=zero, high=one)


def test_not_finite_is_refused() -> None:
    with pytest.raises(InputError, match="field 'mean': statistic is not finite"):
        measure([np.array([[np.nan], [1.0]])])


def test_no_rows() -> None:
    with pytest.raises(InputError, match="no rows to measure"):
        measure([np.zeros((0, 3))])


@given(
    arrays(np.float64, st.tuples(st.integers(2, 40), st.just(2)), elements=st.floats(-1e3, 1e3)),
    st.integers(1, 7),
)
def test_any_chunking_gives_the_same(rows: np.ndarray, size: int) -> None:
    whole = measure([rows])
    parted = measure(rows[i : i + size] for i in range(0, len(rows), size))
    for name in ("mean", "std", "low", "high"):
        np.testing.assert_allclose(
            getattr(parted, name), getattr(whole, name), rtol=1e-9, atol=1e-6
        )
    np.testing.assert_allclose(whole.std, rows.std(axis=0), rtol=1e-9, atol=1e-6)


def test_a_large_offset_does_not_eat_the_deviation() -> None:
    rows = 1e8 + np.random.default_rng(0).normal(size=(1000, 1))
    assert measure([rows]).std[0] == pytest.approx(rows.std(), rel=1e-6)


def test_near_constant_components_are_found() -> None:
    random = np.random.default_rng(0)
    rows = np.stack([random.normal(0, 1, 500), random.normal(0, 1e-5, 500)], axis=1)
    assert measure([rows]).near_constant.tolist() == [False, True]
