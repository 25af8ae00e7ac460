"""Bad input, line by line, through the command line's own entry.

Whatever is wrong: exit code 2, one message on stderr that names the file and the field, no
traceback, and every folder as it was before. What each reader says of each damage in detail is
tested beside the reader; here it is one case a line, on the way that a user would meet it.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.data.formats.jaco_play_files import CSV, H5, write_raw
from tests.data.formats.lerobot_files import edit_info, write_recording
from tests.data.small import write_dataset
from tests.disk import full_disk

from bydemo.cli import main
from bydemo.data.layout import digest_of
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.sim import gl

LENGTHS = (3, 2, 4)
EPOCHS = ("--training.epochs", "2")
Refuse = Callable[..., str]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset `data`, a run `run` trained on it and judged, a raw recording `raw`."""
    folder = tmp_path_factory.mktemp("home")
    small = write_dataset(folder / "data", lengths=[6] * 10)
    write_splits(small, make_split(small, "random"))
    write_raw(folder / "raw", LENGTHS)
    before = Path.cwd(), signal.getsignal(signal.SIGTERM)
    os.chdir(folder)
    try:
        assert main(["train", "blind", "data", "--run", "run", *EPOCHS]) == 0
        assert main(["evaluate", "run", "--rollouts", "0"]) == 0
    finally:
        os.chdir(before[0])
        signal.signal(signal.SIGTERM, before[1])
    return folder


@pytest.fixture
def here(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of `home` to spoil, as the working directory."""
    folder = tmp_path / "here"
    shutil.copytree(home, folder)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("COLUMNS", "300")
    before = signal.getsignal(signal.SIGTERM)
    yield folder
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def refuse(here: Path, capsys: pytest.CaptureFixture[str]) -> Refuse:
    """`bydemo WORDS` is refused with a message that holds each of `said`; returns the message."""

    def check(words: str, *said: str) -> str:
        before = contents(here)
        capsys.readouterr()
        try:
            code = main(words.split())
        except SystemExit as left:
            code = int(left.code or 0)
        message = capsys.readouterr().err
        assert code == 2, message
        assert "Traceback" not in message
        for part in said:
            assert part in message
        assert sum(line.startswith("error:") for line in message.splitlines()) <= 1
        assert contents(here) == before
        return message

    return check


def contents(folder: Path) -> dict[str, str]:
    """Every file's bytes by digest, and every folder; a whole cached view may be there or not."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_file():
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
        else:
            found[name] = "folder"
    cached = re.compile(r"data/cache(/[0-9a-f]{16}(/image\.bin|/view\.json)?)?")
    return {name: digest for name, digest in found.items() if not cached.fullmatch(name)}


def edit(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Change a JSON file in place."""
    data = json.loads(path.read_text())
    change(data)
    path.write_text(json.dumps(data))


def flip(path: Path, at: int = -9) -> None:
    """Change one bit."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def change_values(path: Path, name: str, row: int, column: int, value: float) -> None:
    """Change one number of a dataset's array, behind the back of its checksums."""
    dataset = Dataset.open(path)
    width = dataset.array(name).shape[1]
    file = dataset.file(name)
    values = np.fromfile(file, np.float32)
    values[row * width + column] = value
    values.tofile(file)


# ---------------------------------------------------------------------------- a wrong path


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("convert jaco_play nowhere out", "nowhere: no such file or folder"),
        ("convert lerobot nowhere out", "nowhere: there is no such folder"),
        ("convert jaco_play nowhere out --write", "nowhere: no such dataset folder"),
        ("convert jaco_play data out", f"data/{H5}: no such file"),
        ("convert lerobot data out", "data/meta/info.json"),
        ("convert jaco_play raw data", "data: already exists; choose another path or remove it"),
        ("inspect nowhere", "nowhere: no such dataset folder"),
        ("inspect raw", "raw/manifest.json: no such file"),
        ("inspect data/manifest.json", "data/manifest.json: no such dataset folder"),
        ("train blind nowhere", "nowhere: no such dataset folder"),
        ("train blind run", "run/manifest.json: no such file"),
        ("train blind data --run raw/" + CSV, f"raw/{CSV}: is a file, expected a folder"),
        ("train blind data --run run", "run: already holds a run; resume it or choose another"),
        ("train blind data --run new --resume", "new/config.json: no such file"),
        ("evaluate nowhere", "nowhere: no such run folder"),
        ("evaluate data", "data/config.json: no such file"),
        ("evaluate run --dataset nowhere", "nowhere: no such dataset folder"),
        ("evaluate run --beside nowhere", "nowhere/predictions/validation.parquet: no such predic"),
        ("report nowhere", "nowhere: no such run folder"),
        ("report run nowhere", "nowhere: no such run folder"),
        ("report data", "data/config.json: no such file"),
        (f"report run --output raw/{CSV}/x.html", f"raw/{CSV}/x.html: could not be written"),
    ],
)
def test_a_wrong_path(refuse: Refuse, words: str, said: str) -> None:
    refuse(words, said)


