"""Runs against each other, paired: closed loop by seed, offline by episode, as plain values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bydemo.core.errors import MismatchError
from bydemo.core.results import read_json


def compare_runs(folders: Sequence[Path]) -> list[dict[str, Any]]:
    """The first run minus each other one, in order.

    Each entry: {"rollouts": {task label: difference}, "offline": {split: {figure: difference}}};
    a difference is {"value", "low", "high", "verdict", "n"}, or {"problem": why there is none}.
    Of rollouts it is the success rates', with the returns' under "return", and lacks the former
    where the task knows no goal.
    """
    results = [_results(folder) for folder in folders]
    return [
        {
            "rollouts": _rollouts(folders[0], folders[number], results[0], results[number]),
            "offline": _offline(folders[0], folders[number], results[0], results[number]),
        }
        for number in range(1, len(folders))
    ]


def _results(folder: Path) -> dict[str, Any]:
    path = folder / "results.json"
    return read_json(path) if path.exists() else {}


def _rollouts(
    ours: Path, theirs: Path, mine: Mapping[str, Any], others: Mapping[str, Any]
) -> dict[str, Any]:
    from bydemo.evaluation.closed_loop import compare

    out: dict[str, Any] = {}
    rival = others.get("rollouts", {})
    for label, block in mine.get("rollouts", {}).items():
        if label not in rival:
            continue
        try:
            found = compare(block, rival[label], ours_name=ours.name, theirs_name=theirs.name)
            out[label] = found.to_json()
        except MismatchError as error:
            out[label] = {"problem": f"at {label}, {error}"}
    return out


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
        except MismatchError:
            continue  # other steps were judged: the report shows them in tables of their own
    return out
