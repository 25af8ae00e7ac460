"""Jaco Play in three questions: what matters end to end, what is learned without actions, and
whether that helped, by what policies do.

Works on recordings of the simulated arm, which it records itself unless some are given, and on the
real ones, where there is no arm to act on and held-out episodes decide. `docs/jaco_study.md` holds
what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bydemo.core.errors import InputError
from bydemo.evaluation.actors import ActorFactory, ExpertActor, RandomActor
from bydemo.studies.judging import FIRST_SEED, Rollouts
from bydemo.studies.plan import Arm, Chapter, Level, Question, Search, StudyPlan
from bydemo.studies.plans import _jaco_representations as learned
from bydemo.studies.plans import _jaco_verdict as verdict
from bydemo.studies.plans._jaco_ablations import GROUPS, ablations
from bydemo.studies.plans._jaco_ground import JACO, SCALES, Ground, Preset, Scale, ground_of
from bydemo.studies.space import Range
from bydemo.studies.work import Act, Judging, TrainAndJudge

CHAPTER = "End to end: what matters?"
LEVEL = Level(part="cross_entropy", at_most=0.5)
"""[nats] of the gripper's label on validation episodes: knowing only how frequent each is gives
0.73 (real) to 0.82 (simulated), seeing the proprioception alone about 0.2."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is run.

    data: demonstrations with Jaco Play's fields; recorded in simulation unless given.
    preset: quick, about an hour on two cores: pictures of 56 pixels, short trainings, few
    rollouts; full: the reference's own sizes and epochs, and every option of the autoencoder;
    debug: each kind of arm for a moment, to see that it works.
    seeds: training seeds of each arm.
    rollouts: environment seeds a skill that each policy is judged on; the preset's unless given.
    first_seed: the first of them.
    """

    data: Path | None = None
    preset: Preset = "quick"
    seeds: int = 3
    rollouts: int | None = None
    first_seed: int = FIRST_SEED

    def __post_init__(self) -> None:
        for name, value in (("seeds", self.seeds), ("rollouts", self.rollouts)):
            if value is not None and value < 1:
                raise InputError(f"is {value}, expected at least 1", field=name)

    @property
    def training_seeds(self) -> tuple[int, ...]:
        """Of each arm."""
        return tuple(range(1, self.seeds + 1))


def plan(options: Config) -> StudyPlan:
    """The study."""
    scale = SCALES[options.preset]
    ground = ground_of(options.data, scale)
    seeds = options.training_seeds
    judging = _judging(options, ground, scale)
    actors = tuple(_actors(ground, judging))
    policies = verdict.policies(scale, options.preset, judging, seeds)
    arms, asked = _end_to_end(ground, scale, policies, judging, options.preset)
    held_arms, held = learned.representations(ground, scale, options.preset, seeds)
    return StudyPlan(
        name="jaco_play",
        title="Jaco Play: tuning, learning without actions, and what it is worth",
        about=_about(options, ground),
        datasets={JACO: ground.demonstrations},
        chapters=(
            Chapter(title=CHAPTER, about="The reference's tuned network, one thing changed at a "
                    "time. Validation episodes decide, so that the test is used once."),
            Chapter(title=learned.CHAPTER, about="No batch of these models holds an action, "
                    "and the prompt is seen by the forward model alone. Judged on test episodes."),
            Chapter(title=verdict.CHAPTER, about="Policies beside each other on the same starts "
                    "and the same held-out episodes. Everything was fixed before they ran."),
        ),
        arms=(*actors, *held_arms, *policies, *arms),
        questions=(*asked, *held, *verdict.questions(ground, scale, options.preset)),
        searches=(_search(ground, scale),),
        rankings=tuple(verdict.rankings(ground, scale, options.preset)),
        tasks=ground.tasks,
        level=LEVEL,
    )  # fmt: skip


def _about(options: Config, ground: Ground) -> str:
    size = SCALES[options.preset].pictures
    shown = "at the recipes' own sizes" if size is None else f"at {size} pixels, trained briefly"
    where = (
        "judged by what they do and on held-out episodes" if ground.tasks
        else "judged on held-out episodes: there is no arm to act on"
    )  # fmt: skip
    return f"Preset {options.preset}: pictures {shown}; policies {where}."


def _judging(options: Config, ground: Ground, scale: Scale) -> Judging:
    """Of policies that are compared."""
    return Judging(
        offline=("validation", "test"), latency=True, tasks=ground.tasks,
        rollouts=Rollouts(n=options.rollouts or scale.rollouts, first_seed=options.first_seed,
                          references=(), clips=0),
    )  # fmt: skip


def _actors(ground: Ground, judging: Judging) -> Iterator[Arm]:
    """The ends of the scale, where there is something to act in."""
    shown = replace(judging, offline=(), latency=False)
    actors: dict[str, ActorFactory] = {"expert": ExpertActor(), "random": RandomActor()}
    for name, actor in actors.items() if ground.tasks else ():
        yield Arm(name=name, work=Act(actor=actor, judging=shown))


def _end_to_end(
    ground: Ground, scale: Scale, policies: tuple[Arm, ...], judging: Judging, preset: Preset
) -> tuple[tuple[Arm, ...], tuple[Question, ...]]:
    """Ablations of the tuned recipe with all labels, which is the verdict's contestant too."""
    tuned = verdict.at("tuned", 1.0)
    control = next(arm for arm in policies if arm.name == tuned)
    label = ground.validation.rpartition(".")[0]
    also = (f"{label}.cross_entropy", f"{label}.accuracy",
            *(name.replace(".test.", ".validation.") for name in ground.offline[2:]))  # fmt: skip
    groups = [name for name in GROUPS if name != "offset"]
    asked: dict[str, Any] = {"decides": ground.validation, "also": also, "chapter": CHAPTER}
    chosen = groups[1:2] if preset == "debug" else groups
    arms, questions = ablations(
        control, groups=chosen, judging=Judging(offline=("validation",)), **asked
    )
    later, acted = ablations(
        control, groups=("offset",), acted=ground.acted,
        judging=replace(judging, offline=("validation",), latency=False), **asked,
    )  # fmt: skip
    first = Question(
        title="Is the tuned network better than the first one?",
        varies="ReLU and dropout of 0.4 between the linear layers, and a tenth of the rate",
        why="The reference says so: its accuracy rose by ten points. The smaller rate may need "
        "more epochs than it is given here.",
        control=verdict.at("baseline", 1.0), arms=(tuned,), **asked,
    )  # fmt: skip
    return (*arms, *later), (first, *questions, *acted)


def _search(ground: Ground, scale: Scale) -> Search:
    """Several fields of the tuned recipe at once."""
    changes = scale.changes({}, pixels=scale.pictures, epochs=scale.policy)
    return Search(
        name="tuning", title="What would tuning all at once find?", chapter=CHAPTER,
        varies="learning rate, dropout and the position's weight together",
        why="The reference tuned one thing after another. A rate above its 1e-4 should win where "
        "epochs are few.",
        decides=ground.validation, dataset=JACO, trials=scale.trials,
        work=TrainAndJudge(recipe="tuned", changes=changes,
                           judging=Judging(offline=("validation",))),
        space={"training.learning_rate": Range(1e-5, 1e-2, log=True),
               "model.dropout": Range(0.0, 0.6),
               "model.continuous_weight": Range(1.0, 100.0, log=True)},
    )  # fmt: skip
