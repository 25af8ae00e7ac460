from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.inspection.recordings import arrays, write

from bydemo.data.inspection.motion import describe_motion


def test_idle_steps_before_during_and_after(tmp_path: Path) -> None:
    made = [arrays(seed, 20) for seed in range(2)]
    for episode in made:
        moving = episode["action"][:, :2]
        moving[np.abs(moving) < 0.1] = 0.1
    made[0]["action"][:3, :2] = 0.0
    made[0]["action"][-2:, :2] = 0.001
    made[1]["action"][5:11, :2] = 0.0
    found = describe_motion(write(tmp_path / "d", made))["idle_commands"]
    assert found["share"] == pytest.approx(11 / 40)
    assert found["exactly_zero"] == pytest.approx(9 / 40)
    assert found["steps_before_moving"] == 1.5
    assert found["steps_after_moving"] == 1.0
    assert found["longest"] == {"steps": 6, "episode": 1}


def test_commands_that_never_cross_zero_have_no_idle_share(tmp_path: Path) -> None:
    made = arrays(0, 20)
    made["action"][:, 0] = np.abs(made["action"][:, 0]) + 0.1
    assert describe_motion(write(tmp_path / "d", [made]))["idle_commands"] is None


def test_a_resting_robot_is_seen_in_its_state(tmp_path: Path) -> None:
    made = arrays(0, 40)
    made["state"][10:20] = made["state"][10]
    found = describe_motion(write(tmp_path / "d", [made]))["resting"]
    assert found["share"] == pytest.approx(9 / 40)
    assert found["longest"]["steps"] == 9


def test_a_spike_is_one_step_away_from_both_neighbours(tmp_path: Path) -> None:
    made = [arrays(seed, 400) for seed in range(2)]
    for episode in made:
        smooth = 0.05 * np.sin(np.arange(400) / 20)
        episode["action"][:, 0] = smooth
        episode["action"][:, 1] = np.where(np.arange(400) < 200, -0.2, 0.2)
    made[1]["action"][123, 0] += 0.8
    found = describe_motion(write(tmp_path / "d", made))["spikes"]
    assert found["count"] == 1
    spike = found["listed"][0]
    assert (spike["episode"], spike["step"], spike["component"]) == (1, 123, "velocity 0")
    assert spike["change"] == pytest.approx(0.8, abs=0.01)


def test_a_first_reading_left_over_from_before(tmp_path: Path) -> None:
    made = [arrays(seed, 60) for seed in range(6)]
    for episode in made:
        episode["state"] = np.cumsum(np.full((60, 3), 0.1), axis=0).astype(np.float32)
    for seed in (1, 4):
        made[seed]["state"][0, 2] = 9.0
    found = describe_motion(write(tmp_path / "d", made))["first_readings"]
    assert (found["episodes"], found["jumping"]) == (6, [1, 4])


def test_too_short_episodes_have_no_first_jump(tmp_path: Path) -> None:
    assert describe_motion(write(tmp_path / "d", [arrays(0, 2)]))["first_readings"] is None
