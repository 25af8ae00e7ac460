"""What decides a DAgger run besides task, recipe and expert: how many episodes, and who acts."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bydemo.core.errors import InputError
from bydemo.evaluation.actors import ActorFactory, StillActor
from bydemo.evaluation.teaching import MixedActor, NoisyActor

if TYPE_CHECKING:  # torch, which the help of the command line does without
    from bydemo.studies.experiment import Experiment

Schedule = Literal["exponential", "linear", "zero"]
_SCHEDULES = ("exponential", "linear", "zero")
VALIDATION_SHARE = 0.1
"""Of a recipe that chooses its epoch by validation."""
WARM_EFFORT = 0.25
"""What a learner that goes on from the last one's weights is trained for."""


@dataclass(frozen=True, kw_only=True)
class Round:
    """Round 0 is the expert's own demonstrations; in round i the mixture acts, with the expert's
    action executed with probability beta. `seeds` are those of its episodes."""

    number: int
    beta: float
    seeds: range

    @property
    def acted(self) -> str:
        """Whose actions were executed."""
        return {1.0: "expert", 0.0: "learner"}.get(self.beta, "mixture")


@dataclass(frozen=True, kw_only=True)
class DaggerSettings:
    """How a learner is corrected on the states that it reaches by itself.

    episodes_first: demonstrations of the expert alone, before the first round [episodes].
    rounds: how often the learner is trained, acts and is corrected before the last training.
    episodes_a_round: episodes that it acts in each round [episodes].
    schedule: chance that the expert's action is executed in round i of n: exponential is decay^i,
    linear 1 - i/n, zero leaves all to the learner.
    decay: base of the exponential schedule.
    first_seed: seed of the first episode; the others follow on.
    validation_share: share of the episodes kept for validation; a tenth unless given if the recipe
    chooses its epoch by them, otherwise none.
    warm_start: train each round's learner on from the last one's weights; the last training always
    begins afresh.
    noise: standard deviation [raw unit] of a disturbance of what the expert does in its own
    demonstrations (DART), so that they show how to come back; the labels stay its own.
    effort: share of the recipe's training that a round's learner gets; all of it unless given, a
    quarter with a warm start.
    """

    episodes_first: int = 10
    rounds: int = 8
    episodes_a_round: int = 5
    schedule: Schedule = "exponential"
    decay: float = 0.5
    first_seed: int = 0
    validation_share: float | None = None
    warm_start: bool = False
    effort: float | None = None
    noise: float = 0.0

    def __post_init__(self) -> None:
        for name in ("episodes_first", "rounds", "episodes_a_round"):
            if getattr(self, name) < 1:
                raise InputError(f"is {getattr(self, name)}, expected at least 1", field=name)
        if self.first_seed < 0:
            raise InputError(f"is {self.first_seed}, expected 0 or more", field="first_seed")
        if self.schedule not in _SCHEDULES:
            raise InputError(f"'{self.schedule}' is none of {', '.join(_SCHEDULES)}",
                             field="schedule")  # fmt: skip
        if not 0 <= self.decay < 1:
            raise InputError(f"is {self.decay:g}, expected at least 0 and less than 1: else the "
                             "learner never acts", field="decay")  # fmt: skip
        if self.validation_share is not None and not 0 <= self.validation_share <= 0.5:
            raise InputError(f"is {self.validation_share:g}, expected 0 to 0.5",
                             field="validation_share")  # fmt: skip
        if self.effort is not None and not 0 < self.effort <= 1:
            raise InputError(f"is {self.effort:g}, expected more than 0 and at most 1",
                             field="effort")  # fmt: skip

        if not (math.isfinite(self.noise) and self.noise >= 0):
            raise InputError(f"is {self.noise:g}, expected 0 or more", field="noise")

    def demonstrator(self, teacher: ActorFactory) -> ActorFactory:
        """Who acts in round 0; the label is the teacher's in any case."""
        if self.noise > 0:
            return NoisyActor(teacher, self.noise)
        return MixedActor(learner=StillActor(), teacher=teacher, beta=1.0)

    def beta(self, number: int) -> float:
        """Probability that the expert's action is executed in a round."""
        if number == 0:
            return 1.0
        if self.schedule == "exponential":
            return float(self.decay**number)
        return max(0.0, 1.0 - number / self.rounds) if self.schedule == "linear" else 0.0

    def plan(self) -> Iterator[Round]:
        """Round 0 to the last one; every episode of all of them has a seed of its own."""
        start = self.first_seed
        for number in range(self.rounds + 1):
            stop = start + (self.episodes_a_round if number else self.episodes_first)
            yield Round(number=number, beta=self.beta(number), seeds=range(start, stop))
            start = stop

    def validation_of(self, experiment: Experiment) -> float:
        """Share of the episodes that are kept for validation."""
        if self.validation_share is not None:
            return self.validation_share
        return 0.0 if experiment.training.choose == "last" else VALIDATION_SHARE

    def shortened(self, experiment: Experiment) -> Experiment:
        """The experiment of a round's learner: as much of the recipe's training as `effort`."""
        effort = self.effort or (WARM_EFFORT if self.warm_start else 1.0)
        training, changes = experiment.training, {}
        for name, least in (("epochs", 1), ("steps", 1), ("warmup", 0)):
            if getattr(training, name) is not None:
                changes[f"training.{name}"] = max(least, round(getattr(training, name) * effort))
        if training.minutes is not None:
            changes["training.minutes"] = training.minutes * effort
        return experiment.changed(changes)


def parted(episodes: int, first: int, share: float) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Episodes for training and for validation: of a tenth, every tenth in order of recording, but
    at least one of the `first`. Where an episode belongs never changes as more are added."""
    if share <= 0 or episodes < 2:
        return tuple(range(episodes)), ()
    kept = {i for i in range(episodes) if int((i + 1) * share) > int(i * share)}
    if not any(i < first for i in kept) and first > 1:
        kept.add(first - 1)
    train = tuple(i for i in range(episodes) if i not in kept)
    return train, tuple(sorted(kept))
