"""Cloning an expert of Gymnasium's Pusher from states: the recipe, how many demonstrations, DART,
DAgger, and whether a loss foretells the return.

`docs/pusher.md` holds what came of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from bydemo.core.errors import InputError
from bydemo.evaluation.actors import ActorFactory, ExpertActor, RandomActor, StillActor
from bydemo.evaluation.teaching import NoisyActor
from bydemo.sim.tasks import task_config
from bydemo.studies.dagger_settings import DaggerSettings
from bydemo.studies.dagger_work import DaggerAndJudge
from bydemo.studies.demonstrations import Demonstrations, Recorded
from bydemo.studies.judging import Rollouts
from bydemo.studies.plan import Arm, Curve, Question, Ranking, StudyPlan
from bydemo.studies.work import Act, Judging, TrainAndJudge

LABEL: Final = "pusher"
RETURN, SCORE, RATE = (
    f"rollouts.{LABEL}.return",
    f"rollouts.{LABEL}.score",
    f"rollouts.{LABEL}.rate",
)
ALSO = (RETURN, RATE)
CLEAN, DISTURBED = "clean", "disturbed"
FIRST_SEED: Final = 1000
"""Of the demonstrations; no policy is judged on these."""
SIGMA: Final = 0.2
"""[N m] of the disturbance: a tenth of the largest torque."""

ABLATIONS: Final[Mapping[str, Mapping[str, Any]]] = {
    "constant-rate": {"training.schedule": "constant", "training.warmup": 0},
    "rate-1e-3": {"training.learning_rate": 1e-3},
    "relu": {"model.activation": "relu"},
    "width-128": {"model.widths": (128, 128)},
    "width-512": {"model.widths": (512, 512)},
    "three-layers": {"model.widths": (256, 256, 256)},
    "half-the-steps": {"training.steps": 5_000},
    "twice-the-steps": {"training.steps": 20_000},
    "input-noise": {"model.input_noise": 0.01},
    "two-states": {"data.history": 2},
    "chunks-of-4": {"data.chunk": 4},
    "absolute-error": {"model.loss": "l1"},
    "huber": {"model.loss": "huber"},
    "weight-decay": {"training.optimiser": "adamw", "training.weight_decay": 0.1},
    "averaged-weights": {"training.ema": 0.999},
}
"""Arm -> the one thing that it changes of our recipe."""


@dataclass(frozen=True, kw_only=True)
class Config:
    """What is run.

    preset: quick asks everything but the ablations; full adds them; debug runs each kind of arm
    once for a moment, to see that it works.
    seeds: training seeds of each arm.
    rollouts: environment seeds that each policy is judged on.
    first_seed: the first of them. The recipe was chosen on those from 0 on; others, e.g. from
    1000000 on, tell how it does where nothing was chosen.
    """

    preset: Literal["quick", "full", "debug"] = "full"
    seeds: int = 3
    rollouts: int = 100
    first_seed: int = 0

    def __post_init__(self) -> None:
        for name in ("seeds", "rollouts"):
            if getattr(self, name) < 1:
                raise InputError(f"is {getattr(self, name)}, expected at least 1", field=name)

    @property
    def debug(self) -> bool:
        """Only to see that it works."""
        return self.preset == "debug"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Numbers of demonstrations; the one that recipes are compared at is the last but one."""
        return (2, 4, 6) if self.debug else (10, 25, 50, 200, 1000)

    @property
    def middle(self) -> int:
        """Demonstrations at which recipes are compared."""
        return self.sizes[-2]

    @property
    def few(self) -> int:
        """Demonstrations that leave something to gain."""
        return self.sizes[-3]


def plan(options: Config) -> StudyPlan:
    """The study."""
    task = task_config("pusher")
    return StudyPlan(
        name="pusher",
        title="Cloning an expert of Pusher from states",
        about="An arm pushes an object to a goal; 100 steps, judged by the return. A score of 0 is "
        "doing nothing, 100 the expert, on the same starts.",
        datasets=_datasets(options),
        arms=tuple(_arms(options)),
        questions=tuple(_questions(options)),
        rankings=(
            Ranking(
                title="Does the training loss rank policies?",
                why="A policy leaves the demonstrated states by its own mistakes, and the loss "
                "is measured on the demonstrated ones: we expect no.",
                x="training.training_loss",
                y=RETURN,
            ),
        ),
        floor="still",
        ceiling="expert",
        tasks={LABEL: task},
    )


