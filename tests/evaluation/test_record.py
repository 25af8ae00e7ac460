import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation import line_task, point_task

from bydemo.core.errors import ExpertError, InputError, SimulationError
from bydemo.data.source import Dataset
from bydemo.evaluation.actors import ExpertActor, StillActor
from bydemo.evaluation.record import LOG, record
from bydemo.evaluation.rollout import EXECUTED
from bydemo.evaluation.teaching import MixedActor, NoisyActor, as_factory
from bydemo.evaluation.workers import EpisodePool

TASK = point_task.Config()


def contents(path):
    dataset = Dataset.open(path)
    seeds = [e.info["seed"] for e in dataset.episodes]
    arrays = {n: dataset.array(n).tobytes() for n in dataset.arrays}
    return seeds, arrays, (path / LOG).read_text()


def test_what_is_recorded_does_not_depend_on_the_workers(tmp_path):
    for workers in (0, 2):
        record(TASK, tmp_path / str(workers), episodes=12, start_seed=30, workers=workers)
    assert contents(tmp_path / "0") == contents(tmp_path / "2")


def test_failed_experts_are_counted_and_left_out(tmp_path):
    seen = []
    found = record(TASK, tmp_path / "d", episodes=20, workers=0, progress=seen.append)
    assert found.attempted == found.total == 20
    assert found.failed == sum(found.reasons.values()) > 0
    assert set(found.reasons) == {"missed grasp"}
    dataset = Dataset.open(tmp_path / "d")
    assert found.stored == found.succeeded == len(dataset.episodes) == 20 - found.failed
    assert found.steps == dataset.steps
    assert all(e.success for e in dataset.episodes)
    seeds = [e.info["seed"] for e in dataset.episodes]
    assert seeds == sorted(seeds)
    assert [r.attempted for r in seen] == list(range(1, 21))
    stated = found.to_json()
    assert stated["low"] < stated["rate"] < stated["high"]


def test_the_dataset_says_where_it_comes_from(tmp_path):
    record(TASK, tmp_path / "d", episodes=12, workers=0)
    dataset = Dataset.open(tmp_path / "d")
    source = dataset.manifest["source"]
    assert source["task"] == "point_task"
    assert source["task_config"]["max_steps"] == 40
    assert source["actor"] == "ExpertActor"
    assert dataset.manifest["rendering"] == {"profile": "none"}
    assert set(dataset.splits) == {"train", "validation", "test"}
    assert dataset.split_kind == "random"


def test_failures_are_stored_on_request_and_marked(tmp_path):
    record(TASK, tmp_path / "d", episodes=20, workers=0, keep_failures=True)
    dataset = Dataset.open(tmp_path / "d")
    assert len(dataset.episodes) == 20
    failed = [e for e in dataset.episodes if not e.success]
    assert failed
    assert {e.info["reason"] for e in failed} == {"missed grasp"}


def test_an_interrupted_recording_goes_on_as_if_nothing_had_happened(tmp_path):
    record(TASK, tmp_path / "whole", episodes=15, workers=0)
    record(TASK, tmp_path / "cut", episodes=6, workers=0, split=None)
    played = []
    record(TASK, tmp_path / "cut", episodes=15, workers=0, resume=True,
           progress=lambda r: played.append(r.attempted))  # fmt: skip
    assert played == list(range(7, 16))
    assert contents(tmp_path / "whole") == contents(tmp_path / "cut")


def test_an_episode_whose_line_was_lost_is_not_played_twice(tmp_path):
    record(TASK, tmp_path / "d", episodes=6, workers=0, split=None)
    before = contents(tmp_path / "d")
    log = tmp_path / "d" / LOG
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(lines[:-1]))
    found = record(TASK, tmp_path / "d", episodes=6, workers=0, split=None, resume=True)
    assert found.attempted == 6
    assert contents(tmp_path / "d")[:2] == before[:2]


