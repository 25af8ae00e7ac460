import json

import numpy as np
import pandas as pd
import pytest
from tests.evaluation import point_task

from bydemo.core.errors import InputError, MismatchError
from bydemo.core.results import write_json
from bydemo.data.source import Dataset
from bydemo.evaluation import baselines
from bydemo.evaluation.offline import JudgedSplit, compare_exports, export_split, judge
from bydemo.evaluation.predictions import Predictions, read_export
from bydemo.evaluation.record import record


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("offline") / "d"
    record(point_task.Config(), path, episodes=60, workers=0)
    return Dataset.open(path)


@pytest.fixture(scope="module")
def splits(dataset):
    return (JudgedSplit.of(dataset, dataset.split("train")),
            JudgedSplit.of(dataset, dataset.split("test")))  # fmt: skip


def noisy(judged, noise, seed=0):
    """The expert's action with errors of a given size and share."""
    generator = np.random.default_rng(seed)
    steps = judged.steps
    wrong = generator.random(steps.labels.shape) < noise
    labels = np.where(wrong, (steps.labels + 1) % 3, steps.labels)
    probabilities = np.full((len(steps), 3), 0.1)
    probabilities[np.arange(len(steps)), labels[:, 0]] = 0.8
    return Predictions(
        continuous=steps.continuous + generator.normal(0, noise, steps.continuous.shape),
        labels=labels, log_probabilities=(np.log(probabilities),),
    )  # fmt: skip


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


def test_the_entry_holds_policy_baselines_differences_and_slices(tmp_path, splits):
    train, judged = splits
    found = judge(train, judged, {"policy": noisy(judged, 0.02),
                                  "proprioception only": noisy(judged, 0.2)})  # fmt: skip
    assert found["episodes"] == len(set(judged.steps.episode))
    assert found["steps"] == len(judged.steps)
    names = {"policy", "proprioception only", "majority", "mean action", "copy previous",
             "linear on proprioception"}  # fmt: skip
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


def test_baselines_are_what_they_say(splits):
    train, judged = splits
    found = judge(train, judged, {})["candidates"]
    assert found["majority"]["gripper.accuracy"]["value"] == pytest.approx(
        (judged.steps.labels == 1).mean()
    )
    assert found["majority"]["gripper.event_f1"]["value"] == 0
    for name in ("majority", "copy previous"):
        assert found[name]["gripper.event_exact"]["value"] == 0, name
    assert found["mean action"]["velocity.r2"]["value"] <= 0.01
    mse = ((judged.steps.continuous - train.steps.continuous.mean(axis=0)) ** 2).mean()
    assert found["mean action"]["velocity.mse"]["value"] == pytest.approx(mse)
    # the expert walks towards the goal: linear in goal and position, until the limit
    assert found["linear on proprioception"]["velocity.r2"]["value"] > 0.5
    assert (found["linear on proprioception"]["gripper.cross_entropy"]["value"]
            <= found["majority"]["gripper.cross_entropy"]["value"] + 0.05)  # fmt: skip


def test_a_linear_law_is_found_exactly():
    generator = np.random.default_rng(0)
    known = generator.normal(3.0, 0.5, (4000, 4))
    law = generator.normal(size=(4, 2))
    action = np.concatenate([known @ law, (known[:, :1] > 3)], axis=1)
    from bydemo.evaluation.predictions import Steps

    steps = Steps.of(point_task.SPEC.action, np.zeros(4000, int), np.arange(4000), action)
    said = baselines.linear(point_task.SPEC.action, steps, known, known)
    np.testing.assert_allclose(said.continuous, steps.continuous, atol=5e-3)
    assert (said.labels == steps.labels).mean() > 0.98
    np.testing.assert_allclose(np.exp(said.log_probabilities[0]).sum(axis=1), 1)


def test_a_class_the_training_steps_lack_is_not_impossible(splits):
    train, judged = splits
    assert not (train.steps.labels == 0).any()  # the expert never opens its hand
    known = baselines.all_baselines(
        point_task.SPEC.action, train.steps, train.evidence, judged.evidence
    )
    for name in ("majority", "copy previous", "linear on proprioception"):
        assert np.isfinite(known[name].log_probabilities[0]).all(), name


def test_slices_cover_each_quality_once_and_find_where_it_fails(splits):
    train, judged = splits
    good = noisy(judged, 0.0)
    near = judged.annotation()["distance"][:, 0] < 0.2
    broken = Predictions(
        continuous=good.continuous + np.where(near[:, None], 0.1, 0.0),
        labels=good.labels, log_probabilities=good.log_probabilities,
    )  # fmt: skip
    rows = judge(train, judged, {"policy": broken})["slices"]
    kinds = {row["slice"] for row in rows}
    assert kinds == {"phase", "gripper event", "velocity size", "distance", "instruction", "word"}
    for kind in kinds - {"word"}:
        assert sum(r["steps"] for r in rows if r["slice"] == kind) == len(judged.steps), kind
        shares = [r["share_of_error"]["velocity"] for r in rows if r["slice"] == kind]
        assert sum(shares) == pytest.approx(1), kind
    far = next(r for r in rows if r["slice"] == "distance" and r["value"] == "over 0.2 m")
    assert far["share_of_error"]["velocity"] == 0
    assert far["metrics"]["velocity.rmse"]["value"] == 0
    assert "gripper.event_f1" not in far["metrics"]  # no event can be told from loose steps
    side = next(r for r in rows if r["slice"] == "instruction")
    assert side["metrics"]["gripper.event_f1"]["value"] == 1
    event = next(r for r in rows if r["value"] == "within 3 steps")
    assert 0 < event["share"] < 1


def test_an_export_reads_back_exactly_and_has_names_for_people(tmp_path, splits):
    judged = splits[1]
    said = noisy(judged, 0.1)
    parquet, csv = export_split(tmp_path, "test", judged, said)
    spec, steps, again = read_export(parquet)
    assert spec == judged.dataset.spec
    for name in ("episode", "step", "continuous", "labels"):
        np.testing.assert_array_equal(getattr(steps, name), getattr(judged.steps, name))
    np.testing.assert_array_equal(again.continuous, said.continuous)
    np.testing.assert_array_equal(again.labels, said.labels)
    np.testing.assert_array_equal(again.log_probabilities[0], said.log_probabilities[0])
    table = pd.read_csv(csv)
    assert len(table) == len(judged.steps)
    assert set(table["truth.gripper"]) <= {"open", "stay", "close"}
    assert list(table.columns[:3]) == ["episode", "step", "instruction"]
    assert not list(tmp_path.glob(".*"))


def test_two_exports_are_compared_on_the_same_steps_only(tmp_path, splits):
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


def test_a_damaged_or_foreign_export_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.parquet: no such file"):
        read_export(tmp_path / "none.parquet")
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 nonsense")
    with pytest.raises(InputError, match=r"bad\.parquet: cannot be read as parquet"):
        read_export(bad)
    foreign = tmp_path / "foreign.parquet"
    pd.DataFrame({"a": [1]}).to_parquet(foreign)
    with pytest.raises(InputError, match="is not an export of predictions"):
        read_export(foreign)
