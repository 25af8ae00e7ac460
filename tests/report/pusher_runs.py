"""A run folder of a task judged by return, with figures like Pusher's, made by hand."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from bydemo.core.results import SCHEMA, append_line, write_json

REFERENCES = {"expert": (-22.4, 3.4), "still": (-54.9, 4.9), "random": (-148.8, 6.1)}


def returns(mean: float, spread: float, stream: int, n: int = 100) -> list[float]:
    """`n` returns, skewed towards the bad, with the hardest start at seed 0."""
    rng = np.random.default_rng(stream)
    values = mean + spread * (1 - rng.gamma(1.5, 1 / 1.5, n))
    values[0] = mean - 4 * spread
    return [float(v) for v in values]


def spread_of(values: list[float]) -> dict[str, Any]:
    """The `return` entry of these returns at seeds 0, 1, ..."""
    mean, error = float(np.mean(values)), float(np.std(values, ddof=1)) / math.sqrt(len(values))
    worst = int(np.argmin(values))
    return {"n": len(values), "mean": mean, "standard_error": error, "low": mean - 2 * error,
            "high": mean + 2 * error, "median": float(np.median(values)),
            "worst": values[worst], "worst_seed": worst}  # fmt: skip


def entry(values: list[float], *, goal: bool = True) -> dict[str, Any]:
    """One actor's figures; `goal`: the task knows when it is reached."""
    won = [value > -30 for value in values]
    n, k = len(values), sum(won)
    rate = {
        "successes": k,
        "rate": k / n,
        "low": max(0.0, k / n - 0.06),
        "high": min(1.0, k / n + 0.04),
    }
    episodes = [
        {"seed": seed, "success": won[seed] if goal else None, "steps": 100,
         "reason": None if won[seed] or not goal else "goal missed", "return": value,
         "instruction": "push the object to the goal"}
        for seed, value in enumerate(values)
    ]  # fmt: skip
    unknown = dict.fromkeys(("successes", "rate", "low", "high"))
    return {"judged_by": "return", "n": n, **(rate if goal else unknown),
            "return": spread_of(values), "reasons": {"goal missed": n - k} if goal else {},
            "crashed": 0, "retried": 0, "seeds": list(range(n)), "mean_steps": 100.0,
            "by_instruction": [], "by_word": [], "episodes": episodes}  # fmt: skip


def rollouts(mean: float, *, goal: bool = True, n: int = 100) -> dict[str, Any]:
    """A whole rollouts entry, the expert, standing still and random actions beside."""
    own = [v + mean + 22.4 for v in returns(-22.4, 3.4, 0, n)]
    own = [v - 0.3 * abs(math.sin(7 * i)) for i, v in enumerate(own)]
    out = {"task": "pusher", "task_config": {}, **entry(own, goal=goal), "clips": [], "notes": [],
           "references": {}}  # fmt: skip
    out["score"] = {"value": 100 * (mean + 54.9) / 32.5, "low": 97.2, "high": 99.9, "n": n}
    for stream, (name, (middle, spread)) in enumerate(REFERENCES.items()):
        theirs = returns(middle, spread, stream, n)
        gap = float(np.mean(own) - np.mean(theirs))
        out["references"][name] = {
            **entry(theirs, goal=goal), "policy_minus_this": None,
            "policy_minus_this_return": {"value": gap, "low": gap - 0.06, "high": gap + 0.05,
                                         "verdict": "worse" if gap < 0 else "better", "n": n},
        }  # fmt: skip
    return out


def write_pusher_run(
    folder: Path, name: str, *, mean: float = -22.9, goal: bool = True, seed: int = 1, n: int = 100
) -> Path:
    """A whole run folder; returns it."""
    folder.mkdir(parents=True)
    command = f"bydemo train states.{name} datasets/pusher --training.seed {seed}"
    experiment = {
        "model": {"name": "proprioception", "width": 256, "loss": "mse"},
        "data": {"view": {"cameras": []}, "chunk": 1, "episodes": 200},
        "training": {"epochs": 8, "learning_rate": 1e-3, "seed": seed},
    }
    dataset = {"path": "datasets/pusher", "fingerprint": "ab" * 32, "split": "random"}
    write_json(folder / "config.json", {
        "schema": "bydemo.run/1", "recipe": f"states.{name}", "seed": seed, "command": command,
        "dataset": dataset, "versions": {"python": "3.11.2", "bydemo": "0.2.0"},
        "experiment": experiment,
    })  # fmt: skip
    for epoch in range(1, 9):
        for kind, more in (("train", 0.0), ("validation", 0.0004)):
            loss = 0.001 + 0.3 * math.exp(-epoch) + more
            append_line(folder / "metrics.jsonl", {
                "kind": kind, "epoch": epoch, "step": 150 * epoch, "seconds": 2.0 * epoch,
                "loss": loss, "parts": {"torque": loss}, "learning_rate": 1e-3,
                "gradient_norm": 0.4 / epoch,
            })  # fmt: skip
    write_json(folder / "results.json", {
        "schema": SCHEMA, "name": name, "recipe": f"states.{name}", "experiment": experiment,
        "seed": seed, "versions": {"python": "3.11.2", "bydemo": "0.2.0"}, "command": command,
        "dataset": {**dataset, "episodes": 240, "steps": 24000, "train_episodes": 200},
        "training": {"stopped": "finished", "parameters": 74_247, "epochs": 8, "chosen_epoch": 8,
                     "steps": 1200, "seconds": 41.5, "samples_per_second": 91_000.0,
                     "peak_memory_mb": 410.0, "loss": 0.0014, "checkpoint": "epoch-0008"},
        "offline": {},
        "rollouts": {"pusher": rollouts(mean, goal=goal, n=n)},
        "evaluation": {"command": f"bydemo evaluate runs/{name} --rollouts {n} --first-seed 0"},
    })  # fmt: skip
    return folder