def test_going_on_with_other_settings_is_refused(tmp_path):
    record(TASK, tmp_path / "d", episodes=6, workers=0)
    other = point_task.Config(max_steps=39)
    with pytest.raises(InputError, match=r"field 'source\.task_config': was .*40.* is now .*39"):
        record(other, tmp_path / "d", episodes=8, workers=0, resume=True)
    with pytest.raises(InputError, match="already exists; resume, or choose another path"):
        record(TASK, tmp_path / "d", episodes=8, workers=0)
    with pytest.raises(InputError, match="field 'episodes': is 0, expected at least 1"):
        record(TASK, tmp_path / "d", episodes=0, workers=0)


def test_nothing_recorded_is_an_error_that_counts_the_reasons(tmp_path):
    with pytest.raises(SimulationError) as caught:
        record(TASK, tmp_path / "d", episodes=3, workers=0, actor=StillActor())
    assert str(caught.value) == "none of 3 episodes could be stored: time-out 3"
    broken = point_task.Config(trouble="crash", trouble_seeds=(0, 1))
    with pytest.raises(SimulationError, match="crashed 2; RuntimeError: the simulator fell over"):
        record(broken, tmp_path / "e", episodes=2, workers=0, keep_failures=True)
    assert list(tmp_path.iterdir()) == []


def test_physics_that_breaks_down_is_left_out(tmp_path):
    broken = point_task.Config(trouble="diverge", trouble_seeds=(1, 3))
    found = record(broken, tmp_path / "d", episodes=5, workers=0)
    assert found.reasons["physics warning"] == 2
    assert not {1, 3} & {e.info["seed"] for e in Dataset.open(tmp_path / "d").episodes}


RECORDER = """
import sys
from pathlib import Path
from tests.evaluation import point_task
from bydemo.evaluation.record import record

if __name__ == "__main__":
    record(point_task.Config(pace=0.01), Path(sys.argv[1]), episodes=12, workers=2, split=None,
           resume=True, progress=lambda r: print(r.stored, flush=True))
"""


def test_a_recorder_killed_midway_loses_nothing_finished_and_goes_on(tmp_path):
    script = tmp_path / "recorder.py"
    script.write_text(RECORDER)
    root = Path(__file__).parents[2]
    paths = os.pathsep.join([str(root), str(root / "src")])
    command = [sys.executable, str(script), str(tmp_path / "d")]
    process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": paths}, text=True,
                               stdout=subprocess.PIPE)  # fmt: skip
    while int(process.stdout.readline()) < 3:
        pass
    process.send_signal(signal.SIGKILL)
    process.wait()
    finished = Dataset.open(tmp_path / "d").episodes
    assert len(finished) >= 3
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:  # its workers end by themselves and free the folder
        try:
            slow = point_task.Config(pace=0.01)
            record(slow, tmp_path / "d", episodes=12, workers=0, split=None, resume=True)
            break
        except InputError:
            time.sleep(0.2)
    record(TASK, tmp_path / "whole", episodes=12, workers=0, split=None)
    ours, theirs = contents(tmp_path / "d"), contents(tmp_path / "whole")
    assert ours[:2] == theirs[:2]
    rows = [[json.loads(line) for line in log.splitlines()] for log in (ours[2], theirs[2])]
    assert rows[0] == rows[1]


def test_a_dataset_of_demonstrations_reads_back_what_the_expert_did(tmp_path):
    record(TASK, tmp_path / "d", episodes=5, workers=0, split=None)
    dataset = Dataset.open(tmp_path / "d")
    episode = dataset.episode(0)
    from bydemo.evaluation.rollout import rollout

    task = TASK.build()
    again = rollout(task, ExpertActor().build(task), episode.info["seed"], keep=True).episode
    assert np.array_equal(episode.action, again.action)
    assert np.array_equal(episode.annotation["distance"], again.annotation["distance"])
    assert episode.instruction == again.instruction


