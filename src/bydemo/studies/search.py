"""Search for settings: trials of one recipe, shared by several processes or machines.

The trials live in a database (optuna's RDB storage), a SQLite file in the study's folder unless a
URL is given; whoever works on the same one takes trials from it. A trial whose process died stops
sending its heartbeat; it is then given out again with the same settings, and goes on from its
checkpoint. With the sampler `even`, which trials there are depends on the seed alone, so that the
table at the end is the same however often a process died; `tpe` learns from the trials before, and
repeats itself only where one process does them all.
"""

from __future__ import annotations

import dataclasses
import json
import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from bydemo.core.errors import BydemoError, InputError, StorageError
from bydemo.data.source import Dataset
from bydemo.studies.demonstrations import Provided
from bydemo.studies.evidence import findings, higher_is_better
from bydemo.studies.job import Job, fingerprint, fingerprints, seed_folder
from bydemo.studies.ranking import spearman
from bydemo.studies.space import Choice, Range, even
from bydemo.studies.work import Here, Tell, TrainAndJudge

if TYPE_CHECKING:
    import optuna

SEARCHES = "searches"
HEARTBEAT = 5
"""[s] between signs of life of a trial."""
GRACE = 20
"""[s] without one after which a trial counts as abandoned."""
_RETRIES = 5
_SLOT, _REASON = "slot", "reason"


@dataclass(frozen=True, kw_only=True)
class Search:
    """What settings are best? `trials` draws from `space`, each the mean of its training seeds.

    varies, why, decides, chapter: as in a question. work: what a trial trains, with fields of its
    experiment changed. space: dotted field -> `Choice` or `Range`. seed: of the draws. storage: URL
    of a database that others reach too.
    """

    name: str
    title: str
    varies: str
    why: str
    decides: str
    dataset: str
    work: TrainAndJudge
    space: Mapping[str, Choice | Range]
    trials: int
    seeds: tuple[int, ...] = (1,)
    sampler: Literal["even", "tpe"] = "even"
    seed: int = 0
    storage: str = ""
    higher_is_better: bool | None = None
    chapter: str = ""

    @property
    def higher(self) -> bool:
        """Whether more of the deciding figure is better."""
        return higher_is_better(self.decides) if self.higher_is_better is None else (
            self.higher_is_better)  # fmt: skip

    def describe(self) -> dict[str, Any]:
        """Its texts and settings as plain values."""
        names = ("title", "varies", "why", "decides", "sampler")
        space = {name: dimension.to_json() for name, dimension in self.space.items()}
        texts = {name: getattr(self, name) for name in names}
        return {**texts, "name": self.name, "higher_is_better": self.higher, "space": space}


@dataclass(frozen=True, kw_only=True)
class Share:
    """One process's part of a search: it takes trials until none is left."""

    search: Search
    folder: Path
    data: Path
    identity: Mapping[str, Any]
    number: int
    needs: str | None = None

    @property
    def key(self) -> str:
        """E.g. `learning-rate/share-1`."""
        return f"{self.search.name}/share-{self.number}"

    def carry_out(self, tell: Tell) -> None:
        """Trial after trial; those of others that died are given out again."""
        import optuna

        study = open_trials(self.search, self.folder, self.identity)
        running, waiting = optuna.trial.TrialState.RUNNING, optuna.trial.TrialState.WAITING
        while study.get_trials(deepcopy=False, states=(running, waiting)):
            if study.get_trials(deepcopy=False, states=(waiting,)):
                study.optimize(lambda trial: self._try(trial, tell), n_trials=1,
                               catch=(BydemoError,))  # fmt: skip
            else:  # another's last trials: they may yet be abandoned
                time.sleep(1.0)
                optuna.storages.fail_stale_trials(study)

    def _try(self, trial: optuna.Trial, tell: Tell) -> float:
        import optuna

        slot = trial.user_attrs.get(_SLOT)
        if slot is None:  # somebody else took the last one that was waiting
            raise optuna.TrialPruned
        if self.search.sampler == "tpe":
            # A function of the trials before and of the trial's place, not of who does it.
            trial.study.sampler = optuna.samplers.TPESampler(seed=self.search.seed + 1000 * slot)
        changes = {name: d.suggest(trial, name) for name, d in self.search.space.items()}
        values = []
        for seed in self.search.seeds:
            job = self._job(slot, seed, changes)
            try:
                job.carry_out(tell)
            except StorageError:
                raise  # no fault of the settings: the slot is filled again the next time
            except BydemoError as error:
                trial.set_user_attr(_REASON, str(error))
                raise
            values.append(_value(job, self.search.decides))
        return sum(values) / len(values)

    def _job(self, slot: int, seed: int, changes: Mapping[str, Any]) -> Job:
        work = dataclasses.replace(
            self.search.work, changes={**self.search.work.changes, **changes}
        )
        run = self.folder / trial_folder(self.search.name, slot) / seed_folder(seed)
        here = Here(folder=run, seed=seed, dataset=self.data)
        stages = fingerprints(json.loads(json.dumps(work.stages(here))), seed=seed,
                              dataset=self.identity, start=None)  # fmt: skip
        return Job(arm=self.search.name, work=work, here=here, stages=stages)


