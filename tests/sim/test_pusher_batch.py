from collections.abc import Callable

import gymnasium
import numpy as np
import pytest

from bydemo.core.errors import InputError, SimulationError
from bydemo.sim.pusher_batch import PusherBatch, reached
from bydemo.sim.pusher_expert import PusherExpert

SEEDS = range(20)
Tapes = tuple[np.ndarray, np.ndarray, np.ndarray]


def plain(act_of: Callable[[int], Callable], seeds=SEEDS) -> Tapes:
    """Observations (n, 101, 23), actions and rewards of Gymnasium's own loop."""
    environment = gymnasium.make("Pusher-v5")
    seen, done, paid = [], [], []
    for seed in seeds:
        observation, _ = environment.reset(seed=seed)
        act, over = act_of(seed), False
        while not over:
            action = act(observation)
            seen.append(observation)
            done.append(action)
            observation, reward, terminated, truncated, _ = environment.step(action)
            paid.append(reward)
            over = terminated or truncated
        seen.append(observation)
    n = len(seeds)
    return np.reshape(seen, (n, 101, 23)), np.reshape(done, (n, 100, 7)), np.reshape(paid, (n, 100))


def batched(batch: PusherBatch, act: Callable | None, seeds=SEEDS) -> Tapes:
    observation = batch.reset(seeds)
    if act is None:
        act = batch.expert([np.random.default_rng([seed, 1]) for seed in seeds]).act
    seen, done, paid = [observation["observation"]], [], []
    over = np.zeros(len(seeds), bool)
    while not over.all():
        done.append(act(observation))
        observation, reward, over = batch.step(done[-1])
        seen.append(observation["observation"])
        paid.append(reward)
    return np.stack(seen, 1), np.stack(done, 1), np.stack(paid, 1)


def expert_of(stochastic: bool) -> Callable:
    def act_of(seed: int) -> Callable:
        expert = PusherExpert(np.random.default_rng([seed, 1]), stochastic=stochastic)
        expert.reset(seed, "")
        return lambda seen: expert.act({"observation": seen})

    return act_of


def assert_equal(ours: Tapes, theirs: Tapes) -> None:
    for a, b in zip(ours, theirs, strict=True):
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(("stochastic", "threads"), [(False, 1), (True, 2)])
def test_episodes_are_bit_for_bit_those_of_gymnasium_with_the_expert(stochastic, threads) -> None:
    batch = PusherBatch(20, threads=threads, stochastic=stochastic)
    ours = batched(batch, None)
    assert_equal(ours, plain(expert_of(stochastic)))
    batch.close()


def test_they_are_so_with_noise_beyond_the_limits_and_fewer_seeds_than_copies() -> None:
    seeds = [3, 1000, 7]
    noise = {seed: np.random.default_rng(seed).normal(0, 2, (101, 7)) for seed in seeds}

    def act_of(seed: int) -> Callable:
        rows = iter(noise[seed].astype(np.float32))
        return lambda seen: next(rows)

    rows = iter(np.stack([noise[seed] for seed in seeds], 1).astype(np.float32))
    batch = PusherBatch(5)
    batched(batch, None, range(5))  # whatever was before
    assert_equal(batched(batch, lambda seen: next(rows), seeds), plain(act_of, seeds))


def test_success_is_the_object_near_the_goal_at_the_end() -> None:
    batch = PusherBatch(20)
    seen, _, _ = batched(batch, None)
    distance = np.linalg.norm(seen[:, -1, 17:20] - seen[:, -1, 20:23], axis=1)
    np.testing.assert_array_equal(batch.success(), distance < 0.1)
    np.testing.assert_array_equal(reached(seen[:, -1]), distance < 0.1)
    assert batch.failure_reasons() == [None if d < 0.1 else "goal missed" for d in distance]
    assert 17 <= batch.success().sum() < 20


def test_a_world_that_diverged_is_no_success_though_it_resets_itself() -> None:
    batch = PusherBatch(2)
    batch.reset([0, 1])
    batch._copies[1].qvel[0] = np.nan
    for _ in range(100):
        batch.step(np.zeros((2, 7), np.float32))
    assert batch.failure_reasons() == ["goal missed", "physics warning"]
    assert not batch.success().any()


def test_observations_are_the_callers_to_keep() -> None:
    batch = PusherBatch(2)
    first = batch.reset([0, 1])["observation"]
    copy = first.copy()
    batch.step(np.ones((2, 7), np.float32))
    np.testing.assert_array_equal(first, copy)


def test_wrong_numbers_are_refused() -> None:
    with pytest.raises(InputError, match=r"field 'n': is 0, expected 1 or more"):
        PusherBatch(0)
    with pytest.raises(InputError, match=r"field 'threads': is 0, expected 1 or more"):
        PusherBatch(1, threads=0)
    batch = PusherBatch(2)
    with pytest.raises(SimulationError, match=r"call reset\(\) before step\(\)"):
        batch.step(np.zeros((2, 7)))
    with pytest.raises(InputError, match=r"field 'seeds': 3 of them, expected 1 to 2"):
        batch.reset([1, 2, 3])
    batch.reset([1, 2])
    with pytest.raises(InputError, match=r"'actions': have shape \(1, 7\), expected \(2, 7\)"):
        batch.step(np.zeros((1, 7)))
    for _ in range(100):
        _, _, over = batch.step(np.zeros((2, 7)))
    assert over.all()
    with pytest.raises(SimulationError, match="the episodes are over"):
        batch.step(np.zeros((2, 7)))
