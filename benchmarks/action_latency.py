"""How long does one action of the 6.57 M baseline take, from the raw observation?

    OMP_WAIT_POLICY=PASSIVE python benchmarks/action_latency.py

One core, batch 1. From two raw 224 x 224 RGB camera images and 15 numbers to the action in raw
units: checks, grey conversion, encoding, the network, decoding, limits. Interleaved in one run:
  bydemo fp32   `Agent.act` as `from_pretrained` gives it (channels-last, inference mode).
  bydemo bf16   the same with the weights in bfloat16: half the memory to read.
  plain fp32    the same network in NCHW under `torch.no_grad`, float32 preprocessing per camera.
And what our own time goes into.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import argparse
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from bydemo.core.codec import Affine, Codec
from bydemo.core.images import View
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.core.language import Vocabulary
from bydemo.models.agent import Agent
from bydemo.models.base import Batch, Policy, Prediction
from bydemo.models.behavior_cloning import Config
from bydemo.models.folder import shapes_for

VIEW = View(cameras=("front_cam", "mount_cam"), colour=False)
LUMA = (0.299, 0.587, 0.114)


def untrained_agent() -> Agent:
    """The baseline with random weights, saved and loaded as a user would."""
    affines = [Affine(offset=np.zeros(n), scale=np.ones(n)) for n in (15, 3)]
    codec = Codec(spec=jaco_play_spec(), proprioception=affines[0], action=affines[1])
    words = Vocabulary.of(["pick up the apple fruit"])
    torch.manual_seed(0)
    config = Config()
    model = config.build(shapes_for(codec, VIEW, words))
    agent = Agent(model=model, config=config, codec=codec, view=VIEW, vocabulary=words)
    with tempfile.TemporaryDirectory() as folder:
        agent.save_pretrained(folder)
        return Agent.from_pretrained(folder)


def observation() -> dict[str, NDArray[Any]]:
    """One raw observation."""
    random = np.random.default_rng(0)
    out: dict[str, NDArray[Any]] = {}
    for name, field in jaco_play_spec().observation.items():
        if field.kind == "image":
            out[name] = random.integers(0, 256, field.shape, dtype=np.uint8)
        else:
            out[name] = random.normal(size=field.shape).astype(np.float32)
    return out


class Halved(Policy):
    """A policy with its weights in bfloat16."""

    def __init__(self, model: Policy) -> None:
        super().__init__()
        self.model = model.to(torch.bfloat16)

    def predict(self, batch: Batch) -> Prediction:
        felt = batch["proprioception"].to(torch.bfloat16)
        return self.model.predict({**batch, "proprioception": felt})

    def loss(self, batch: Batch, generator: torch.Generator) -> Any:
        raise NotImplementedError


def plain_action(agent: Agent, seen: dict[str, NDArray[Any]]) -> NDArray[np.float32]:
    """As one would write it: float32 images, NCHW, no_grad."""
    greys = [(seen[name].astype(np.float32) / 255) @ np.asarray(LUMA, np.float32)
             for name in VIEW.cameras]  # fmt: skip
    image = torch.from_numpy(np.stack(greys))[None]
    numbers = torch.from_numpy(agent.codec.encode_observation(seen))[None]
    model: Any = agent.model
    with torch.no_grad():
        x = image
        for layer in model.convolutions.layers:
            x = torch.conv2d(x, layer.weight, layer.bias, padding=1)
            x = torch.max_pool2d(torch.relu(x), 2)
        out = model.head(model.image_branch(x.flatten(1)) + model.observation_branch(numbers))
    action: NDArray[np.float32] = np.append(out[0, :3].numpy(), out[0, 3:].argmax())
    return action


def main() -> None:
    """Measure all sides and print the table."""
    parser = argparse.ArgumentParser(description="Latency of one action.")
    parser.add_argument("--rounds", type=int, default=200, help="actions of each side")
    options = parser.parse_args()
    torch.set_num_threads(1)
    seen, agent, half, plain = observation(), *(untrained_agent() for _ in range(3))
    half.model = Halved(half.model).eval()
    plain.model = plain.model.to(memory_format=torch.contiguous_format)  # type: ignore[call-overload]
    batch = agent.encode([seen], np.zeros((1, 5), np.int64))
    sides: dict[str, Callable[[], object]] = {
        "bydemo fp32": lambda: agent.act(seen),
        "bydemo bf16": lambda: half.act(seen),
        "plain fp32": lambda: plain_action(plain, seen),
        "  of it: images and encoding": lambda: agent.encode([seen], np.zeros((1, 5), np.int64)),
        "  of it: network and decoding": lambda: agent.predict(batch),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    for round_number in range(options.rounds + 20):
        for name, act in sides.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            act()
            if round_number >= 20:
                cpu[name].append((time.process_time() - began_cpu) * 1e3)
                times[name].append((time.perf_counter() - began) * 1e3)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, one thread, "
          f"{options.rounds} actions of each")  # fmt: skip
    print(f"{'':30} wall ms: median (10 %-90 %)      CPU ms: median (10 %-90 %)")
    for name in sides:
        cells = [f"{statistics.median(values):8.2f} {_spread(values)}"
                 for values in (times[name], cpu[name])]  # fmt: skip
        print(f"{name:30} {cells[0]:>27} {cells[1]:>31}")


def _spread(values: list[float]) -> str:
    tenths = statistics.quantiles(values, n=10)
    return f"({tenths[0]:.2f}-{tenths[-1]:.2f})"


if __name__ == "__main__":
    main()
