"""From demonstrations to a judged policy where the return counts, through the command line."""

import json
import signal

import pytest

from bydemo.cli import main


def bydemo(words, *paths):
    """Runs a command line in which {0}, {1} ... are paths."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        return main([word.format(*paths) for word in words.split()])
    finally:
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    path = tmp_path_factory.mktemp("states") / "data"
    words = "record pusher {0} --episodes 8 --first-seed 1000 --noise 0.1 --workers 1"
    assert bydemo(words, path) == 0
    return path


@pytest.fixture(scope="module")
def run(data):
    path = data.parent / "run"
    assert bydemo("train states.homework {0} --run {1} --training.steps 20", data, path) == 0
    return path


def block_of(run):
    return json.loads((run / "results.json").read_text())["rollouts"]["pusher"]


def test_recording_tells_what_was_earned(tmp_path, capsys):
    words = "record pusher {0} --episodes 4 --first-seed 1000 --noise 0.1 --workers 1"
    assert bydemo(words, tmp_path / "d") == 0
    assert bydemo(words.replace("4", "6") + " --resume", tmp_path / "d") == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "The expert, with noise 0.1, earned -2" in said
    assert "(standard error) on average over 6 episodes; the least was -" in said


def test_evaluation_shows_return_score_and_the_worst_seed(run, capsys):
    assert bydemo("evaluate {0} --rollouts 3 --first-seed 0 --workers 0 --clips 1", run) == 0
    said = " ".join(capsys.readouterr().out.split())
    for word in ("return with its standard error", "still", "random", "missed 3", ", 0 "):
        assert word in said
    block = block_of(run)
    assert list(block["references"]) == ["expert", "still", "random"]
    assert block["score"]["n"] == block["return"]["n"] == 3
    assert block["score"]["value"] < 50
    assert all(row["return"] < 0 for row in block["episodes"])
    assert len(block["clips"]) == 2 or block["notes"]  # without GL there is none, and it says so
    assert bydemo("report {0}", run) == 0


def test_recorded_seeds_are_no_test(run, capsys):
    assert bydemo("evaluate {0} --rollouts 5 --first-seed 1006 --workers 0", run) == 2
    assert "of the 5 seeds from 1006 on were demonstrated in" in capsys.readouterr().err


def test_references_can_be_chosen(run):
    words = "evaluate {0} --rollouts 2 --first-seed 0 --workers 0 --clips 0 --references"
    assert bydemo(words, run) == 0
    block = block_of(run)
    assert (block["references"], block["score"], block["clips"]) == ({}, None, [])
