"""Laws of the codec: the way back undoes the way in, and statistics cannot lie."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bydemo.core.codec import SCALINGS, Affine, Codec, Scaling, fit_affine, gather_proprioception
from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.statistics import measure

SPEC = Spec(
    observation={
        "camera": Field.image(8, 8),
        "pose": Field.vector(
            Part(name="position", size=3, unit="m"), Part(name="spare", size=2, used=False)
        ),
        "fingers": Field.vector(Part(name="fingers", size=1, unit="rad")),
    },
    action=Field.vector(
        Part(name="velocity", size=2, unit="m/s"),
        Part(name="gripper", size=1, classes=("open", "stay", "close")),
        Part(name="yaw", size=1, unit="rad/s"),
    ),
    control_rate=10.0,
)


def data(seed: int, rows: int = 50) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    pose = rng.normal(3.0, [1, 10, 0.1, 1, 1], (rows, 5)).astype(np.float32)
    fingers = rng.normal(0, 1, (rows, 1)).astype(np.float32)
    action = rng.normal(0, 0.1, (rows, 4)).astype(np.float32)
    action[:, 2] = rng.integers(0, 3, rows)
    return {"pose": pose, "fingers": fingers}, action


def fit(seed: int, scaling: str) -> Codec:
    observation, action = data(seed)
    return Codec.fit(
        SPEC,
        {k: [v] for k, v in observation.items()},
        [action],
        observation_scaling=scaling,  # type: ignore[arg-type]
        action_scaling=scaling,  # type: ignore[arg-type]
    )


@given(st.integers(0, 1000), st.sampled_from(SCALINGS))
def test_decode_undoes_encode(seed: int, scaling: str) -> None:
    codec = fit(seed, scaling)
    _, action = data(seed + 1)
    continuous, labels = codec.encode_action(action)
    assert continuous.shape == (50, 3)
    assert labels.shape == (50, 1)
    assert labels.dtype == np.int64
    np.testing.assert_allclose(codec.decode_action(continuous, labels), action, atol=1e-5)
    observation, _ = data(seed + 1)
    raw, encoded = codec.gather(observation), codec.encode_observation(observation)
    np.testing.assert_allclose(codec.proprioception.decode(encoded), raw, atol=1e-4)


def test_unused_parts_never_reach_the_model() -> None:
    observation, _ = data(0)
    codec = fit(0, "standardise")
    encoded = codec.encode_observation(observation)
    assert encoded.shape == (50, 4)
    np.testing.assert_allclose(encoded.mean(0), 0, atol=1e-5)
    np.testing.assert_allclose(encoded.std(0), 1, atol=1e-5)
    changed = dict(observation, pose=observation["pose"] + np.float32([0, 0, 0, 9, 9]))
    np.testing.assert_array_equal(codec.encode_observation(changed), encoded)


def test_json_round_trip_is_exact() -> None:
    codec = fit(3, "standardise")
    again = Codec.from_json(json.loads(json.dumps(codec.to_json())))
    assert again.spec == codec.spec
    np.testing.assert_array_equal(again.action.scale, codec.action.scale)
    np.testing.assert_array_equal(again.proprioception.offset, codec.proprioception.offset)


def test_a_missing_statistic_is_named() -> None:
    broken = fit(0, "none").to_json()
    del broken["action"]["scale"]
    with pytest.raises(InputError, match="field 'action'"):
        Codec.from_json(broken)


def test_a_degenerate_scale_is_refused() -> None:
    with pytest.raises(InputError, match="scale"):
        Affine(offset=np.zeros(2), scale=np.array([1.0, 0.0]))


def test_a_near_constant_component_is_not_blown_up() -> None:
    rng = np.random.default_rng(0)
    rows = np.stack([rng.normal(0, 1, 500), 2.0 + rng.normal(0, 2e-5, 500)], axis=1)
    affine = fit_affine(measure([rows]), "standardise")
    assert np.abs(affine.encode(rows)[:, 1]).max() < 1e-3


@given(st.integers(0, 1000))
def test_of_two_scalings_in_a_row_the_last_alone_is_left(seed: int) -> None:
    """What a published study compared as "both orders" was each scaling alone: minmax cancels a
    standardisation before it exactly, and the other way round."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(rng.normal(0, 5, 4), [1, 10, 0.05, 1], (80, 4))
    statistics = measure([rows[:30], rows[30:]])
    for first, last in (("standardise", "minmax"), ("minmax", "standardise")):
        both: Scaling = f"{first}+{last}"  # type: ignore[assignment]
        once, twice = fit_affine(statistics, last), fit_affine(statistics, both)  # type: ignore[arg-type]
        np.testing.assert_allclose(twice.offset, once.offset, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(twice.scale, once.scale, rtol=1e-12)
        # Fitted one after the other on the rows themselves, in float64: the same map.
        begun = fit_affine(statistics, first)  # type: ignore[arg-type]
        ended = fit_affine(measure([(rows - begun.offset) / begun.scale]), last)  # type: ignore[arg-type]
        by_hand = ((rows - begun.offset) / begun.scale - ended.offset) / ended.scale
        np.testing.assert_allclose((rows - twice.offset) / twice.scale, by_hand, atol=1e-9)


@pytest.mark.parametrize("scaling", SCALINGS)
def test_a_component_that_barely_moves_or_never_does(scaling: Scaling) -> None:
    """Whatever the scaling, rounding noise does not become a signal; nor does a constant whose
    mean is an ulp off."""
    rng = np.random.default_rng(0)
    moving, barely = rng.normal(0, 1, 500), 2.0 + rng.normal(0, 2e-5, 500)
    encoded = fit_affine(measure([np.stack([moving, barely], 1)]), scaling)
    spread = np.ptp(encoded.encode(np.stack([moving, barely], 1)).astype(np.float64), axis=0)
    assert spread[1] < 1e-3 * spread[0]
    constant = np.full((1001, 2), [0.1, -0.3])
    affine = fit_affine(measure([constant]), scaling)
    assert np.ptp(affine.encode(constant), axis=0).max() == 0
    np.testing.assert_allclose(affine.decode(affine.encode(constant)), constant, rtol=1e-6)


def test_an_unknown_scaling_is_answered_with_all() -> None:
    with pytest.raises(InputError) as caught:
        fit(0, "standardize")
    assert str(caught.value) == (
        "field 'scaling': 'standardize' is none of standardise, minmax, standardise+minmax, "
        "minmax+standardise, none"
    )


def test_a_missing_field_is_named() -> None:
    with pytest.raises(InputError, match="field 'fingers': missing from the observation"):
        fit(0, "none").encode_observation({"pose": np.zeros((1, 5), np.float32)})


def test_one_field_is_gathered_as_a_copy() -> None:
    """Whoever scales it in place must not change the recording."""
    spec = Spec(
        observation={"state": Field.vector(Part(name="angle", size=3), dtype="float64")},
        action=Field.vector(Part(name="torque", size=1)),
        control_rate=20.0,
    )
    state = np.arange(6.0).reshape(2, 3)
    codec = Codec.fit(spec, {"state": [state]}, [np.zeros((2, 1))])
    gathered = codec.gather({"state": state})
    np.testing.assert_array_equal(gathered, state)
    np.testing.assert_array_equal(gathered, gather_proprioception(spec, {"state": state}))
    assert gathered.dtype == np.float64
    gathered[:] = -1
    assert state.sum() == 15
