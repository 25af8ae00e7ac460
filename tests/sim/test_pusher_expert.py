from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import bydemo.sim
from bydemo.core.errors import ExpertError
from bydemo.sim.pusher_expert import Dice, PusherExpert, PusherExperts, network

SHIPPED = Path(bydemo.sim.__file__).parent / "weights" / "pusher_expert.safetensors"


@pytest.fixture(scope="module")
def observations() -> np.ndarray:
    """As they come up: positions and velocities of the size that the environment gives."""
    rng = np.random.default_rng(0)
    return rng.normal(0, 0.3, (128, 23))


def test_the_weights_are_those_of_the_network() -> None:
    shapes = [(weight.shape, bias.shape) for weight, bias in network().layers]
    assert shapes == [((26, 128), (128,)), ((128, 128), (128,)), ((128, 7), (7,))]
    assert network().mean.shape == network().std.shape == (26,)
    np.testing.assert_allclose(np.exp(network().log_std), 0.0631, rtol=1e-3)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 64, 127, 128])
def test_an_action_does_not_depend_on_who_is_asked_beside_it(observations, size) -> None:
    alone = PusherExpert(np.random.default_rng(0))
    wanted = np.stack([alone.act({"observation": row}) for row in observations])
    for first in range(0, 128 - size + 1, max(1, size // 2)):
        rows = observations[first : first + size]
        np.testing.assert_array_equal(
            PusherExperts().act({"observation": rows}), wanted[first : first + size]
        )


def test_actions_stay_within_the_limits(observations) -> None:
    actions = PusherExperts().act({"observation": 50 * observations})
    assert actions.dtype == np.float32
    assert np.abs(actions).max() == 2.0


def test_a_stochastic_expert_repeats_itself_with_the_seed_alone(observations) -> None:
    def actions(rng_seed: int, seed: int) -> np.ndarray:
        expert = PusherExpert(np.random.default_rng(rng_seed), stochastic=True)
        expert.reset(99, "")
        expert.act({"observation": observations[0]})  # whatever was before
        expert.reset(seed, "")
        return np.stack([expert.act({"observation": row}) for row in observations[:20]])

    np.testing.assert_array_equal(actions(1, 5), actions(1, 5))
    assert np.any(actions(1, 5) != actions(1, 6))
    assert np.any(actions(1, 5) != actions(2, 5))


def test_the_noise_is_that_of_training(observations) -> None:
    still = np.tile(observations[:1], (128, 1)) * 0.1
    mean = PusherExperts().act({"observation": still})
    experts = PusherExperts([Dice(np.random.default_rng(i)) for i in range(128)])
    drawn = np.concatenate([experts.act({"observation": still}) - mean for _ in range(50)])
    free = np.abs(mean[0]) < 1.7  # the limits cut the others
    np.testing.assert_allclose(drawn.std(0)[free], 0.0631, rtol=0.05)


def test_a_file_of_weights_is_the_expert_that_acts(tmp_path, observations) -> None:
    tensors = load_file(SHIPPED)
    tensors["bias_2"] = tensors["bias_2"] + 0.25
    save_file(tensors, tmp_path / "mine.safetensors")
    mine = network(str(tmp_path / "mine.safetensors")).torques(observations)
    np.testing.assert_allclose(mine, network().torques(observations) + 0.25, atol=1e-6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"bias_1": None}, "field 'bias_1': is missing; expected weight_0, bias_0, weight_1, "
         "bias_1, weight_2, bias_2, observation_mean, observation_std, log_std"),
        ({"weight_2": np.zeros((7, 128), np.float32)},
         "field 'weight_2': has shape (7, 128), expected (128, 7)"),
        ({"bias_0": np.full(128, np.nan, np.float32)},
         "field 'bias_0': holds numbers that are not finite"),
        ({"observation_std": np.zeros(26)}, "field 'observation_std': must be above 0"),
    ],
    ids=["missing", "shape", "nan", "std"],
)  # fmt: skip
def test_weights_of_another_kind_are_refused(tmp_path, change, message) -> None:
    path = tmp_path / "bad.safetensors"
    tensors = {**load_file(SHIPPED), **change}
    save_file({name: array for name, array in tensors.items() if array is not None}, path)
    with pytest.raises(ExpertError) as raised:
        PusherExpert(np.random.default_rng(0), weights=str(path))
    assert str(raised.value) == f"{path}, {message}"


@pytest.mark.parametrize("kept", [0, 4, 40, 900, 80_000])
def test_a_file_cut_short_is_refused(tmp_path, kept) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(SHIPPED.read_bytes()[:kept])
    with pytest.raises(ExpertError, match="is no whole safetensors file of float32 or float64"):
        network(str(path))


def test_a_file_that_is_not_there_is_named(tmp_path) -> None:
    path = tmp_path / "none.safetensors"
    with pytest.raises(ExpertError) as raised:
        network(str(path))
    assert str(raised.value) == f"{path}: cannot be read: No such file or directory"
