"""A run that was killed and resumed ends as one that was not, bit for bit."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from tests.models.samples import Samples
from tests.training.toy import SHAPES, config, policy, run, same_weights

from bydemo.core.errors import CheckpointError, TrainingError, UnknownNameError
from bydemo.core.results import read_lines
from bydemo.models.proprioception import Config
from bydemo.training.loop import TrainingConfig, Update, train

SETTINGS = config(epochs=3, ema=0.9, clip=1.0, schedule="cosine", warmup=2, log_every=3)
IN_STEPS = replace(SETTINGS, epochs=None, steps=13, validate_every=4, choose="last")
"""Rounds of four steps across epochs of five."""


class Ask:
    """An update callback that sends this process a signal after so many steps."""

    def __init__(self, step: int, number: int = signal.SIGTERM) -> None:
        self.step, self.number = step, number

    def __call__(self, update: Update) -> None:
        if update.step == self.step:
            os.kill(os.getpid(), self.number)


def without_times(path: Path) -> list[dict]:
    timed = {"seconds", "samples_per_second", "peak_memory_mb"}
    return [{k: v for k, v in row.items() if k not in timed}
            for row in read_lines(path / "metrics.jsonl")]  # fmt: skip


@pytest.mark.parametrize("settings", [SETTINGS, IN_STEPS, replace(IN_STEPS, choose="best")])
@pytest.mark.parametrize("step", [1, 4, 5, 7, 12])
def test_sigterm_saves_leaves_and_resumes_bit_for_bit(
    tmp_path: Path, settings: TrainingConfig, step: int
) -> None:
    """Mid-epoch and at an epoch's end; the model resumed into starts from other weights."""
    straight, expected = run(tmp_path / "a", settings=settings)
    with pytest.raises(SystemExit) as left:
        run(tmp_path / "b", settings=settings, on_update=Ask(step))
    assert left.value.code == 143
    resumed, result = run(tmp_path / "b", policy(seed=99), settings=settings, resume=True)
    assert same_weights(straight, resumed)
    assert without_times(tmp_path / "a") == without_times(tmp_path / "b")
    assert (result.loss, result.chosen_step, result.steps) == (
        expected.loss, expected.chosen_step, expected.steps)  # fmt: skip
    assert result.seconds > 0


def test_sigint_leaves_with_130(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(SystemExit) as left:
        run(tmp_path, settings=SETTINGS, on_update=Ask(2, signal.SIGINT))
    assert left.value.code == 130
    assert signal.getsignal(signal.SIGINT) is before


SCRIPT = """
    import os, signal, sys
    from pathlib import Path
    from tests.training.test_resume import SETTINGS
    from tests.training.toy import run

    def kill(update):
        if update.step == 8:
            os.kill(os.getpid(), signal.SIGKILL)

    from dataclasses import replace
    run(Path(sys.argv[1]), settings=replace(SETTINGS, checkpoint_minutes=1e-9), on_update=kill)
"""


def test_sigkill_loses_one_step_and_changes_nothing(tmp_path: Path) -> None:
    straight, _ = run(tmp_path / "a", settings=SETTINGS)
    killed = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(SCRIPT), str(tmp_path / "b")],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}, check=False, timeout=60,
    )  # fmt: skip
    assert killed.returncode == -signal.SIGKILL
    resumed, _ = run(tmp_path / "b", policy(seed=99), settings=SETTINGS, resume=True)
    assert same_weights(straight, resumed)
    assert without_times(tmp_path / "a") == without_times(tmp_path / "b")


def test_a_finished_run_resumes_to_itself(tmp_path: Path) -> None:
    model, result = run(tmp_path, settings=SETTINGS)
    again, same = run(tmp_path, policy(seed=9), settings=SETTINGS, resume=True)
    assert same_weights(model, again)
    assert (same.chosen_epoch, same.loss, same.training_loss, same.steps) == (
        result.chosen_epoch, result.loss, result.training_loss, result.steps)  # fmt: skip


