"""How many steps of Pusher a second, with the expert acting: many copies against one by one.

    OMP_NUM_THREADS=1 python benchmarks/batched_recording.py

The same seeds and the same expert on every side, one process, interleaved in one run; all sides'
observations, actions and rewards are compared bit for bit.
  plain loop        `gymnasium.make` and our expert, one step after the other.
  plain, torch      the same loop with the expert's weights in a torch network.
  batched, N        `copies` copies stepped together on N threads.
And what one step's physics costs by itself: nothing that steps it exactly can be faster.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import gymnasium
import mujoco
import numpy as np
import torch
from numpy.typing import NDArray

from bydemo.core.gymnasium_spec import OBSERVATION
from bydemo.core.pusher import ENVIRONMENT, TORQUE_LIMIT
from bydemo.sim.pusher_batch import PusherBatch
from bydemo.sim.pusher_expert import PusherExpert, network

STEPS = 100
Tapes = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]
"""Observations (episodes, 100, 23), actions (episodes, 100, 7), rewards (episodes, 100)."""
Act = Callable[[NDArray[np.float64]], NDArray[np.float32]]


def plain_loop(environment: gymnasium.Env[Any, Any], act: Act, seeds: range) -> Tapes:
    """As one would write it."""
    seen, done, paid = [], [], []
    for seed in seeds:
        observation, _ = environment.reset(seed=seed)
        over = False
        while not over:
            action = act(observation)
            seen.append(observation)
            done.append(action)
            observation, reward, terminated, truncated, _ = environment.step(action)
            paid.append(reward)
            over = terminated or truncated
    shape = len(seeds), STEPS
    return (np.array(seen).reshape(*shape, -1), np.array(done).reshape(*shape, -1),
            np.array(paid).reshape(shape))  # fmt: skip


def batched(batch: PusherBatch, seeds: range) -> Tapes:
    """All copies at once."""
    observation = batch.reset(seeds)
    expert = batch.expert([np.random.default_rng(seed) for seed in seeds])
    seen, done, paid = [], [], []
    over = np.zeros(len(seeds), bool)
    while not over.any():
        action = expert.act(observation)
        seen.append(observation[OBSERVATION])
        done.append(action)
        observation, reward, over = batch.step(action)
        paid.append(reward)
    return np.stack(seen, 1), np.stack(done, 1), np.stack(paid, 1)


def physics_alone(tapes: Tapes, seeds: range) -> None:
    """The actions again, one after the other, with nothing looked at."""
    environment = gymnasium.make(ENVIRONMENT)
    inner: Any = environment.unwrapped
    for seed, actions in zip(seeds, tapes[1], strict=True):
        environment.reset(seed=seed)
        for action in actions:
            inner.data.ctrl[:] = action
            mujoco.mj_step(inner.model, inner.data, inner.frame_skip)


def torch_expert() -> Act:
    """The same weights in torch; its sums differ in the last bits."""
    known = network()
    layers: list[torch.nn.Module] = []
    for weight, bias in known.layers:
        layer = torch.nn.Linear(*weight.shape)
        layer.weight.data = torch.from_numpy(weight.T.copy())
        layer.bias.data = torch.from_numpy(bias.copy())
        layers += [layer, torch.nn.Tanh()]
    model = torch.nn.Sequential(*layers[:-1])

    @torch.no_grad()
    def act(observation: NDArray[np.float64]) -> NDArray[np.float32]:
        seen = np.concatenate([observation, observation[14:17] - observation[17:20]])
        standard = ((seen - known.mean) / known.std).clip(-8, 8).astype(np.float32)
        action: NDArray[np.float32] = model(torch.from_numpy(standard)).numpy()
        return action.clip(-TORQUE_LIMIT, TORQUE_LIMIT)

    return act


def main() -> None:
    """Measure all sides and print the table."""
    parser = argparse.ArgumentParser(description="Steps a second, batched and one by one.")
    parser.add_argument("--copies", type=int, default=128, help="episodes of every side")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    torch.set_num_threads(1)
    seeds = range(options.copies)
    environment, expert = gymnasium.make(ENVIRONMENT), PusherExpert(np.random.default_rng(0))
    one, two = (PusherBatch(options.copies, threads=threads) for threads in (1, 2))
    alone: Act = lambda seen: expert.act({OBSERVATION: seen})  # noqa: E731
    in_torch = torch_expert()
    wanted = plain_loop(environment, alone, seeds)
    sides: dict[str, Callable[[], object]] = {
        "plain loop": lambda: plain_loop(environment, alone, seeds),
        "plain, torch": lambda: plain_loop(environment, in_torch, seeds),
        "batched, 1": lambda: batched(one, seeds),
        "batched, 2": lambda: batched(two, seeds),
        "  physics alone": lambda: physics_alone(wanted, seeds),
    }
    wall: dict[str, list[float]] = {name: [] for name in sides}
    cpu: dict[str, list[float]] = {name: [] for name in sides}
    verdict: dict[str, str] = {}
    for _ in range(options.rounds):
        for name, play in sides.items():
            began, began_cpu = time.perf_counter(), time.process_time()
            tapes = play()
            cpu[name].append((time.process_time() - began_cpu) / options.copies / STEPS * 1e6)
            wall[name].append((time.perf_counter() - began) / options.copies / STEPS * 1e6)
            if isinstance(tapes, tuple):
                same = all(map(np.array_equal, tapes, wanted))
                verdict[name] = "equal" if same else "not equal"
    print(f"MuJoCo {mujoco.__version__}, {os.cpu_count()} cores, {options.copies} episodes, "
          f"{options.rounds} rounds; microseconds a step: median (least)")  # fmt: skip
    base = [statistics.median(times["plain loop"]) for times in (wall, cpu)]
    for name in sides:
        found = [statistics.median(times[name]) for times in (wall, cpu)]
        print(f"{name:16} wall {found[0]:6.1f} ({min(wall[name]):5.1f})  CPU {found[1]:6.1f} "
              f"({min(cpu[name]):5.1f})  {1e6 / found[0]:7.0f} steps/s  "
              f"x{base[0] / found[0]:4.2f} wall, x{base[1] / found[1]:4.2f} CPU  "
              f"{verdict.get(name, '')}")  # fmt: skip


if __name__ == "__main__":
    main()
