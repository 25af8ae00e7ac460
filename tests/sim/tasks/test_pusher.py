import gymnasium
import numpy as np
import pytest

from bydemo.core.fields import check_match
from bydemo.core.gymnasium_spec import control_rate_of, environment_spec
from bydemo.evaluation.actors import ExpertActor, RandomActor, StillActor
from bydemo.evaluation.rollout import rollout
from bydemo.sim.tasks.pusher import Config


@pytest.fixture(scope="module")
def task():
    built = Config().build()
    yield built
    built.close()


def test_an_episode_is_that_of_gymnasiums_loop(task) -> None:
    environment = gymnasium.make("Pusher-v5")
    rng = np.random.default_rng(0)
    for seed in (0, 5, 0):
        ours, theirs = task.reset(seed=seed)[0], environment.reset(seed=seed)[0]
        over = False
        while not over:
            np.testing.assert_array_equal(ours["observation"], theirs)
            assert ours["observation"].dtype == np.float64
            assert task.failure_reason() is None
            action = rng.normal(0, 2, 7).astype(np.float32)  # beyond the limits too
            ours, reward, terminated, over, info = task.step(action)
            theirs, wanted, *_, told = environment.step(action)
            assert (reward, terminated, info) == (wanted, False, told)
        assert task.failure_reason() == "goal missed"


def test_its_fields_have_names_and_match_any_recording_of_the_environment(task) -> None:
    parts = [(part.name, part.size, part.unit) for part in
             task.data_spec.observation["observation"].parts]  # fmt: skip
    assert parts == [("joint_position", 7, "rad"), ("joint_velocity", 7, "rad/s"),
                     ("fingertip", 3, "m"), ("object", 3, "m"), ("goal", 3, "m")]  # fmt: skip
    assert task.data_spec.control_rate == 20.0
    environment = gymnasium.make("Pusher-v5")
    spec = environment_spec("Pusher-v5", environment.observation_space, environment.action_space,
                            control_rate_of(environment))  # fmt: skip
    check_match(task.data_spec, spec, ours_name="task", theirs_name="recording")


@pytest.mark.parametrize(
    ("actor", "mean", "near"),
    [(StillActor(), -54.9, 0.6), (ExpertActor(), -22.38, 0.01), (RandomActor(), -148.8, 3.0)],
    ids=["still", "expert", "random"],
)
def test_references_return_what_is_known_of_them(task, actor, mean, near) -> None:
    acting = actor.build(task)
    returns = []
    for seed in range(50):
        observation, _ = task.reset(seed=seed)
        acting.reset(seed, task.instruction)
        total, over = 0.0, False
        while not over:
            observation, reward, _, over, _ = task.step(acting.act(observation))
            total += reward
        returns.append(total)
    assert np.mean(returns) == pytest.approx(mean, abs=near)


def test_the_expert_reaches_the_goal_mostly_and_the_noise_is_an_option(task) -> None:
    results = [rollout(task, ExpertActor().build(task), seed) for seed in range(20)]
    assert sum(bool(r.success) for r in results) == 19
    noisy = Config(stochastic=True).build()
    a, b, plain = (rollout(t, ExpertActor().build(t), 3, keep=True).episode.action
                   for t in (noisy, noisy, task))  # fmt: skip
    noisy.close()
    np.testing.assert_array_equal(a, b)
    assert 0.02 < np.abs(a - plain).mean() < 0.3


def test_it_is_judged_by_return(task) -> None:
    assert task.judged_by == "return"
