"""A learner corrected where it errs, as an arm of a study: it makes its own demonstrations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from bydemo.core.config import to_plain
from bydemo.core.fields import Spec
from bydemo.evaluation.actors import ActorFactory, described
from bydemo.evaluation.worker_process import TaskConfig
from bydemo.studies.dagger_settings import DaggerSettings
from bydemo.studies.experiment import Experiment
from bydemo.studies.work import Here, Judging, TrainAndJudge, described_task

AGGREGATE = "dataset"
"""Folder of the aggregated episodes inside the run."""


@dataclass(frozen=True, kw_only=True)
class DaggerAndJudge:
    """DAgger in `task` with a recipe, then judged as any run.

    expert: the task's own unless given. recipe and changes as in `TrainAndJudge`.
    """

    kind: ClassVar[str] = "dagger"

    task: TaskConfig
    recipe: str | Experiment
    changes: Mapping[str, Any] = field(default_factory=dict)
    settings: DaggerSettings = field(default_factory=DaggerSettings)
    expert: ActorFactory | None = None
    judging: Judging = field(default_factory=Judging)

    def stages(self, here: Here) -> Mapping[str, Any]:
        """All rounds and the last training together, then judging."""
        decides = {
            **described_task(self.task), "dagger": to_plain(self.settings),
            "expert": None if self.expert is None else described(self.expert),
            "recipe": self._training.name, "experiment": self._experiment(here).to_plain(),
        }  # fmt: skip
        return {"training": decides, **self.judging.stages()}

    def do(self, stage: str, here: Here) -> None:
        """Play, label and train by turns; or judge what came of it."""
        if stage != "training":
            self._training.do(stage, here)
            return
        from bydemo.studies.dagger import dagger

        dagger(
            self.task, here.folder / AGGREGATE, here.folder, recipe=self._training.name,
            experiment=self._experiment(here), expert=self.expert, settings=self.settings,
            workers=0, resume=True, progress=here.tell,
        )  # fmt: skip

    @property
    def _training(self) -> TrainAndJudge:
        return TrainAndJudge(recipe=self.recipe, changes=self.changes, judging=self.judging)

    def _experiment(self, here: Here) -> Experiment:
        return self._training.experiment(self._spec(), here)

    def _spec(self) -> Spec:
        task = self.task.build()
        try:
            return task.data_spec
        finally:
            task.close()
