"""What the Jaco study stands on: how much is trained at each preset, what the demonstrations allow
to be asked, and the figures that decide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Literal

from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.data.source import Dataset
from bydemo.data.splits import SHORT
from bydemo.evaluation.closed_loop import undrawn
from bydemo.evaluation.worker_process import TaskConfig
from bydemo.sim.tasks import task_config
from bydemo.studies.demonstrations import Demonstrations, Existing, Recorded
from bydemo.studies.judging import own_tasks, variants

Preset = Literal["quick", "full", "debug"]
JACO: Final = "jaco"
"""The study's dataset."""
SPLITS: Final = ("train", "validation", "test")
_OBJECT: Final = "object_position"
_DRIFT: Final = 0.025
"""[m/s] of the recordings, see `Randomisation.drift`; no policy is judged under it."""


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much a preset trains.

    pictures: pixels of the reference's models; foresight: of our policy; the recipes' own where
    None. policy, ours, autoencoder, representation: epochs of the reference's policies and of
    ours, of its autoencoder and of our representations. shares: of the labelled episodes. trials:
    of the search. episodes: to record. rollouts: environment seeds a skill. max_steps: of an
    episode that is judged, None for the task's own. short: fields changed in every training, to
    see only that it works.
    """

    pictures: int | None
    foresight: int | None
    policy: int
    ours: int
    autoencoder: int
    representation: int
    shares: tuple[float, ...] = (0.1, 0.3, 1.0)
    trials: int
    episodes: int
    rollouts: int
    max_steps: int | None = None
    short: Mapping[str, Any] = field(default_factory=dict)

    def changes(
        self, more: Mapping[str, Any], *, pixels: int | None = None, epochs: int | None = None,
        share: float = 1.0,
    ) -> dict[str, Any]:  # fmt: skip
        """Changes of a recipe; with a share of the labels as many epochs more, so that the steps
        stay as many."""
        size = {} if pixels is None else {"data.view.size": pixels}
        length = {} if epochs is None else {"training.epochs": round(epochs / share)}
        part = {} if share == 1 else {"data.share": share}
        return {**size, **length, **part, **more, **self.short}


SCALES: Final[Mapping[Preset, Scale]] = {
    "quick": Scale(
        pictures=56, foresight=56, policy=3, ours=6, autoencoder=30, representation=6, trials=8,
        episodes=600, rollouts=12, max_steps=SHORT,
    ),
    "full": Scale(
        pictures=None, foresight=None, policy=10, ours=16, autoencoder=30, representation=24,
        trials=30, episodes=600, rollouts=100,
    ),
    "debug": Scale(
        pictures=56, foresight=56, policy=1, ours=1, autoencoder=1, representation=1,
        shares=(0.5, 1.0), trials=2, episodes=16, rollouts=1, max_steps=3,
        short={"training.epochs": None, "training.steps": 3, "training.batch_size": 16,
               "training.warmup": 0},
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What there is to learn from, and where a policy can be let act.

    tasks: label -> task in which the demonstrations were recorded; none of real ones.
    """

    demonstrations: Demonstrations
    spec: Spec
    tasks: Mapping[str, TaskConfig] = field(default_factory=dict)

    @property
    def validation(self) -> str:
        """Decides while there is something to choose."""
        return f"offline.validation.policy.{self._label}.macro_f1"

    @property
    def offline(self) -> tuple[str, ...]:
        """Of the test split: labels as a whole, and the size of the movements' error."""
        label, part = f"offline.test.policy.{self._label}", self._movement
        both = (f"{label}.macro_f1", f"{label}.cross_entropy")
        return (*both, f"offline.test.policy.{part}.rmse") if part else both

    @property
    def acted(self) -> str | None:
        """Successes in all skills together, where there is a task."""
        if not self.tasks:
            return None
        return f"rollouts.{'all' if len(self.tasks) > 1 else next(iter(self.tasks))}.rate"

    @property
    def decides(self) -> str:
        """Of policies, once nothing is chosen any more: what they do, or else what they say."""
        return self.acted or self.offline[0]

    @property
    def compared(self) -> tuple[str, ...]:
        """Of policies: what they do in each skill, and what they say."""
        skills = [f"rollouts.{label}.rate" for label in self.tasks]
        return (*skills, *self.offline)

    @property
    def held(self) -> str:
        """Of representations: where the object is, as long as it is not in the hand; of real
        recordings, which do not know, the gripper's label."""
        if self._knows_object:
            return f"probe.latent.{_OBJECT} (out of the hand).linear.r2"
        return f"probe.latent.{self._label}.linear.macro_f1"

    @property
    def also_held(self) -> tuple[str, ...]:
        """Shown beside it; the rivals take no learning."""
        rivals = [
            f"probe.{rival}.{self.held.removeprefix('probe.latent.')}"
            for rival in ("raw proprioception", "untrained encoder", "pixel components")
        ]
        more = ["phase.linear.macro_f1"] if "phase" in self.spec.annotation else []
        more += [f"{self._label}.linear.macro_f1"] if self._knows_object else []
        return (*rivals, *(f"probe.latent.{name}" for name in more), f"latent.purity.{self._label}")

    @property
    def _label(self) -> str:
        return self.spec.action.labels[0].name

    @property
    def _movement(self) -> str | None:
        return next((p.name for p in self.spec.action.parts if p.used and not p.classes), None)

    @property
    def _knows_object(self) -> bool:
        return _OBJECT in self.spec.annotation


def ground_of(data: Path | None, scale: Scale) -> Ground:
    """The given demonstrations, or ones that the study records; InputError if they do not do."""
    if data is None:
        task = task_config("jaco_pick_place", randomisation={"drift": _DRIFT})
        recorded = Recorded(task=task, episodes=scale.episodes)
        stage = undrawn(task).build()
        spec = stage.data_spec
        stage.close()
        return Ground(demonstrations=recorded, spec=spec,
                      tasks=_limited(variants(JACO, task), scale))  # fmt: skip
    dataset = Dataset.open(data)
    for split in SPLITS:
        if split not in dataset.splits:
            raise InputError(f"has no part '{split}', which the study needs (it has: "
                             f"{', '.join(dataset.splits) or 'none'})",
                             path=data, field="splits")  # fmt: skip
    if not dataset.spec.action.labels or not dataset.spec.cameras:
        raise InputError("needs cameras and an action with a label, as Jaco Play's gripper",
                         path=data, field="spec")  # fmt: skip
    tasks = own_tasks({"dataset": {"source": dataset.manifest["source"]}})
    return Ground(demonstrations=Existing(path=data), spec=dataset.spec,
                  tasks=_limited(tasks, scale))  # fmt: skip


def _limited(tasks: Mapping[str, Any], scale: Scale) -> dict[str, TaskConfig]:
    if scale.max_steps is None:
        return dict(tasks)
    return {label: replace(task, max_steps=scale.max_steps) for label, task in tasks.items()}
