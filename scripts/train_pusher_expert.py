"""Trains a demonstrator for Gymnasium's Pusher-v5, of the kind that bydemo ships.

    OMP_NUM_THREADS=1 python scripts/train_pusher_expert.py --minutes 40 --out mine.safetensors
    bydemo record pusher data/mine --weights mine.safetensors --episodes 200

Proximal policy optimisation (PPO) with generalised advantages: 128 copies of the environment play
whole episodes side by side, then two small networks learn from them in many small minibatches.
The noise of the actions is no parameter but follows a timetable, twice from coarse to fine. The
critic also sees the time, so what is left of an episode has an exact value and no end is guessed.
The file is written at every report, whole. One run of `--minutes 3.7 --seed 0` (1.65 million steps)
ended at a return of -27.55 on seeds 0-49, 70 % of them with the object at the goal; standing still
returns -54.9, the shipped expert -22.38.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.numpy import save
from torch import Tensor, nn

from bydemo.core.gymnasium_spec import OBSERVATION
from bydemo.core.pusher import TORQUE_LIMIT
from bydemo.core.results import write_bytes
from bydemo.sim.pusher_batch import PusherBatch
from bydemo.sim.pusher_expert import PusherExperts, inputs, standardised

COPIES = 128
SEEN, WIDTH, TORQUES = 26, 128, 7
DISCOUNT, TRACE = 0.995, 0.95
CLIP, EPOCHS, MINIBATCH = 0.2, 8, 256
PHASES = ((0.35, 0.08, 4e-4), (0.25, 0.05, 3e-4))
"""Each half of the training: noise of the actions [N m] at its start and end, learning rate."""
REWARD_SCALE = 0.1
"""Brings the critic's targets to the size of 1."""
LEAST_STD = 0.01
"""Of an input, so that the goal, which never moves, is not divided by 0."""
STEEPEST = 1.0
"""Gradients of a network are scaled down to this norm."""
HELD_OUT = range(50)
"""Seeds of the last evaluation; training begins far above."""
FIRST_SEED, SEEDS_A_RUN = 1_000_000, 10_000_000
REPORT_SECONDS = 5.0


def timetable(done: float) -> tuple[float, float]:
    """Noise of the actions [N m] and learning rate when `done` (0 to 1) of the training is over."""
    phase = min(int(done * len(PHASES)), len(PHASES) - 1)
    first, last, rate = PHASES[phase]
    return first * (last / first) ** (done * len(PHASES) - phase), rate


@dataclass
class Standard:
    """Mean and variance (26,) of all inputs seen so far."""

    mean: NDArray[np.float64] = field(default_factory=lambda: np.zeros(SEEN))
    variance: NDArray[np.float64] = field(default_factory=lambda: np.ones(SEEN))
    count: int = 0

    def add(self, rows: NDArray[np.float64]) -> None:
        """Learn from (k, 26)."""
        share = len(rows) / (self.count + len(rows))
        shift = rows.mean(0) - self.mean
        self.mean = self.mean + share * shift
        spread = share * rows.var(0) + (1 - share) * self.variance
        self.variance = spread + share * (1 - share) * shift**2 * (self.count > 0)
        self.count += len(rows)

    @property
    def std(self) -> NDArray[np.float64]:
        """(26,) as the expert divides by."""
        return np.maximum(np.sqrt(self.variance), LEAST_STD)


@dataclass(frozen=True, kw_only=True)
class Played:
    """Whole episodes of n copies, T steps each, float32."""

    seen: Tensor
    """(T, n, 26) standardised."""
    draws: Tensor
    """(T, n, 7) standard normal: the action was the actor's mean + noise * draw."""
    action: Tensor
    """(T, n, 7) [N m] before clipping."""
    reward: Tensor
    """(T, n)."""


