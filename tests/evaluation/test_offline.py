import json

import numpy as np
import pytest

from bydemo.core.errors import InputError, MismatchError
from bydemo.core.results import write_json
from bydemo.evaluation.offline import JudgedSplit, compare_exports, export_split, judge


def test_the_judged_steps_are_the_datasets(dataset, splits):
    judged = splits[1]
    episodes = dataset.split("test")
    assert len(judged.steps) == sum(dataset.episodes[i].length for i in episodes)
    first = dataset.episode(episodes[0])
    n = len(first)
    np.testing.assert_array_equal(judged.steps.continuous[:n], first.action[:, :2])
    assert judged.instructions[0] == first.instruction
    np.testing.assert_array_equal(judged.evidence.previous_continuous[1:n], first.action[:-1, :2])
    assert judged.evidence.has_previous.sum() == len(judged.steps) - len(episodes)
    np.testing.assert_array_equal(judged.annotation()["distance"][:n], first.annotation["distance"])


def test_a_target_offset_drops_the_last_steps_and_never_crosses_episodes(dataset):
    episodes = dataset.split("test")
    judged = JudgedSplit.of(dataset, episodes, target_offset=2)
    lengths = [dataset.episodes[i].length for i in episodes]
    assert len(judged.steps) == sum(max(n - 2, 0) for n in lengths)
    first = dataset.episode(episodes[0]).action
    n = lengths[0] - 2
    np.testing.assert_array_equal(judged.steps.continuous[:n], first[2:, :2])
    # what is known at a step is the action before it, not the one before the target
    np.testing.assert_array_equal(judged.evidence.previous_continuous[1:n], first[: n - 1, :2])
    with pytest.raises(InputError, match=r"no step of .* has a target 1000 steps later"):
        JudgedSplit.of(dataset, episodes, target_offset=1000)


def test_the_entry_holds_policy_baselines_differences_and_slices(tmp_path, splits, noisy):
    train, judged = splits
    found = judge(train, judged, {"policy": noisy(judged, 0.02),
                                  "proprioception only": noisy(judged, 0.2)})  # fmt: skip
    assert found["episodes"] == len(set(judged.steps.episode))
    assert found["steps"] == len(judged.steps)
    names = {"policy", "proprioception only", "majority", "mean action", "copy previous",
             "by the clock", "linear on proprioception", "linear on two steps",
             "linear on 2 steps, jumps cut off"}  # fmt: skip
    assert set(found["candidates"]) == names
    assert set(found["history_free"]) == names - {"copy previous"}
    assert "velocity.rmse" not in found["candidates"]["majority"]
    assert "gripper.accuracy" not in found["candidates"]["mean action"]
    worse = found["differences"]["proprioception only"]
    assert worse["velocity.rmse"]["verdict"] == "better"
    assert worse["velocity.rmse"]["value"] < 0
    assert worse["gripper.accuracy"]["value"] > 0
    write_json(tmp_path / "offline.json", found)
    json.loads((tmp_path / "offline.json").read_text())


def test_two_exports_are_compared_on_the_same_steps_only(tmp_path, splits, noisy):
    train, judged = splits
    a, _ = export_split(tmp_path, "a", judged, noisy(judged, 0.02))
    b, _ = export_split(tmp_path, "b", judged, noisy(judged, 0.3, seed=1))
    found = compare_exports(a, b)
    assert found["velocity.rmse"]["verdict"] == "better"
    assert compare_exports(b, a)["velocity.rmse"]["verdict"] == "worse"
    same = compare_exports(a, a)["gripper.macro_f1"]
    assert same["verdict"] == f"cannot tell from n = {same['n']} episodes"
    c, _ = export_split(tmp_path, "c", train, noisy(train, 0.1))
    with pytest.raises(MismatchError, match="do not judge the same steps: 'episode' differs"):
        compare_exports(a, c)
