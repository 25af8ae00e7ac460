from __future__ import annotations

from pathlib import Path

import numpy as np
from tests.data import small
from tests.data.inspection.recordings import arrays, write

from bydemo.data.inspection.samples import (
    PICTURES,
    POINTS,
    camera_strips,
    chosen_episodes,
    paths,
    trajectories,
)


def test_the_shortest_and_longest_episodes_are_among_the_chosen(tmp_path: Path) -> None:
    lengths = (5, 6, 9, 6, 7, 3, 6, 6)
    dataset = write(tmp_path / "d", [arrays(i, n) for i, n in enumerate(lengths)])
    chosen = chosen_episodes(dataset, 4)
    assert {2, 5} <= set(chosen)
    assert len(chosen) == 4
    assert chosen_episodes(dataset, 20) == list(range(8))


def test_a_strip_runs_from_the_first_to_the_last_step(tmp_path: Path) -> None:
    dataset = write(tmp_path / "d", [arrays(0, 30), arrays(1, 3)])
    long, short = camera_strips(dataset, [0, 1])
    assert (long.steps[0], long.steps[-1], len(long.pictures)) == (0, 29, PICTURES)
    assert short.steps == (0, 1, 2)
    np.testing.assert_array_equal(short.pictures[2], dataset.observation("top")[32])


def test_trajectories_are_thinned_and_named(tmp_path: Path) -> None:
    (found,) = trajectories(write(tmp_path / "d", [arrays(0, 3 * POINTS)]), [0])
    assert len(found["seconds"]) == POINTS
    assert found["seconds"][1] == 0.3
    parts = {p["part"]: p for p in found["parts"]}
    assert list(parts["velocity"]["lines"]) == ["velocity 0", "velocity 1"]
    assert parts["gripper"]["classes"] == ["open", "stay", "close"]
    assert all(len(v) == POINTS for p in parts.values() for v in p["lines"].values())


def test_only_positions_in_metres_make_ways_through_space(tmp_path: Path) -> None:
    (path,) = paths(small.write_dataset(tmp_path / "d"))
    assert (path["field"], path["part"]) == ("pose", "position")
    assert [len(line["xyz"]) for line in path["lines"]] == [3, 3, 3]
    assert paths(write(tmp_path / "none", [arrays(0, 5)])) == []