# -------------------------------------------------------------- Jaco Play: the CSV and the HDF5


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (None, ": no such file"),
        (",episode,step\n0,0,0\n", ", field 'episode_length': no such column; there are"),
        (",episode_length\n0,1\n", ", field 'episode': no such column; there are"),
        (",episode,episode_length\n", ": holds no rows"),
        ("", ": is empty"),
        (",episode,episode_length\n9,0,1\n",
         f", field 'index': episode 0 needs row 9, but {H5} holds 9 rows"),
    ],
    ids=["missing", "no length", "no episode", "no rows", "empty", "index beyond the file"],
)  # fmt: skip
def test_the_table(refuse: Refuse, here: Path, table: str | None, said: str) -> None:
    (here / "raw" / CSV).unlink()
    if table is not None:
        (here / "raw" / CSV).write_text(table)
    refuse("convert jaco_play raw out", f"raw/{CSV}{said}")


def test_a_truncated_hdf5(refuse: Refuse, here: Path) -> None:
    os.truncate(here / "raw" / H5, 100_000)
    refuse("convert jaco_play raw out", f"raw/{H5}: is truncated")


def test_a_locked_hdf5(refuse: Refuse, here: Path) -> None:
    holder = "import h5py, sys; f = h5py.File(sys.argv[1], 'a'); print('open', flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", holder, str(here / "raw" / H5)],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        refuse("convert jaco_play raw out", f"raw/{H5}: another program has it open and locked")
        process.communicate(b"\n")


def spoilt_actions(row: int, column: int, value: float) -> np.ndarray:
    actions = np.zeros((9, 4), np.float32)
    actions[row, column] = value
    return actions


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("actions", None, "missing; the file holds"),
        ("front_cam_ob", np.zeros((9, 64, 64, 3), np.uint8), "is (9, 64, 64, 3) uint8, expected"),
        ("joint_pos_ob", np.zeros((9, 8), np.int64), "is (9, 8) int64, expected (9, 8) floating"),
        ("actions", spoilt_actions(4, 1, np.nan), "is not finite at row 4"),
        ("actions", spoilt_actions(7, 3, 3), "the gripper label is 3 at row 7, expected 0 open, "),
        ("actions", spoilt_actions(7, 3, -1), "the gripper label is -1 at row 7, expected 0 open"),
    ],
    ids=["missing", "shape", "dtype", "NaN", "label 3", "label -1"],
)
def test_a_key_of_the_hdf5(refuse: Refuse, here: Path, key: str, value: Any, said: str) -> None:
    shutil.rmtree(here / "raw")
    write_raw(here / "raw", LENGTHS, **{key: value})
    refuse("convert jaco_play raw out", f"raw/{H5}, field '{key}': {said}")


# ------------------------------------------------------------------------------- LeRobot


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda i: i["features"].pop("action"), "field 'features.action': missing"),
        (lambda i: i.update(total_episodes=0), "field 'total_episodes'"),
        (lambda i: i.update(codebase_version="v9.0"), "field 'codebase_version'"),
    ],
    ids=["no action", "no episodes", "unknown version"],
)
def test_a_lerobot_recording(refuse: Refuse, here: Path, change: Any, said: str) -> None:
    write_recording(here / "dobot", (5, 4, 6))
    edit_info(here / "dobot", change)
    refuse("convert lerobot dobot out", "dobot/meta/", said)


def test_a_nan_action_in_a_lerobot_table(refuse: Refuse, here: Path) -> None:
    def spoil(episode: int, data: dict[str, np.ndarray]) -> None:
        if episode == 1:
            data["action"][2, 0] = np.nan

    write_recording(here / "dobot", (5, 4, 6), change=spoil)
    refuse("convert lerobot dobot out", "episode_000001.parquet, field 'action'", "row 2")


# ------------------------------------------------------------------------------- datasets


@pytest.mark.parametrize("words", ["inspect data", "train blind data --run new"])
def test_an_empty_dataset(refuse: Refuse, here: Path, words: str) -> None:
    (here / "data" / "episodes.jsonl").write_text("")
    refuse(words, "data: holds no finished episode")


