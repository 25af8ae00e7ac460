"""Runs against each other, paired: closed loop by seed, offline by episode, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bydemo.core.errors import BydemoError
from bydemo.core.results import read_json
from bydemo.evaluation.interval import paired_rates


def compare_runs(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """The first run minus each other one, in order.

    Each entry: {"rollouts": {task label: difference}, "offline": {split: {figure: difference}}};
    a difference is {"value", "low", "high", "verdict", "n"}, or {"problem": why there is none}.
    """
    results = [_results(folder) for folder in folders]
    return [
        {
            "rollouts": _rollouts(results[0], results[number]),
            "offline": _offline(folders[0], folders[number], results[0], results[number]),
        }
        for number in range(1, len(folders))
    ]


def _results(folder: Path) -> dict[str, Any]:
    path = folder / "results.json"
    return read_json(path) if path.exists() else {}


def _rollouts(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    mine, others = ours.get("rollouts", {}), theirs.get("rollouts", {})
    return {label: _paired(mine[label], others[label], label) for label in mine if label in others}


def _paired(ours: Mapping[str, Any], theirs: Mapping[str, Any], label: str) -> dict[str, Any]:
    for field in ("task", "task_config"):
        if ours.get(field) != theirs.get(field):
            return {"problem": f"{label} was another task for each, so they are not compared"}
    a, b = _outcomes(ours), _outcomes(theirs)
    seeds = sorted(a.keys() & b.keys())
    if not seeds:
        return {"problem": f"they share no seeds at {label}, so they are not compared"}
    return paired_rates([a[s] for s in seeds], [b[s] for s in seeds]).to_json()


def _outcomes(block: Mapping[str, Any]) -> dict[int, bool]:
    return {int(e["seed"]): bool(e["success"]) for e in block.get("episodes", ())}


def _offline(
    ours: Path, theirs: Path, mine: Mapping[str, Any], others: Mapping[str, Any]
) -> dict[str, Any]:
    from bydemo.evaluation.offline import compare_exports

    out: dict[str, Any] = {}
    for split in mine.get("offline", {}):
        files = [folder / "predictions" / f"{split}.parquet" for folder in (ours, theirs)]
        if split not in others.get("offline", {}) or not all(file.exists() for file in files):
            continue
        try:
            out[split] = compare_exports(files[0], files[1])
        except BydemoError:
            continue  # other steps were judged: the report shows them in tables of their own
    return out
