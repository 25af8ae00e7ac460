"""A run folder with figures of a plausible Jaco study, written as training and judging write it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from bydemo.core.results import SCHEMA, append_line, write_json

CLASSES = ("open", "stay", "close")
VERSIONS = {"python": "3.11.2", "bydemo": "0.1.0", "torch": "2.13.0", "mujoco": "3.17.0"}


def interval(value: float, half: float) -> dict[str, float]:
    """A figure with a symmetric interval."""
    return {"value": value, "low": value - half, "high": value + half}


def candidate(rmse: float, f1: float, event: float, recalls: tuple[float, ...]) -> dict[str, Any]:
    """The figures of one candidate."""
    counts = (943, 5516, 893)
    confusion = []
    for own, (count, recall) in enumerate(zip(counts, recalls, strict=True)):
        row = [round(count * (1 - recall) / 2)] * 3
        row[own] = round(count * recall)
        confusion.append(row)
    return {
        "position.mse": interval(rmse**2, 0.0004),
        "position.rmse": interval(rmse, 0.004),
        "position.range_relative": interval(rmse / 0.4, 0.01),
        "position.r2": interval(1 - rmse**2 / 0.0117, 0.03),
        "position.direction": interval(0.8, 0.02),
        "position.rmse_by_component": [rmse, rmse, rmse],
        "gripper.accuracy": interval(0.85, 0.01),
        "gripper.cross_entropy": interval(0.342, 0.02),
        "gripper.macro_f1": interval(f1, 0.025),
        "gripper.weighted_f1": interval(f1 + 0.1, 0.02),
        "gripper.move_or_stay": interval(0.9, 0.01),
        "gripper.direction": {"value": None, "low": None, "high": None}
        if event == 0
        else interval(0.65, 0.05),
        "gripper.event_f1": interval(event, 0.04) | {"found": 12, "there": 34, "predicted": 20},
        **{
            f"gripper.recall.{name}": interval(recall, 0.04)
            for name, recall in zip(CLASSES, recalls, strict=True)
        },
        "gripper.confusion": confusion,
    }


def difference(value: float, half: float, n: int = 126) -> dict[str, Any]:
    """Ours minus theirs; the verdict is not what the report goes by for offline figures."""
    return {"value": value, "low": value - half, "high": value + half, "verdict": "", "n": n}


def offline(rmse: float, f1: float) -> dict[str, Any]:
    """One split's figures: the policy beside baselines, with differences and slices."""
    candidates = {
        "policy": candidate(rmse, f1, 0.62, (0.66, 0.94, 0.61)),
        "majority": candidate(0.108, 0.286, 0.0, (0.0, 1.0, 0.0)),
        "mean action": candidate(0.108, 0.286, 0.0, (0.0, 1.0, 0.0)),
        "linear on proprioception": candidate(0.099, 0.52, 0.15, (0.3, 0.96, 0.35)),
        "copy previous": candidate(0.061, 0.9, 0.0, (0.9, 0.97, 0.89)),
    }
    ours = candidates["policy"]
    differences = {
        name: {
            key: difference(ours[key]["value"] - found["value"], 0.005)
            for key, found in other.items()
            if isinstance(found, dict) and found["value"] is not None
        }
        for name, other in candidates.items()
        if name != "policy"
    }
    slices = [
        {
            "slice": kind, "value": value, "share": share, "steps": round(7352 * share),
            "episodes": 126, "share_of_error": {"position": error, "gripper": error},
            "metrics": candidate(rmse * error / share, f1 * 0.9, 0.5, (0.5, 0.9, 0.5)),
        }
        for kind, value, share, error in (
            ("phase", "reach", 0.41, 0.38), ("phase", "close", 0.12, 0.31),
            ("phase", "lift", 0.28, 0.17), ("phase", "transfer", 0.19, 0.14),
            ("gripper event", "within 3 steps", 0.14, 0.52),
            ("gripper event", "elsewhere", 0.86, 0.48),
            ("instruction", "pick up the green cup", 0.08, 0.09),
            ("instruction", "place the orange fruit in the dish rack", 0.07, 0.06),
        )
    ]  # fmt: skip
    return {
        "episodes": 126, "steps": 7352, "target_offset": 0, "candidates": candidates,
        "differences": differences, "slices": slices,
        "history_free": ["policy", "majority", "mean action", "linear on proprioception"],
    }  # fmt: skip


