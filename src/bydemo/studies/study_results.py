"""`results.json` of a study, from its plan and the run folders; see docs/study_schema.md.

It is a function of the plan and of what the runs hold; whatever a clock had a part in is kept apart
under `cost` and `made`.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bydemo.core.config import to_plain
from bydemo.core.results import read_json, versions
from bydemo.evaluation.worker_process import task_name
from bydemo.studies.demonstrations import Provided
from bydemo.studies.effects import Runs, effect, estimate
from bydemo.studies.evidence import Evidence, Findings, findings, higher_is_better, scored
from bydemo.studies.job import Job, JobRecord
from bydemo.studies.level import reached
from bydemo.studies.plan import Arm, Question, StudyPlan
from bydemo.studies.ranking import rank
from bydemo.studies.run import command_line
from bydemo.studies.sentences import conclusion
from bydemo.studies.work import LATENT, RESULTS

SCHEMA = "bydemo.study/1"


@dataclass(frozen=True, kw_only=True)
class Account:
    """Everything that the results are made of.

    settings: job key -> all that decides it; failed: job key -> reason.
    """

    plan: StudyPlan
    options: Mapping[str, Any]
    folder: Path
    datasets: Mapping[str, Provided]
    jobs: Sequence[Job]
    settings: Mapping[str, Any]
    failed: Mapping[str, str]
    workers: int
    wall_seconds: float
    searches: Sequence[Mapping[str, Any]] = ()
    _found: dict[str, Findings] = field(default_factory=dict)

    def of(self, arm: str) -> list[Job]:
        """The arm's runs, in the order of its seeds."""
        return [job for job in self.jobs if job.arm == arm]

    def state(self, job: Job) -> tuple[str, str | None]:
        """Of a run: finished, failed or waiting, and why it failed."""
        state, reason = job.state()
        if state == "waiting" and job.key in self.failed:
            return "failed", self.failed[job.key]
        return state, reason

    def findings(self, job: Job) -> Findings:
        """Every figure of a finished run."""
        if job.key not in self._found:
            found = findings(job.here.folder, job.stages)
            self._found[job.key] = {**found, **self._score(job, found)}
        return self._found[job.key]

    def runs(self, arm: str, figure: str) -> Runs:
        """Training seed -> evidence, of the runs that are finished and have the figure."""
        out: dict[int | None, Evidence] = {}
        for job in self.of(arm):
            if self.state(job)[0] == "finished" and figure in self.findings(job):
                out[job.here.seed] = self.findings(job)[figure]
        return out

    def _score(self, job: Job, found: Findings) -> Findings:
        ends = [name for name in (self.plan.floor, self.plan.ceiling) if name is not None]
        if not ends or job.arm in ends:
            return {}
        jobs = [self.of(name)[0] for name in ends]
        if any(self.state(end)[0] != "finished" for end in jobs):
            return {}
        return scored(found, self.findings(jobs[0]), self.findings(jobs[1]))


def study_results(account: Account) -> dict[str, Any]:
    """The whole file as plain values."""
    plan = account.plan
    states = [account.state(job)[0] for job in account.jobs]
    searched = all(search["complete"] for search in account.searches)
    return {
        "schema": SCHEMA, "name": plan.name, "title": plan.title, "about": plan.about,
        "options": to_plain(account.options),
        "complete": searched and all(state == "finished" for state in states),
        "jobs": {"total": len(states), "finished": states.count("finished"),
                 "failed": states.count("failed")},
        "tasks": {label: {"task": task_name(task), "task_config": to_plain(task)}
                  for label, task in plan.every_task.items()},
        "datasets": {name: _dataset(data) for name, data in account.datasets.items()},
        "level": None if plan.level is None else to_plain(plan.level),
        "arms": [_arm(account, arm) for arm in plan.arms],
        "chapters": [to_plain(chapter) for chapter in plan.chapters],
        "questions": [_question(account, question) for question in plan.questions],
        "rankings": [rank(ranking, [arm.name for arm in plan.arms], account.runs)
                     for ranking in plan.rankings],
        "searches": list(account.searches),
        "cost": _cost(account),
        "made": {"command": command_line(), "versions": versions(),
                 "machine": {"system": platform.platform(), "cores": os.cpu_count()}},
    }  # fmt: skip


def _dataset(data: Provided) -> dict[str, Any]:
    dataset = data.dataset
    return {
        "path": data.shown, "fingerprint": dataset.fingerprint(), "steps": dataset.steps,
        "episodes": len(dataset.episodes), "recorded": data.recorded,
        "splits": {name: len(indices) for name, indices in dataset.splits.items()},
    }  # fmt: skip