def shares(search: Search, folder: Path, data: Provided, count: int) -> list[Share]:
    """What `count` processes are given; none where all trials are done. Settings that are wrong
    are found here."""
    study = open_trials(search, folder, data.identity)
    _check(search, data.dataset)
    _fill(search, study)
    left = [t for t in study.get_trials(deepcopy=False) if not t.state.is_finished()]
    return [
        Share(search=search, folder=folder, data=data.dataset.path, identity=data.identity,
              number=number + 1)
        for number in range(min(count, len(left)))
    ]  # fmt: skip


def survey(search: Search, folder: Path, data: Provided) -> dict[str, Any]:
    """The search's entry in the study's results."""
    trials = open_trials(search, folder, data.identity).get_trials(deepcopy=False)
    rows = [_row(search, slot, trials) for slot in range(search.trials)]
    known = [row for row in rows if row["value"] is not None]
    best = None
    if known:
        pick = max if search.higher else min
        best = pick(known, key=lambda row: float(row["value"]))["number"]
    return {
        **search.describe(), "chapter": search.chapter, "trials": rows, "best": best,
        "complete": all(row["state"] != "waiting" for row in rows),
        "importance": dict(_importance(search, known)),
    }  # fmt: skip


def trial_folder(search: str, slot: int) -> Path:
    """Of a trial, inside the study."""
    return Path(SEARCHES) / search / f"trial-{slot:04d}"


def open_trials(search: Search, folder: Path, identity: Mapping[str, Any]) -> optuna.Study:
    """The database's trials of this very search; another space or recipe has its own."""
    try:
        import optuna
    except ImportError as error:
        raise InputError("a search needs optuna: pip install 'bydemo[search]'",
                         field="searches") from error  # fmt: skip
    import warnings

    place = folder / SEARCHES / search.name
    place.mkdir(parents=True, exist_ok=True)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    url = search.storage or f"sqlite:///{place / 'trials.db'}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        storage = optuna.storages.RDBStorage(
            url, heartbeat_interval=HEARTBEAT, grace_period=GRACE,
            engine_kwargs={"connect_args": {"timeout": 60}} if url.startswith("sqlite") else None,
            heartbeat_stale_trial_callback=optuna.storages.RetryHeartbeatStaleTrialCallback(
                max_retry=_RETRIES
            ),
        )  # fmt: skip
    settings = {**search.describe(), "work": repr(search.work), "seeds": search.seeds,
                "seed": search.seed, "dataset": dict(identity)}  # fmt: skip
    return optuna.create_study(
        storage=storage, study_name=f"{search.name}-{fingerprint(settings)[:12]}",
        direction="maximize" if search.higher else "minimize", load_if_exists=True,
        sampler=optuna.samplers.RandomSampler(seed=search.seed),
    )  # fmt: skip


def _check(search: Search, dataset: Dataset) -> None:
    if search.trials < 1 or not search.space:
        raise InputError("a search needs trials and a space", field=f"searches.{search.name}")
    first = even(search.space, 1, search.seed)[0]
    work = dataclasses.replace(search.work, changes={**search.work.changes, **first})
    work.stages(Here(folder=Path(SEARCHES), seed=search.seeds[0], dataset=dataset.path))


def _fill(search: Search, study: optuna.Study) -> None:
    """See to it that each slot has a trial that is done, under way or waiting."""
    drawn = even(search.space, search.trials, search.seed)
    trials = study.get_trials(deepcopy=False)
    for slot in range(search.trials):
        mine = [t for t in trials if t.user_attrs.get(_SLOT) == slot]
        if any(_settled(trial) or not trial.state.is_finished() for trial in mine):
            continue
        known = mine[-1].params if mine else {}
        if search.sampler == "even":
            known = {name: search.space[name].stored(value) for name, value in drawn[slot].items()}
        study.enqueue_trial(known, user_attrs={_SLOT: slot})


def _settled(trial: optuna.trial.FrozenTrial) -> bool:
    """Does it have an outcome: a value, or settings that cannot be trained with?"""
    return trial.state.name == "COMPLETE" or _REASON in trial.user_attrs


def _row(search: Search, slot: int, trials: list[optuna.trial.FrozenTrial]) -> dict[str, Any]:
    mine = [t for t in trials if t.user_attrs.get(_SLOT) == slot]
    settled = [t for t in mine if _settled(t)]
    row: dict[str, Any] = {"number": slot, "changes": {}, "value": None, "state": "waiting",
                           "folder": trial_folder(search.name, slot).as_posix(),
                           "reason": None}  # fmt: skip
    if settled:
        found = settled[0]
        row["changes"] = {n: search.space[n].meant(found.params[n]) for n in search.space}
        row["state"] = "failed" if _REASON in found.user_attrs else "finished"
        row["reason"] = found.user_attrs.get(_REASON)
        row["value"] = found.value if row["state"] == "finished" else None
    return row


def _value(job: Job, figure: str) -> float:
    """The deciding figure of a finished run."""
    found = findings(job.here.folder, job.stages)
    if figure not in found:
        raise InputError(f"a trial has no '{figure}', but {', '.join(sorted(found))}",
                         field="decides")  # fmt: skip
    return found[figure].value


def _importance(search: Search, rows: list[dict[str, Any]]) -> Iterator[tuple[str, float | None]]:
    for name, dimension in search.space.items():
        if isinstance(dimension, Range):
            rho = spearman([r["changes"][name] for r in rows], [r["value"] for r in rows]).value
            yield name, None if math.isnan(rho) else rho
