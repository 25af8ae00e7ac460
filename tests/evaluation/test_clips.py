from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation import point_task

from bydemo.core.errors import InputError
from bydemo.evaluation.clips import caption_strip, frames, write_clip
from bydemo.evaluation.rollout import rollout

TASK = point_task.Config()
GREEDY = point_task.GreedyActor()


def test_a_frame_is_the_cameras_over_a_caption_of_even_size():
    task = TASK.build()
    episode = rollout(task, GREEDY.build(task), 0, keep=True).episode
    shown = list(frames(episode, point_task.SPEC, "walk", True))
    assert len(shown) == len(episode) + 10  # with what was seen last, held for a second
    assert shown[0].shape == (112 + 22, 112, 3)
    np.testing.assert_array_equal(shown[0][:112:7, ::7], episode.observation["camera"][0])
    assert not np.array_equal(caption_strip("a", 96, True), caption_strip("a", 96, False))
    assert caption_strip("a very long instruction that does not fit", 96, None).shape == (22, 96, 3)


def test_a_task_without_cameras_has_no_clips(tmp_path):
    task = TASK.build()
    episode = rollout(task, GREEDY.build(task), 0, keep=True).episode
    blind = replace(point_task.SPEC, observation={"goal": point_task.SPEC.observation["goal"]})
    with pytest.raises(InputError, match="the task has no camera to show"):
        write_clip(tmp_path / "a.mp4", episode, blind, "walk", success=True)
