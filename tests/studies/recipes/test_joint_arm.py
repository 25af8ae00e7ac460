"""The recipes of an arm that reports its joints, on a made-up arm and on the real one."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bydemo.core.episode import Episode
from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part, Spec
from bydemo.data.formats import lerobot
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.studies.judging import judge_offline
from bydemo.studies.recipes import joint_arm
from bydemo.studies.run import train_run

REAL = Path(
    os.environ.get("BYDEMO_TEST_DATA", Path(__file__).parents[4] / "shared" / "data")
) / "cr5_banana"  # fmt: skip

SPEC = Spec(
    observation={
        "wrist": Field.image(32, 32),
        "state": Field.vector(Part(name="joint", size=2, unit="rad")),
    },
    action=Field.vector(
        Part(name="speed", size=2, unit="rad/s"),
        Part(name="gripper", size=1, classes=("open", "closed")),
    ),
    control_rate=10.0,
)
SMALL = {
    "model.widths": (8, 8), "model.features": 8, "model.hidden": 32, "training.batch_size": 32,
    "training.epochs": 25, "training.warmup": 10, "training.learning_rate": 5e-3,
}  # fmt: skip


def reach(seed: int, steps: int = 40) -> Episode:
    """A swing of two joints; what the gripper does shows in the picture alone."""
    rng = np.random.default_rng(seed)
    time = np.arange(steps) / 10
    rate, phase = rng.uniform(1.0, 2.0, 2), rng.uniform(0, 6, 2)
    closed = (np.arange(steps) >= rng.integers(8, 20)) & (np.arange(steps) < rng.integers(25, 36))
    picture = rng.integers(0, 60, (steps, 32, 32, 3), np.uint8)
    picture[closed, 20:, 10:22] = 250
    state = np.sin(rate * time[:, None] + phase)
    action = np.concatenate([rate * np.cos(rate * time[:, None] + phase), closed[:, None]], axis=1)
    return Episode(
        observation={"wrist": picture, "state": state.astype(np.float32)},
        action=action.astype(np.float32), instruction="swing",
    )  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("arm") / "data"
    with DatasetWriter(path, SPEC, source={"kind": "test"}) as writer:
        for seed in range(20):
            writer.add(reach(seed))
    small = Dataset.open(path)
    return write_splits(small, make_split(small, "random"))


def judged(dataset: Dataset, recipe: str, run: Path, **changes: Any) -> dict[str, Any]:
    experiment = getattr(joint_arm, recipe)(dataset.spec).changed({**SMALL, **changes})
    train_run(experiment, dataset, run, recipe=f"joint_arm.{recipe}")
    found: dict[str, Any] = judge_offline(run, ["test"])["offline"]["test"]
    return found


def test_history_and_pictures_beat_what_needs_no_learning(dataset: Dataset, tmp_path: Path) -> None:
    found = judged(dataset, "history", tmp_path / "run")
    figures = found["candidates"]
    assert "linear on 4 steps, jumps cut off" in found["history_free"]
    rivals = [n for n in found["history_free"] if n != "policy"]
    f1 = {n: figures[n]["gripper.event_f1"]["value"] for n in rivals
          if "gripper.event_f1" in figures[n]}  # fmt: skip
    assert figures["policy"]["gripper.event_f1"]["value"] > max(f1.values()) + 0.3
    assert figures["policy"]["speed.r2"]["value"] > 0.9


def test_joints_alone_do_not_show_the_gripper(dataset: Dataset, tmp_path: Path) -> None:
    found = judged(dataset, "joints_only", tmp_path / "run", **{"training.epochs": 5})
    assert found["candidates"]["policy"]["gripper.event_f1"]["value"] < 0.5


def test_variants_change_one_thing() -> None:
    base = joint_arm.history(SPEC)
    assert (base.data.history, base.data.view.size, base.data.target_offset) == (4, 32, 0)
    assert joint_arm.present(SPEC) == base.changed({"data.history": 1})
    assert joint_arm.ahead(SPEC) == base.changed({"data.target_offset": 5})
    joints = joint_arm.joints_only(SPEC)
    assert joints.data.view.cameras == ()
    assert (joints.model, joints.training) == (base.model, base.training)


def test_what_the_data_must_have() -> None:
    blind = dataclasses.replace(SPEC, observation={"state": SPEC.observation["state"]})
    with pytest.raises(InputError, match=r"field 'observation': the dataset has no camera"):
        joint_arm.history(blind)
    assert joint_arm.joints_only(blind).data.history == 4
    unfelt = dataclasses.replace(SPEC, observation={"wrist": SPEC.observation["wrist"]})
    with pytest.raises(InputError, match="the dataset has no vector of measurements"):
        joint_arm.history(unfelt)


@pytest.mark.skipif(
    not REAL.is_dir(), reason=f"the real recording is not at {REAL}; set BYDEMO_TEST_DATA"
)
def test_the_path_of_the_real_arm(tmp_path: Path) -> None:
    """Its first twelve episodes, through conversion, a short training and judging."""
    config = lerobot.Config(
        size=32, episodes=12, units=("joint_vel=rad/s", "joint=rad"),
        classes=("gripper=open,closed",),
    )  # fmt: skip
    config.convert(REAL, tmp_path / "data", lambda done, total: None)
    dataset = Dataset.open(tmp_path / "data")
    found = judged(dataset, "history", tmp_path / "run", **{"training.epochs": 4})
    figures = found["candidates"]
    assert figures["policy"]["joint_vel.r2"]["value"] > figures["linear on proprioception"][
        "joint_vel.r2"]["value"] + 0.3  # fmt: skip
    assert figures["policy"]["gripper.event_f1"]["there"] >= 4
