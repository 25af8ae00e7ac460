"""A study that takes seconds: a point on a plane, cloned from its walker; importable by workers."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, ClassVar

from tests.evaluation import point_task

from bydemo.core.errors import InputError, TrainingError
from bydemo.core.results import SCHEMA, write_json
from bydemo.evaluation.actors import ExpertActor, StillActor
from bydemo.studies.demonstrations import Recorded
from bydemo.studies.judging import Rollouts
from bydemo.studies.plan import Arm, Question, Ranking, StudyPlan
from bydemo.studies.work import Act, Here, Judging, TrainAndJudge

SHORT = {"training.batch_size": 32, "training.epochs": 2, "model.widths": (16,)}


@dataclass(frozen=True, kw_only=True)
class Config:
    """Options of the small study.

    rollouts: episodes a run. epochs: of the longer training.
    """

    rollouts: int = 6
    epochs: int = 4
    seeds: tuple[int, ...] = (1, 2)
    episodes: int = 12


def plan(options: Config) -> StudyPlan:
    """Two recipes' lengths, beside an expert and standing still."""
    task = point_task.Config()
    judging = Judging(
        offline=("test",), tasks={"walk": task},
        rollouts=Rollouts(n=options.rollouts, references=(), clips=0),
    )  # fmt: skip
    train = TrainAndJudge(recipe="blind", changes=SHORT, judging=judging)
    longer = replace(train, changes={**SHORT, "training.epochs": options.epochs})
    arms = (
        Arm(name="expert", work=Act(actor=ExpertActor(), judging=replace(judging, offline=()))),
        Arm(name="still", work=Act(actor=StillActor(), judging=replace(judging, offline=()))),
        Arm(name="short", work=train, dataset="walks", seeds=options.seeds),
        Arm(name="long", title="Longer", work=longer, dataset="walks", seeds=options.seeds),
    )
    figure = "offline.test.policy.velocity.rmse"
    return StudyPlan(
        name="small_study", title="How long to train?", arms=arms,
        datasets={"walks": Recorded(task=task, episodes=options.episodes)},
        tasks={"walk": task}, floor="still", ceiling="expert",
        questions=(
            Question(title="Does training longer help?", varies="epochs", why="It underfits.",
                     decides=figure, control="short", arms=("long",),
                     also=("rollouts.walk.rate", "training.loss")),
        ),
        rankings=(Ranking(title="Does the loss rank?", why="It may not.", x="training.loss",
                          y=figure),),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Trick:
    """Work that needs no training; `trouble`: kill, raise, diverge, slow."""

    kind: ClassVar[str] = "trick"

    value: float = 1.0
    trouble: str = ""
    once: str = ""
    pace: float = 0.0

    def stages(self, here: Here) -> Mapping[str, Any]:
        return {"training": {"value": self.value}, "judged": {"pace": 0}}

    def do(self, stage: str, here: Here) -> None:
        if stage == "judged":
            return
        before = 0.0
        if here.start is not None:
            before = float((here.start / "value.txt").read_text())
        here.folder.mkdir(parents=True, exist_ok=True)
        with (here.folder / "tries.txt").open("a") as file:
            file.write(f"{os.getpid()} {os.environ.get('OMP_NUM_THREADS')}\n")
        for step in range(10):
            here.tell("tricking", step, 10)
            time.sleep(self.pace)
        if self.trouble and not (self.once and Path(self.once).exists()):
            if self.once:
                Path(self.once).touch()
            if self.trouble == "kill":
                os.kill(os.getpid(), signal.SIGKILL)
            if self.trouble == "diverge":
                raise TrainingError("the loss is not finite")
            if self.trouble == "bug":
                raise ValueError("a bug")
            raise InputError("no good", field="trouble")
        value = self.value + before + (here.seed or 0)
        (here.folder / "value.txt").write_text(str(value))
        training = {"loss": value, "parameters": 3, "seconds": time.time()}
        write_json(here.folder / "results.json",
                   {"schema": SCHEMA, "training": training, "rollouts": {},
                    "offline": {}})  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Bowl:
    """Stands for a recipe: its loss is a bowl over two fields, lowest at rate 0.01 and kind b."""

    kind: ClassVar[str] = "bowl"

    changes: Mapping[str, Any] = field(default_factory=dict)
    pace: float = 0.0

    def stages(self, here: Here) -> Mapping[str, Any]:
        unknown = set(self.changes) - {"rate", "kind", "layers"}
        if unknown:
            raise InputError("unknown", field=str(unknown.pop()))
        return {"training": dict(self.changes)}

    def do(self, stage: str, here: Here) -> None:
        here.folder.mkdir(parents=True, exist_ok=True)
        with (here.folder / "tries.txt").open("a") as file:
            file.write(f"{os.getpid()}\n")
        time.sleep(self.pace)
        rate, which = self.changes["rate"], self.changes["kind"]
        if which == ("never",):
            raise TrainingError("the loss is not finite")
        loss = abs(math.log10(rate) + 2) + (which != ("b",)) + 0.01 * (here.seed or 0)
        write_json(here.folder / "results.json", {"training": {"loss": loss}})
