from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.inspection.recordings import arrays, write

from bydemo.data.inspection import frames
from bydemo.data.inspection.frames import describe_cameras
from bydemo.data.splits import Split, write_splits


def inspect(path: Path, made: list[dict[str, Any]], *, split: bool = True) -> dict[str, Any]:
    dataset = write(path / "d", made)
    if split:
        parts = {"train": (0, 1), "test": (2,)}
        dataset = write_splits(dataset, Split(kind="grouped", parts=parts))
    (found,) = describe_cameras(dataset)
    return found


def test_pictures_that_all_differ_are_unsuspicious(tmp_path: Path) -> None:
    found = inspect(tmp_path, [arrays(seed, 8) for seed in range(3)])
    assert found["looked_at"] == 24
    assert (found["stalled"], found["repeated_elsewhere"]) == (0, 0)
    assert found["repeated_across_splits"] == 0
    assert found["grey_mean"] == pytest.approx(0.5, abs=0.01)


def test_a_stalled_camera_is_no_repeat_elsewhere(tmp_path: Path) -> None:
    made = [arrays(seed, 8) for seed in range(3)]
    made[1]["top"][3:6] = made[1]["top"][3]
    found = inspect(tmp_path, made)
    assert found["stalled"] == 2
    assert found["stalled_episodes"] == [{"episode": 1, "frames": 2}]
    assert found["repeated_elsewhere"] == 0


def test_held_out_frames_that_training_holds_are_counted(tmp_path: Path) -> None:
    made = [arrays(seed, 8) for seed in range(3)]
    made[2]["top"][4] = made[0]["top"][1]
    made[1]["top"][0] = made[0]["top"][2]
    found = inspect(tmp_path, made)
    assert found["repeated_elsewhere"] == 2
    assert found["repeated_across_splits"] == 1
    assert found["examples"] == [{"episodes": [0, 2], "steps": [1, 4], "splits": ["train", "test"]}]


def test_a_leak_is_found_when_the_held_out_frame_came_first(tmp_path: Path) -> None:
    made = [arrays(seed, 8) for seed in range(3)]
    made[0]["top"][4] = made[2]["top"][1]
    dataset = write(tmp_path / "d", made)
    dataset = write_splits(dataset, Split(kind="random", parts={"test": (0,), "train": (1, 2)}))
    assert describe_cameras(dataset)[0]["repeated_across_splits"] == 1


def test_frames_that_differ_off_the_grid_are_not_identical(tmp_path: Path) -> None:
    made = [arrays(seed, 8) for seed in range(3)]
    made[2]["top"][4] = made[0]["top"][1]
    made[2]["top"][4, 1, 1] ^= 255
    assert inspect(tmp_path, made)["repeated_elsewhere"] == 0


def test_near_frames_are_told_from_new_ones(tmp_path: Path) -> None:
    def sliding(start: int) -> np.ndarray:
        wave = np.sin((np.arange(80) + 4 * np.arange(8)[:, None] + start) / 9) * 90 + 128
        return np.repeat(wave[:, None, :, None], 60, 1).repeat(3, 3).astype(np.uint8)

    made = [arrays(seed, 8) for seed in range(3)]
    for episode, start in zip(made, (0, 32, 1), strict=True):
        episode["top"] = sliding(start)
    assert inspect(tmp_path / "near", made)["near"]["nearer_than_a_step"] > 0.8
    made[2]["top"] = sliding(0)[:, :, ::-1].copy() // 2
    assert inspect(tmp_path / "new", made)["near"]["nearer_than_a_step"] == 0


def test_without_splits_nothing_can_leak(tmp_path: Path) -> None:
    found = inspect(tmp_path, [arrays(0, 8), arrays(0, 8)], split=False)
    assert found["near"] is None
    assert found["repeated_elsewhere"] == 8
    assert found["repeated_across_splits"] == 0


def test_large_data_is_sampled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "MOST_FRAMES", 10)
    found = inspect(tmp_path, [arrays(seed, 8) for seed in range(3)])
    assert (found["every"], found["looked_at"]) == (3, 8)


def test_progress_reaches_the_total(tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []
    describe_cameras(write(tmp_path / "d", [arrays(0, 70)]), lambda *now: seen.append(now))
    assert seen == [(64, 70), (70, 70)]