def test_a_task_judged_by_return_keeps_all_episodes_unless_told_otherwise(tmp_path):
    line = line_task.Config()
    found = record(line, tmp_path / "all", episodes=12, workers=0)
    assert found.stored == 12 > found.succeeded
    assert found.judged_by == "return"
    assert found.reasons == {"goal missed": 12 - found.succeeded}
    dataset = Dataset.open(tmp_path / "all")
    stored = [e.info["return"] for e in dataset.episodes]
    assert found.returns["mean"] == pytest.approx(np.mean(stored))
    assert dataset.manifest["source"]["keep_failures"] is True
    some = record(line, tmp_path / "some", episodes=12, workers=0, keep_failures=False)
    assert some.stored == some.succeeded == found.succeeded
    nowhere = record(replace(line, knows_goal=False), tmp_path / "n", episodes=6, workers=0)
    assert (nowhere.stored, nowhere.succeeded, nowhere.reasons) == (6, None, {})
    assert nowhere.to_json()["rate"] is None
    assert {e.success for e in Dataset.open(tmp_path / "n").episodes} == {None}


def test_noise_is_recorded_with_what_was_meant(tmp_path):
    dart = NoisyActor(ExpertActor(), 0.05)
    record(line_task.Config(), tmp_path / "d", episodes=5, workers=2, actor=dart, split=None)
    dataset = Dataset.open(tmp_path / "d")
    assert dataset.spec.annotation[EXECUTED].parts == dataset.spec.action.parts
    episode = dataset.episode(0)
    assert not np.array_equal(episode.action, episode.annotation[EXECUTED])
    source = dataset.manifest["source"]
    assert (source["actor"], source["actor_config"]["sigma"]) == ("NoisyActor", 0.05)
    with pytest.raises(InputError, match=r"source\.actor_config.*0\.05.* is now .*0\.06"):
        record(line_task.Config(), tmp_path / "d", episodes=6, workers=0, resume=True,
               actor=NoisyActor(ExpertActor(), 0.06))  # fmt: skip


@pytest.mark.parametrize("keep", [None, False])
@pytest.mark.parametrize("config", [{}, {"early": True}, {"knows_goal": False}])
@pytest.mark.parametrize(
    "actor", [None, NoisyActor(ExpertActor(), 0.05), NoisyActor(ExpertActor(), 0.05, "executed")]
)
def test_many_at_once_or_one_by_one_the_dataset_is_the_same(
    tmp_path, monkeypatch, actor, config, keep
):
    task = line_task.BatchedConfig(**config)
    options = {"episodes": 11, "start_seed": 40, "actor": actor, "keep_failures": keep}
    record(task, tmp_path / "alone", workers=0, one_by_one=True, **options)
    alone = contents(tmp_path / "alone")
    monkeypatch.setattr(EpisodePool, "run", None)  # from here on nothing is played one by one
    for block in (1, 4, 128):
        record(task, tmp_path / str(block), workers=1, block=block, **options)
        assert contents(tmp_path / str(block)) == alone
        prints = [Dataset.open(tmp_path / name).fingerprint() for name in ("alone", str(block))]
        assert prints[0] == prints[1]
    records = [(tmp_path / name / "episodes.jsonl").read_text() for name in ("alone", "4")]
    assert records[0] == records[1]


@pytest.mark.parametrize("stochastic", [False, True])
def test_pusher_is_recorded_bit_for_bit_either_way(tmp_path, stochastic):
    from bydemo.sim.tasks import pusher

    task, dart = pusher.Config(stochastic=stochastic), NoisyActor(ExpertActor(), 0.1)
    for name, options in {"alone": {"one_by_one": True}, "block": {"block": 3}}.items():
        found = record(task, tmp_path / name, episodes=5, start_seed=1000, actor=dart, workers=0,
                       **options)  # fmt: skip
        assert (found.steps, found.stored) == (500, 5)
    assert contents(tmp_path / "alone") == contents(tmp_path / "block")


