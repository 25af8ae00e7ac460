"""Trials that several processes share, that survive a kill, and end in the same table."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.data.small import write_dataset
from tests.studies.small_study import Bowl
from tests.studies.test_killed_study import ROOT

from bydemo.core.errors import InputError
from bydemo.studies.demonstrations import Provided
from bydemo.studies.search import Search, shares, survey
from bydemo.studies.space import Choice, Range, even
from bydemo.studies.work import silent

pytest.importorskip("optuna")

SPACE = {"rate": Range(1e-4, 1.0, log=True), "kind": Choice((("a",), ("b",))),
         "layers": Range(1, 3, whole=True)}  # fmt: skip


def search(**more: Any) -> Search:
    return Search(**{
        "name": "rate", "title": "Which rate?", "varies": "the rate", "why": "It matters.",
        "decides": "training.loss", "dataset": "data", "work": Bowl(), "space": SPACE,
        "trials": 8, "seeds": (1, 2), **more,
    })  # fmt: skip


@pytest.fixture
def data(tmp_path: Path) -> Provided:
    return provided(tmp_path)


def provided(folder: Path) -> Provided:
    from bydemo.data.source import Dataset

    path = folder / "data"
    dataset = Dataset.open(path) if path.exists() else write_dataset(path)
    return Provided(dataset=dataset, shown="data")


def test_every_trial_is_done_once_and_the_best_is_named(tmp_path: Path, data: Provided) -> None:
    asked = search()
    before = survey(asked, tmp_path, data)
    assert not before["complete"]
    assert [t["state"] for t in before["trials"]] == ["waiting"] * 8
    (share,) = shares(asked, tmp_path, data, 1)
    share.carry_out(silent)
    assert shares(asked, tmp_path, data, 4) == []
    found = survey(asked, tmp_path, data)
    assert found["complete"]
    expected = even(SPACE, 8, 0)
    assert [t["changes"] for t in found["trials"]] == expected
    best = min(found["trials"], key=lambda t: t["value"])
    assert found["best"] == best["number"]
    assert best["changes"]["kind"] == ("b",)
    for trial in found["trials"]:
        runs = sorted(p.name for p in (tmp_path / trial["folder"]).iterdir() if p.is_dir())
        assert runs == ["seed-1", "seed-2"]
        tries = (tmp_path / trial["folder"] / "seed-2" / "tries.txt").read_text()
        assert len(tries.splitlines()) == 1
    assert set(found["importance"]) == {"rate", "layers"}


def test_more_trials_go_on_and_another_space_begins_anew(tmp_path: Path, data: Provided) -> None:
    (share,) = shares(search(trials=3), tmp_path, data, 1)
    share.carry_out(silent)
    first = survey(search(trials=3), tmp_path, data)["trials"]
    (share,) = shares(search(trials=5), tmp_path, data, 1)
    share.carry_out(silent)
    assert survey(search(trials=5), tmp_path, data)["trials"][:3] == first
    tries = tmp_path / first[0]["folder"] / "seed-1" / "tries.txt"
    assert len(tries.read_text().splitlines()) == 1
    other = search(space={**SPACE, "rate": Range(0.1, 1.0)})
    assert {t["state"] for t in survey(other, tmp_path, data)["trials"]} == {"waiting"}


def test_settings_that_cannot_be_trained_with_are_an_outcome(
    tmp_path: Path, data: Provided
) -> None:
    asked = search(space={**SPACE, "kind": Choice((("b",), ("never",)))})
    (share,) = shares(asked, tmp_path, data, 1)
    share.carry_out(silent)
    found = survey(asked, tmp_path, data)
    assert found["complete"]
    for trial in found["trials"]:
        lost = trial["changes"]["kind"] == ("never",)
        assert trial["state"] == ("failed" if lost else "finished")
        assert trial["reason"] == ("the loss is not finite" if lost else None)
        assert (trial["value"] is None) == lost
    assert {t["state"] for t in found["trials"]} == {"failed", "finished"}
    assert shares(asked, tmp_path, data, 1) == []


def test_wrong_fields_are_found_before_anything_runs(tmp_path: Path, data: Provided) -> None:
    with pytest.raises(InputError, match="field 'speed': unknown"):
        shares(search(space={"speed": Range(0, 1)}), tmp_path, data, 1)


def test_tpe_learns_and_repeats_itself(tmp_path: Path, data: Provided) -> None:
    tables = []
    for name in ("one", "two"):
        asked = search(sampler="tpe", trials=14, seeds=(1,))
        (share,) = shares(asked, tmp_path / name, data, 1)
        share.carry_out(silent)
        tables.append([t["changes"] for t in survey(asked, tmp_path / name, data)["trials"]])
    assert tables[0] == tables[1]
    assert len({t["rate"] for t in tables[0]}) == 14


WORKER = """
import sys
from dataclasses import replace
from pathlib import Path
from bydemo.studies import search as module
from tests.studies.test_search import provided, search
from tests.studies.small_study import Bowl
if __name__ == "__main__":
    module.HEARTBEAT, module.GRACE = 1, 3
    folder = Path(sys.argv[1])
    share = module.shares(search(work=Bowl(pace=0.5), trials=6, seeds=(1,)), folder,
                          provided(folder), 2)[0]
    share.carry_out(lambda what, done, total: None)
"""


@pytest.mark.slow
def test_two_processes_share_the_trials_and_one_of_them_is_killed(
    tmp_path: Path, data: Provided
) -> None:
    script = tmp_path / "worker.py"
    script.write_text(WORKER)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    asked = search(work=Bowl(pace=0.5), trials=6, seeds=(1,))
    shares(asked, tmp_path, data, 1)  # fills the table
    both = [subprocess.Popen([sys.executable, str(script), str(tmp_path)], env=environment)
            for _ in range(2)]  # fmt: skip
    deadline = time.monotonic() + 90
    runs = tmp_path / "searches" / "rate"

    def takers() -> set[str]:
        return {
            word for path in runs.glob("*/seed-1/tries.txt") for word in path.read_text().split()
        }

    while str(both[0].pid) not in takers():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    both[0].send_signal(signal.SIGKILL)
    both[0].wait()
    assert both[1].wait(120) == 0
    found = survey(asked, tmp_path, data)
    assert [t["state"] for t in found["trials"]] == ["finished"] * 6
    assert [t["changes"] for t in found["trials"]] == even(SPACE, 6, 0)
    assert str(both[1].pid) in takers()
    whole = tmp_path / "whole"
    (share,) = shares(replace(asked, work=Bowl()), whole, data, 1)
    share.carry_out(silent)
    undisturbed = survey(replace(asked, work=Bowl()), whole, data)
    assert found["trials"] == undisturbed["trials"]
