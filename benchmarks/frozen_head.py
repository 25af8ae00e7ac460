"""What does keeping a frozen encoder's latents save a policy's head?

    python benchmarks/frozen_head.py

Both sides in one run, one thread, interleaved: the reference's head (256 -> 128 -> 64 -> 6) on its
frozen autoencoder at 2 x 224 x 224, batch 64, trained from the same start on the same batches:
  through  every step encodes its images.
  kept     the latents of all steps were encoded once, as `studies.encoded.with_latents` does.
Printed are the time of a step, what encoding the data once costs, what both mean for the
reference's 10 epochs, and how far the losses of the two sides ever are apart.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from bydemo.core.episode import Episode
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.core.results import read_lines
from bydemo.data.source import Dataset
from bydemo.data.splits import make_split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.models.latent_policy import LatentPolicy
from bydemo.studies.encoded import with_latents
from bydemo.studies.experiment import Experiment
from bydemo.studies.prepare import Prepared, prepare
from bydemo.studies.recipes.jaco_play import vae_head
from bydemo.training.loop import train

EPOCHS = 10
LOGGED = 5
"""Steps from one recorded loss to the next."""


def recorded(folder: Path, episodes: int, length: int) -> Dataset:
    """A dataset of the real layout, of noise."""
    spec, random = jaco_play_spec(), np.random.default_rng(0)
    with DatasetWriter(folder, spec, source={"kind": "benchmark"}) as writer:
        for _ in range(episodes):
            seen = {
                name: random.integers(0, 256, (length, *field.shape), dtype=np.uint8)
                if field.kind == "image"
                else random.normal(size=(length, *field.shape)).astype(np.float32)
                for name, field in spec.observation.items()
            }
            moves = random.uniform(-0.2, 0.2, (length, 3))
            action = np.concatenate([moves, random.integers(0, 3, (length, 1))], axis=1)
            writer.add(Episode(observation=seen, action=action.astype(np.float32)))
    dataset = Dataset.open(folder)
    return write_splits(dataset, make_split(dataset, "random"))


def policy_of(experiment: Experiment, prepared: Prepared) -> LatentPolicy:
    """The same policy each time; how its encoder was trained takes no time here."""
    torch.manual_seed(0)
    model = experiment.model.build(prepared.shapes)
    assert isinstance(model, LatentPolicy)
    return model


def seconds_a_step(
    experiment: Experiment, prepared: Prepared, model: LatentPolicy, steps: int
) -> tuple[float, list[float]]:
    """CPU seconds of a step of `train`, and the mean loss after every LOGGED."""
    config = replace(experiment.training, epochs=None, steps=steps, validate_every=steps,
                     choose="last", log_every=LOGGED, device="cpu")  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        began = time.process_time()
        train(model, prepared.train, None, config, folder)
        taken = (time.process_time() - began) / steps
        rows = list(read_lines(Path(folder) / "metrics.jsonl"))
    return taken, [row["loss"] for row in rows if row["kind"] == "progress"]


def main() -> None:
    """Measure both sides and print the table."""
    parser = argparse.ArgumentParser(description="Cost of a head on a frozen encoder.")
    parser.add_argument("--dataset", type=Path, help="with the cameras of Jaco Play; noise if none")
    parser.add_argument("--steps", type=int, default=40, help="of a call through the encoder")
    parser.add_argument("--kept-steps", type=int, default=400, help="of a call on kept latents")
    parser.add_argument("--rounds", type=int, default=3, help="calls of each side")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        made = options.dataset is None
        dataset = recorded(Path(folder) / "data", 20, 60) if made else Dataset.open(options.dataset)
        experiment = vae_head(dataset.spec)
        prepared = prepare(experiment.data, dataset)
        began = time.process_time()
        kept = with_latents(prepared, policy_of(experiment, prepared), dataset)
        once = time.process_time() - began
        through_times, kept_times, apart = [], [], 0.0
        for _ in range(options.rounds):
            model = policy_of(experiment, prepared)
            taken, losses = seconds_a_step(experiment, prepared, model, options.steps)
            through_times.append(taken)
            model = policy_of(experiment, prepared)
            taken, same = seconds_a_step(experiment, kept, model, options.kept_steps)
            kept_times.append(taken)
            both = min(len(losses), len(same))
            apart = max(apart, *(abs(a - b) for a, b in zip(losses[:both], same[:both],
                                                            strict=True)))  # fmt: skip
        samples, steps = len(prepared.train), -(-len(prepared.train) // 64) * EPOCHS
    slow, fast = statistics.median(through_times), statistics.median(kept_times)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch "
          f"{torch.__version__}, one thread, {options.rounds} calls a side, "
          f"{samples} training samples")  # fmt: skip
    print(f"through the encoder {slow * 1e3:9.2f} CPU ms a step "
          f"({min(through_times) * 1e3:.2f}-{max(through_times) * 1e3:.2f})")  # fmt: skip
    print(f"on kept latents     {fast * 1e3:9.2f} CPU ms a step "
          f"({min(kept_times) * 1e3:.2f}-{max(kept_times) * 1e3:.2f}): {slow / fast:.0f} times "
          "faster")  # fmt: skip
    print(f"encoding all {dataset.steps} steps once: {once:.1f} CPU s")
    print(f"{EPOCHS} epochs, {steps} steps: {slow * steps:.0f} against {fast * steps:.1f} CPU s; "
          f"with the encoding {once + fast * steps:.1f}: "
          f"{slow * steps / (once + fast * steps):.0f} times faster")  # fmt: skip
    print(f"losses are at most {apart:.1e} apart over the first {both * LOGGED} steps")


if __name__ == "__main__":
    main()
