"""How long a policy takes for one action, as a run's results state it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.data.small import write_dataset

from bydemo.core.errors import InputError
from bydemo.core.results import read_json
from bydemo.data.splits import make_split, write_splits
from bydemo.studies import recipes
from bydemo.studies.latency import ACTIONS, judge_latency
from bydemo.studies.run import train_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    small = write_dataset(tmp_path / "data", lengths=[6] * 12)
    data = write_splits(small, make_split(small, "random"))
    changes = {"training.epochs": 1, "training.batch_size": 8}
    train_run(recipes.load("blind")[1](data.spec).changed(changes), data, tmp_path / "run",
              recipe="jaco_play.blind")  # fmt: skip
    return tmp_path / "run"


def test_it_is_added_and_nothing_else_changes(run: Path) -> None:
    before = read_json(run / "results.json")
    judge_latency(run)
    after = read_json(run / "results.json")
    found = after.pop("latency")
    assert after == before
    assert 0 < found["low"] <= found["milliseconds"] <= found["high"] < 1000
    assert found["actions"] == ACTIONS
    assert found["threads"] >= 1


def test_a_run_on_other_data_is_refused(run: Path, tmp_path: Path) -> None:
    other = write_dataset(tmp_path / "other", lengths=[5] * 3)
    with pytest.raises(InputError, match="is not the data that the run was trained on"):
        judge_latency(run, dataset=other.path)
