"""A study that is killed, however often, ends with the tables of one that never was."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from bydemo.core.results import read_json, read_lines

ROOT = Path(__file__).parents[2]
STUDY = """
import sys
from pathlib import Path
from bydemo.studies.run_study import run_study
from tests.studies.small_study import Config, plan
if __name__ == "__main__":
    options = Config(rollouts=4, epochs=3, episodes=8, seeds=(1,))
    run_study(plan(options), Path(sys.argv[1]), options=options, workers=1)
"""


def begin(script: Path, folder: Path) -> subprocess.Popen[bytes]:
    paths = os.pathsep.join([str(ROOT), str(ROOT / "src")])
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen([sys.executable, str(script), str(folder)], env=environment)


def children(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        found += [int(child) for child in task.read_text().split()]
    return found


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def tables(folder: Path) -> dict[str, Any]:
    results = read_json(folder / "results.json")
    return {name: value for name, value in results.items() if name not in ("cost", "made")}


@pytest.mark.slow
def test_killed_at_random_moments_it_ends_with_identical_tables(tmp_path: Path) -> None:
    script = tmp_path / "study.py"
    script.write_text(STUDY)
    assert begin(script, tmp_path / "whole").wait(180) == 0
    took = read_json(tmp_path / "whole" / "results.json")["cost"]["wall_minutes"] * 60
    dice = random.Random(5)
    kills = 0
    for _ in range(20):
        process = begin(script, tmp_path / "killed")
        try:
            assert process.wait(None if kills == 2 else dice.uniform(0.4, 1.0) * took) == 0
            break
        except subprocess.TimeoutExpired:
            workers = children(process.pid)
            process.send_signal(signal.SIGKILL)
            process.wait()
            kills += 1
            deadline = time.monotonic() + 10
            while any(map(alive, workers)):
                assert time.monotonic() < deadline, "a worker outlived the study"
                time.sleep(0.05)
    assert kills >= 1
    assert tables(tmp_path / "killed") == tables(tmp_path / "whole")
    assert (tmp_path / "killed" / "results.json").read_text().partition('"cost"')[0] == (
        tmp_path / "whole" / "results.json"
    ).read_text().partition('"cost"')[0]
    for run in (tmp_path / "whole" / "runs").glob("*/[!.]*"):
        twin = tmp_path / "killed" / run.relative_to(tmp_path / "whole")
        assert rows(run) == rows(twin), run


def rows(run: Path) -> list[Any]:
    """The learning curve, without what a clock had a part in."""
    timed = ("seconds", "samples_per_second", "peak_memory_mb")
    found = read_lines(run / "metrics.jsonl")
    return [{name: v for name, v in row.items() if name not in timed} for row in found]