class Learner:
    """The actor, which becomes the expert, and the critic, which is thrown away."""

    def __init__(self, seed: int) -> None:
        torch.manual_seed(seed)
        self.actor = perceptron(SEEN, TORQUES, gain=0.01)
        self.critic = perceptron(SEEN + 1, 1, gain=1.0)
        self.standard = Standard()
        self._networks = self.actor, self.critic
        self._optimiser = torch.optim.Adam(
            [p for network in self._networks for p in network.parameters()], eps=1e-5
        )

    @torch.no_grad()
    def play(self, batch: PusherBatch, seeds: range, noise: float) -> Played:
        """One episode of each seed; the inputs' mean and std learn from them afterwards."""
        raw, seen, draws, actions, rewards = [], [], [], [], []
        observation, over = batch.reset(seeds), np.zeros(1, bool)
        while not over.any():
            raw.append(inputs(observation[OBSERVATION]))
            seen.append(
                torch.from_numpy(standardised(raw[-1], self.standard.mean, self.standard.std))
            )
            draws.append(torch.randn(len(seeds), TORQUES))
            actions.append(self.actor(seen[-1]) + noise * draws[-1])
            torques = actions[-1].clamp(-TORQUE_LIMIT, TORQUE_LIMIT).numpy()
            observation, reward, over = batch.step(torques)
            rewards.append(torch.from_numpy(reward.astype(np.float32)))
        self.standard.add(np.concatenate(raw))
        return Played(seen=torch.stack(seen), draws=torch.stack(draws),
                      action=torch.stack(actions), reward=torch.stack(rewards))  # fmt: skip

    def learn(self, played: Played, noise: float, rate: float) -> None:
        """Several passes over the episodes, in shuffled minibatches."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        steps, copies = played.reward.shape
        hour = (torch.arange(steps) / steps).view(-1, 1, 1).expand(-1, copies, 1)
        timed = torch.cat([played.seen, hour], dim=2)
        with torch.no_grad():
            value = self.critic(timed)[..., 0]
        gain = advantages(played.reward * REWARD_SCALE, value)
        target = (gain + value).flatten()
        gain = ((gain - gain.mean()) / (gain.std() + 1e-8)).flatten()
        timed, action = timed.flatten(0, 1), played.action.flatten(0, 1)
        surprise = played.draws.square().sum(-1).flatten()
        for _ in range(EPOCHS):
            order = torch.randperm(len(target))
            for first in range(0, len(order), MINIBATCH):
                rows = order[first : first + MINIBATCH]
                off = (action[rows] - self.actor(timed[rows, :SEEN])) / noise
                ratio = ((surprise[rows] - off.square().sum(-1)) / 2).exp()
                trusted = ratio.clamp(1 - CLIP, 1 + CLIP)
                won = torch.minimum(ratio * gain[rows], trusted * gain[rows]).mean()
                wrong = (self.critic(timed[rows])[:, 0] - target[rows]).square().mean()
                self._optimiser.zero_grad()
                (wrong - won).backward()
                for network in self._networks:
                    nn.utils.clip_grad_norm_(network.parameters(), STEEPEST)
                self._optimiser.step()

    def content(self, noise: float) -> bytes:
        """The actor as a file that `bydemo.sim.pusher_expert` reads."""
        linear = [layer for layer in self.actor if isinstance(layer, nn.Linear)]
        tensors: dict[str, NDArray[np.generic]] = {
            "observation_mean": self.standard.mean,
            "observation_std": self.standard.std,
            "log_std": np.full(TORQUES, np.log(noise), np.float32),
        }
        for i, layer in enumerate(linear):
            tensors[f"weight_{i}"] = layer.weight.detach().numpy().T.copy()
            tensors[f"bias_{i}"] = layer.bias.detach().numpy().copy()
        content: bytes = save(tensors, {"made_by": "PPO on copies of Pusher-v5"})
        return content


def perceptron(entries: int, outputs: int, *, gain: float) -> nn.Sequential:
    """Two hidden layers with tanh; `gain` is the size of the first outputs."""
    sizes = [(entries, WIDTH), (WIDTH, WIDTH), (WIDTH, outputs)]
    layers: list[nn.Module] = []
    for size, scale in zip(sizes, (2**0.5, 2**0.5, gain), strict=True):
        linear = nn.Linear(*size)
        nn.init.orthogonal_(linear.weight, scale)
        nn.init.zeros_(linear.bias)
        layers += [linear, nn.Tanh()]
    return nn.Sequential(*layers[:-1])


def advantages(reward: Tensor, value: Tensor) -> Tensor:
    """(T, n) generalised advantages of episodes that are over after their T steps."""
    after = torch.cat([value[1:], torch.zeros_like(value[:1])])
    surprise = reward + DISCOUNT * after - value
    found, running = torch.empty_like(value), torch.zeros_like(value[0])
    for step in range(len(value) - 1, -1, -1):
        running = surprise[step] + DISCOUNT * TRACE * running
        found[step] = running
    return found


def train(
    learner: Learner, batch: PusherBatch, copies: int, first_seed: int, clock: Callable[[], float]
) -> Iterator[tuple[int, float, float]]:
    """Until `clock` (the part that is over, from 0) says 1: steps so far, mean return of the
    episodes just learned from, and their noise [N m]."""
    steps = 0
    while (done := clock()) < 1:
        noise, rate = timetable(done)
        seeds = range(first_seed, first_seed + copies)
        first_seed += copies
        played = learner.play(batch, seeds, noise)
        learner.learn(played, noise, rate)
        steps += played.reward.numel()
        yield steps, float(played.reward.sum(0).mean()), noise


def evaluate(batch: PusherBatch, seeds: range, weights: Path) -> tuple[NDArray[np.float64], float]:
    """Returns (k,) of the expert in a file without noise, and its share of objects at the goal."""
    experts = PusherExperts(weights=str(weights))
    observation, total, over = batch.reset(seeds), np.zeros(len(seeds)), np.zeros(1, bool)
    while not over.any():
        observation, reward, over = batch.step(experts.act(observation))
        total += reward
    return total, float(batch.success().mean())


def spent(minutes: float) -> Callable[[], float]:
    """What part of so many minutes of the processor's time has gone since now."""
    began = time.process_time()
    return lambda: (time.process_time() - began) / 60 / minutes


