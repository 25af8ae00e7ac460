import numpy as np
import pytest

import bydemo
from bydemo.cli import main
from bydemo.core.errors import InputError
from bydemo.data.formats import minari
from bydemo.data.source import Dataset
from bydemo.evaluation.record import record
from bydemo.sim.tasks import task_config

BRIEF = {"training.steps": 20, "training.warmup": 0}


@pytest.fixture
def minari_set(tmp_path, monkeypatch):
    """The id of a local set of three episodes of Pusher."""
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    record(task_config("pusher"), tmp_path / "demos", episodes=5, start_seed=123, workers=0)
    place = tmp_path / "minari" / "mujoco" / "pusher" / "expert-v0"
    minari.Config().write(Dataset.open(tmp_path / "demos"), place)
    return "mujoco/pusher/expert-v0"


@pytest.mark.slow
def test_a_minari_set_becomes_a_judged_policy_in_three_lines(minari_set, tmp_path):
    cloned = bydemo.clone(minari_set, tmp_path / "run", changes=BRIEF, rollouts=2, workers=0)
    block = cloned.results["rollouts"]["pusher"]
    assert block["task"] == "pusher"
    assert {row["seed"] for row in block["episodes"]} == {1_000_000, 1_000_001}
    assert np.isfinite(block["score"]["value"])
    cloned.agent.reset(0, "")
    assert cloned.agent.act({"observation": np.zeros(23)}).shape == (7,)

    before = (tmp_path / "run" / "results.json").read_bytes()
    again = bydemo.clone(minari_set, tmp_path / "run", changes=BRIEF, rollouts=2, workers=0)
    assert (tmp_path / "run" / "results.json").read_bytes() == before
    assert again.results == cloned.results


@pytest.mark.slow
def test_the_verb_writes_a_page(minari_set, tmp_path, capsys):
    words = ["clone", minari_set, "--run", str(tmp_path / "run"), "--rollouts", "0"]
    bydemo.clone(minari_set, tmp_path / "run", changes=BRIEF, rollouts=0)
    assert main(words) == 0
    assert "torque RMSE" in capsys.readouterr().out
    assert (tmp_path / "run" / "report.html").read_text().startswith("<!doctype html>")


def test_what_is_no_recording_is_refused_and_leaves_nothing(tmp_path, capsys):
    (tmp_path / "notes.txt").write_text("no recording")
    with pytest.raises(InputError, match="looks like none of the formats jaco_play, lerobot"):
        bydemo.clone(tmp_path / "notes.txt", tmp_path / "run")
    assert main(["clone", "mujoco/nothing-v0", "--run", str(tmp_path / "run")]) == 2
    assert "is neither there nor the id of a local Minari set" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
