"""How many samples a training takes until its validation loss is at a given level."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
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
    """Training samples that a finished run had seen when its validation was first at the level, an
    upper bound since it is looked at once a round; None if it never was."""
    batch = int(read_json(run / RESULTS)["experiment"]["training"]["batch_size"])
    there = (step for step, value in _validated(run, level.part) if value <= level.at_most)
    return next((step * batch for step in there), None)


def reached(runs: Sequence[Path], level: Level) -> dict[str, Any] | None:
    """Of an arm's finished runs: how many reached the level, and the mean of the samples that these
    needed; None where none is trained towards it."""
    if not any(True for run in runs for _ in _validated(run, level.part)):
        return None
    found = [samples_to(run, level) for run in runs]
    known = [samples for samples in found if samples is not None]
    return {"reached": len(known), "runs": len(found),
            "samples": sum(known) / len(known) if known else None}  # fmt: skip


def _validated(run: Path, part: str) -> Iterator[tuple[int, float]]:
    """Step and value of this part of the validation loss, in order; nothing of a run without."""
    for row in read_lines(run / METRICS) if (run / METRICS).exists() else ():
        value = (row.get("parts") or {}).get(part)
        if row.get("kind") == "validation" and value is not None:
            yield int(row["step"]), float(value)
