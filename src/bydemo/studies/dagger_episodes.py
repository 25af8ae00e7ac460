"""The aggregated dataset: episodes of every round, each step labelled with the expert's action.

Every attempt, also of episodes that are left out, has its line in `dagger.jsonl` inside the
dataset; a kill between an episode and its line loses no more than how long it took.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bydemo.core.errors import SimulationError
from bydemo.core.fields import Spec
from bydemo.core.results import append_line, read_lines
from bydemo.data.layout import MANIFEST, EpisodeRecord, read_manifest, read_records
from bydemo.data.source import Dataset
from bydemo.data.splits import Split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.data.view_cache import clear
from bydemo.evaluation.actors import ActorFactory
from bydemo.evaluation.rollout import Rollout
from bydemo.evaluation.teaching import taught
from bydemo.evaluation.workers import EpisodePool
from bydemo.studies.dagger_settings import Round, parted
from bydemo.studies.run import GROWING

LOG = "dagger.jsonl"

Row = Mapping[str, Any]
OnEpisode = Callable[[int, int], None]
"""Called with episodes of the round that are done, and how many there are to be."""


@dataclass(frozen=True, kw_only=True)
class Aggregate:
    """The dataset of a run on disk. `source` is what its manifest says of where it comes from;
    max_steps: of an episode; keep_failures: whether round 0 stores demonstrations that missed the
    goal."""

    path: Path
    spec: Spec
    source: Mapping[str, Any]
    rendering: Mapping[str, Any] | None
    max_steps: int
    keep_failures: bool

    def rows(self, number: int) -> list[Row]:
        """The lines of a round, by seed."""
        found = {row["seed"]: row for row in read_lines(self.path / LOG) if row["round"] == number}
        return [found[seed] for seed in sorted(found)]

    def stored(self, number: int) -> int:
        """Episodes of a round in the dataset."""
        if not (self.path / MANIFEST).exists():
            return 0
        return sum(record.info.get("round") == number for record in read_records(self.path))

    def finished(self, now: Round) -> bool:
        """Was every seed of the round played, and anything of it stored?"""
        return self.stored(now.number) > 0 and len(self.rows(now.number)) == len(now.seeds)

    def collect(
        self, pool: EpisodePool, actor: ActorFactory, now: Round, on_episode: OnEpisode
    ) -> None:
        """Play and store what is left of a round; SimulationError if none could be stored."""
        with self._writer(len(now.seeds)) as writer:
            done = self._done(writer, now)
            todo = [seed for seed in now.seeds if seed not in done]
            began = time.monotonic()
            for result in pool.run(actor, todo, keep=lambda: True):
                self._add(writer, now, result, time.monotonic() - began)
                began = time.monotonic()
                on_episode(result.seed - now.seeds.start + 1, len(now.seeds))
        if self.stored(now.number) == 0:
            raise SimulationError(_why_nothing(self.rows(now.number), now))

    def sealed(self, first: int, share: float, names: tuple[str, str]) -> Dataset:
        """The whole dataset, parted for training and, but for a share of 0, for validation.

        first: episodes of round 0; names: of the split for training and of that for validation.
        """
        if not read_manifest(self.path)["complete"]:  # killed while it was being closed
            self._writer(0).close()
        dataset = Dataset.open(self.path)
        train, validation = parted(len(dataset.episodes), first, share)
        parts = {names[0]: train} | ({names[1]: validation} if validation else {})
        if dataset.split_kind == GROWING and dataset.splits == parts:
            return dataset
        clear(dataset)  # views of fewer episodes, which nobody will ask for again
        split = Split(kind=GROWING, parts=parts, parameters={"validation_share": share})
        return write_splits(dataset, split)

    def _writer(self, more: int) -> DatasetWriter:
        """Goes on where the dataset ends, with room for so many more episodes."""
        begun = (self.path / MANIFEST).exists()
        records = read_records(self.path) if begun else ()
        steps = (records[-1].stop if records else 0) + more * self.max_steps
        return DatasetWriter(self.path, self.spec, source=self.source, rendering=self.rendering,
                             resume=begun, expected_steps=steps)  # fmt: skip

    def _done(self, writer: DatasetWriter, now: Round) -> set[int]:
        """Seeds that need not be played again: all that have a line, if anything was stored."""
        known = {row["seed"] for row in self.rows(now.number)}
        records = [r for r in writer.records if r.info.get("round") == now.number]
        for record in records:
            if record.info["seed"] not in known:
                append_line(self.path / LOG, _line(record))
        return known | {r.info["seed"] for r in records} if records else set()

    def _add(self, writer: DatasetWriter, now: Round, result: Rollout, seconds: float) -> None:
        """Store the episode if it is wanted, then its line."""
        episode = result.episode
        wanted = now.number > 0 or result.success or self.keep_failures
        by_expert = int(taught(result.seed, result.steps, now.beta).sum())
        told = {"round": now.number, "beta": now.beta, "expert_steps": by_expert}
        if episode is not None and wanted:
            info = {**episode.info, **told, "acted": now.acted}
            writer.add(replace(episode, info=info))
        stored = episode is not None and wanted
        append_line(self.path / LOG, {
            **result.to_json(), **told, "stored": stored, "seconds": round(seconds, 3),
        })  # fmt: skip


def _line(record: EpisodeRecord) -> dict[str, Any]:
    """The line that a kill lost."""
    info = record.info
    return {
        "seed": info["seed"], "success": record.success, "reason": info.get("reason"),
        "steps": record.length, "instruction": record.instruction, "return": info["return"],
        "round": info["round"], "beta": info["beta"], "expert_steps": info["expert_steps"],
        "stored": True, "seconds": 0.0,
    }  # fmt: skip


def _why_nothing(rows: list[Row], now: Round) -> str:
    reasons = Counter(str(row.get("reason")) for row in rows)
    details = [str(row["detail"]) for row in rows if row.get("detail")]
    counted = ", ".join(f"{reason} {n}" for reason, n in reasons.most_common())
    said = f"; {details[0]}" if details else ""
    what = f"episodes of round {now.number}" if now.number else "demonstrations of the expert"
    return f"none of {len(rows)} {what} could be stored: {counted}{said}"
