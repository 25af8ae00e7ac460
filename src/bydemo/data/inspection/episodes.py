"""Episodes as wholes: lengths, ends, clock, instructions, and episodes recorded twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.data.source import Dataset

MOST_LISTED = 40
"""Instructions, or findings of one kind, that are listed one by one."""


def describe_episodes(dataset: Dataset) -> dict[str, Any]:
    """Lengths, outcomes, instructions, rewards, odd ends, clock, and repeated episodes."""
    lengths = dataset.lengths
    outcomes = Counter(e.success for e in dataset.episodes)
    bins = min(30, max(int(lengths.max() - lengths.min()), 1))
    counts, edges = np.histogram(lengths, bins=bins)
    return {
        "length": {
            "mean": float(lengths.mean()),
            "std": float(lengths.std()),
            "low": int(lengths.min()),
            "median": float(np.median(lengths)),
            "high": int(lengths.max()),
            "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
            "shortest": [int(i) for i in np.argsort(lengths, kind="stable")[:5]],
            "longest": [int(i) for i in np.argsort(-lengths, kind="stable")[:5]],
        },
        "outcomes": {
            "success": outcomes[True],
            "failure": outcomes[False],
            "unknown": outcomes[None],
        },
        "instructions": _instructions(dataset),
        "without_instruction": sum(not e.instruction.strip() for e in dataset.episodes),
        "reward": _reward(dataset),
        "ends": _ends(dataset),
        "clock": _clock(dataset),
        "repeated": _repeated(dataset),
    }


def _instructions(dataset: Dataset) -> dict[str, Any]:
    episodes: Counter[str] = Counter()
    steps: Counter[str] = Counter()
    for record in dataset.episodes:
        episodes[record.instruction] += 1
        steps[record.instruction] += record.length
    listed = [
        {"text": text, "episodes": count, "steps": steps[text]}
        for text, count in episodes.most_common(MOST_LISTED)
    ]
    return {"distinct": len(episodes), "listed": listed}


def _reward(dataset: Dataset) -> dict[str, Any] | None:
    """Where reward is given; a reward before the last step is suspicious in data that ends then."""
    reward = dataset.reward
    if reward is None:
        return None
    given = reward[: dataset.steps] != 0
    last = np.zeros(dataset.steps, bool)
    last[dataset.starts + dataset.lengths - 1] = True
    owner = np.repeat(np.arange(len(dataset.lengths)), dataset.lengths)
    early = np.unique(owner[given & ~last])
    return {
        "total": float(reward[: dataset.steps].astype(np.float64).sum()),
        "steps": int(given.sum()),
        "at_last_step": int((given & last).sum()),
        "episodes_with_early_reward": len(early),
        "examples": early[:MOST_LISTED].tolist(),
    }


def _ends(dataset: Dataset) -> dict[str, list[dict[str, Any]]]:
    """What the source held that does not fit an episode that ends once, at its end.

    A format notes only what is odd: `terminals` elsewhere than at the last step, `gaps_before`
    rows that do not follow on each other, `prompts` that change within an episode.
    """
    return {
        name: [
            {"episode": e.index, "steps": list(e.info[name])[:MOST_LISTED]}
            for e in dataset.episodes
            if name in e.info
        ][:MOST_LISTED]
        for name in ("terminals", "gaps_before", "prompts")
    }


def _clock(dataset: Dataset) -> dict[str, Any] | None:
    """Intervals between steps [s], where the recording kept its clock."""
    if "timestamp" not in dataset.spec.annotation:
        return None
    time = dataset.annotation("timestamp")[: dataset.steps, 0].astype(np.float64)
    inside = np.ones(dataset.steps - 1, bool)
    inside[dataset.starts[1:] - 1] = False
    step = np.diff(time)
    dt = step[inside]
    if len(dt) == 0:
        return None
    period = 1 / dataset.spec.control_rate
    backwards = np.flatnonzero(inside & (step <= 0))
    owner = np.searchsorted(dataset.starts, backwards, side="right") - 1
    counts, edges = np.histogram(dt, bins=40, range=(float(dt.min()), _upper(dt)))
    return {
        "period": period,
        "mean": float(dt.mean()),
        "std": float(dt.std()),
        "low": float(dt.min()),
        "median": float(np.median(dt)),
        "high": float(dt.max()),
        "within_a_tenth": float((np.abs(dt - period) <= period / 10).mean()),
        "over_twice_the_period": float((dt > 2 * period).mean()),
        "backwards": len(backwards),
        "backwards_episodes": np.unique(owner)[:MOST_LISTED].tolist(),
        "histogram": {"counts": counts.tolist(), "edges": edges.tolist()},
    }


def _upper(dt: NDArray[np.float64]) -> float:
    """The histogram's end: everything but the rarest gaps."""
    return max(float(np.quantile(dt, 0.999)), float(dt.min()) + 1e-9)


def _repeated(dataset: Dataset) -> list[list[int]]:
    """Groups of episodes with exactly the same actions: copies, or replays of one recording."""
    alike: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for record in dataset.episodes:
        alike[record.length, record.checksums.get("action", -1 - record.index)].append(record.index)
    groups = []
    for members in alike.values():
        first = dataset.episode(members[0]).action
        same = [i for i in members if np.array_equal(dataset.episode(i).action, first)]
        if len(same) > 1:
            groups.append(same)
    return groups
