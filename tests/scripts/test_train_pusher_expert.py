import math

import numpy as np
import pytest
import torch
from scripts.train_pusher_expert import (
    CLIP,
    DISCOUNT,
    SEEN,
    TORQUES,
    TRACE,
    Learner,
    Played,
    Standard,
    advantages,
    evaluate,
    timetable,
    train,
)

from bydemo.sim.pusher_batch import PusherBatch
from bydemo.sim.pusher_expert import PusherExpert, inputs, network, standardised

COPIES = 4


def two_updates(batch: PusherBatch, seed: int) -> tuple[Learner, list[tuple[int, float, float]]]:
    learner = Learner(seed)
    moments = iter([0.0, 0.6, 1.0])
    return learner, list(train(learner, batch, COPIES, 1000, lambda: next(moments)))


@pytest.fixture(scope="module")
def batch():
    made = PusherBatch(COPIES)
    yield made
    made.close()


@pytest.fixture(scope="module")
def trained(batch):
    return two_updates(batch, seed=3)


def test_the_file_acts_as_the_network_that_was_trained(trained, batch, tmp_path) -> None:
    learner, told = trained
    path = tmp_path / "mine.safetensors"
    path.write_bytes(learner.content(noise=0.2))
    loaded = network(str(path))
    observations = np.random.default_rng(0).normal(0, 0.5, (256, 23))
    seen = standardised(inputs(observations), learner.standard.mean, learner.standard.std)
    with torch.no_grad():
        wanted = learner.actor(torch.from_numpy(seen)).numpy()
    assert np.abs(wanted).max() > 0.01
    np.testing.assert_allclose(loaded.torques(observations), wanted, rtol=0, atol=1e-6)
    np.testing.assert_allclose(loaded.log_std, np.full(TORQUES, math.log(0.2)), rtol=1e-6)
    alone = PusherExpert(np.random.default_rng(0), weights=str(path))
    np.testing.assert_allclose(alone.act({"observation": observations[5]}), wanted[5], atol=1e-6)
    returns, there = evaluate(batch, range(COPIES), path)
    assert returns.shape == (COPIES,)
    assert (returns < -20).all()
    assert 0 <= there <= 1
    assert [steps for steps, *_ in told] == [400, 800]
    assert [noise for *_, noise in told] == [timetable(0.0)[0], timetable(0.6)[0]]


def test_it_has_learned_the_size_of_what_it_sees(trained, batch) -> None:
    learner, _ = trained
    assert learner.standard.count == 2 * COPIES * 100
    goal = batch.reset([0])["observation"][0, 20:]
    np.testing.assert_allclose(learner.standard.mean[20:23], goal, atol=1e-9)
    np.testing.assert_allclose(learner.standard.std[20:23], 0.01)


def test_the_seed_alone_decides(trained, batch) -> None:
    again, other = two_updates(batch, seed=3)[0], two_updates(batch, seed=4)[0]
    assert again.content(0.1) == trained[0].content(0.1)
    assert other.content(0.1) != trained[0].content(0.1)


def test_running_mean_and_std_are_those_of_all_rows() -> None:
    rows, standard = np.random.default_rng(0).normal(3, 2, (500, SEEN)), Standard()
    for part in np.split(rows, [7, 100, 450]):
        standard.add(part)
    np.testing.assert_allclose(standard.mean, rows.mean(0))
    np.testing.assert_allclose(standard.std, rows.std(0))


def test_advantages_are_the_discounted_sum_of_surprises() -> None:
    rng = torch.Generator().manual_seed(0)
    reward, value = torch.randn(2, 6, 3, generator=rng)
    found = advantages(reward, value)
    for t in range(6):
        wanted = torch.zeros(3)
        for later in range(t, 6):
            after = value[later + 1] if later < 5 else 0.0
            surprise = reward[later] + DISCOUNT * after - value[later]
            wanted += (DISCOUNT * TRACE) ** (later - t) * surprise
        torch.testing.assert_close(found[t], wanted)


def test_it_learns_what_is_rewarded_and_trusts_no_batch_too_far() -> None:
    learner, noise, wanted = Learner(0), 0.3, 0.5
    seen, steps = torch.zeros(2, 128, SEEN), []
    for _ in range(25):
        with torch.no_grad():
            before, draws = learner.actor(seen), torch.randn(2, 128, TORQUES)
        action = before + noise * draws
        reward = -(action - wanted).square().sum(-1)
        learner.learn(Played(seen=seen, draws=draws, action=action, reward=reward), noise, 1e-3)
        steps.append(float((learner.actor(seen[0, :1]) - before[0, :1]).detach().norm()))
    reached = learner.actor(seen[0, :1]).detach().numpy()
    np.testing.assert_allclose(reached, wanted, atol=0.15)
    assert max(steps) < noise * (1 + CLIP)


def test_noise_falls_twice_from_coarse_to_fine() -> None:
    assert timetable(0.0) == (0.35, 4e-4)
    assert timetable(0.5) == (0.25, 3e-4)
    assert timetable(0.4999)[0] == pytest.approx(0.08, rel=1e-2)
    assert timetable(1.0)[0] == pytest.approx(0.05)
    assert timetable(1.0)[1] == 3e-4
