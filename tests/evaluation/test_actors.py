import numpy as np
import pytest
from tests.evaluation import point_task

from bydemo.evaluation.actors import ExpertActor, RandomActor, StillActor
from bydemo.evaluation.rollout import rollout


def test_the_experts_dice_are_not_the_tasks_dice():
    task = point_task.Config().build()
    expert = ExpertActor().build(task)
    a, b = (rollout(task, expert, seed, keep=True).episode.action[0, :2] for seed in (1, 2))
    assert not np.array_equal(a, b)


@pytest.mark.parametrize("seed", range(3))
def test_random_stays_within_the_limits_and_still_does_nothing(seed):
    task = point_task.Config().build()
    episode = rollout(task, RandomActor().build(task), seed, keep=True).episode
    assert np.abs(episode.action[:, :2]).max() <= np.float32(0.1)
    assert set(episode.action[:, 2]) <= {0.0, 1.0, 2.0}
    still = rollout(task, StillActor().build(task), seed, keep=True).episode
    assert (still.action == np.float32([0, 0, 1])).all()