def _arm(account: Account, arm: Arm) -> dict[str, Any]:
    jobs = account.of(arm.name)
    done = [job for job in jobs if account.state(job)[0] == "finished"]
    figures = [
        name
        for name in dict.fromkeys(name for job in done for name in account.findings(job))
        if account.plan.tells_of(name)
    ]
    estimates = {name: estimate(account.runs(arm.name, name)) for name in figures}
    parameters = estimates.pop("parameters", None)
    stored = [read_json(job.here.folder / RESULTS) for job in done]
    level = account.plan.level
    return {
        "name": arm.name, "title": arm.title, "about": arm.about, "kind": arm.work.kind,
        "dataset": arm.dataset, "after": arm.after,
        "settings": account.settings[jobs[0].key] if jobs else {},
        "seeds": list(arm.seeds),
        "runs": [_run(account, job) for job in jobs],
        "parameters": None if parameters is None else round(parameters.value),
        "parameters_in_all": next(
            (found["training"]["parameters_in_all"] for found in stored
             if "parameters_in_all" in (found.get("training") or {})), None),
        "level": None if level is None else reached([job.here.folder for job in done], level),
        "figures": {name: found.to_json() for name, found in estimates.items()},
    }  # fmt: skip


def _run(account: Account, job: Job) -> dict[str, Any]:
    state, reason = account.state(job)
    folder = job.here.folder.relative_to(account.folder).as_posix()
    return {"seed": job.here.seed, "folder": folder, "state": state, "reason": reason,
            "convergence": _convergence(job) if state == "finished" else None}  # fmt: skip


def _convergence(job: Job) -> str | None:
    """The verdict on a representation's training, of a run that was judged by its latent."""
    if LATENT not in job.stages:
        return None
    verdict = read_json(job.here.folder / RESULTS)["latent"]["convergence"]["verdict"]
    return None if verdict is None else str(verdict)


def _question(account: Account, question: Question) -> dict[str, Any]:
    higher = question.higher_is_better
    if higher is None:
        higher = higher_is_better(question.decides)
    effects = [_effect(account, question, name, higher) for name in question.arms]
    labels = {name: account.plan.arm(name).label for name in (question.control, *question.arms)}
    return {
        "title": question.title, "chapter": question.chapter,
        "varies": question.varies, "why": question.why,
        "decides": question.decides, "also": list(question.also), "higher_is_better": higher,
        "control": question.control, "arms": list(question.arms), "effects": effects,
        "curve": None if question.curve is None else to_plain(question.curve),
        "conclusions": [
            conclusion(labels[found["arm"]], labels[question.control], question.decides, found)
            for found in effects
        ],
    }  # fmt: skip


def _effect(account: Account, question: Question, name: str, higher: bool) -> dict[str, Any]:
    out = {}
    for figure in dict.fromkeys((question.decides, *question.also)):
        ours, theirs = (account.runs(arm, figure) for arm in (name, question.control))
        if not ours or not theirs:
            missing = name if not ours else question.control
            out[figure] = {"problem": f"no run of {missing} has this figure"}
        else:
            direction = higher if figure == question.decides else None
            out[figure] = effect(ours, theirs, figure, direction)
    decided = out[question.decides]
    lost = [job for arm in (name, question.control) for job in account.of(arm)
            if account.state(job)[0] != "finished"]  # fmt: skip
    if lost and "verdict" in decided:
        # Who failed was not drawn by chance: what is left over may be the lucky ones.
        decided["verdict"] = f"cannot tell: {len(lost)} of the runs did not finish"
    return {"arm": name, "verdict": decided.get("verdict", "cannot tell"), "figures": out}


def _cost(account: Account) -> dict[str, Any]:
    arms: dict[str, Any] = {}
    for arm in account.plan.arms:
        rows = [_run_cost(job) for job in account.of(arm.name)]
        known = [row for row in rows if row["wall_minutes"]]
        arms[arm.name] = {
            **{name: _mean([row.get(name) for row in known]) for name in _COSTS}, "runs": rows,
        }  # fmt: skip
    cpu = sum(row["cpu_hours"] for entry in arms.values() for row in entry["runs"])
    return {
        "wall_minutes": account.wall_seconds / 60, "cpu_hours": cpu, "workers": account.workers,
        "arms": arms,
        "datasets": {name: {"wall_minutes": data.seconds / 60}
                     for name, data in account.datasets.items()},
    }  # fmt: skip


_COSTS = ("wall_minutes", "cpu_hours", "training_seconds", "samples_per_second", "peak_memory_mb",
          "latency_ms")  # fmt: skip


def _run_cost(job: Job) -> dict[str, Any]:
    record = JobRecord.of(job.here.folder)
    row: dict[str, Any] = {"seed": job.here.seed, "wall_minutes": record.seconds / 60,
                           "cpu_hours": record.cpu_seconds / 3600}  # fmt: skip
    path = job.here.folder / RESULTS
    found = read_json(path) if path.exists() else {}
    training = found.get("training") or {}
    row["training_seconds"] = training.get("seconds")
    row["latency_ms"] = (found.get("latency") or {}).get("milliseconds")
    return row | {name: training.get(name) for name in ("samples_per_second", "peak_memory_mb")}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
