from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.inspection.recordings import arrays, write

from bydemo.core.errors import InputError
from bydemo.core.results import read_json
from bydemo.data.formats import lerobot
from bydemo.data.source import Dataset
from bydemo.data.splits import Split, write_splits
from bydemo.evaluation.findings import findings
from bydemo.evaluation.inspection import inspect_dataset, predictability

REAL = Path(
    os.environ.get("BYDEMO_TEST_DATA", Path(__file__).parents[3] / "shared" / "data")
) / "cr5_banana"  # fmt: skip


def texts(facts: dict[str, Any], level: str) -> str:
    return "\n".join(f.text for f in findings(facts) if f.level == level)


def test_a_derivative_measured_as_action_is_found_out(tmp_path: Path) -> None:
    made = [arrays(seed, 60) for seed in range(10)]
    for episode in made:
        speed = np.diff(episode["state"], axis=0, prepend=episode["state"][:1])
        episode["action"][:, :2] = 0.1 * speed[:, :2]
    facts = inspect_dataset(write(tmp_path / "d", made)).facts
    found = facts["predictability"]["candidates"]
    assert found["linear on proprioception"]["velocity.r2"]["value"] < 0.2
    assert found["linear on two steps"]["velocity.r2"]["value"] > 0.9
    warning = "the action is close to the measured change of the state"
    assert warning in texts(facts, "warning")


def test_copying_is_named_when_it_is_free(tmp_path: Path) -> None:
    made = [arrays(seed, 90) for seed in range(10)]
    for seed, episode in enumerate(made):
        episode["action"][:, 0] = 0.9 * np.sin(np.arange(90) / 15 + seed)
        episode["action"][:, 1] = 0.9 * np.cos(np.arange(90) / 15 + seed)
    facts = inspect_dataset(write(tmp_path / "d", made)).facts
    assert "foretells none of its" in texts(facts, "warning")
    assert "Copying the previous action already explains" in texts(facts, "warning")
    order = list(facts["predictability"]["candidates"])
    assert order[0] == "majority"
    assert order[-1] == "copy previous"
    assert "copy previous" not in facts["predictability"]["history_free"]


def test_the_datasets_own_test_split_is_held_out(tmp_path: Path) -> None:
    dataset = write(tmp_path / "d", [arrays(seed, 20) for seed in range(5)])
    parts = {"train": (0, 1), "validation": (2,), "test": (3, 4)}
    found = predictability(write_splits(dataset, Split(kind="grouped", parts=parts)))
    assert found is not None
    assert found["held_out"] == "the test split (grouped)"
    assert (found["train_episodes"], found["episodes"], found["steps"]) == (2, 2, 40)


def test_one_episode_has_nothing_to_hold_out(tmp_path: Path) -> None:
    facts = inspect_dataset(write(tmp_path / "d", [arrays(0, 20)])).facts
    assert facts["predictability"] is None


def test_problems_come_first_and_name_the_episodes(tmp_path: Path) -> None:
    made = [arrays(seed, 20) for seed in (0, 1, 2, 0, 3)]
    made[2]["action"][:, 0] = 2.0
    facts = inspect_dataset(write(tmp_path / "d", made)).facts
    assert facts["findings"][0]["level"] == "problem"
    problems = texts(facts, "problem")
    assert "Episodes 0, 3 have exactly the same actions." in problems
    assert "action velocity 0 spans" in problems
    assert "beyond its limits -1 to 1" in problems


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        (0, np.nan, "action velocity 0 is not finite 1 times."),
        (2, np.nan, "holds 1 values that are no class."),
        (2, 7, "holds 1 values that are no class."),
        (2, -1, "holds 1 values that are no class."),
    ],
)
def test_values_that_spoil_every_fit_are_found_instead(
    tmp_path: Path, column: int, value: float, problem: str
) -> None:
    dataset = write(tmp_path / "d", [arrays(seed, 20) for seed in range(5)])
    actions = np.array(dataset.action)
    actions[23, column] = value
    actions.tofile(dataset.file("action"))
    facts = inspect_dataset(Dataset.open(dataset.path)).facts
    assert problem in texts(facts, "problem")
    assert facts["predictability"] is None
    assert "How well the actions can be predicted was left out" in texts(facts, "note")


def test_a_component_that_is_never_finite_is_named(tmp_path: Path) -> None:
    dataset = write(tmp_path / "d", [arrays(seed, 20) for seed in range(5)])
    actions = np.array(dataset.action)
    actions[:, 1] = np.nan
    actions.tofile(dataset.file("action"))
    with pytest.raises(InputError, match=r"/d, field 'action': is not finite in any step"):
        inspect_dataset(Dataset.open(dataset.path))


def test_the_facts_are_plain_json(tmp_path: Path) -> None:
    found = inspect_dataset(write(tmp_path / "d", [arrays(seed, 20) for seed in range(4)]))
    found.save(tmp_path / "inspection.json")
    stored = read_json(tmp_path / "inspection.json")
    assert stored["schema"] == "bydemo.inspection/1"
    assert stored["dataset"]["steps"] == 80
    assert len(json.dumps(stored)) < 200_000


@pytest.mark.skipif(
    not REAL.is_dir(), reason=f"the real recording is not at {REAL}; set BYDEMO_TEST_DATA"
)
def test_the_baselines_of_the_real_dobot_episodes(tmp_path: Path) -> None:
    """Figures published with the data: 16 held-out episodes, R² .106 and .949, 34 switches."""
    source = tmp_path / "numbers"
    (source / "meta").mkdir(parents=True)
    (source / "data").symlink_to(REAL / "data")
    for name in ("episodes.jsonl", "tasks.jsonl"):
        (source / "meta" / name).symlink_to(REAL / "meta" / name)
    info = read_json(REAL / "meta" / "info.json")
    del info["features"]["observation.images.top"]
    (source / "meta" / "info.json").write_text(json.dumps(info))
    config = lerobot.Config(classes=("gripper=open,closed",), split="none")
    config.convert(source, tmp_path / "d", lambda done, total: None)
    order = np.random.default_rng(0).permutation(81)
    parts = {"test": tuple(order[:16].tolist()), "train": tuple(order[16:].tolist())}
    dataset = write_splits(Dataset.open(tmp_path / "d"), Split(kind="random", parts=parts))
    assert (len(dataset.episodes), dataset.steps) == (81, 18_039)
    found = inspect_dataset(dataset).facts
    candidates = found["predictability"]["candidates"]

    def value(name: str, key: str) -> float:
        return float(candidates[name][key]["value"])

    assert value("linear on proprioception", "joint_vel.r2") == pytest.approx(0.106, abs=5e-4)
    assert value("copy previous", "joint_vel.r2") == pytest.approx(0.949, abs=1e-3)
    assert value("linear on two steps", "joint_vel.r2") > 0.8
    assert value("majority", "gripper.accuracy") == pytest.approx(0.604, abs=3e-3)
    assert value("copy previous", "gripper.accuracy") == pytest.approx(0.9903, abs=1e-3)
    assert value("copy previous", "gripper.event_exact") == 0
    assert candidates["linear on proprioception"]["gripper.event_f1"]["there"] == 34
    assert found["motion"]["idle_commands"]["exactly_zero"] == pytest.approx(0.015, abs=1e-3)
    flags = {v["component"]: v["flags"] for v in found["values"]}
    assert flags["joint_5"] == ["still in most episodes"]
    assert flags["joint_0"] == []
