"""How long does one action of a state policy take, from the raw observation to the raw action?

    OMP_WAIT_POLICY=PASSIVE python benchmarks/export_latency.py

One core, batch 1: 23 float64 numbers through 256 and 256 ReLU units to 7 torques within limits, the
policy of the Pusher study with random weights. Codec and limits are part of every side.
Interleaved in one run:
  Agent.act         as `from_pretrained` gives it, checks of the observation included.
  onnxruntime       the file that `bydemo export --format onnx` writes, one thread.
  plain torch       the dictionary that `--format state-dict` writes, in the lines of
                    docs/exports.md, and a clip.
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
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from bydemo.core.codec import Codec
from bydemo.core.fields import Field, Part, Spec
from bydemo.core.images import View
from bydemo.core.language import Vocabulary
from bydemo.exports import export
from bydemo.models.agent import Agent
from bydemo.models.folder import shapes_for
from bydemo.models.proprioception import Config
from bydemo.nets.fully_connected import FullyConnectedNetwork

OBSERVED, TORQUES, LIMIT = 23, 7, 2.0
WARM_UP = 200
SPEC = Spec(
    observation={"observation": Field.vector(Part(name="state", size=OBSERVED), dtype="float64")},
    action=Field.vector(Part(name="torque", size=TORQUES, low=-LIMIT, high=LIMIT)),
    control_rate=20.0,
)
Act = Callable[[NDArray[np.float64]], Any]


def untrained_agent(folder: Path) -> Agent:
    """The policy with random weights, saved and loaded as a user would."""
    random = np.random.default_rng(0)
    codec = Codec.fit(SPEC, {"observation": [random.normal(0.3, 2.0, (500, OBSERVED))]},
                      [random.normal(0.1, 0.5, (500, TORQUES))])  # fmt: skip
    view, words, config = View(cameras=()), Vocabulary.of([""]), Config(widths=(256, 256))
    torch.manual_seed(0)
    model = config.build(shapes_for(codec, view, words))
    agent = Agent(model=model, config=config, codec=codec, view=view, vocabulary=words)
    agent.save_pretrained(folder)
    return Agent.from_pretrained(folder)


def by_onnxruntime(file: Path) -> Act:
    """The exported graph on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return lambda x: session.run(["action"], {"observation": x[None]})[0][0, 0]


def by_dictionary(file: Path) -> Act:
    """The exported dictionary, as one would write it."""
    saved = torch.load(file, weights_only=True)
    inside, outside = len(saved["X_mean"]), len(saved["Y_mean"])
    net = FullyConnectedNetwork(inside, outside, saved["hid_size"], saved["num_layers"])
    net.load_state_dict(saved["net"])

    @torch.no_grad()
    def act(x: NDArray[np.float64]) -> Any:
        normalised = (torch.as_tensor(x, dtype=torch.float32) - saved["X_mean"]) / saved["X_std"]
        actions = net(normalised) * saved["Y_std"] + saved["Y_mean"]
        return actions.numpy().clip(-LIMIT, LIMIT)

    return act


def measure(sides: dict[str, Act], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Name -> (wall, CPU) milliseconds of each action; the sides take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    seen = np.random.default_rng(1).normal(0.3, 2.0, (rounds + WARM_UP, OBSERVED))
    for number, x in enumerate(seen):
        for name, act in sides.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            act(x)
            took = time.perf_counter() - began, time.process_time() - began_cpu
            if number >= WARM_UP:
                times[name].append((took[0] * 1e3, took[1] * 1e3))
    return times


def main() -> None:
    """Measure all sides and print the table."""
    parser = argparse.ArgumentParser(description="Latency of one action of a state policy.")
    parser.add_argument("--rounds", type=int, default=3000, help="actions of each side")
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        agent = untrained_agent(folder)
        graph = by_onnxruntime(export(agent, "onnx", folder / "policy.onnx"))
        dictionary = by_dictionary(export(agent, "state-dict", folder / "policy.pt"))
    agent.reset(0, "")
    sides: dict[str, Act] = {
        "Agent.act": lambda x: agent.act({"observation": x}),
        "onnxruntime": graph,
        "plain torch": dictionary,
    }
    x = np.random.default_rng(2).normal(0.3, 2.0, OBSERVED)
    apart = max(float(np.abs(act(x) - sides["Agent.act"](x)).max()) for act in sides.values())
    times = measure(sides, rounds)
    print(f"{platform.processor() or platform.machine()}, torch {torch.__version__}, onnxruntime "
          f"{onnxruntime.__version__}, one thread, {rounds} actions of each, largest difference "
          f"{apart:.0e}")  # fmt: skip
    print(f"{'':14} wall ms: median (10 %-90 %)    CPU ms: median (10 %-90 %)")
    for name, took in times.items():
        cells = [_cell(list(values)) for values in zip(*took, strict=True)]
        print(f"{name:14} {cells[0]:>29} {cells[1]:>29}")


def _cell(values: list[float]) -> str:
    tenths = statistics.quantiles(values, n=10)
    return f"{statistics.median(values):.3f} ({tenths[0]:.3f}-{tenths[-1]:.3f})"


if __name__ == "__main__":
    main()
