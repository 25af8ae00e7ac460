"""How many samples a training takes to a level, and over the runs of an arm."""

from __future__ import annotations

from pathlib import Path

import pytest

from bydemo.core.errors import InputError
from bydemo.core.results import append_line, write_json
from bydemo.studies.level import Level, reached, samples_to

HALF = Level(part="cross_entropy", at_most=0.5)


def run(folder: Path, *losses: float, part: str = "cross_entropy") -> Path:
    folder.mkdir()
    write_json(folder / "results.json", {"experiment": {"training": {"batch_size": 64}}})
    for number, loss in enumerate(losses, start=1):
        row = {"step": 10 * number, "parts": {part: loss}}
        # The training loss is lower, and no part in it.
        append_line(folder / "metrics.jsonl", {"kind": "train", **row, "parts": {part: loss - 9}})
        append_line(folder / "metrics.jsonl", {"kind": "validation", **row})
    return folder


def test_the_first_time_that_validation_is_there(tmp_path: Path) -> None:
    assert samples_to(run(tmp_path / "a", 0.9, 0.5, 0.7, 0.4), HALF) == 20 * 64
    assert samples_to(run(tmp_path / "b", 0.9, 0.6), HALF) is None
    assert samples_to(run(tmp_path / "untrained"), HALF) is None


def test_another_part_of_the_loss_says_nothing(tmp_path: Path) -> None:
    other = run(tmp_path / "a", 0.1, part="mse")
    assert samples_to(other, HALF) is None
    assert reached([other], HALF) is None


def test_an_arm_says_how_many_of_its_runs_were_there(tmp_path: Path) -> None:
    runs = [run(tmp_path / "a", 0.9, 0.4), run(tmp_path / "b", 0.3), run(tmp_path / "c", 0.9)]
    assert reached(runs, HALF) == {"reached": 2, "runs": 3, "samples": 15 * 64}
    assert reached(runs[2:], HALF) == {"reached": 0, "runs": 1, "samples": None}
    assert reached([], HALF) is None


def test_a_level_is_above_nought() -> None:
    with pytest.raises(InputError, match=r"field 'level\.at_most': is 0, expected"):
        Level(part="cross_entropy", at_most=0.0)
