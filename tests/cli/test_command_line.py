"""The command line as a process: exit codes, messages, and how fast help is there."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
from tests.data.small import write_dataset

from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits


def bydemo(*words, cwd=None, **more):
    return subprocess.run(
        [sys.executable, "-m", "bydemo", *map(str, words)],
        capture_output=True, text=True, cwd=cwd, timeout=120,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200"}, **more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    path = tmp_path_factory.mktemp("cli") / "dataset"
    write_dataset(path, lengths=[12] * 10)
    opened = Dataset.open(path)
    write_splits(opened, make_split(opened, "random"))
    return path


@pytest.fixture(scope="module")
def run(dataset, tmp_path_factory):
    folder = tmp_path_factory.mktemp("cli") / "blind"
    done = bydemo("train", "blind", dataset, "--run", folder, "--training.epochs", "2",
                  "--training.log-every", "1")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return folder


@pytest.mark.parametrize("words", [["--help"], ["record", "--help"], ["train", "--help"]])
def test_help_is_there_without_torch_or_the_simulator(words):
    code = (
        "import sys; from bydemo.cli import main\n"
        f"try: main({words!r})\n"
        "except SystemExit: pass\n"
        "print(sorted({'torch', 'mujoco', 'h5py', 'av', 'gymnasium'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.splitlines()[-1] == "[]", done.stdout + done.stderr


def test_help_takes_less_than_a_second():
    took = []
    for _ in range(3):
        began = time.monotonic()
        assert bydemo("--help").returncode == 0
        took.append(time.monotonic() - began)
    assert min(took) < 1.0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["trian"], "Did you mean 'train'"),
        (["convert", "lerobt", "a", "b"], "no format named 'lerobt'. Did you mean 'lerobot'"),
        (["convert", "jaco_play", "missing", "out"], "missing: no such file or folder"),
        (["record", "jaco_pick_plaec", "out"], "Did you mean 'jaco_pick_place'"),
        (["train", "tunde", "data"], "no recipe named 'tunde'. Did you mean 'tuned'"),
        (["train", "tuned", "missing"], "missing"),
        (["inspect", "missing"], "missing"),
        (["evaluate", "missing"], "missing"),
        (["report", "missing"], "missing: no such run folder"),
        (["report"], "a report needs at least one run folder"),
        (["list", "formts"], "Did you mean 'formats'"),
        (["list", "--kidn"], "Unrecognized options"),
    ],
)
def test_a_mistake_is_one_message_with_exit_code_2_and_nothing_written(tmp_path, words, said):
    done = bydemo(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_typo_in_an_option_of_the_recipe_is_answered(dataset, tmp_path):
    done = bydemo("train", "blind", dataset, "--training.epohcs", "3", cwd=tmp_path)
    assert done.returncode == 2
    assert "--training.epochs" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_train_evaluate_and_report_go_end_to_end(run):
    config = json.loads((run / "config.json").read_text())
    assert config["experiment"]["training"]["epochs"] == 2
    assert " train blind " in config["command"]
    done = bydemo("evaluate", run, "--rollouts", "0")
    assert done.returncode == 0, done.stderr
    assert "test: " in done.stdout
    assert "velocity RMSE" in done.stdout
    results = json.loads((run / "results.json").read_text())
    assert set(results["offline"]) == {"validation", "test"}
    assert (run / "predictions" / "test.csv").exists()
    done = bydemo("report", run)
    assert done.returncode == 0, done.stderr
    html = (run / "report.html").read_text()
    assert "Nothing has been rolled out in closed loop" in html
    assert "Learning curves" in html


def test_a_run_folder_is_not_overwritten(run, dataset):
    done = bydemo("train", "blind", dataset, "--run", run)
    assert done.returncode == 2
    assert "already holds a run" in done.stderr


def test_a_run_without_a_finished_checkpoint_is_named(run, tmp_path):
    (tmp_path / "config.json").write_bytes((run / "config.json").read_bytes())
    done = bydemo("evaluate", tmp_path)
    assert done.returncode == 2
    assert "training has not finished here" in done.stderr


def test_a_flipped_byte_in_the_weights_is_found(run, tmp_path):
    copy = tmp_path / "copy"
    subprocess.run(["cp", "-r", run, copy], check=True)
    weights = copy / "model" / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-5] ^= 1
    weights.write_bytes(content)
    done = bydemo("evaluate", copy, "--rollouts", "0")
    assert done.returncode == 2
    assert "model.safetensors" in done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_during_training_saves_and_says_how_to_go_on(dataset, tmp_path, number, code):
    folder = tmp_path / "run"
    words = ["train", "blind", str(dataset), "--run", str(folder), "--training.log-every", "1"]
    long = [*words, "--training.epochs", "100000", "--training.schedule", "constant"]
    process = subprocess.Popen(
        [sys.executable, "-m", "bydemo", *long], stderr=subprocess.PIPE, text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "300"},
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not (folder / "best.json").exists():
        assert process.poll() is None, process.stderr.read()
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == code, said
    assert "Stopped and saved. Go on with: bydemo train blind" in said
    assert said.rstrip().endswith("--resume")
    assert "Traceback" not in said
    assert any((folder / "checkpoints").iterdir())