def test_only_the_tasks_own_expert_plays_many_at_once(tmp_path):
    task = line_task.BatchedConfig()
    line_task.Lines.made.clear()
    mixed = MixedActor(StillActor(), ExpertActor(), 0.5)
    for number, actor in enumerate((as_factory(line_task.towards), mixed, StillActor())):
        record(task, tmp_path / str(number), episodes=2, workers=0, actor=actor)
    assert line_task.Lines.made == []
    record(task, tmp_path / "expert", episodes=2, workers=0)
    assert line_task.Lines.made == [2]  # no more copies than episodes


@pytest.mark.parametrize("trouble", ["crash", "nan"])
def test_trouble_in_a_block_is_judged_episode_by_episode(tmp_path, trouble):
    task = line_task.BatchedConfig(trouble=trouble, trouble_seeds=(3, 5))
    for name, options in {"alone": {"one_by_one": True}, "block": {"block": 4}}.items():
        record(task, tmp_path / name, episodes=8, workers=0, **options)
    assert contents(tmp_path / "alone") == contents(tmp_path / "block")
    reason = "crashed" if trouble == "crash" else "non-finite action"
    rows = [json.loads(line) for line in (tmp_path / "block" / LOG).read_text().splitlines()]
    assert [row["seed"] for row in rows if row["reason"] == reason] == [3, 5]


def test_a_recording_of_blocks_goes_on_where_it_stopped_either_way(tmp_path):
    task = line_task.BatchedConfig()
    record(task, tmp_path / "whole", episodes=17, workers=0, block=128)
    record(task, tmp_path / "cut", episodes=6, workers=0, block=4, split=None)
    log = tmp_path / "cut" / LOG
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:-3]))  # lines lost in a kill
    record(task, tmp_path / "cut", episodes=9, workers=0, block=5, resume=True, split=None)
    found = record(task, tmp_path / "cut", episodes=17, workers=0, one_by_one=True, resume=True)
    assert found.attempted == 17
    ours, theirs = contents(tmp_path / "cut"), contents(tmp_path / "whole")
    assert ours[:2] == theirs[:2]
    rows = [[json.loads(line) for line in log.splitlines()] for log in (ours[2], theirs[2])]
    assert rows[0] == rows[1]


def test_an_interrupted_block_loses_that_block_alone(tmp_path, monkeypatch):
    task = line_task.BatchedConfig()

    def stop(so_far):
        if so_far.attempted >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(task, tmp_path / "d", episodes=20, workers=0, block=4, progress=stop, split=None)
    assert len(Dataset.open(tmp_path / "d").episodes) == 8
    record(task, tmp_path / "d", episodes=20, workers=0, block=4, resume=True, split=None)
    record(task, tmp_path / "whole", episodes=20, workers=0, split=None)
    assert contents(tmp_path / "d") == contents(tmp_path / "whole")


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize(
    ("config", "actor", "said"),
    [
        (line_task.Config(), as_factory(line_task.too_wide), r"returned shape \(4,\), expected"),
        (line_task.Config(), as_factory(line_task.not_finite), r"returned \[inf, 0.0, 0.0\]"),
        (line_task.Config(has_expert=False), None, "there is none: give one with --expert"),
        (line_task.Config(labels_only=True), NoisyActor(StillActor(), 0.1), "no continuous comp"),
        (line_task.BatchedConfig(has_expert=False), None, "there is none: give one"),
    ],
)  # fmt: skip
def test_an_expert_that_cannot_be_used_leaves_nothing_behind(
    tmp_path, workers, config, actor, said
):
    with pytest.raises(InputError, match=said):
        record(config, tmp_path / "d", episodes=40, workers=workers, actor=actor)
    assert list(tmp_path.iterdir()) == []


def test_an_expert_that_fails_midway_keeps_what_is_finished(tmp_path):
    class Tires(line_task.Steady):
        def act(self, observation):
            return np.zeros(3 if self.seed < 2 else 4)

    with pytest.raises(ExpertError, match="returned shape"):
        record(line_task.Config(), tmp_path / "d", episodes=5, workers=0, actor=as_factory(Tires()))
    assert len(Dataset.open(tmp_path / "d").episodes) == 2
