"""How many samples a training takes until its validation loss is at a given level."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.core.errors import InputError
from bydemo.core.results import read_json, read_lines
from bydemo.studies.work import RESULTS
from bydemo.training.record import METRICS


@dataclass(frozen=True, kw_only=True)
class Level:
    """A part of the validation loss that has the same meaning in several models, e.g.
    `cross_entropy` [nats], and the value that it should fall to."""

    part: str
    at_most: float

    def __post_init__(self) -> None:
        if not self.at_most > 0:
            raise InputError(f"is {self.at_most:g}, expected more than 0", field="level.at_most")


def samples_to(run: Path, level: Level) -> int | None:
    """Training samples seen when validation first was at the level, an upper bound since it is
    looked at once a round; None if it never was, or where nothing of the kind was measured."""
    path = run / METRICS
    if not path.exists():
        return None
    experiment = read_json(run / RESULTS).get("experiment") or {}
    batch = (experiment.get("training") or {}).get("batch_size")
    for row in read_lines(path):
        value = (row.get("parts") or {}).get(level.part)
        if row.get("kind") == "validation" and value is not None and value <= level.at_most:
            return None if batch is None else int(row["step"]) * int(batch)
    return None


def reached(runs: Sequence[Path], level: Level) -> dict[str, Any] | None:
    """Of an arm's finished runs: how many reached the level, and the mean of the samples that these
    needed; None where none is trained towards it."""
    if not any(_has(run, level) for run in runs):
        return None
    found = [samples_to(run, level) for run in runs]
    known = [samples for samples in found if samples is not None]
    return {"reached": len(known), "runs": len(found),
            "samples": sum(known) / len(known) if known else None}  # fmt: skip


def _has(run: Path, level: Level) -> bool:
    if not (run / METRICS).exists():
        return False
    rows: list[Mapping[str, Any]] = [r for r in read_lines(run / METRICS)
                                     if r.get("kind") == "validation"]  # fmt: skip
    return any(level.part in (row.get("parts") or {}) for row in rows)
