from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.inspection.recordings import arrays, write

from bydemo.data import jaco_reference
from bydemo.data.formats import jaco_play
from bydemo.data.inspection.survey import survey_dataset
from bydemo.data.source import Dataset


def test_other_robots_are_not_compared(tmp_path: Path) -> None:
    assert "jaco_play" not in survey_dataset(write(tmp_path / "d", [arrays(0, 5)]))


def test_published_figures_stand_beside_those_of_the_data(tmp_path: Path) -> None:
    jaco_play.example(tmp_path / "source")
    jaco_play.Config().convert(tmp_path / "source", tmp_path / "d", lambda done, total: None)
    dataset = Dataset.open(tmp_path / "d")
    found = survey_dataset(dataset)["jaco_play"]
    rows = {(r["quantity"], r["component"]): r for r in found["figures"]}
    assert rows["action std", "x"]["published"] == 0.1224
    assert rows["action std", "x"]["measured"] == pytest.approx(
        dataset.action[:, 0].astype(float).std(), rel=1e-6
    )
    assert rows["length mean", "all episodes"]["published"] == pytest.approx(71.86, abs=0.01)
    assert rows["length high", "under 75 steps"]["measured"] == 4
    assert rows["episodes under 75 steps", "share"]["published"] == pytest.approx(0.5806, abs=1e-4)
    shares = [r["measured"] for key, r in rows.items() if key[0] == "gripper share"]
    assert sum(shares) == pytest.approx(1)
    assert {"front_cam", "mount_cam"} == {k[1] for k in rows if k[0] == "grey mean"}
    for mode in found["commands"]:
        parts = mode["next_to_zero"] + mode["near_a_limit"] + mode["between"]
        assert parts == pytest.approx(1)


def test_the_published_standard_deviations_are_possible() -> None:
    # Three modes at 0 and at both limits: never beyond half the range.
    assert max(jaco_reference.ACTION_STD) < 0.2
    assert sum(jaco_reference.GRIPPER_SHARES.values()) == pytest.approx(1)