def _datasets(options: Config) -> dict[str, Demonstrations]:
    """A random split leaves 72 of 100 episodes for training."""
    task = task_config("pusher")
    most = {CLEAN: options.sizes[-1], DISTURBED: options.middle}
    actors: dict[str, ActorFactory] = {
        CLEAN: ExpertActor(),
        DISTURBED: NoisyActor(ExpertActor(), SIGMA),
    }
    return {
        name: Recorded(
            task=task, episodes=-(-most[name] * 100 // 72) + 4, first_seed=FIRST_SEED,
            actor=actors[name],
        )
        for name in most
    }  # fmt: skip


def _arms(options: Config) -> Iterator[Arm]:
    judging = _judging(options)
    for name, actor in (("expert", ExpertActor()), ("still", StillActor()),
                        ("random", RandomActor())):  # fmt: skip
        yield Arm(name=name, work=Act(actor=actor, judging=judging))
    for size in options.sizes:
        yield _trained(options, f"homework-{size}", size, recipe="states.homework")
    for size in options.sizes:
        yield _trained(options, f"cloning-{size}", size)
    for size in (options.few, options.middle):
        yield _trained(options, f"dart-{size}", size, dataset=DISTURBED)
    few = options.few
    yield _dagger(options, f"dagger-{few}", first=max(1, few // 10), noise=0.0)
    yield _dagger(options, f"dart-dagger-{few}", first=few // 2, noise=SIGMA)
    if options.preset == "full":
        for name, changes in ABLATIONS.items():
            yield _trained(options, name, options.middle, changes=changes)


def _trained(
    options: Config, name: str, size: int, *, recipe: str = "states.cloning",
    dataset: str = CLEAN, changes: Mapping[str, Any] | None = None,
) -> Arm:  # fmt: skip
    return Arm(
        name=name,
        work=TrainAndJudge(
            recipe=recipe,
            changes={"data.episodes": size, **(changes or {}), **_shortened(options)},
            judging=_judging(options, clips=2 if size == options.middle and not changes else 0),
        ),
        dataset=dataset,
        seeds=tuple(range(1, options.seeds + 1)),
    )


def _dagger(options: Config, name: str, first: int, noise: float) -> Arm:
    """`first` demonstrations; then the learner acts, one episode at a time."""
    settings = DaggerSettings(
        episodes_first=first, rounds=options.few - first, episodes_a_round=1, schedule="zero",
        first_seed=FIRST_SEED, effort=0.1, noise=noise,
    )  # fmt: skip
    return Arm(
        name=name,
        work=DaggerAndJudge(
            task=task_config("pusher"), recipe="states.cloning", changes=_shortened(options),
            settings=settings, judging=_judging(options),
        ),
        seeds=tuple(range(1, options.seeds + 1)),
    )  # fmt: skip


def _curve(options: Config) -> Curve:
    """The score over the number of episodes, however they came about."""
    series = {
        "homework": {f"homework-{size}": size for size in options.sizes},
        "cloning": {f"cloning-{size}": size for size in options.sizes},
        "cloning, DART": {f"dart-{size}": size for size in (options.few, options.middle)},
        "cloning, DAgger": {f"dagger-{options.few}": options.few},
        "cloning, DART then DAgger": {f"dart-dagger-{options.few}": options.few},
    }
    return Curve(x_label="demonstrations", series=series)


def _judging(options: Config, clips: int = 0) -> Judging:
    return Judging(
        tasks={LABEL: task_config("pusher")},
        rollouts=Rollouts(
            n=options.rollouts, first_seed=options.first_seed, references=(), clips=clips
        ),
    )


def _shortened(options: Config) -> dict[str, Any]:
    return {"training.steps": 20} if options.debug else {}


def _questions(options: Config) -> Iterator[Question]:
    middle, few = options.middle, options.few
    for size in options.sizes[-3:]:
        yield Question(
            title=f"What does the recipe make of {size} clean demonstrations?",
            varies="activation, learning rate and its schedule; same size, same steps",
            why="A rate that falls to nothing ends in a minimum instead of wandering about one, "
            "and a smooth network errs less between the demonstrated states.",
            decides=SCORE, also=ALSO, control=f"homework-{size}", arms=(f"cloning-{size}",),
        )  # fmt: skip
    for recipe in ("homework", "cloning"):
        yield Question(
            title=f"How many demonstrations does {recipe} need?",
            varies="number of clean demonstrations",
            why="More demonstrations cover more of the states that the policy's mistakes lead to.",
            decides=SCORE, also=ALSO, control=f"{recipe}-{middle}",
            arms=tuple(f"{recipe}-{size}" for size in options.sizes if size != middle),
            curve=_curve(options) if recipe == "cloning" else None,
        )  # fmt: skip
    yield Question(
        title=f"What are {few} demonstrations worth if they show how to come back?",
        varies="who leads into the demonstrated states: the expert, the expert under a "
        "disturbance (DART), the learner (DAgger), or half of them each of the last two",
        why="Clean demonstrations never show a mistake being put right.",
        decides=SCORE, also=ALSO, control=f"cloning-{few}",
        arms=(f"dart-{few}", f"dagger-{few}", f"dart-dagger-{few}"),
    )  # fmt: skip
    yield Question(
        title=f"Does a disturbance still help with {middle}?",
        varies=f"Gaussian noise of {SIGMA} N m on what the expert does, its own action the label",
        why="Clean demonstrations never show a mistake being put right, however many they are.",
        decides=SCORE, also=ALSO, control=f"cloning-{middle}", arms=(f"dart-{middle}",),
    )  # fmt: skip
    if options.preset == "full":
        yield Question(
            title="Which choices of the recipe matter?",
            varies="one thing at a time",
            why="The rate's schedule and the smooth activation do most; the loss, noise on the "
            "inputs, a second state and chunks of actions do little or harm.",
            decides=SCORE, also=ALSO, control=f"cloning-{middle}", arms=tuple(ABLATIONS),
        )  # fmt: skip
