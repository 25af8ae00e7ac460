"""An episode cannot be changed, ragged, or hold what its spec does not allow."""

from __future__ import annotations

import numpy as np
import pytest

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part, Spec

SPEC = Spec(
    observation={"x": Field.vector(Part(name="x", size=2, unit="m"))},
    action=Field.vector(Part(name="grip", size=1, classes=("open", "close"))),
    control_rate=10.0,
)


def episode(x: np.ndarray, action: np.ndarray) -> Episode:
    return Episode(observation={"x": x}, action=action)


def test_arrays_are_read_only() -> None:
    made = episode(np.zeros((3, 2), np.float32), np.zeros((3, 1), np.float32))
    with pytest.raises(ValueError, match="read-only"):
        made.observation["x"][0] = 1
    with pytest.raises(TypeError):
        made.observation["y"] = 1  # type: ignore[index]


def test_ragged_fields_are_refused() -> None:
    with pytest.raises(InputError, match="field 'x': 2 rows for 3 actions"):
        episode(np.zeros((2, 2), np.float32), np.zeros((3, 1), np.float32))


@pytest.mark.parametrize(
    ("x", "action", "message"),
    [
        (np.full((3, 2), np.nan, np.float32), np.zeros((3, 1), np.float32), "not finite at step 0"),
        (np.zeros((3, 2)), np.zeros((3, 1), np.float32), "float64, expected"),
        (np.zeros((3, 2), np.float32), np.full((3, 1), 2, np.float32), "class index 0..1"),
        (np.zeros((3, 2), np.float32), np.full((3, 1), 0.5, np.float32), "'grip' is 0.5 at step 0"),
    ],
)
def test_what_the_spec_forbids_is_named(x: np.ndarray, action: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        episode(x, action).check(SPEC)


def test_a_good_episode_passes() -> None:
    episode(np.zeros((3, 2), np.float32), np.ones((3, 1), np.float32)).check(SPEC)
