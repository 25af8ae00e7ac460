"""Recording demonstrations: an actor's episodes in a task, written as a dataset in order of seed.

What is recorded depends on the seeds alone, neither on the number of workers nor on how often the
recording was interrupted. Every attempt, also of episodes that are left out, has its line in
`recording.jsonl` inside the dataset.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.core.config import to_plain
from bydemo.core.errors import InputError, SimulationError
from bydemo.core.results import append_line, read_lines, versions
from bydemo.data.layout import MANIFEST, read_manifest
from bydemo.data.source import Dataset
from bydemo.data.splits import Kind, make_split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.evaluation.actors import ActorFactory, ExpertActor
from bydemo.evaluation.interval import wilson
from bydemo.evaluation.rollout import Rollout
from bydemo.evaluation.worker_process import TaskConfig, task_name
from bydemo.evaluation.workers import EpisodePool

LOG = "recording.jsonl"
LEAST_TO_SPLIT = 5
"""Episodes below which no split is stored: it could not hold three parts worth the name."""
_STEPS_GUESS = 0.7
"""Share of the longest episode for which space is reserved at first."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """How far a recording is: `attempted` of `total` seeds, those of earlier calls included.

    stored: episodes and steps in the dataset; reasons: why the others failed, and how often.
    """

    total: int
    attempted: int = 0
    succeeded: int = 0
    stored: int = 0
    steps: int = 0
    reasons: Mapping[str, int]

    @property
    def failed(self) -> int:
        """Attempts without success."""
        return self.attempted - self.succeeded

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the success rate and its Wilson interval."""
        rate = wilson(self.succeeded, self.attempted)
        return {**to_plain(self), "rate": rate.value, "low": rate.low, "high": rate.high}


def record(
    task: TaskConfig, destination: Path, *, episodes: int, start_seed: int = 0,
    actor: ActorFactory | None = None, workers: int = 2, keep_failures: bool = False,
    resume: bool = False, split: Kind | None = "random",
    progress: Callable[[Recording], None] | None = None, limit: float | None = None,
) -> Recording:  # fmt: skip
    """Play seeds start_seed..start_seed+episodes-1 and store the successes in `destination`.

    actor: the task's expert unless given. keep_failures: store failed episodes too, marked so; a
    crash is never stored. resume: go on with an existing recording, whose settings must agree.
    Splits are drawn anew at the end. Raises SimulationError, and leaves no dataset behind, if
    nothing could be stored.
    """
    if episodes < 1:
        raise InputError(f"is {episodes}, expected at least 1", field="episodes")
    factory = ExpertActor() if actor is None else actor
    source = {
        "kind": "simulation", "task": task_name(task), "task_config": to_plain(task),
        "actor": type(factory).__name__, "actor_config": to_plain(factory),
        "keep_failures": keep_failures, "versions": versions(),
    }  # fmt: skip
    if resume and (destination / MANIFEST).exists():
        _check_same_recording(destination, source)
    seeds = range(start_seed, start_seed + episodes)
    with EpisodePool(task, workers=workers, limit=limit) as pool:
        facts = pool.facts
        with DatasetWriter(
            destination, facts.spec, source=source, rendering=facts.rendering, resume=resume,
            expected_steps=int(episodes * facts.max_steps * _STEPS_GUESS),
        ) as writer:  # fmt: skip
            log = _Log(destination, writer, seeds)
            todo = [seed for seed in seeds if seed not in log.done]
            for result in pool.run(factory, todo, keep=lambda: True):
                log.add(result, keep_failures)
                if progress is not None:
                    progress(log.so_far())
            found = log.so_far()
    if found.stored == 0:
        if not resume:
            shutil.rmtree(destination)
        raise SimulationError(f"none of {found.attempted} episodes could be stored: "
                              + log.explanation())  # fmt: skip
    if split is not None and found.stored >= LEAST_TO_SPLIT:
        dataset = Dataset.open(destination)
        write_splits(dataset, make_split(dataset, split))
    return found


class _Log:
    """The lines of `recording.jsonl`: one a seed, written after its episode is safe."""

    def __init__(self, destination: Path, writer: DatasetWriter, seeds: range) -> None:
        self._path, self._writer, self._total = destination / LOG, writer, len(seeds)
        self._rows = {row["seed"]: row for row in read_lines(self._path) if row["seed"] in seeds}
        for record in writer.records:  # a kill between the two leaves an episode without its line
            seed = record.info.get("seed")
            if seed in seeds and seed not in self._rows:
                self._write({"seed": seed, "success": bool(record.success), "steps": record.length,
                             "reason": record.info.get("reason"), "stored": True,
                             "instruction": record.instruction})  # fmt: skip
        _check_ascending(destination, writer)

    @property
    def done(self) -> set[int]:
        """Seeds that need not be played again."""
        return set(self._rows)

    def add(self, result: Rollout, keep_failures: bool) -> None:
        """Store the episode if it is wanted, then its line."""
        stored = result.episode is not None and (result.success or keep_failures)
        if stored and result.episode is not None:
            self._writer.add(result.episode)
        self._write({**result.to_json(), "stored": stored})

    def so_far(self) -> Recording:
        """The counts of all lines."""
        rows = self._rows.values()
        failed = Counter(str(row["reason"]) for row in rows if not row["success"])
        return Recording(
            total=self._total, attempted=len(rows), succeeded=sum(row["success"] for row in rows),
            stored=self._writer.episodes, steps=self._writer.steps, reasons=dict(failed),
        )  # fmt: skip

    def explanation(self) -> str:
        """Reasons with their counts, and what the first crash said."""
        reasons = ", ".join(f"{reason} {n}" for reason, n in self.so_far().reasons.items())
        details = [str(row["detail"]) for row in self._rows.values() if row.get("detail")]
        return f"{reasons}; {details[0]}" if details else reasons

    def _write(self, row: dict[str, Any]) -> None:
        append_line(self._path, row)
        self._rows[row["seed"]] = row


def _check_same_recording(destination: Path, source: Mapping[str, Any]) -> None:
    before = read_manifest(destination).get("source", {})
    for name, ours in source.items():
        if name != "versions" and before.get(name) != ours:
            raise InputError(
                f"was {before.get(name)}, is now {ours}; go on with the same settings, or choose "
                "another path", path=destination / MANIFEST, field=f"source.{name}",
            )  # fmt: skip


def _check_ascending(destination: Path, writer: DatasetWriter) -> None:
    """Going on must not depend on how the recording was cut: seeds only ever ascend."""
    seeds = [record.info.get("seed", -1) for record in writer.records]
    if seeds != sorted(seeds):
        raise InputError("its episodes are not in order of seed", path=destination)
