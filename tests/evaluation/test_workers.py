"""Processes that are killed, hang or break must cost one episode at most, never the evaluation."""

import multiprocessing
import os
import time

import numpy as np
import pytest
from tests.evaluation import point_task

from bydemo.core.errors import InputError, SimulationError
from bydemo.evaluation.actors import ExpertActor
from bydemo.evaluation.workers import EpisodePool


def play(config, seeds, *, workers, actor=None, keep=False, limit=60.0):
    with EpisodePool(config, workers=workers, limit=limit) as pool:
        factory = actor or ExpertActor()
        return list(pool.run(factory, seeds, keep=lambda: keep))


def test_the_number_of_workers_does_not_matter():
    config = point_task.Config()
    alone = play(config, range(10), workers=0, keep=True)
    assert [r.seed for r in alone] == list(range(10))
    for workers in (1, 3):
        found = play(config, range(10), workers=workers, keep=True)
        assert [r.to_json() for r in found] == [r.to_json() for r in alone]
        for ours, theirs in zip(found, alone, strict=True):
            assert np.array_equal(ours.episode.action, theirs.episode.action)
            assert np.array_equal(ours.episode.observation["camera"],
                                  theirs.episode.observation["camera"])  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_a_crash_is_tried_once_more_and_counted(tmp_path, workers):
    once = point_task.Config(trouble="crash", trouble_seeds=(2,), once=str(tmp_path / "seen"))
    found = play(once, range(5), workers=workers)
    assert [r.attempts for r in found] == [1, 1, 2, 1, 1]
    assert not any(r.crashed for r in found)
    always = play(point_task.Config(trouble="crash", trouble_seeds=(2,)), range(5), workers=workers)
    assert len(always) == 5  # the denominator stays
    assert [r.crashed for r in always] == [False, False, True, False, False]
    assert always[2].to_json() == {
        "seed": 2, "success": False, "reason": "crashed", "steps": 0, "attempts": 2,
        "instruction": always[2].instruction, "detail": "RuntimeError: the simulator fell over",
        "return": None,
    }  # fmt: skip
    healthy = play(point_task.Config(), range(5), workers=0)
    assert [r.to_json() for r in always[3:]] == [r.to_json() for r in healthy[3:]]


def test_a_killed_worker_is_noticed_at_once_and_its_episode_tried_again(tmp_path):
    once = point_task.Config(trouble="kill", trouble_seeds=(1,), once=str(tmp_path / "seen"))
    found = play(once, range(4), workers=2)
    assert [r.attempts for r in found] == [1, 2, 1, 1]
    assert [r.to_json() for r in found[2:]] == [
        r.to_json() for r in play(point_task.Config(), range(2, 4), workers=0)
    ]
    always = play(point_task.Config(trouble="kill", trouble_seeds=(1,)), range(3), workers=1)
    assert (always[1].reason, always[1].detail) == ("worker killed", "ended by signal 9")
    assert not always[2].crashed


def test_a_hung_worker_is_ended_when_its_time_is_up(tmp_path):
    hung = point_task.Config(trouble="hang", trouble_seeds=(1,), once=str(tmp_path / "seen"))
    with EpisodePool(hung, workers=1, limit=1.0) as pool:
        found = pool.run(ExpertActor(), range(3))
        next(found)
        begun = time.monotonic()
        assert next(found).attempts == 2
        assert time.monotonic() - begun < 10
        assert next(found).attempts == 1


def test_an_episode_that_hangs_twice_says_so():
    hung = point_task.Config(trouble="hang", trouble_seeds=(0,))
    result = play(hung, [0], workers=1, limit=0.5)[0]
    assert (result.reason, result.detail) == ("worker hung", "no answer within 0.5 s")
    assert result.crashed


def test_what_cannot_be_built_raises_with_its_cause():
    with pytest.raises(RuntimeError, match="no such weights"):
        play(point_task.Config(), range(3), workers=2,
             actor=point_task.GreedyActor(fail_to_build=True))  # fmt: skip
    with pytest.raises(InputError, match=r"no template named 'pikc'\. Did you mean 'pick'"):
        play(point_task.Unbuildable(), range(3), workers=2)
    with pytest.raises(InputError, match="field 'workers': is -1, expected 0 or more"):
        EpisodePool(point_task.Config(), workers=-1)


def test_a_worker_that_dies_while_starting_is_an_error_not_a_loop():
    with pytest.raises(SimulationError, match=r"could not start its task: ended by signal 9"):
        play(point_task.Unbuildable(die=True), range(3), workers=1)


def test_no_process_is_left_behind_even_if_the_caller_stops_early():
    with EpisodePool(point_task.Config(pace=0.01), workers=2) as pool:
        for result in pool.run(ExpertActor(), range(100)):
            if result.seed == 2:
                break
    deadline = time.monotonic() + 5
    while multiprocessing.active_children() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not multiprocessing.active_children()


def test_workers_use_one_thread_each(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    with EpisodePool(point_task.Config(), workers=1) as pool:
        result = next(pool.run(point_task.ThreadReporter(), [0]))
    assert result.detail == "ValueError: OMP_NUM_THREADS=1"
    assert os.environ["OMP_NUM_THREADS"] == "7"
