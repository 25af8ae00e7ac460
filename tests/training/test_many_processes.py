"""Two processes train the model that one process trains."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from tests.models.samples import Samples
from tests.training.toy import SHAPES, config

from bydemo.core.errors import TrainingError
from bydemo.core.results import read_lines
from bydemo.models.proprioception import Config
from bydemo.nets.weights import read_tensors
from bydemo.training.loop import train

SETTINGS = config(epochs=2, batch_size=9, clip=0.5, ema=0.9)
"""37 samples in steps of 9 leave one for the last step: a process goes without."""

SCRIPT = """
import sys
import torch
from bydemo.models.proprioception import Config
from bydemo.training.loop import train
from tests.models.samples import Samples
from tests.training.test_many_processes import SETTINGS
from tests.training.toy import SHAPES

torch.manual_seed(0)
model = Config(widths=(16, 16)).build(SHAPES)  # no dropout: its masks differ between processes
train(model, Samples(SHAPES, 37), Samples(SHAPES, 11, seed=1), SETTINGS, sys.argv[1])
"""


def launch(processes: int, path: Path) -> None:
    launcher = [] if processes == 1 else ["-m", "torch.distributed.run", "--standalone",
                                          f"--nproc_per_node={processes}"]  # fmt: skip
    script = path.with_suffix(".py")
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, *launcher, str(script), str(path)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
        check=False, timeout=110, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]


@pytest.mark.slow
def test_two_processes_are_one(tmp_path: Path) -> None:
    launch(1, tmp_path / "one")
    launch(2, tmp_path / "two")
    rows = [list(read_lines(tmp_path / name / "metrics.jsonl")) for name in ("one", "two")]
    assert [row["kind"] for row in rows[0]] == [row["kind"] for row in rows[1]]
    for one, two in zip(*rows, strict=True):
        assert two["loss"] == pytest.approx(one["loss"], rel=1e-4)
        assert two["parts"] == pytest.approx(one["parts"], rel=1e-4)
    one, two = (
        read_tensors(tmp_path / name / "checkpoints" / "epoch-0002" / "model.safetensors")
        for name in ("one", "two")
    )
    for name, tensor in one.items():
        torch.testing.assert_close(two[name], tensor, rtol=1e-3, atol=1e-5)
    with pytest.raises(TrainingError, match="its processes was 2, now it is 1"):
        train(Config(widths=(16, 16)).build(SHAPES), Samples(SHAPES, 37), None, SETTINGS,
              tmp_path / "two", resume=True)  # fmt: skip
