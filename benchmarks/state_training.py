"""What does training a small network on states cost: our loop against a bare one?

    python benchmarks/state_training.py

Interleaved in one run, one thread: a network 23 -> 256 -> 256 -> 7, batch 256, on episodes of 100
steps. A side's time is that of a whole call, divided by its optimiser steps; CPU time is user +
system, and what the comparison goes by, for others may use the machine:
  bare loop       written below as one would: rows of two tensors in memory, squared error, Adam.
  DataLoader      the same with `TensorDataset` and `DataLoader`, as most tutorials have it.
  bydemo, last    `train` on the same numbers in a dataset on disk, seeded step by step, checked
                  for broken losses, recorded, saved every 400 steps (as a run of 20,000 does).
  bydemo, best    the same, each time with a validation on a tenth of the data, the best kept.
  bydemo, cosine  `last` with what a recipe may add: AdamW, a cosine, clipping, averaged weights.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from bydemo.core.episode import Episode
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.images import View
from bydemo.data.source import Dataset
from bydemo.data.splits import Split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.models.proprioception import Config
from bydemo.studies.experiment import DataConfig
from bydemo.studies.prepare import Prepared, prepare
from bydemo.training.loop import TrainingConfig, train

BATCH, EPISODE, INPUTS, OUTPUTS, WIDTH = 256, 100, 23, 7, 256
SPEC = Spec(
    observation={"observation": Field.vector(Part(name="state", size=INPUTS), dtype="float64")},
    action=Field.vector(Part(name="torque", size=OUTPUTS, low=-2.0, high=2.0)),
    control_rate=20.0,
)


def recorded(folder: Path, episodes: int) -> Dataset:
    """A dataset of random episodes, a tenth more of them for validation."""
    random = np.random.default_rng(0)
    held_out = max(1, episodes // 10)
    with DatasetWriter(folder, SPEC, source={"kind": "benchmark"}) as writer:
        for _ in range(episodes + held_out):
            state = random.normal(size=(EPISODE, INPUTS))
            action = np.tanh(state[:, :OUTPUTS]).astype(np.float32)
            writer.add(Episode(observation={"observation": state}, action=action))
    parts = {"train": tuple(range(episodes)),
             "validation": tuple(range(episodes, episodes + held_out))}  # fmt: skip
    return write_splits(Dataset.open(folder), Split(kind="benchmark", parts=parts))


def bare_loop(prepared: Prepared, steps: int, *, loader: bool) -> None:
    """The plain loops."""
    samples = prepared.train.gather(np.arange(len(prepared.train)))
    inputs = torch.from_numpy(samples["proprioception"])
    targets = torch.from_numpy(samples["continuous"][:, 0])
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Linear(INPUTS, WIDTH), nn.ReLU(), nn.Linear(WIDTH, WIDTH), nn.ReLU(),
        nn.Linear(WIDTH, OUTPUTS),
    )  # fmt: skip
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3)
    done, total = 0, 0.0
    while done < steps:
        if loader:
            batches: Any = DataLoader(TensorDataset(inputs, targets), BATCH, shuffle=True)
        else:
            rows = torch.split(torch.randperm(len(inputs)), BATCH)
            batches = ((inputs[part], targets[part]) for part in rows)
        for x, y in batches:
            loss = functional.mse_loss(model(x), y)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            total, done = total + loss.item(), done + 1
            if done == steps:
                break


def our_loop(prepared: Prepared, steps: int, *, validate: bool, **changes: Any) -> None:
    """A whole call of `train`, into a folder of its own."""
    torch.manual_seed(0)
    model = Config(widths=(WIDTH, WIDTH)).build(prepared.shapes)
    config = TrainingConfig(
        steps=steps, batch_size=BATCH, device="cpu", validate_every=400,
        choose="best" if validate else "last", **changes,
    )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        train(model, prepared.train, prepared.validation if validate else None, config, folder)


def sides_for(prepared: Prepared, steps: int) -> dict[str, Callable[[], None]]:
    """What is measured, by name."""
    recipe = {"optimiser": "adamw", "weight_decay": 1e-2, "schedule": "cosine", "clip": 1.0,
              "ema": 0.999}  # fmt: skip
    return {
        "bare loop": lambda: bare_loop(prepared, steps, loader=False),
        "DataLoader": lambda: bare_loop(prepared, steps, loader=True),
        "bydemo, last": lambda: our_loop(prepared, steps, validate=False),
        "bydemo, best": lambda: our_loop(prepared, steps, validate=True),
        "bydemo, cosine": lambda: our_loop(prepared, steps, validate=False, **recipe),
    }


def main() -> None:
    """Measure all sides and print the table."""
    parser = argparse.ArgumentParser(description="Cost of training on states.")
    parser.add_argument("--episodes", type=int, default=200, help="of 100 steps to train on")
    parser.add_argument("--steps", type=int, default=500, help="optimiser steps a call")
    parser.add_argument("--rounds", type=int, default=5, help="calls of each side")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        dataset = recorded(Path(folder) / "data", options.episodes)
        prepared = prepare(DataConfig(view=View(cameras=())), dataset)
        sides = sides_for(prepared, options.steps)
        wall: dict[str, list[float]] = {name: [] for name in sides}
        cpu: dict[str, list[float]] = {name: [] for name in sides}
        for round_number in range(options.rounds + 1):
            for name, call in sides.items():
                began, began_cpu = time.perf_counter(), time.process_time()
                call()
                if round_number:  # the first round only warms up
                    wall[name].append((time.perf_counter() - began) / options.steps * 1e3)
                    cpu[name].append((time.process_time() - began_cpu) / options.steps * 1e3)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch "
          f"{torch.__version__}, one thread, {options.episodes} episodes, {options.rounds} calls "
          f"of {options.steps} steps")  # fmt: skip
    print(f"{'':16} CPU ms/step: median (least-most)   wall: median   against the bare loop")
    base = statistics.median(cpu["bare loop"])
    for name, times in cpu.items():
        middle = statistics.median(times)
        spread = f"({min(times):.3f}-{max(times):.3f})"
        print(f"{name:16} {middle:14.3f} {spread:>16} {statistics.median(wall[name]):14.3f}"
              f" {middle / base:20.2f}x")  # fmt: skip


if __name__ == "__main__":
    main()
