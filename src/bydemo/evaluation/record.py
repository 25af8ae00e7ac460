"""Recording demonstrations: an actor's episodes in a task, written as a dataset in order of seed.

What is recorded depends on the seeds alone: neither on the number of workers, nor on whether
episodes are played one by one or many at once, nor on how often the recording was interrupted.
Every attempt, also of episodes that are left out, has its line in `recording.jsonl` inside the
dataset.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bydemo.core.config import to_plain
from bydemo.core.errors import BydemoError, InputError, SimulationError
from bydemo.core.results import append_line, read_lines, versions
from bydemo.data.layout import MANIFEST, read_manifest
from bydemo.data.source import Dataset
from bydemo.data.splits import Kind, make_split, write_splits
from bydemo.data.store import DatasetWriter
from bydemo.evaluation.actors import ActorFactory, ExpertActor, described, labels
from bydemo.evaluation.batch_rollout import BLOCK, BatchPlayer, can_be_batched
from bydemo.evaluation.interval import wilson
from bydemo.evaluation.returns import return_summary
from bydemo.evaluation.rollout import Rollout, recorded_spec
from bydemo.evaluation.worker_process import TaskConfig, TaskFacts, task_name
from bydemo.evaluation.workers import EpisodePool

LOG = "recording.jsonl"
LEAST_TO_SPLIT = 5
"""Episodes below which no split is stored: it could not hold three parts worth the name."""
_STEPS_GUESS = 0.7
"""Share of the longest episode for which space is reserved at first."""


@dataclass(frozen=True, kw_only=True)
class Recording:
    """How far a recording is: `attempted` of `total` seeds, those of earlier calls included.

    succeeded: None where the task knows no goal; stored: episodes and steps in the dataset;
    reasons: why episodes failed, and how often; returns: as in a run's results, once all is done.
    """

    total: int
    attempted: int = 0
    succeeded: int | None = 0
    stored: int = 0
    steps: int = 0
    reasons: Mapping[str, int]
    judged_by: str = "success"
    returns: Mapping[str, Any] | None = None

    @property
    def failed(self) -> int:
        """Attempts without success."""
        return self.attempted - (self.succeeded or 0)

    def to_json(self) -> dict[str, Any]:
        """Plain values, with the success rate and its Wilson interval."""
        if self.succeeded is None:
            return {**to_plain(self), "rate": None, "low": None, "high": None}
        rate = wilson(self.succeeded, self.attempted)
        return {**to_plain(self), "rate": rate.value, "low": rate.low, "high": rate.high}


def record(
    task: TaskConfig, destination: Path, *, episodes: int, start_seed: int = 0,
    actor: ActorFactory | None = None, workers: int = 2, keep_failures: bool | None = None,
    resume: bool = False, split: Kind | None = "random", one_by_one: bool = False,
    progress: Callable[[Recording], None] | None = None, limit: float | None = None,
    block: int = BLOCK,
) -> Recording:  # fmt: skip
    """Play seeds start_seed..start_seed+episodes-1 and store them in `destination`.

    actor: the task's expert unless given; one with a `label` is recorded with the label as the
    action. keep_failures: store failed episodes too, marked so; None does where the task is judged
    by return; a crash is never stored. resume: go on with an existing recording, whose settings
    must agree. one_by_one: also where the task could play `block` episodes at once. Splits are
    drawn anew at the end. Raises SimulationError, and leaves no dataset behind, if nothing could be
    stored.
    """
    if episodes < 1:
        raise InputError(f"is {episodes}, expected at least 1", field="episodes")
    if block < 1:
        raise InputError(f"is {block}, expected at least 1", field="block")
    factory = ExpertActor() if actor is None else actor
    fresh = not (destination / MANIFEST).exists()
    seeds = range(start_seed, start_seed + episodes)
    together = can_be_batched(task, factory) and not one_by_one
    with _Players(
        task, factory, workers, limit, min(block, episodes) if together else 0
    ) as players:
        facts = players.facts
        kept = facts.judged_by == "return" if keep_failures is None else keep_failures
        source = _source(task, factory, kept)
        if resume and not fresh:
            _check_same_recording(destination, source)
        with DatasetWriter(
            destination, recorded_spec(facts.spec, labelled=labels(factory)), source=source,
            rendering=facts.rendering, resume=resume,
            expected_steps=int(episodes * facts.max_steps * _STEPS_GUESS),
        ) as writer, _nothing_left(destination, writer, fresh):  # fmt: skip
            log = _Log(destination, writer, seeds, facts.judged_by)
            for results in players.play([seed for seed in seeds if seed not in log.done]):
                log.add(results, kept)
                if progress is not None:
                    progress(log.so_far())
            if writer.episodes == 0:
                raise SimulationError(f"none of {log.so_far().attempted} episodes could be stored: "
                                      + log.explanation())  # fmt: skip
            found = log.in_the_end()
    if split is not None and found.stored >= LEAST_TO_SPLIT:
        dataset = Dataset.open(destination)
        write_splits(dataset, make_split(dataset, split))
    return found


def _source(task: TaskConfig, factory: ActorFactory, keep_failures: bool) -> dict[str, Any]:
    """Where a dataset comes from: what must agree for a recording to go on."""
    return {
        "kind": "simulation", "task": task_name(task), "task_config": to_plain(task),
        **described(factory), "keep_failures": keep_failures, "versions": versions(),
    }  # fmt: skip


@contextmanager
def _nothing_left(destination: Path, writer: DatasetWriter, fresh: bool) -> Iterator[None]:
    """A recording that the user must put right before its first episode leaves no folder."""
    try:
        yield
    except BydemoError:
        if fresh and writer.episodes == 0:
            writer.close()
            shutil.rmtree(destination)
        raise


class _Players:
    """Plays seeds one by one on a pool, or in blocks in this process where `block` is not 0."""

    def __init__(
        self, task: TaskConfig, factory: ActorFactory, workers: int, limit: float | None, block: int
    ) -> None:
        self._task, self._factory, self._block = task, factory, block
        self._workers = workers
        self._pool = EpisodePool(task, workers=workers, limit=limit)
        self._pool_is_open = False
        self._open = ExitStack()

    def __enter__(self) -> _Players:
        if not self._block:
            self.facts = self._open.enter_context(self._pool).facts
            return self
        self._batch = self._open.enter_context(
            BatchPlayer(self._task, self._factory, n=self._block, threads=max(1, self._workers))
        )
        built = self._task.build()
        try:
            self.facts = TaskFacts.of(built)
        finally:
            built.close()
        return self

    def __exit__(self, *error: Any) -> None:
        self._open.close()

    def play(self, seeds: Sequence[int]) -> Iterator[list[Rollout]]:
        """Rollouts in the order of `seeds`, in groups that are stored together."""
        if not self._block:
            for result in self._pool.run(self._factory, seeds, keep=lambda: True):
                yield [result]
            return
        for start in range(0, len(seeds), self._block):
            yield self._together(seeds[start : start + self._block])

    def _together(self, seeds: Sequence[int]) -> list[Rollout]:
        """A block; whatever goes wrong in it is found and judged episode by episode."""
        try:
            results = self._batch.play(seeds)
        except InputError:
            raise
        except Exception:
            results = None
        if results is not None:
            return results
        if not self._pool_is_open:
            self._open.enter_context(self._pool)
            self._pool_is_open = True
        return list(self._pool.run(self._factory, seeds, keep=lambda: True))


class _Log:
    """The lines of `recording.jsonl`: one a seed, written after its episode is safe."""

    def __init__(
        self, destination: Path, writer: DatasetWriter, seeds: range, judged_by: str
    ) -> None:
        self._path, self._writer, self._total = destination / LOG, writer, len(seeds)
        self._judged_by = judged_by
        self._succeeded, self._failed = 0, Counter[str]()
        self._knows_goal = False
        self._rows: dict[int, Mapping[str, Any]] = {}
        for row in read_lines(self._path):
            if row["seed"] in seeds:
                self._count(row)
        for record in writer.records:  # a kill between the two leaves an episode without its line
            seed = record.info.get("seed")
            if seed in seeds and seed not in self._rows:
                self._write({"seed": seed, "success": record.success, "steps": record.length,
                             "reason": record.info.get("reason"), "stored": True,
                             "instruction": record.instruction,
                             "return": record.info.get("return")})  # fmt: skip
        _check_ascending(destination, writer)

    @property
    def done(self) -> set[int]:
        """Seeds that need not be played again."""
        return set(self._rows)

    def add(self, results: Sequence[Rollout], keep_failures: bool) -> None:
        """Store the episodes that are wanted, then their lines."""
        wanted = [r for r in results if r.reason is None or keep_failures]
        stored = [r.episode for r in wanted if r.episode is not None]
        self._writer.add_many(stored)
        safe = {id(episode) for episode in stored}
        for result in results:
            self._write({**result.to_json(), "stored": id(result.episode) in safe})

    def so_far(self) -> Recording:
        """The counts of all lines."""
        return Recording(
            total=self._total, attempted=len(self._rows), judged_by=self._judged_by,
            succeeded=self._succeeded if self._knows_goal or not self._rows else None,
            stored=self._writer.episodes, steps=self._writer.steps, reasons=dict(self._failed),
        )  # fmt: skip

    def in_the_end(self) -> Recording:
        """The same, with the returns of all attempts."""
        return replace(self.so_far(), returns=return_summary(list(self._rows.values())))

    def explanation(self) -> str:
        """Reasons with their counts, and what the first crash said."""
        reasons = ", ".join(f"{reason} {n}" for reason, n in self._failed.items())
        details = [str(row["detail"]) for row in self._rows.values() if row.get("detail")]
        return f"{reasons}; {details[0]}" if details else reasons

    def _write(self, row: Mapping[str, Any]) -> None:
        append_line(self._path, row)
        self._count(row)

    def _count(self, row: Mapping[str, Any]) -> None:
        self._rows[row["seed"]] = row
        self._succeeded += row["success"] is True
        self._knows_goal |= row["success"] is not None and "detail" not in row
        if not row["success"] and row["reason"] is not None:
            self._failed[str(row["reason"])] += 1


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
