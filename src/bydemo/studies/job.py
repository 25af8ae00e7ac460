"""One run of a study: an arm's work for one seed in a folder of its own, done once and for good.

`job.json` in the run folder states the fingerprint of each stage that is whole. A stage whose
fingerprint is there is never repeated; one that differs is done again, and only that one, unless it
is the first, on which all others rest.
"""

from __future__ import annotations

import hashlib
import json
import resource
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from bydemo.core.errors import TrainingError
from bydemo.core.results import read_json, write_json
from bydemo.studies.locking import locked
from bydemo.studies.work import RESULTS, Here, Tell, Work

JOB = "job.json"
SCHEMA = "bydemo.job/1"
TICK = 5.0
"""[s] between notes of the time spent: so much is lost by a kill at most."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a worker process is given. stages: stage -> fingerprint, in the order of doing."""

    arm: str
    work: Work
    here: Here
    stages: Mapping[str, str] = field(default_factory=dict)
    needs: str | None = None

    @property
    def key(self) -> str:
        """E.g. `ours/seed-1`: also its folder among the runs."""
        return f"{self.arm}/{seed_folder(self.here.seed)}"

    @property
    def makes(self) -> str:
        """Fingerprint of the first stage, on which other runs may rest."""
        return next(iter(self.stages.values()))

    def carry_out(self, tell: Tell) -> None:
        """Do what is still to be done. An error that training itself raises (a loss that is not
        finite) is an outcome: it is kept, and found again by `record`."""
        with locked(self.here.folder):
            record = JobRecord.of(self.here.folder)
            lost = bool(record.done) and not (self.here.folder / RESULTS).exists()
            if record.begun.get(self._first) != self.makes or lost:
                shutil.rmtree(self.here.folder, ignore_errors=True)
                record = JobRecord.of(self.here.folder)
            clock = _Clock(self.here.folder, record)
            here = replace(self.here, tell=partial(_tell, tell, clock))
            self._forget(record)
            clock.save()
            for stage, fingerprint in self.stages.items():
                if record.done.get(stage) == fingerprint:
                    continue
                record.begun[stage] = fingerprint
                record.done.pop(stage, None)
                clock.save()
                try:
                    self.work.do(stage, here)
                except TrainingError as error:
                    record.failed = {"stage": stage, "fingerprint": fingerprint,
                                     "reason": str(error)}  # fmt: skip
                    clock.save()
                    raise
                record.done[stage] = fingerprint
                clock.save()

    def state(self) -> tuple[str, str | None]:
        """`finished`, `failed` with its reason, or `waiting`."""
        record = JobRecord.of(self.here.folder)
        failed = record.failed
        if failed and self.stages.get(failed["stage"]) == failed["fingerprint"]:
            return "failed", str(failed["reason"])
        if record.done == dict(self.stages) and (self.here.folder / RESULTS).exists():
            return "finished", None
        return "waiting", None

    @property
    def _first(self) -> str:
        return next(iter(self.stages))

    def _forget(self, record: JobRecord) -> None:
        """Outcomes of stages that the plan no longer has go from the run's results."""
        gone = [stage for stage in record.begun if stage not in self.stages]
        path = self.here.folder / RESULTS
        if gone and path.exists():
            results = read_json(path)
            for stage in gone:
                block, _, name = stage.partition(".")
                if name:
                    results.get(block, {}).pop(name, None)
                else:
                    results.pop(block, None)
            write_json(path, results)
        for stage in gone:
            record.begun.pop(stage)
            record.done.pop(stage, None)
        failed = record.failed
        if failed and self.stages.get(failed["stage"]) != failed["fingerprint"]:
            record.failed = None


@dataclass(kw_only=True)
class JobRecord:
    """`job.json`: what was begun and what is whole, and the time that all attempts took together.
    """  # fmt: skip

    folder: Path
    begun: dict[str, str] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Any] | None = None
    seconds: float = 0.0
    cpu_seconds: float = 0.0

    @classmethod
    def of(cls, folder: Path) -> JobRecord:
        """As the folder has it; empty if there is none."""
        if not (folder / JOB).exists():
            return cls(folder=folder)
        plain = read_json(folder / JOB)
        return cls(folder=folder, **{n: v for n, v in plain.items() if n != "schema"})

    def save(self) -> None:
        """Write it, whole or not at all."""
        plain = {n: v for n, v in vars(self).items() if n != "folder"}
        write_json(self.folder / JOB, {"schema": SCHEMA, **plain})


class _Clock:
    """Adds this attempt's time to what the record had before."""

    def __init__(self, folder: Path, record: JobRecord) -> None:
        self._record = record
        self._before = record.seconds, record.cpu_seconds
        self._began = self._saved = time.monotonic()
        self._cpu_began = _cpu_seconds()

    def tick(self) -> None:
        if time.monotonic() - self._saved >= TICK:
            self.save()

    def save(self) -> None:
        self._saved = time.monotonic()
        self._record.seconds = self._before[0] + self._saved - self._began
        self._record.cpu_seconds = self._before[1] + _cpu_seconds() - self._cpu_began
        self._record.save()


def _tell(tell: Tell, clock: _Clock, what: str, done: int, total: int) -> None:
    clock.tick()
    tell(what, done, total)


def _cpu_seconds() -> float:
    """Of this process, all its threads, and the children that it has waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(times.ru_utime + times.ru_stime for times in used)


def seed_folder(seed: int | None) -> str:
    """Name of a run's folder inside its arm's."""
    return "once" if seed is None else f"seed-{seed}"


def fingerprint(*values: Any) -> str:
    """Hexadecimal SHA-256 of JSON values."""
    return hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest()


def fingerprints(
    settings: Mapping[str, Any], *, seed: int | None, dataset: Any, start: str | None
) -> dict[str, str]:
    """Stage -> fingerprint: the first one's of what made it, the others' of that and their own.

    settings: of each stage. dataset: its identity; start: fingerprint of the run it starts from.
    """
    out: dict[str, str] = {}
    for stage, decides in settings.items():
        rests_on = next(iter(out.values())) if out else fingerprint(seed, dataset, start)
        out[stage] = fingerprint(stage, decides, rests_on)
    return out