def main() -> None:
    """Train for so many minutes and evaluate the file."""
    parser = argparse.ArgumentParser(description="Train a demonstrator for Pusher-v5.")
    parser.add_argument("--minutes", type=float, default=40.0, help="of the processor's time")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("pusher_expert.safetensors"))
    parser.add_argument("--threads", type=int, default=1, help="that step the physics")
    options = parser.parse_args()
    if not options.minutes > 0 or options.seed < 0 or options.threads < 1:
        parser.error("--minutes must be above 0, --seed 0 or more, --threads 1 or more")
    torch.set_num_threads(1)  # the networks are too small to share
    batch, learner = PusherBatch(COPIES, threads=options.threads), Learner(options.seed)
    clock, reported = spent(options.minutes), -np.inf
    first_seed = FIRST_SEED + SEEDS_A_RUN * options.seed
    print("minutes      steps  mean return  noise")
    for steps, mean, noise in train(learner, batch, COPIES, first_seed, clock):
        over = clock() >= 1
        if over or time.monotonic() > reported + REPORT_SECONDS:
            reported = time.monotonic()
            write_bytes(options.out, learner.content(noise))
            print(f"{clock() * options.minutes:7.2f} {steps:10,} {mean:12.2f} {noise:6.3f}",
                  flush=True)  # fmt: skip
    returns, there = evaluate(batch, HELD_OUT, options.out)
    batch.close()
    print(f"{options.out}: seeds {HELD_OUT[0]}-{HELD_OUT[-1]} without noise return "
          f"{returns.mean():.2f} (spread {returns.std():.2f}, worst {returns.min():.1f}), "
          f"{there:.0%} end with the object at the goal")  # fmt: skip


if __name__ == "__main__":
    main()
