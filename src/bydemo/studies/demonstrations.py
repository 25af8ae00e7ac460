"""Where a study's demonstrations come from: recorded by the study itself, or given by the user."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.core.config import to_plain
from bydemo.core.results import read_json, write_json
from bydemo.data.layout import MANIFEST
from bydemo.data.source import Dataset
from bydemo.data.splits import Kind
from bydemo.evaluation.actors import ActorFactory, described
from bydemo.evaluation.record import record
from bydemo.evaluation.worker_process import TaskConfig
from bydemo.studies.locking import locked
from bydemo.studies.work import described_task

DATA = "data"
"""Folder of the datasets inside a study; beside each lies `<name>.json`, its settings."""


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """Demonstrations that the study records in simulation where they are not there yet.

    Plays seeds first_seed..first_seed + episodes - 1. actor: the task's expert unless given.
    keep_failures: store failed episodes too; as the task has it unless given.
    """

    task: TaskConfig
    episodes: int
    first_seed: int = 0
    actor: ActorFactory | None = None
    keep_failures: bool | None = None
    split: Kind | None = "random"

    def settings(self) -> dict[str, Any]:
        """All that decides what is recorded."""
        actor = None if self.actor is None else described(self.actor)
        plain = {n: getattr(self, n) for n in ("episodes", "first_seed", "keep_failures", "split")}
        return {**described_task(self.task), "actor": actor, **plain}


@dataclass(frozen=True, kw_only=True)
class Existing:
    """A dataset that is there already; the study does not change it."""

    path: Path


Demonstrations = Recorded | Existing
OnEpisode = Callable[[str, int, int], None]
"""Called with the name of a dataset, episodes played, and episodes to play."""


@dataclass(frozen=True, kw_only=True)
class Provided:
    """A dataset in place. shown: its path as results state it; seconds: recording took."""

    dataset: Dataset
    shown: str
    recorded: Mapping[str, Any] | None = None
    seconds: float = 0.0

    @property
    def identity(self) -> dict[str, Any]:
        """What makes it this one: its content and how it is split."""
        parts = {name: list(indices) for name, indices in self.dataset.splits.items()}
        return {"fingerprint": self.dataset.fingerprint(), "splits": parts}


def provide(
    wanted: Mapping[str, Demonstrations], study: Path, *, workers: int = 2,
    on_episode: OnEpisode = lambda name, done, total: None,
) -> dict[str, Provided]:  # fmt: skip
    """Every dataset in place, those of the study recorded or gone on with where they are not whole.
    """  # fmt: skip
    out = {}
    for name, source in wanted.items():
        if isinstance(source, Existing):
            dataset = Dataset.open(source.path)
            out[name] = Provided(dataset=dataset, shown=str(source.path))
        else:
            folder = study / DATA / name
            with locked(folder):
                seconds = _record(source, name, folder, workers, on_episode)
            out[name] = Provided(dataset=Dataset.open(folder), shown=f"{DATA}/{name}",
                                 recorded=source.settings(), seconds=seconds)  # fmt: skip
    return out


def _record(
    source: Recorded, name: str, folder: Path, workers: int, on_episode: OnEpisode
) -> float:
    """Seconds that the recording took, now or when it was made."""
    settings, mark = to_plain(source.settings()), folder.with_name(f"{folder.name}.json")
    known = read_json(mark) if mark.exists() else {}
    if known.get("settings") == settings and known["whole"] and (folder / MANIFEST).exists():
        return float(known["seconds"])
    if known and not _extends(known["settings"], settings):
        shutil.rmtree(folder, ignore_errors=True)  # the study's own, and the plan gave it up
        known = {}
    began, before = time.monotonic(), float(known.get("seconds", 0.0))
    write_json(mark, {"settings": settings, "seconds": before, "whole": False})
    failures = {} if source.keep_failures is None else {"keep_failures": source.keep_failures}
    record(
        source.task, folder, episodes=source.episodes, start_seed=source.first_seed,
        actor=source.actor, workers=workers, resume=(folder / MANIFEST).exists(),
        split=source.split,
        progress=lambda so_far: on_episode(name, so_far.attempted, so_far.total), **failures,
    )  # fmt: skip
    seconds = before + time.monotonic() - began
    write_json(mark, {"settings": settings, "seconds": seconds, "whole": True})
    return seconds


def _extends(before: Mapping[str, Any], settings: Mapping[str, Any]) -> bool:
    """Does the plan ask for the same episodes and more of them?"""
    fixed = {name for name in settings if name != "episodes"}
    same = all(before.get(name) == settings[name] for name in fixed)
    return same and int(before.get("episodes", 0)) <= int(settings["episodes"])
