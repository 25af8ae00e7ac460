import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation import point_task

from bydemo.core.errors import InputError, SimulationError
from bydemo.data.source import Dataset
from bydemo.evaluation.actors import ExpertActor, StillActor
from bydemo.evaluation.record import LOG, record

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