def test_more_epochs_where_the_schedule_allows(tmp_path: Path) -> None:
    short, long = config(epochs=1), config(epochs=3)
    straight, _ = run(tmp_path / "a", settings=long)
    run(tmp_path / "b", settings=short)
    resumed, _ = run(tmp_path / "b", settings=long, resume=True)
    assert same_weights(straight, resumed)
    run(tmp_path / "c", settings=replace(short, schedule="cosine"))
    with pytest.raises(TrainingError, match="epochs: 1 was, 3 now"):
        run(tmp_path / "c", settings=replace(long, schedule="cosine"), resume=True)


def test_more_steps_where_the_schedule_allows(tmp_path: Path) -> None:
    short, long = (config(epochs=None, steps=n, choose="last") for n in (7, 12))
    straight, _ = run(tmp_path / "a", settings=long)
    run(tmp_path / "b", settings=short)
    resumed, _ = run(tmp_path / "b", settings=long, resume=True)
    assert same_weights(straight, resumed)
    in_epochs, _ = run(tmp_path / "c", settings=config(epochs=3, choose="last"))
    more, _ = run(tmp_path / "b", settings=config(epochs=3, choose="last"), resume=True)
    assert same_weights(in_epochs, more)
    run(tmp_path / "d", settings=replace(short, schedule="cosine"))
    with pytest.raises(TrainingError, match="steps: 7 was, 12 now"):
        run(tmp_path / "d", settings=replace(long, schedule="cosine"), resume=True)


def test_more_minutes_go_on(tmp_path: Path) -> None:
    straight, _ = run(tmp_path / "a", settings=SETTINGS)
    _, cut = run(tmp_path / "b", settings=replace(SETTINGS, minutes=1e-9))
    assert cut.stopped == "budget"
    _, again = run(tmp_path / "b", settings=replace(SETTINGS, minutes=1e-9), resume=True)
    assert (again.stopped, again.steps) == ("budget", cut.steps)
    resumed, result = run(tmp_path / "b", settings=replace(SETTINGS, minutes=9.0), resume=True)
    assert result.stopped == "finished"
    assert same_weights(straight, resumed)


def test_another_batch_size_is_refused(tmp_path: Path) -> None:
    run(tmp_path, settings=SETTINGS)
    with pytest.raises(
        TrainingError,
        match=r"cannot be resumed with another configuration \(batch_size: 8 was, 16 now\)\. Res",
    ):
        run(tmp_path, settings=replace(SETTINGS, batch_size=16), resume=True)


def test_other_data_or_another_model_is_refused(tmp_path: Path) -> None:
    run(tmp_path, settings=SETTINGS)
    with pytest.raises(TrainingError, match="its training_samples was 37, now it is 40"):
        train(policy(), Samples(SHAPES, 40), None, SETTINGS, tmp_path, resume=True)
    with pytest.raises(TrainingError, match=r"its parameters was \d+, now it is \d+"):
        run(tmp_path, Config(widths=(8,)).build(SHAPES), settings=SETTINGS, resume=True)


def test_nothing_to_resume(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="checkpoints: holds no checkpoint to resume from"):
        run(tmp_path, settings=SETTINGS, resume=True)


def flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-3] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize("file", ["model.safetensors", "optimizer.safetensors", "state.json"])
def test_flipped_byte_names_the_file_and_the_way_out(tmp_path: Path, file: str) -> None:
    straight, _ = run(tmp_path / "a", settings=SETTINGS)
    run(tmp_path / "b", settings=SETTINGS)
    flip(tmp_path / "b" / "checkpoints" / "epoch-0003" / file)
    with pytest.raises(
        CheckpointError,
        match=rf"epoch-0003/{file}: damaged, .*\. The one before it, 'epoch-0002', is whole: res",
    ):
        run(tmp_path / "b", settings=SETTINGS, resume=True)
    resumed, _ = run(tmp_path / "b", settings=SETTINGS, resume="epoch-0002")
    assert same_weights(straight, resumed)


def test_truncated_and_all_damaged(tmp_path: Path) -> None:
    run(tmp_path, settings=SETTINGS)
    for folder in (tmp_path / "checkpoints").iterdir():
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(CheckpointError, match="There is no whole one before it: start again"):
        run(tmp_path, settings=SETTINGS, resume=True)
    with pytest.raises(UnknownNameError, match="no checkpoint named 'epoch-0009'"):
        run(tmp_path, settings=SETTINGS, resume="epoch-0009")
