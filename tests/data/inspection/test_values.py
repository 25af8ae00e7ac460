from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.inspection.recordings import arrays, write

from bydemo.data.inspection.values import describe_labels, describe_values
from bydemo.data.source import Dataset


def by_name(dataset: Dataset) -> dict[str, dict[str, Any]]:
    return {v["component"]: v for v in describe_values(dataset)}


def test_statistics_are_float64_whatever_the_offset(tmp_path: Path) -> None:
    made = [arrays(seed, 50) for seed in range(3)]
    for episode in made:
        episode["state"][:, 0] += 1e4
    dataset = write(tmp_path / "d", made)
    state = dataset.observation("state").astype(np.float64)
    found = by_name(dataset)["joint x"]
    assert found["mean"] == pytest.approx(state[:, 0].mean(), rel=1e-12)
    assert found["std"] == pytest.approx(state[:, 0].std(), rel=1e-9)
    assert (found["low"], found["high"]) == (state[:, 0].min(), state[:, 0].max())


def test_histograms_hold_every_step(tmp_path: Path) -> None:
    dataset = write(tmp_path / "d", [arrays(0, 30), arrays(1, 12)])
    for value in describe_values(dataset):
        found = value["histogram"]
        assert sum(found["counts"]) == 42
        assert len(found["edges"]) == len(found["counts"]) + 1


def test_suspicious_components_are_flagged(tmp_path: Path) -> None:
    made = [arrays(seed, 40) for seed in range(6)]
    for number, episode in enumerate(made):
        noise = np.random.default_rng(number).normal(size=40)
        episode["state"][:, 1] = number + 1e-4 * noise
        episode["state"][:, 2] = 7.0
        episode["action"][:10, 0] = 0.95
        episode["action"][20, 1] = 1.2
    found = by_name(write(tmp_path / "d", made))
    assert found["joint x"]["flags"] == []
    assert found["joint y"]["flags"] == ["still in most episodes"]
    assert found["joint z"]["flags"] == ["constant"]
    assert found["velocity 0"]["flags"] == ["saturated"]
    assert found["velocity 0"]["at_high"] == pytest.approx(0.25)
    assert found["velocity 1"]["flags"] == ["outside its limits"]


def test_a_nearly_constant_component_is_flagged_beside_the_widest(tmp_path: Path) -> None:
    made = arrays(0, 40)
    made["state"][:, 1] *= 1e-5
    assert by_name(write(tmp_path / "d", [made]))["joint y"]["flags"] == ["near-constant"]


def test_values_that_became_not_finite_on_disk_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "d"
    write(path, [arrays(0, 10)])
    file = path / "observation.state.bin"
    raw = np.fromfile(file, np.float32)
    raw[4] = np.nan
    raw.tofile(file)
    found = by_name(Dataset.open(path))
    assert found["joint y"]["missing"] == 1
    assert "not finite" in found["joint y"]["flags"]
    assert found["joint x"]["missing"] == 0


def test_the_sources_own_names_are_used_where_they_fit(tmp_path: Path) -> None:
    names = {"action": ["dx", "dy", "grip"], "state": ["only one"]}
    found = by_name(write(tmp_path / "d", [arrays(0, 10)], component_names=names))
    assert {"dx", "dy", "grip", "joint x"} <= set(found)


def test_label_changes_do_not_cross_episodes(tmp_path: Path) -> None:
    made = [arrays(seed, 9) for seed in range(3)]
    made[2]["action"][:, 2] = 1
    (label,) = describe_labels(write(tmp_path / "d", made))
    assert label["classes"] == ["open", "stay", "close"]
    assert label["counts"] == [6, 15, 6]
    assert label["changes"] == 4
    assert label["episodes_without_change"] == 1
    assert label["changes_an_episode"] == pytest.approx(4 / 3)
