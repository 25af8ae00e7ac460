"""How the robot moves and is told to: idle steps, and commands that jump."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.codec import gather_proprioception
from bydemo.data.inspection.values import component_names
from bydemo.data.source import Dataset

STILL = 0.02
"""A step is idle when no command component exceeds this share of its largest size."""
RESTING = 0.001
"""The robot rests when nothing it feels of itself changes by this share of its usual range."""
SPIKE = 4.0
"""A command spikes when for one step it leaves both its neighbours, the same way, by this many of
the component's standard deviations, and by twice as many of its usual (95 %) changes."""
FIRST_JUMP = 5.0
"""An episode's first reading jumps when some component changes after it by this many times the next
change, by more than its usual (95 %) change, and by a hundredth of its usual range."""
MOST_LISTED = 20
SAMPLE = 200_000
"""[steps] that quantiles are estimated from."""


def describe_motion(dataset: Dataset) -> dict[str, Any]:
    """Idle share of commands and of the robot, idle ends of episodes, and spikes."""
    return {
        "idle_commands": _idle_commands(dataset),
        "resting": _resting(dataset),
        "spikes": _spikes(dataset),
        "first_readings": _first_readings(dataset),
    }


def _idle_commands(dataset: Dataset) -> dict[str, Any] | None:
    """Steps whose command is near zero; None where zero is no command to stand still."""
    columns = dataset.spec.action.columns(labels=False)
    if len(columns) == 0:
        return None
    command = dataset.action[: dataset.steps, columns]
    low, high = command.min(axis=0), command.max(axis=0)
    if (low >= 0).any() or (high <= 0).any():
        return None
    limit = STILL * np.maximum(np.abs(low), np.abs(high))
    idle = (np.abs(command) <= limit).all(axis=1)
    exact = float((command == 0).all(axis=1).mean())
    return {"threshold": STILL, "exactly_zero": exact} | _runs(dataset, idle)


def _resting(dataset: Dataset) -> dict[str, Any] | None:
    """Steps after which the robot's own state hardly changes; the last is as the one before."""
    state = _state(dataset)
    if state is None:
        return None
    limit = RESTING * np.maximum(_usual_range(state), 1e-12)
    resting = np.zeros(dataset.steps, bool)
    resting[:-1] = (np.abs(np.diff(state, axis=0)) <= limit).all(axis=1)
    last = dataset.starts + dataset.lengths - 1
    resting[last] = (dataset.lengths > 1) & resting[np.maximum(last - 1, 0)]
    return {"threshold": RESTING} | _runs(dataset, resting)


def _first_readings(dataset: Dataset) -> dict[str, Any] | None:
    """Episodes whose first reading is far from all that follow, as one left over from before is.

    None where there is no state, or too few episodes of three steps to tell.
    """
    state = _state(dataset)
    starts = dataset.starts[dataset.lengths >= 3]
    if state is None or len(starts) == 0:
        return None
    change = np.abs(np.diff(state, axis=0))
    change[dataset.starts[1:] - 1] = 0.0
    usual = np.quantile(change[:: max(len(change) // SAMPLE, 1)], 0.95, axis=0)
    first, following = change[starts], change[starts + 1]
    jumped = first > np.maximum(
        FIRST_JUMP * following, np.maximum(usual, _usual_range(state) / 100)
    )
    rows = np.flatnonzero(jumped[:, _places(dataset)].any(axis=1))
    records = [r for r in dataset.episodes if r.length >= 3]
    return {
        "threshold": FIRST_JUMP,
        "episodes": len(starts),
        "jumping": [records[row].index for row in rows],
    }


def _state(dataset: Dataset) -> NDArray[Any] | None:
    """(N, P) all that the robot feels of itself; None where that is nothing."""
    spec = dataset.spec
    if not any(len(spec.observation[n].columns(labels=False)) for n in spec.vectors):
        return None
    return gather_proprioception(
        spec, {n: dataset.observation(n)[: dataset.steps] for n in spec.vectors}
    )


def _places(dataset: Dataset) -> NDArray[np.bool_]:
    """(P,) what isn't a rate: a speed may well jump from rest in the first step."""
    observation = dataset.spec.observation
    parts = [p for n in dataset.spec.vectors for p in observation[n].parts]
    seen = [p for p in parts if p.used and not p.classes]
    return np.array(["/s" not in p.unit for p in seen for _ in range(p.size)])


def _usual_range(state: NDArray[Any]) -> NDArray[np.float64]:
    """(P,) from the first to the 99th percentile."""
    sample = state[:: max(len(state) // SAMPLE, 1)].astype(np.float64)
    low, high = np.quantile(sample, (0.01, 0.99), axis=0)
    width: NDArray[np.float64] = high - low
    return width


def _runs(dataset: Dataset, idle: NDArray[np.bool_]) -> dict[str, Any]:
    """Share of idle steps, and how long episodes stay idle at their beginning and end."""
    before, after, longest = [], [], []
    for record in dataset.episodes:
        here = idle[record.start : record.stop]
        moving = np.flatnonzero(~here)
        before.append(int(moving[0]) if len(moving) else record.length)
        after.append(record.length - 1 - int(moving[-1]) if len(moving) else 0)
        edges = np.flatnonzero(np.diff(np.r_[0, here.astype(np.int8), 0]))
        longest.append(int((edges[1::2] - edges[::2]).max(initial=0)))
    worst = int(np.argmax(longest))
    return {
        "share": float(idle.mean()),
        "steps_before_moving": float(np.mean(before)),
        "steps_after_moving": float(np.mean(after)),
        "longest": {"steps": longest[worst], "episode": dataset.episodes[worst].index},
        "episodes_all_idle": int(sum(b == r.length for b, r in
                                     zip(before, dataset.episodes, strict=True))),
    }  # fmt: skip


def _spikes(dataset: Dataset) -> dict[str, Any] | None:
    """Commands that leave both neighbours for one step, the farthest first."""
    columns = dataset.spec.action.columns(labels=False)
    if len(columns) == 0 or dataset.steps < 3:
        return None
    names = component_names(dataset, "action", dataset.spec.action)
    command = dataset.action[: dataset.steps, columns]
    change = np.diff(command, axis=0)
    change[dataset.starts[1:] - 1] = 0.0
    there, back = change[:-1], -change[1:]
    away = np.where(there * back > 0, np.minimum(np.abs(there), np.abs(back)), 0.0)
    sample = slice(None, None, max(len(command) // SAMPLE, 1))
    spread = command[sample].astype(np.float64).std(axis=0)
    usual = np.quantile(np.abs(change[sample]), 0.95, axis=0)
    height = away / np.maximum(np.maximum(spread, 2 * usual), 1e-12)
    rows, which = np.nonzero(height > SPIKE)
    order = np.argsort(-height[rows, which], kind="stable")[:MOST_LISTED]
    return {
        "threshold": SPIKE,
        "count": len(rows),
        "share": len(np.unique(rows)) / dataset.steps,
        "by_component": {
            names[c]: int((which == i).sum()) for i, c in enumerate(columns) if (which == i).any()
        },
        "listed": [
            _spike(dataset, int(row) + 1, names[columns[i]], away[row, i], height[row, i])
            for row, i in zip(rows[order], which[order], strict=True)
        ],
    }


def _spike(
    dataset: Dataset, row: int, component: str, change: float, height: float
) -> dict[str, Any]:
    record = dataset.episodes[int(np.searchsorted(dataset.starts, row, side="right")) - 1]
    return {
        "episode": record.index,
        "step": row - record.start,
        "component": component,
        "change": float(change),
        "deviations": float(height),
    }
