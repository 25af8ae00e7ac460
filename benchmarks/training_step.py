"""What does a training step of the 6.57 M baseline cost: our loop against a plain one?

    OMP_WAIT_POLICY=PASSIVE python benchmarks/training_step.py

Interleaved in one run, one thread, batch 64, two grey 224 x 224 cameras, the same random samples
in memory as uint8. A step is everything from choosing the rows to the updated weights:
  plain fp32 NCHW   written below as one would: pixels to float32 / 255 in NCHW, `nn.Sequential`,
                    `torch.optim.Adam`.
  bydemo <format>   the loop's own step (`training/step.py`: gather, forward, loss, finite checks,
                    gradient norm, fused Adam, totals) in the format named, channels-last. The
                    recommended one is bf16 channels-last.
CPU time is user + system over all threads.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from bydemo.core.images import View
from bydemo.models.base import Shapes, parameter_count
from bydemo.models.behavior_cloning import Config
from bydemo.training.config import Precision, TrainingConfig
from bydemo.training.feed import Share, feed
from bydemo.training.precision import build_accelerator
from bydemo.training.step import Stepper
from bydemo.training.totals import Totals

BATCH, SIZE, SAMPLES = 64, 224, 256
SHAPES = Shapes(
    view=View(cameras=("front_cam", "mount_cam"), colour=False, size=SIZE),
    proprioception=("numbers",) * 15,
    continuous=3,
    classes=(3,),
)


class Samples:
    """Random samples in memory."""

    def __init__(self) -> None:
        random = np.random.default_rng(0)
        self.arrays: dict[str, NDArray[Any]] = {
            "image": random.integers(0, 256, (SAMPLES, SIZE, SIZE, 2), dtype=np.uint8),
            "proprioception": random.normal(size=(SAMPLES, 15)).astype(np.float32),
            "continuous": random.uniform(-0.2, 0.2, (SAMPLES, 1, 3)).astype(np.float32),
            "labels": random.integers(0, 3, (SAMPLES, 1, 1)),
            "valid": np.ones((SAMPLES, 1), bool),
        }

    def __len__(self) -> int:
        return SAMPLES

    def gather(self, rows: NDArray[np.int64]) -> dict[str, NDArray[Any]]:
        return {name: array[rows] for name, array in self.arrays.items()}


class Plain(nn.Module):
    """The baseline in plain torch."""

    def __init__(self) -> None:
        super().__init__()
        stack: list[nn.Module] = []
        for before, after in ((2, 8), (8, 16), (16, 32)):
            stack += [nn.Conv2d(before, after, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
        self.image = nn.Sequential(
            *stack, nn.Flatten(), nn.Linear(25_088, 256), nn.Linear(256, 128)
        )
        self.numbers = nn.Sequential(nn.Linear(15, 256), nn.Linear(256, 256), nn.Linear(256, 128))
        self.head = nn.Sequential(nn.Linear(128, 64), nn.Linear(64, 32), nn.Linear(32, 6))

    def forward(self, image: Tensor, numbers: Tensor) -> Tensor:
        out: Tensor = self.head(self.image(image) + self.numbers(numbers))
        return out


def plain_step(samples: Samples) -> Callable[[], None]:
    """One step of the plain loop."""
    torch.manual_seed(0)
    model = Plain()
    assert parameter_count(model) == 6_574_958
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-3, eps=1e-4)
    images = torch.from_numpy(samples.arrays["image"]).permute(0, 3, 1, 2).contiguous()
    numbers, target, labels = (
        torch.from_numpy(samples.arrays[n]) for n in ("proprioception", "continuous", "labels")
    )

    def step() -> None:
        rows = torch.randint(0, SAMPLES, (BATCH,))
        out = model(images[rows].float() / 255, numbers[rows])
        loss = functional.mse_loss(out[:, :3], target[rows, 0])
        loss = loss + functional.cross_entropy(out[:, 3:], labels[rows, 0, 0])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        loss.item()

    return step


def our_step(samples: Samples, precision: Precision, *, channels_last: bool) -> Callable[[], None]:
    """One step of our loop."""
    epochs = 10**6
    config = TrainingConfig(epochs=epochs, batch_size=BATCH, adam_eps=1e-4, precision=precision,
                            channels_last=channels_last, device="cpu")  # fmt: skip
    accelerator = build_accelerator(config)
    torch.manual_seed(0)
    model = Config().build(SHAPES)
    assert parameter_count(model) == 6_574_958
    share = Share(SAMPLES, BATCH)
    stepper = Stepper(model, config, accelerator, epochs * share.steps)
    batches = feed(samples, lambda n: share.shuffled(1, n), range(10**6), accelerator.device,
                   prefetch=False)  # fmt: skip
    totals = Totals()
    model.train()

    def step() -> None:
        number, batch, rows = next(batches)
        losses, _ = stepper.take(number, batch, rows)
        totals.add(losses)

    return step


def main() -> None:
    """Measure all sides and print the table."""
    parser = argparse.ArgumentParser(description="Cost of a training step.")
    parser.add_argument("--rounds", type=int, default=7, help="measurements of each side")
    parser.add_argument("--steps", type=int, default=2, help="steps a measurement")
    parser.add_argument("--threads", type=int, default=1, help="threads of torch")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    samples = Samples()
    sides = {
        "plain fp32 NCHW": plain_step(samples),
        "bydemo fp32 NCHW": our_step(samples, "fp32", channels_last=False),
        "bydemo fp32 channels-last": our_step(samples, "fp32", channels_last=True),
        "bydemo bf16 channels-last": our_step(samples, "bf16", channels_last=True),
    }
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    wall: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(options.rounds + 1):
        for name, step in sides.items():
            began, began_wall = time.process_time(), time.perf_counter()
            for _ in range(options.steps):
                step()
            per_sample = 1e3 / (options.steps * BATCH)
            if round_number:  # the first round only warms up
                cpu[name].append((time.process_time() - began) * per_sample)
                wall[name].append((time.perf_counter() - began_wall) * per_sample)
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, torch "
          f"{torch.__version__}, {options.threads} thread(s), {options.rounds} rounds of "
          f"{options.steps} steps")  # fmt: skip
    print(f"{'':26} CPU ms/sample: median (least-most)   wall: median   times cheaper")
    base = statistics.median(cpu["plain fp32 NCHW"])
    for name in sides:
        middle = statistics.median(cpu[name])
        spread = f"({min(cpu[name]):.2f}-{max(cpu[name]):.2f})"
        print(f"{name:26} {middle:14.2f} {spread:>16} {statistics.median(wall[name]):14.2f}"
              f" {base / middle:14.2f}x")  # fmt: skip


if __name__ == "__main__":
    main()
