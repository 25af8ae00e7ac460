"""Carry a study out: its datasets, then every run that is still missing, then the results.

Nothing that is finished is repeated. Killed at any moment and started again, a study ends with the
same results as one that was never disturbed, because each stage of each run is a function of its
settings and its seed, and counts only once it is whole.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bydemo.core.errors import InputError
from bydemo.core.results import read_json, write_json
from bydemo.studies.demonstrations import Provided, provide
from bydemo.studies.job import Job, JobRecord, fingerprints, seed_folder
from bydemo.studies.job_pool import JobPool, Schedule, Standing
from bydemo.studies.locking import locked
from bydemo.studies.plan import Arm, StudyPlan
from bydemo.studies.search import Search, shares, survey
from bydemo.studies.study_results import Account, study_results
from bydemo.studies.work import Here

RESULTS = "results.json"
RUNS = "runs"


@dataclass(frozen=True, kw_only=True)
class Watch:
    """Who is told how the study goes: of recordings, and of runs."""

    recording: Callable[[str, int, int], None] = lambda name, done, total: None
    running: Callable[[Standing], None] = lambda standing: None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A plan with its data in place: every run, and all that decides it."""

    datasets: Mapping[str, Provided]
    jobs: Sequence[Job]
    settings: Mapping[str, Any] = field(default_factory=dict)


def run_study(
    plan: StudyPlan, folder: Path, *, options: Any = None, workers: int = 2,
    watch: Watch | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Do what is missing, and write and return the study's results.

    A run that failed does not stop the others; it is in the results with its reason, and is tried
    again the next time, unless its training itself went astray.
    """
    plan.check()
    told = watch or Watch()
    with locked(folder, wait=1.0):
        began = time.monotonic() - _earlier_seconds(folder)
        datasets = provide(plan.datasets, folder, workers=workers, on_episode=told.recording)
        prepared = prepare_jobs(plan, folder, datasets)
        failed: dict[str, str] = {}

        def write() -> dict[str, Any]:
            found = [_searched(search, folder, datasets, failed) for search in plan.searches]
            account = Account(
                plan=plan, options=options, folder=folder, datasets=datasets, jobs=prepared.jobs,
                settings=prepared.settings, failed=failed, workers=workers,
                wall_seconds=time.monotonic() - began, searches=found,
            )  # fmt: skip
            results = study_results(account)
            write_json(folder / RESULTS, results)
            return results

        write()  # the questions, before anything is known
        schedule = _schedule(prepared.jobs, plan, folder, datasets, workers)
        try:
            JobPool(workers).run(schedule, told.running)
        finally:
            failed.update(schedule.failed)
            results = write()
        return results


def prepare_jobs(plan: StudyPlan, folder: Path, datasets: Mapping[str, Provided]) -> Prepared:
    """Every run of every arm with its fingerprints; settings that are wrong are found here."""
    jobs: dict[str, Job] = {}
    settings: dict[str, Any] = {}
    for arm in _in_order(plan):
        for seed in arm.seeds or (None,):
            start = _start(plan, arm, seed)
            data = None if arm.dataset is None else datasets[arm.dataset]
            job, decides = _job(arm, seed, folder, data, start, jobs)
            jobs[job.key], settings[job.key] = job, decides
    keys = [f"{arm.name}/{seed_folder(s)}" for arm in plan.arms for s in arm.seeds or (None,)]
    return Prepared(datasets=datasets, jobs=[jobs[key] for key in keys], settings=settings)


def _job(
    arm: Arm, seed: int | None, folder: Path, data: Provided | None, start: str | None,
    jobs: Mapping[str, Job],
) -> tuple[Job, Any]:  # fmt: skip
    path = None if data is None else data.dataset.path
    # In the fingerprint, the run before it is its folder inside the study: studies may be moved.
    inside = Here(folder=Path(RUNS), seed=seed, dataset=path,
                  start=None if start is None else Path(RUNS) / start)  # fmt: skip
    try:
        decides = json.loads(json.dumps(arm.work.stages(inside)))
    except InputError as error:
        raise InputError(f"{error.problem} (in arm '{arm.name}')", path=error.path,
                         field=error.field) from error  # fmt: skip
    marks = fingerprints(
        decides, seed=seed, dataset=None if data is None else data.identity,
        start=None if start is None else jobs[start].makes,
    )  # fmt: skip
    here = Here(
        folder=folder / RUNS / arm.name / seed_folder(seed), seed=seed, dataset=path,
        start=None if start is None else folder / RUNS / start,
    )  # fmt: skip
    return Job(arm=arm.name, work=arm.work, here=here, stages=marks, needs=start), decides


def _start(plan: StudyPlan, arm: Arm, seed: int | None) -> str | None:
    """The key of the run that this one starts from."""
    if arm.after is None:
        return None
    before = plan.arm(arm.after)
    return f"{before.name}/{seed_folder(seed if before.seeds else None)}"


def _in_order(plan: StudyPlan) -> list[Arm]:
    """Every arm after the one that it starts from."""
    done: dict[str, Arm] = {}

    def add(arm: Arm) -> None:
        if arm.after is not None and arm.after not in done:
            add(plan.arm(arm.after))
        done.setdefault(arm.name, arm)

    for arm in plan.arms:
        add(arm)
    return list(done.values())


def _schedule(
    jobs: Sequence[Job], plan: StudyPlan, folder: Path, datasets: Mapping[str, Provided],
    workers: int,
) -> Schedule:  # fmt: skip
    """What is still to be done; arms and searches in the plan's order."""
    schedule = Schedule(waiting=[], group=lambda task: task.key.partition("/")[0])
    for job in jobs:
        state, reason = job.state()
        if state == "finished":
            schedule.done.add(job.key)
            seconds = JobRecord.of(job.here.folder).seconds
            schedule.seconds.setdefault(job.arm, []).append(seconds)
        elif state == "failed":
            schedule.failed[job.key] = str(reason)
        else:
            schedule.waiting.append(job)
    for search in plan.searches:
        schedule.waiting += shares(search, folder, datasets[search.dataset], max(workers, 1))
    return schedule


def _searched(
    search: Search, folder: Path, datasets: Mapping[str, Provided], failed: Mapping[str, str]
) -> dict[str, Any]:
    """What a search found, and what broke down in it besides its trials."""
    broken = [reason for key, reason in failed.items() if key.startswith(f"{search.name}/share-")]
    return {**survey(search, folder, datasets[search.dataset]), "problems": broken}


def _earlier_seconds(folder: Path) -> float:
    path = folder / RESULTS
    if not path.exists():
        return 0.0
    minutes = read_json(path).get("cost", {}).get("wall_minutes") or 0.0
    return float(minutes) * 60