@pytest.mark.parametrize("words", ["inspect data", "train blind data --run new"])
def test_a_shortened_array(refuse: Refuse, here: Path, words: str) -> None:
    os.truncate(here / "data" / "action.bin", 100)
    refuse(words, "data/action.bin: holds 100 bytes, but 60 rows need 720")


def test_a_flipped_byte_in_an_array(refuse: Refuse, here: Path) -> None:
    flip(here / "data" / "observation.front.bin", at=8 * 8 * 3 * 13)
    refuse("inspect data --verify", "observation.front.bin: the bytes of episode 2 changed")


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        (0, np.nan, "data, field 'action': is not finite at step 1 of episode 2"),
        (2, 3, "data, field 'action': holds a label that is no class index at step 1 of episode 2"),
    ],
    ids=["NaN", "label 3"],
)
def test_a_bad_action_in_a_dataset(
    refuse: Refuse, here: Path, column: int, value: float, said: str
) -> None:
    change_values(here / "data", "action", 13, column, value)
    refuse("train blind data --run new", said)


def test_a_bad_observation_in_a_dataset(refuse: Refuse, here: Path) -> None:
    change_values(here / "data", "observation.pose", 13, 1, np.inf)
    refuse("train blind data --run new", "data, field 'pose': is not finite at step 1 of episode 2")


def test_a_field_missing_from_a_manifest(refuse: Refuse, here: Path) -> None:
    def spoil(manifest: dict[str, Any]) -> None:
        del manifest["spec"]["action"]
        manifest["digest"] = digest_of(manifest)

    edit(here / "data" / "manifest.json", spoil)
    refuse("inspect data", "data/manifest.json, field 'action': the spec lacks it")


def test_a_split_that_is_not_there(refuse: Refuse) -> None:
    refuse("train blind data --run new --data.train-split trian", "no split in data named 'trian'",
           "Did you mean 'train'")  # fmt: skip
    refuse("evaluate run --rollouts 0 --splits validation tset", "no split in data named 'tset'")


# --------------------------------------------------------------- what does not fit together


def test_a_dataset_of_another_robot(refuse: Refuse) -> None:
    refuse("convert jaco_play data out --write", "data and Jaco Play do not match:",
           "observation 'ee_position' exists only in Jaco Play",
           "action: shape (3,) against (4,)")  # fmt: skip


