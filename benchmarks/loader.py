"""What does a batch cost: grey 2 x 224 x 224, shuffled, ready for the model?

    OMP_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE python benchmarks/loader.py

Three sides in one run, interleaved, on the same random frames, all in memory or page cache:
  bydemo        Batches.gather of the rows that the training loop takes: images uint8
                (B, H, W, 2) from the view cache's memory map, encoded proprioception, prompt,
                actions and labels, as tensors. The networks' first layer holds the images' scale,
                so this is what the model takes.
  index_select  torch.index_select of preloaded uint8 images alone: the least that a shuffled
                batch can cost.
  per sample    a plain torch Dataset and DataLoader without workers: from preloaded grey uint8,
                each sample made float32, standardised, its numbers standardised, then collated.
CPU time is user + system over all threads.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import argparse
import itertools
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils import data as torch_data

from bydemo.core.codec import Codec
from bydemo.core.episode import Episode
from bydemo.core.images import View
from bydemo.core.jaco_play import OBJECTS, jaco_play_spec
from bydemo.core.language import Vocabulary
from bydemo.data.batches import BatchConfig, Batches
from bydemo.data.source import Dataset
from bydemo.data.store import DatasetWriter
from bydemo.data.view_cache import view_array
from bydemo.training.feed import Share

VIEW = View(cameras=("front_cam", "mount_cam"), size=224, colour=False)
STEPS_AN_EPISODE = 60


class PerSample(torch_data.Dataset[dict[str, Tensor]]):
    """The plain pipeline: every sample is fetched and transformed by itself."""

    def __init__(self, dataset: Dataset, grey: NDArray[np.uint8]) -> None:
        self.image = torch.from_numpy(np.moveaxis(grey, -1, 1).copy())
        names = dataset.spec.vectors
        numbers = np.concatenate([dataset.observation(n) for n in names], axis=1)
        self.numbers = torch.from_numpy(numbers)
        self.mean, self.std = self.numbers.mean(0), self.numbers.std(0)
        self.action = torch.from_numpy(dataset.action.copy())

    def __len__(self) -> int:
        return len(self.image)

    def __getitem__(self, index: int) -> dict[str, Tensor]:
        return {
            "image": (self.image[index].float() / 255 - 0.47) / 0.21,
            "proprioception": (self.numbers[index] - self.mean) / self.std,
            "continuous": self.action[index, :3],
            "label": self.action[index, 3].long(),
        }


def random_dataset(path: Path, episodes: int) -> Dataset:
    """Jaco-like episodes of random numbers."""
    spec, rng = jaco_play_spec(), np.random.Generator(np.random.Philox(key=[0, 0]))
    steps = STEPS_AN_EPISODE
    with DatasetWriter(path, spec, source={"kind": "random"}) as writer:
        for index in range(episodes):
            observation: dict[str, NDArray[Any]] = {}
            for name, field in spec.observation.items():
                shape = (steps, *field.shape)
                if field.kind == "image":
                    observation[name] = rng.integers(0, 256, shape, np.uint8)
                else:
                    observation[name] = rng.standard_normal(shape, np.float32)
            action = rng.uniform(-0.2, 0.2, (steps, 4)).astype(np.float32)
            action[:, 3] = rng.integers(0, 3, steps)
            prompt = f"pick up the {OBJECTS[index % len(OBJECTS)]}"
            writer.add(Episode(observation=observation, action=action, instruction=prompt))
    return Dataset.open(path)


def sides(dataset: Dataset, batch_size: int) -> dict[str, Iterator[Any]]:
    """Name -> endless stream of batches."""
    codec = Codec.fit(
        dataset.spec,
        {n: [dataset.observation(n)] for n in dataset.spec.vectors},
        [dataset.action],
    )
    words = Vocabulary.of(e.instruction for e in dataset.episodes)
    everything = range(len(dataset.episodes))
    ours = Batches(dataset, everything, codec, words, BatchConfig(view=VIEW))
    grey = view_array(dataset, VIEW)
    held = torch.from_numpy(np.array(grey))
    loader = torch_data.DataLoader(PerSample(dataset, grey), batch_size, shuffle=True)

    def bydemo() -> Iterator[dict[str, Tensor]]:
        share = Share(len(ours), batch_size)
        for step in itertools.count():
            if share.size(step) == batch_size:
                batch = ours.gather(share.shuffled(0, step))
                yield {n: torch.from_numpy(a) for n, a in batch.items()}

    def index_select() -> Iterator[Tensor]:
        generator = torch.Generator().manual_seed(0)
        while True:
            order = torch.randperm(len(held), generator=generator)
            for rows in torch.split(order, batch_size):
                yield torch.index_select(held, 0, rows)

    def per_sample() -> Iterator[dict[str, Tensor]]:
        while True:
            yield from loader

    return {"bydemo": bydemo(), "index_select": index_select(), "per sample": per_sample()}


def measure(stream: Iterator[Any], batches: int, size: Callable[[Any], int]) -> tuple[float, float]:
    """(CPU, wall) milliseconds a sample over `batches` batches."""
    wall, cpu, samples = time.perf_counter(), time.process_time(), 0
    for _ in range(batches):
        samples += size(next(stream))
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return 1000 * cpu / samples, 1000 * wall / samples


def batch_length(batch: Any) -> int:
    """Samples in a batch."""
    return len(batch["image"] if isinstance(batch, dict) else batch)


def machine() -> str:
    """Processor, cores and versions, for the record."""
    cpu = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = names[0].split(":", 1)[1].strip() if names else cpu
    return (
        f"{cpu}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}; Python "
        f"{platform.python_version()}, numpy {np.__version__}, torch {torch.__version__}"
    )


def main() -> None:
    """Print median, spread and the ratio to ours."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--episodes", type=int, default=20, help="of 60 steps each")
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=9, help="at least 5")
    parser.add_argument("--batches", type=int, default=18, help="batches a round and side")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        streams = sides(random_dataset(Path(folder) / "d", options.episodes), options.batch_size)
        found: dict[str, list[tuple[float, float]]] = {name: [] for name in streams}
        for stream in streams.values():
            measure(stream, options.batches, batch_length)
        for _ in range(max(5, options.rounds)):
            for name, stream in streams.items():
                found[name].append(measure(stream, options.batches, batch_length))
    print(f"{'':14}{'CPU ms/sample':>16}{'spread':>20}{'wall':>10}{'x ours':>9}")
    ours = statistics.median(cpu for cpu, _ in found["bydemo"])
    for name, rows in found.items():
        cpu = [c for c, _ in rows]
        median, wall = statistics.median(cpu), statistics.median(w for _, w in rows)
        spread = f"{min(cpu):.4f}-{max(cpu):.4f}"
        print(f"{name:14}{median:16.4f}{spread:>20}{wall:10.4f}{median / ours:9.1f}")


if __name__ == "__main__":
    main()
