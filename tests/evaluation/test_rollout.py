import math

import numpy as np
from tests.evaluation import line_task, point_task

from bydemo.evaluation.actors import ExpertActor, RandomActor, StillActor
from bydemo.evaluation.rollout import rollout


def play(seed=0, actor=None, keep=True, **options):
    task = point_task.Config(**options).build()
    return rollout(task, (actor or point_task.GreedyActor()).build(task), seed, keep=keep)


def test_a_success_holds_what_was_seen_and_done():
    result = play()
    assert result.success
    assert result.reason is None
    episode = result.episode
    episode.check(point_task.SPEC)
    assert len(episode) == result.steps
    assert episode.success
    assert episode.instruction == result.instruction
    assert episode.info == {"seed": 0, "return": 1.0}
    assert result.total_reward == 1.0
    assert episode.reward.tolist() == [0.0] * (result.steps - 1) + [1.0]
    # the action was taken after the observation of its row was seen
    moved = np.diff(episode.observation["position"], axis=0)
    np.testing.assert_allclose(moved, episode.action[:-1, :2], atol=1e-6)
    last = episode.final_observation["position"] - episode.observation["position"][-1]
    np.testing.assert_allclose(last, episode.action[-1, :2], atol=1e-6)


def test_the_same_seed_is_the_same_episode_bit_for_bit():
    for actor in (ExpertActor(), RandomActor(), StillActor(), point_task.GreedyActor()):
        task = point_task.Config(max_steps=15).build()
        built = actor.build(task)
        first = rollout(task, built, 5, keep=True)
        rollout(task, built, 6)  # what was played before must not matter
        again = rollout(task, built, 5, keep=True)
        assert first.to_json() == again.to_json()
        for name, array in first.episode.observation.items():
            assert np.array_equal(array, again.episode.observation[name])
        assert np.array_equal(first.episode.action, again.episode.action)


def test_failures_say_why_and_never_raise():
    assert play(actor=StillActor()).reason == "time-out"
    assert play(actor=StillActor()).steps == 40
    early = play(trouble="diverge", trouble_seeds=(0,))
    assert (early.success, early.reason, early.steps) == (False, "physics warning", 3)
    assert early.episode.info == {"seed": 0, "return": 0.0, "reason": "physics warning"}


def test_an_action_that_is_not_finite_ends_the_episode_before_the_task_sees_it():
    result = play(actor=point_task.GreedyActor(not_a_number=True))
    assert (result.success, result.reason, result.steps) == (False, "non-finite action", 3)
    assert np.isfinite(result.episode.action).all()
    assert math.isnan(result.total_reward)  # ending early must not pay where rewards are negative
    assert result.to_json()["return"] is result.episode.info["return"] is None


def test_a_crash_is_a_result_too():
    result = play(trouble="crash", trouble_seeds=(0,))
    assert result.crashed
    assert result.reason == "crashed"
    assert result.detail == "RuntimeError: the simulator fell over"
    assert result.episode is None


def test_an_action_of_another_shape_is_a_crash_that_names_it():
    class Wide(point_task.Greedy):
        def act(self, observation):
            return super().act(observation)[None]

    task = point_task.Config().build()
    result = rollout(task, Wide(point_task.GreedyActor()), 0)
    assert result.detail == "ValueError: the actor's action has shape (1, 3), expected (3,)"


def test_a_task_that_forgets_to_end_is_timed_out():
    task = point_task.Config(max_steps=10).build()
    step = task.step
    task.step = lambda action: (*step(action)[:2], False, False, {})
    result = rollout(task, StillActor().build(task), 0)
    assert (result.reason, result.steps) == ("time-out", 10)


def test_nothing_is_kept_unless_asked():
    assert play(keep=False).episode is None


def test_the_return_is_the_sum_of_rewards_in_order():
    task = line_task.Config().build()
    result = rollout(task, ExpertActor().build(task), 3, keep=True)
    total, actor = 0.0, ExpertActor().build(task)
    seen, _ = task.reset(seed=3)
    actor.reset(3, "")
    for _ in range(8):
        seen, reward, *_ = task.step(actor.act(seen))
        total += reward
    assert result.total_reward == total == result.to_json()["return"] < 0


def test_where_no_goal_is_known_there_is_neither_success_nor_failure():
    task = line_task.Config(knows_goal=False).build()
    result = rollout(task, ExpertActor().build(task), 3, keep=True)
    assert (result.success, result.reason, result.episode.success) == (None, None, None)
    broken = line_task.Config(knows_goal=False, trouble="nan", trouble_seeds=(3,)).build()
    result = rollout(broken, ExpertActor().build(broken), 3)
    assert (result.success, result.reason) == (None, "non-finite action")


def test_a_task_without_cameras_is_filmed_by_what_it_draws():
    task = line_task.Config(max_steps=1000).build()
    result = rollout(task, StillActor().build(task), 0, film=True)
    assert result.episode is None
    assert result.reel.every == 5
    assert result.reel.pictures.shape == (201, 213, 160, 3)  # averaged down by 3
    shown = set(np.unique(result.reel.pictures).tolist())
    assert {0, 200} <= shown
    assert rollout(task, StillActor().build(task), 0).reel is None
    blind = line_task.Config(draws=False).build()
    result = rollout(blind, StillActor().build(blind), 0, film=True)
    assert len(result.reel.pictures) == 0
    assert result.reel.problem == "the task cannot draw itself"
    assert result.steps == 8


def test_a_renderer_that_breaks_down_costs_the_film_alone():
    task = line_task.Config().build()
    plain = rollout(task, StillActor().build(task), 0)

    def render():
        raise RuntimeError("no GL here")

    task.render = render
    result = rollout(task, StillActor().build(task), 0, film=True)
    assert result.reel.problem == "no GL here"
    assert result.to_json() == plain.to_json()
