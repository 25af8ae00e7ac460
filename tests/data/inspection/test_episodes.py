from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from tests.data.inspection.recordings import SPEC, arrays, write

from bydemo.core.fields import Field, Part
from bydemo.data.inspection.episodes import describe_episodes

CLOCKED = dataclasses.replace(
    SPEC, annotation={"timestamp": Field.vector(Part(name="time", size=1, unit="s"))}
)


def test_lengths_and_instructions(tmp_path: Path) -> None:
    made = [arrays(seed, steps) for seed, steps in enumerate((5, 9, 7, 3))]
    made[1]["instruction"] = ""
    found = describe_episodes(write(tmp_path / "d", made))
    assert (found["length"]["low"], found["length"]["median"], found["length"]["high"]) == (3, 6, 9)
    assert found["length"]["shortest"][0] == 3
    assert sum(found["length"]["histogram"]["counts"]) == 4
    assert found["without_instruction"] == 1
    assert found["instructions"]["listed"][0] == {
        "text": "stack the blocks", "episodes": 3, "steps": 15,
    }  # fmt: skip


def test_reward_before_the_end_is_found(tmp_path: Path) -> None:
    made = [arrays(seed, 6) for seed in range(3)]
    for number, episode in enumerate(made):
        episode["reward"] = np.zeros(6, np.float32)
        episode["reward"][-1 if number else 2] = 1
    found = describe_episodes(write(tmp_path / "d", made))["reward"]
    assert found["episodes_with_early_reward"] == 1
    assert found["examples"] == [0]
    assert found["at_last_step"] == 2


def test_odd_ends_noted_by_the_format_are_listed(tmp_path: Path) -> None:
    made = [arrays(seed, 6) for seed in range(2)]
    made[1]["info"] = {"terminals": [2, 5]}
    ends = describe_episodes(write(tmp_path / "d", made))["ends"]
    assert ends["terminals"] == [{"episode": 1, "steps": [2, 5]}]
    assert ends["gaps_before"] == []


def test_the_same_actions_twice_are_found(tmp_path: Path) -> None:
    made = [arrays(seed, 6) for seed in (0, 1, 0, 2)]
    assert describe_episodes(write(tmp_path / "d", made))["repeated"] == [[0, 2]]


def test_the_clock_counts_within_episodes_only(tmp_path: Path) -> None:
    made = [arrays(seed, 4) for seed in range(2)]
    made[0]["timestamp"] = np.array([[0.0], [0.1], [0.2], [0.5]], np.float32)
    made[1]["timestamp"] = np.array([[0.0], [0.1], [0.1], [0.2]], np.float32)
    clock = describe_episodes(write(tmp_path / "d", made, CLOCKED))["clock"]
    assert clock["high"] == pytest.approx(0.3)
    assert clock["backwards"] == 1
    assert clock["backwards_episodes"] == [1]
    assert clock["within_a_tenth"] == pytest.approx(4 / 6)
    assert clock["over_twice_the_period"] == pytest.approx(1 / 6)
