"""All that a DAgger run could be refused for, said before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bydemo.core.codec import Codec
from bydemo.core.errors import BydemoError, InputError
from bydemo.core.fields import Spec
from bydemo.core.language import Vocabulary
from bydemo.data.layout import MANIFEST, read_manifest
from bydemo.evaluation.actors import ActorFactory
from bydemo.evaluation.callables import checked_action
from bydemo.evaluation.worker_process import TaskConfig
from bydemo.models.base import Policy
from bydemo.models.folder import shapes_for
from bydemo.sim.task import Observation
from bydemo.studies.experiment import Experiment
from bydemo.studies.run import CONFIG


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the first moment of the first episode tells: the task's fields and what is seen."""

    spec: Spec
    max_steps: int
    rendering: Mapping[str, Any] | None
    judged_by: str
    observation: Observation
    instruction: str


def first_look(task: TaskConfig, teacher: ActorFactory, seed: int) -> Start:
    """Ask the expert once; InputError unless it answers with an action of the task's."""
    made = task.build()
    try:
        actor = teacher.build(made)
        observation, _ = made.reset(seed=seed)
        try:
            actor.reset(seed, made.instruction)
            answer = actor.act(observation)
        except BydemoError:
            raise
        except Exception as error:  # a user's own function may raise anything
            raise InputError(f"raised {type(error).__name__}: {error}", field="expert") from error
        checked_action(answer, made.data_spec.action)
        return Start(
            spec=made.data_spec, max_steps=made.max_steps, observation=observation,
            rendering=getattr(made, "rendering", None), instruction=made.instruction,
            judged_by=made.judged_by,
        )  # fmt: skip
    finally:
        made.close()


def check_fits(experiment: Experiment, start: Start) -> None:
    """Raise InputError unless the recipe's model can be built for the task's fields, and act."""
    data, spec = experiment.data, start.spec
    for name in data.view.cameras:
        if name not in spec.cameras:
            listed = ", ".join(spec.cameras) or "none"
            raise InputError(f"the task has no camera '{name}'; there are {listed}",
                             field="data.view.cameras")  # fmt: skip
    if data.view.cameras:
        data.view.of(start.observation)
    zeros = {name: [np.zeros((1, *spec.observation[name].shape))] for name in spec.vectors}
    codec = Codec.fit(
        spec, zeros, [np.zeros((1, *spec.action.shape))],
        observation_scaling=data.observation_scaling, action_scaling=data.action_scaling,
    )  # fmt: skip
    vocabulary = Vocabulary.of([start.instruction])
    try:
        model = experiment.model.build(
            shapes_for(codec, data.view, vocabulary, data.chunk, data.history)
        )
    except ValueError as error:
        raise InputError(str(error), field="model") from error
    if not isinstance(model, Policy):
        raise InputError("is no policy, it cannot act", field="model")


def check_folders(dataset: Path, run: Path, source: Mapping[str, Any], *, resume: bool) -> None:
    """Refuse folders that hold something else, and settings other than those begun with."""
    if run.exists() and not run.is_dir():
        raise InputError("is a file, expected a folder for the run", path=run)
    begun = (dataset / MANIFEST).exists()
    if not resume:
        if begun or (dataset.exists() and (not dataset.is_dir() or any(dataset.iterdir()))):
            raise InputError("already exists; resume, or choose another path", path=dataset)
        if (run / CONFIG).exists() or (run / "rounds").exists():
            raise InputError("already holds a run; resume it or choose another folder", path=run)
        return
    if not begun:
        return  # killed before anything was written
    before = read_manifest(dataset).get("source", {})
    if before.get("actor") != source["actor"]:
        raise InputError(f"was recorded by {before.get('actor')}, not by DAgger",
                         path=dataset / MANIFEST, field="source.actor")  # fmt: skip
    for place, theirs, ours in (
        ("source", before, source),
        ("source.actor_config", before.get("actor_config", {}), source["actor_config"]),
    ):
        for name, value in ours.items():
            if name in ("versions", "actor_config") or theirs.get(name) == value:
                continue
            raise InputError(
                f"was {theirs.get(name)}, is now {value}; go on with the same settings, or begin "
                "anew elsewhere", path=dataset / MANIFEST, field=f"{place}.{name}",
            )  # fmt: skip
