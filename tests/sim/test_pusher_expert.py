import numpy as np
import pytest

from bydemo.sim.pusher_expert import Dice, PusherExpert, PusherExperts, network


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
