"""Laws that every task must keep; a new file in `sim/tasks` is found and tested by itself.

How much N episodes can prove: with N = 20, an expert that truly succeeds in 95 % fails four times
or more in 1.6 % of runs, so that many failures refute the 95 %; but 20 of 20 only show that it is
above 86 %. The full claim is made by `bydemo record` with 100 seeds a template, whose rate and
interval stand in the documentation.
"""

import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from bydemo.core.config import names_in, to_plain
from bydemo.core.fields import Spec
from bydemo.evaluation.actors import ExpertActor, RandomActor, StillActor, expert_dice
from bydemo.evaluation.closed_loop import TASKS, task_config, undrawn
from bydemo.evaluation.rollout import rollout
from bydemo.evaluation.workers import EpisodePool
from bydemo.sim.gl import probe_gl
from bydemo.sim.task import FAILURES

EPISODES = 20
MOST_FAILURES = 3

pytestmark = pytest.mark.skipif(probe_gl().backend is None, reason=probe_gl().explain())


@pytest.fixture(scope="module", params=names_in(TASKS))
def config(request):
    return task_config(request.param)


@pytest.fixture(scope="module")
def task(config):
    built = config.build()
    yield built
    built.close()


def same(a, b):
    assert set(a) == set(b)
    return all(np.array_equal(a[name], b[name]) for name in a)


def test_it_is_a_gymnasium_environment(task):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        # Units are physical: limits need be neither normalised nor finite.
        for harmless in (".*symmetric and normalized.*", ".*is (-)?infinity.*"):
            warnings.filterwarnings("ignore", harmless)
        check_env(task, skip_render_check=True, skip_close_check=True)


def test_its_spaces_are_those_of_its_spec(task):
    spec = task.data_spec
    assert Spec.from_json(spec.to_json()) == spec
    assert set(task.observation_space.spaces) == set(spec.observation)
    for name, field in spec.observation.items():
        space = task.observation_space[name]
        assert (space.shape, space.dtype) == (field.shape, np.dtype(field.dtype)), name
    assert task.action_space.shape == spec.action.shape
    assert isinstance(task, gymnasium.Env)


def test_its_configuration_survives_the_way_to_json(config):
    name = type(config).__module__.rsplit(".", 1)[-1]
    assert task_config(name, to_plain(config)) == config


def test_the_same_seed_is_the_same_episode_whatever_came_before(task):
    actor = RandomActor().build(task)
    first = rollout(task, actor, 7, keep=True)
    rollout(task, actor, 8)
    again = rollout(task, actor, 7, keep=True)
    assert first.to_json() == again.to_json()
    assert not first.crashed, first.detail
    assert same(first.episode.observation, again.episode.observation)
    assert same(first.episode.annotation, again.episode.annotation)
    assert same(first.episode.final_observation, again.episode.final_observation)


def test_different_seeds_are_different_episodes(task):
    a, b = (task.reset(seed=seed)[0] for seed in (1, 2))
    assert not same(a, b)


def test_its_episodes_fit_its_spec_and_fail_for_a_known_reason(task):
    for actor in (ExpertActor(), RandomActor(), StillActor()):
        result = rollout(task, actor.build(task), 3, keep=True)
        assert not result.crashed, result.detail
        assert result.steps <= task.max_steps
        result.episode.check(task.data_spec)
        assert result.instruction
        allowed = {True: (None,), False: FAILURES, None: (None, *FAILURES)}
        assert result.reason in allowed[result.success]


def test_it_knows_its_goal_or_is_judged_by_return(task):
    assert task.judged_by in ("success", "return")
    for actor in (ExpertActor(), StillActor()):
        found = rollout(task, actor.build(task), 5).success
        assert found in (True, False) or (found is None and task.judged_by == "return")


def test_it_draws_itself_if_it_says_so(config):
    drawn = config.build()
    if "rgb_array" not in drawn.metadata["render_modes"]:
        pytest.skip("it draws no picture")
    drawn.reset(seed=3)
    picture = drawn.render()
    assert (picture.ndim, picture.shape[2], picture.dtype) == (3, 3, np.uint8)
    assert picture.min() < picture.max()
    drawn.step(drawn.action_space.sample())
    drawn.reset(seed=3)
    again = drawn.render()
    assert np.array_equal(picture, again)
    again[:] = 0  # the caller's to keep
    assert np.array_equal(drawn.render(), picture)
    drawn.close()
    drawn.close()


@pytest.mark.parametrize("threads", [1, 2])
def test_many_copies_are_bit_for_bit_what_each_is_alone(config, task, threads):
    if not hasattr(config, "batched"):
        pytest.skip("it steps no copies together")
    seeds = [4, 11, 5, 1000, 4]
    alone = [rollout(task, ExpertActor().build(task), seed, keep=True) for seed in seeds]
    batch = config.batched(8, threads=threads)
    for _ in range(2):  # whatever was before
        found = _together(batch, seeds)
        for i, result in enumerate(alone):
            kept = result.episode
            seen = {name: rows[:, i] for name, rows in found["observation"].items()}
            for name, rows in seen.items():
                assert np.array_equal(rows[: result.steps], kept.observation[name])
                assert np.array_equal(rows[result.steps], kept.final_observation[name])
            assert np.array_equal(found["action"][: result.steps, i], kept.action)
            reward = found["reward"][: result.steps, i]
            assert np.array_equal(reward.astype(np.float32), kept.reward)
            assert sum(reward.tolist()) == result.total_reward
            assert found["success"][i] == result.success
            assert found["reason"][i] == result.reason
    assert (batch.data_spec, batch.max_steps) == (task.data_spec, task.max_steps)
    assert batch.instruction == alone[0].instruction
    batch.close()


def _together(batch, seeds):
    """What happens in all copies until the last episode is over, time first."""
    seen = batch.reset(seeds)
    expert = batch.expert([expert_dice(seed) for seed in seeds])
    rows, action, reward = [seen], [], []
    over = np.zeros(len(seeds), bool)
    while not over.all():
        action.append(expert.act(seen))
        seen, paid, over = batch.step(action[-1])
        rows.append(seen)
        reward.append(paid)
    success = batch.success()
    return {
        "observation": {name: np.stack([row[name] for row in rows]) for name in seen},
        "action": np.stack(action), "reward": np.stack(reward),
        "success": [None] * len(seeds) if success is None else success.tolist(),
        "reason": batch.failure_reasons(),
    }  # fmt: skip


def test_an_observation_is_the_callers_to_keep(task):
    before, _ = task.reset(seed=1)
    copies = {name: array.copy() for name, array in before.items()}
    task.step(task.action_space.sample())
    assert same(before, copies)


def test_doing_nothing_is_no_success(task):
    results = [rollout(task, StillActor().build(task), seed) for seed in range(2)]
    assert not any(r.success for r in results)


@pytest.mark.slow
def test_its_expert_succeeds_alike_on_any_number_of_workers(config):
    with EpisodePool(config, workers=2) as pool:
        found = list(pool.run(ExpertActor(), range(EPISODES)))
    assert not [r.detail for r in found if r.crashed]
    failures = [(r.seed, r.reason) for r in found if not r.success]
    assert len(failures) <= MOST_FAILURES, failures
    with EpisodePool(undrawn(config), workers=0) as pool:  # nor do pictures change what happens
        alone = list(pool.run(ExpertActor(), range(3)))
    assert [r.to_json() for r in alone] == [r.to_json() for r in found[:3]]
