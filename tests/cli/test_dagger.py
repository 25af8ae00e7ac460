"""`bydemo dagger` through the command line's own entry, on a pole that balances in no time."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bydemo.cli import main
from bydemo.cli.verbs.dagger import _apart
from bydemo.core.results import read_json
from bydemo.data.source import Dataset

POLE = "dagger gym data --run run --max-steps 15 --workers 0"
SMALL = f"{POLE} --recipe joints_only --episodes-first 3 --rounds 2 --episodes-a-round 2"
QUICK = "--training.epochs 1 --training.batch-size 32 --training.log-every 0"
Say = Callable[[str], tuple[int, str]]

EXPERTS = """
import numpy as np

def balance(observation):
    position, angle, speed, turning = observation["observation"]
    return [float(position + 25 * angle + speed + 5 * turning)]

def wide(observation):
    return np.zeros(3)
"""


@pytest.fixture
def say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Iterator[Say]:
    """Runs words in an empty folder; exit code and all that was said."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "300")
    before = signal.getsignal(signal.SIGTERM)

    def run(words: str) -> tuple[int, str]:
        try:
            code = main(shlex.split(words))
        except SystemExit as left:
            code = int(left.code or 0)
        said = capsys.readouterr()
        return code, said.out + said.err

    yield run
    signal.signal(signal.SIGTERM, before)


def test_words_for_the_recipe_are_told_from_the_others() -> None:
    ours, changes = _apart(
        shlex.split("pusher data --data.share 0.5 --run r --model.widths 8 8 --training.ema=none")
    )
    assert ours == ["pusher", "data", "--run", "r"]
    assert changes == ["--data.share", "0.5", "--model.widths", "8", "8", "--training.ema=none"]


@pytest.mark.slow
def test_it_plays_and_trains_and_what_it_made_is_used_by_other_verbs(say: Say) -> None:
    code, said = say(f"{SMALL} {QUICK}")
    assert code == 0, said
    assert "The expert was asked for 105 labels in 7 episodes." in said
    assert "Next: bydemo evaluate run" in said
    assert len(Dataset.open("data").episodes) == 7
    config = read_json(Path("run/config.json"))
    assert config["experiment"]["training"]["epochs"] == 1
    assert config["dataset"]["source"]["task_config"]["max_steps"] == 15
    for words in ("inspect data", "evaluate run --rollouts 2 --workers 0 --clips 0", "report run",
                  f"train joints_only data --run other {QUICK}",
                  "evaluate run/rounds/round-02 --rollouts 0"):  # fmt: skip
        code, said = say(words)
        assert code == 0, said
    assert "dagger" in read_json(Path("run/results.json"))
    code, said = say(f"{SMALL} {QUICK}")
    assert code == 2
    assert "data: already exists; resume, or choose another path" in said
    code, said = say(f"{SMALL} {QUICK} --resume")
    assert code == 0, said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("dagger", "task and dataset come first|required"),
        ("dagger gym", "required"),
        ("dagger gmy data", "no task named 'gmy'. Did you mean 'gym'"),
        (f"{SMALL} --rounds 0", "given more than once"),
        (f"{POLE} --rounds 0", "field 'rounds': is 0, expected at least 1"),
        (f"{POLE} --recipe clonig", "no recipe named 'clonig'"),
        (f"{POLE} --recipe demo", "the dataset has no camera; try a recipe without one"),
        (f"{SMALL} --training.epohcs 1", "Unrecognized options"),
        (f"{SMALL} --expert experts:wide", "field 'expert': returned shape (3,), expected a finite "
                                           "action of shape (1,)"),
        (f"{SMALL} --expert experts:balanec", "Did you mean 'balance'"),
        (f"{SMALL} --expert experts", "neither module:attribute nor the folder"),
        (f"{SMALL} --environment Reacher-v5", "there is no expert for Reacher-v5"),
        (f"{SMALL} --environment Reachr-v5", "no environment named 'Reachr-v5'"),
    ],
)  # fmt: skip
def test_what_cannot_work_is_refused_in_a_message(
    say: Say, tmp_path: Path, words: str, said: str
) -> None:
    (tmp_path / "experts.py").write_text(EXPERTS)
    code, found = say(words)
    assert code == 2, found
    assert any(each in found for each in said.split("|")), found
    assert "Traceback" not in found
    assert {p.name for p in tmp_path.iterdir()} <= {"experts.py", "__pycache__"}


@pytest.mark.slow
def test_a_signal_saves_and_says_how_to_go_on(say: Say, tmp_path: Path) -> None:
    (tmp_path / "experts.py").write_text(EXPERTS)
    words = f"{SMALL} --expert experts:balance --training.log-every 0 --training.epochs 60"
    process = subprocess.Popen(
        [sys.executable, "-m", "bydemo", *shlex.split(words)], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "300"},
    )  # fmt: skip
    deadline = time.monotonic() + 90
    while not (tmp_path / "run" / "rounds" / "round-02" / "config.json").exists():
        assert process.poll() is None, process.stderr and process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGTERM)
    _, told = process.communicate(timeout=60)
    assert process.returncode == 143, told
    assert f"Stopped and saved. Go on with: bydemo {words} --resume" in told
    code, said = say(f"{words} --resume")
    assert code == 0, said
    first = Dataset.open("data").fingerprint()
    Path("data").rename("before")
    Path("run").rename("run-before")
    code, said = say(words)
    assert code == 0, said
    assert Dataset.open("data").fingerprint() == first