def test_a_task_of_another_robot(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused before anything is judged, offline figures included."""
    monkeypatch.setattr(gl, "require_gl", lambda: "none")
    refuse("evaluate run --task jaco_pick_place --rollouts 2", "run and the task do not match:",
           "observation 'pose' exists only in run", "action: shape (3,) against (4,)")  # fmt: skip


def test_a_dataset_that_changed_since_the_training(refuse: Refuse, here: Path) -> None:
    write_dataset(here / "other", lengths=[6] * 9)
    refuse("evaluate run --dataset other", "other: is not the data that the run was trained on")
    refuse("train blind other --run run --resume", "run: was started with other data")


def test_a_dataset_without_a_camera_for_a_recipe_with_one(refuse: Refuse) -> None:
    refuse("train ours data --run new --data.view.cameras side",
           "data, field 'side': no such camera; there are front, wrist")  # fmt: skip
    refuse("train ours data --run new --data.view.size 3",
           "field 'size': 3 does not divide the image's 8x8")  # fmt: skip


# ------------------------------------------------------------------------ names and fields


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("trian", "no command named 'trian'. Did you mean 'train'"),
        ("train tunde data", "no recipe named 'tunde'. Did you mean 'tuned'"),
        ("convert lerobt a b", "no format named 'lerobt'. Did you mean 'lerobot'"),
        ("record jaco_pick_plaec out", "no task named 'jaco_pick_plaec'. Did you mean"),
        ("record jaco_pick_place out --objects aple", "no object named 'aple'. Did you mean"),
        ("record jaco_pick_place out --template pikc", "--template"),
        ("evaluate run --task jaco_plaec", "no task named 'jaco_plaec'"),
        ("list formts", "no kind of thing named 'formts'"),
        ("train blind data --training.epohcs 3", "--training.epochs"),
        ("train blind data --training.epochs many", "--training.epochs"),
        ("train blind data --training.epochs 0", "field 'epochs': 0 is not valid: expected at lea"),
        ("train blind data --data.chunk 0", "field 'chunk': is 0, expected at least 1"),
        ("train blind data --data.share 0", "field 'share': is 0, expected more than 0"),
        ("train ours data --run new --model.ignore psoe", "no part of the proprioception named 'p"),
        ("train blind data --run new --model.dropout 2", "field 'model': dropout probability has"),
        ("train blind data --run new --track wanbd", "no tracker named 'wanbd'. Did you mean 'wan"),
    ],
)
def test_an_unknown_name_or_field(refuse: Refuse, words: str, said: str) -> None:
    refuse(words, said)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--noise -0.1", "field 'noise': is -0.1, expected 0 or more"),
        ("--noise nan", "field 'noise': is nan, expected 0 or more"),
        ("--noise-label both", "--noise-label"),
        ("--expert nowhere", "'nowhere' is neither module:attribute nor the folder of a run"),
        ("--expert no_such_module:act", "'no_such_module:act' cannot be imported: ModuleNotFound"),
        ("--expert tests.evaluation.line_task:toward", "Did you mean 'towards'"),
        ("--expert tests.evaluation.line_task:too_wide",
         "field 'expert': returned shape (4,), expected a finite action of shape (7,): torque[7"),
        ("--expert tests.evaluation.line_task:a_pair --noise 0.1", "'expert': returned a tuple, e"),
        ("--expert tests.evaluation.line_task:not_finite", "returned shape (3,), expected a fin"),
        ("--expert run", "run and the task do not match:"),
        ("--keep-failures --drop-failures", "'keep_failures': cannot be given together with --dro"),
    ],
)  # fmt: skip
def test_an_expert_or_a_noise_that_cannot_be_used(refuse: Refuse, words: str, said: str) -> None:
    refuse(f"record pusher out --episodes 3 --workers 0 {words}", said)


def test_a_task_without_an_expert(refuse: Refuse) -> None:
    refuse("record gym out --environment Reacher-v5 --episodes 3 --workers 0",
           "there is no expert for Reacher-v5", "give one with --expert")  # fmt: skip


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c["experiment"]["training"].update(epohcs=3),
         "no field of training named 'epohcs'. Did you mean 'epochs'"),
        (lambda c: c["experiment"]["training"].update(epochs="x"),
         "field 'training.epochs': is 'x', expected a whole number"),
        (lambda c: c["experiment"].pop("data"), "field 'data': missing from the experiment"),
        (lambda c: c["experiment"]["model"].update(name="blidn"), "no model named 'blidn'"),
        (lambda c: c.update(schema="bydemo.run/9"), "field 'schema': is 'bydemo.run/9', expected"),
        (lambda c: c.pop("experiment"), "field 'experiment': missing or no object"),
    ],
)  # fmt: skip
def test_a_field_of_a_runs_configuration(
    refuse: Refuse, here: Path, change: Any, said: str
) -> None:
    edit(here / "run" / "config.json", change)
    refuse("evaluate run --rollouts 0", "run/config.json", said)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda r: r.update(schema="x"), "field 'schema': is "),
        (lambda r: r.update(offline=[]), "field 'offline': "),
        (lambda r: r["offline"].update(test=3), "field 'offline.test': is no object"),
        (lambda r: r["offline"]["test"]["candidates"].update(policy=3),
         "field 'offline.test.candidates.policy': is no object"),
        (lambda r: r["rollouts"].update(pick=[]), "field 'rollouts.pick': is no object"),
    ],
)  # fmt: skip
def test_a_field_of_a_runs_results(refuse: Refuse, here: Path, change: Any, said: str) -> None:
    edit(here / "run" / "results.json", change)
    refuse("report run", "run/results.json", said)


def test_results_without_their_dataset(refuse: Refuse, here: Path) -> None:
    edit(here / "run" / "results.json", lambda r: r["dataset"].pop("path"))
    refuse("evaluate run --rollouts 0", "run/results.json, field 'dataset.path': missing")


# ----------------------------------------------------------------------------- checkpoints


def test_a_run_without_a_finished_checkpoint(refuse: Refuse, here: Path) -> None:
    (here / "run" / "results.json").unlink()
    refuse("evaluate run", "run: training has not finished here; go on with train --resume")


def test_a_run_without_its_model(refuse: Refuse, here: Path) -> None:
    shutil.rmtree(here / "run" / "model")
    refuse("evaluate run", "run: holds no trained model: ", "is its training finished?")


@pytest.mark.parametrize("name", ["model.safetensors", "codec.json", "config.json"])
def test_a_flipped_byte_in_the_model(refuse: Refuse, here: Path, name: str) -> None:
    flip(here / "run" / "model" / name)
    refuse("evaluate run", f"run/model/{name}: damaged, its SHA-256 is not the manifest's")


@pytest.mark.parametrize("name", ["model.safetensors", "optimizer.safetensors"])
def test_a_flipped_byte_in_a_checkpoint(refuse: Refuse, here: Path, name: str) -> None:
    """And the way out that the message names is one."""
    flip(here / "run" / "checkpoints" / "epoch-0002" / name)
    resume = f"train blind data --run run {' '.join(EPOCHS)}"
    refuse(f"{resume} --resume", f"run/checkpoints/epoch-0002/{name}: damaged",
           "The one before it, 'epoch-0001', is whole: resume from that by name")  # fmt: skip
    refuse(f"{resume} --checkpoint epoch-0003", "no checkpoint named 'epoch-0003'")
    weights = (here / "run" / "model" / "model.safetensors").read_bytes()
    assert main([*resume.split(), "--checkpoint", "epoch-0001"]) == 0
    assert (here / "run" / "model" / "model.safetensors").read_bytes() == weights


def test_damaged_predictions(refuse: Refuse, here: Path) -> None:
    shutil.copytree(here / "run", here / "other")
    os.truncate(here / "other" / "predictions" / "test.parquet", 100)
    refuse("evaluate run --rollouts 0 --beside other", "other/predictions/test.parquet: cannot be")
    refuse("report run other", "other/predictions/test.parquet: cannot be read as parquet")


def test_a_run_that_never_saved_is_begun_again(here: Path) -> None:
    """After kill -9 in the first epoch there is a configuration and nothing to go on from."""
    (here / "new").mkdir()
    (here / "new" / "config.json").write_bytes((here / "run" / "config.json").read_bytes())
    assert main(["train", "blind", "data", "--run", "new", *EPOCHS, "--resume"]) == 0
    ours, theirs = (here / name / "model" / "model.safetensors" for name in ("new", "run"))
    assert ours.read_bytes() == theirs.read_bytes()


# ---------------------------------------------------------------------------------- no GL

NO_GL = gl.GlReport(
    backend=None, attempts=(gl.GlAttempt(backend="egl", problem="libEGL.so.1 is missing"),)
)


def test_no_gl(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "probe_gl", lambda *backends: NO_GL)
    said = ("no off-screen GL back end can draw", "egl: libEGL.so.1 is missing", gl.CURE)
    refuse("record jaco_pick_place out --episodes 1 --workers 0", *said)
    refuse("demo --folder out", *said)
    refuse("evaluate run --task jaco_pick_place", *said)


def test_a_gl_that_does_not_exist(home: Path) -> None:
    """As a process: the simulator chooses once, when it is imported."""
    done = subprocess.run(
        [sys.executable, "-m", "bydemo", "record", "jaco_pick_place", "out"],
        capture_output=True, text=True, cwd=home, timeout=120, check=False,
        env={**os.environ, "MUJOCO_GL": "elg", "COLUMNS": "300"},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == (
        "error: MUJOCO_GL is 'elg', expected one of egl, osmesa, glfw; unset it, and one that "
        "draws is looked for\n"
    )
    assert not (home / "out").exists()


# ------------------------------------------------------------------------------- disk full


@pytest.mark.parametrize(
    ("size", "words", "said"),
    [
        (1000, "convert jaco_play raw out", "out/observation.front_cam.bin: 1.4 MB could not be"),
        (1000, "inspect data", "data/inspection.html: could not be written"),
        (1000, "report run", "run/report.html: could not be written"),
        (0, "evaluate run --rollouts 0", "run/predictions: predictions could not be written"),
        (0, "train blind data --run new", "new/config.json: could not be written"),
        (20_000, "train blind data --run new", "new/checkpoints/epoch-0001/model.safetensors: "),
        (20_000, "train blind data --run runs/deep/new", "could not be written"),
        (50, "train ours data --run new", "image.bin: "),
        (0, "train blind data --run run --resume --training.epochs 2", "run/metrics.jsonl: could"),
    ],
)
def test_a_full_disk(refuse: Refuse, size: int, words: str, said: str) -> None:
    with full_disk(size):
        refuse(words, said)


def test_a_full_disk_while_the_model_is_written_again_keeps_the_old_one(
    refuse: Refuse,
) -> None:
    with full_disk(20_000):
        refuse("train blind data --run run --resume --training.epochs 2",
               "run/model/model.safetensors: could not be written")  # fmt: skip
    assert main(["evaluate", "run", "--rollouts", "0"]) == 0


def test_a_full_disk_while_recording(refuse: Refuse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gl, "require_gl", lambda: "none")
    with full_disk(1000):
        refuse("record jaco_pick_place out --episodes 1 --workers 0 --no-pictures",
               "out/observation.front_cam.bin: ", "MB could not be reserved")  # fmt: skip