def wilson(successes: int, n: int) -> dict[str, Any]:
    """A rate as results state it."""
    rate, z2 = successes / n, 1.96**2
    centre = (rate + z2 / (2 * n)) / (1 + z2 / n)
    half = 1.96 * math.sqrt(rate * (1 - rate) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    return {"n": n, "successes": successes, "rate": rate, "low": max(0.0, centre - half),
            "high": min(1.0, centre + half)}  # fmt: skip


def rollouts(successes: int, template: str, clips: list[str]) -> dict[str, Any]:
    """100 rollouts of one task, the first `successes` of a shuffle of the seeds won."""
    order = np.random.default_rng(7).permutation(100)
    won = set(order[:successes].tolist())
    reasons = ("missed grasp", "never reached", "dropped", "time-out")
    words = ("apple fruit", "green cup", "steak meat", "milk dairy")
    episodes = [
        {
            "seed": 10_000 + i, "success": i in won, "steps": 40 + i % 30,
            "reason": None if i in won else reasons[i % 4],
            "instruction": f"{template} the {words[i % 4]}",
        }
        for i in range(100)
    ]  # fmt: skip
    lost = [e["reason"] for e in episodes if not e["success"]]
    return {
        "task": "jaco_pick_place", "task_config": {"template": template, "objects": 4},
        **wilson(successes, 100),
        "seeds": [e["seed"] for e in episodes], "episodes": episodes,
        "reasons": {reason: lost.count(reason) for reason in reasons},
        "by_instruction": [{"value": f"{template} the {word}", **wilson(20, 25)} for word in words],
        "by_word": [{"value": "apple", **wilson(20, 25)}],
        "clips": clips,
        "references": {"expert": wilson(98, 100), "random": wilson(0, 100)},
    }  # fmt: skip


def write_clip(path: Path) -> None:
    """A short H.264 clip of a moving square."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width = stream.height = 96
        stream.pix_fmt = "yuv420p"
        for step in range(20):
            image = np.full((96, 96, 3), 205, np.uint8)
            image[40:56, 3 * step : 3 * step + 20] = (200, 60, 40)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """Writes a whole run folder and returns it."""

    def make(
        folder: Path, name: str, *, rmse: float = 0.082, f1: float = 0.71, successes: int = 91
    ) -> Path:
        folder.mkdir(parents=True)
        command = f"bydemo train {name} data/jaco-play --training.seed 1"
        write_json(folder / "config.json", {
            "schema": "bydemo.run/1", "recipe": name, "seed": 1, "command": command,
            "dataset": {"path": "data/jaco-play", "sha256": "ab" * 32}, "versions": VERSIONS,
            "experiment": {
                "model": {"name": name, "dropout": 0.4},
                "data": {"view": {"cameras": ["front_cam", "mount_cam"], "size": 224,
                                  "colour": False}, "chunk": 1},
                "training": {"epochs": 8, "learning_rate": 1e-4, "precision": "bf16"},
            },
        })  # fmt: skip
        for epoch in range(1, 9):
            for part in range(20):
                step = (epoch - 1) * 400 + part * 20 + 20
                fall = 0.3 + 1.4 * math.exp(-step / 500) + 0.05 * math.sin(step)
                append_line(folder / "metrics.jsonl", row("train", epoch, step, fall))
            held_out = 0.42 + 1.1 * math.exp(-epoch) + 0.012 * max(0, epoch - 5)
            append_line(folder / "metrics.jsonl", row("validation", epoch, epoch * 400, held_out))
        write_json(folder / "best.json", {"epoch": 5, "checkpoint": "epoch-0005", "loss": 0.43})
        clips = []
        for seed in (10_000, 10_003, 10_011):
            write_clip(folder / "clips" / f"pick-{seed}.mp4")
            clips.append(f"clips/pick-{seed}.mp4")
        write_json(folder / "results.json", {
            "schema": SCHEMA, "name": name, "recipe": name, "versions": VERSIONS, "experiment": {},
            "dataset": {"path": "data/jaco-play", "episodes": 630, "steps": 35722,
                        "split": "reference"},
            "training": {"parameters": 6574958, "epochs": 8, "chosen_epoch": 5, "steps": 3200,
                         "seconds": 1234.5, "samples_per_second": 812.3, "peak_memory_mb": 1534.0},
            "offline": {"validation": offline(rmse * 0.97, f1), "test": offline(rmse, f1)},
            "rollouts": {"pick": rollouts(successes, "pick up", clips),
                         "place": rollouts(successes - 12, "place", [])},
            "command": f"bydemo evaluate runs/{name} --rollouts 100",
        })  # fmt: skip
        return folder

    return make


def row(kind: str, epoch: int, step: int, loss: float) -> dict[str, Any]:
    """One line of metrics.jsonl."""
    return {
        "kind": kind, "epoch": epoch, "step": step, "seconds": step / 10, "loss": loss,
        "parts": {"position": loss * 0.02, "gripper": loss * 0.98}, "learning_rate": 1e-4,
        "samples_per_second": 800.0, "peak_memory_mb": 1500.0,
        **({"activations": {"image_branch": 0.4 + loss, "head": loss}} if kind == "train" else {}),
    }  # fmt: skip


@pytest.fixture
def edit() -> Callable[[Path, str, Any], None]:
    """Replaces one top-level field of a JSON file."""

    def change(path: Path, field: str, value: Any) -> None:
        data = json.loads(path.read_text())
        data[field] = value
        path.write_text(json.dumps(data))

    return change
