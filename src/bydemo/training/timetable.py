"""How many steps a run has, and after which of them it is judged: pure functions of the step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from bydemo.training.config import TrainingConfig

MOST: Final = 50
"""Judgements of a run unless it says how often: each writes a checkpoint, and on small data an
epoch can take less time than that."""


@dataclass(frozen=True)
class Timetable:
    """epoch: steps in a pass over the samples. steps: in all. every: steps of a round, at whose
    end the model is validated and saved; the last round may be shorter."""

    epoch: int
    steps: int
    every: int

    @classmethod
    def of(cls, config: TrainingConfig, epoch: int) -> Timetable:
        """For epochs of so many steps. Rounds are whole epochs unless the configuration says."""
        steps = config.steps if config.epochs is None else config.epochs * epoch
        assert steps is not None  # the configuration has one of the two
        epochs_a_round = -(-steps // (MOST * epoch))
        return cls(epoch, steps, config.validate_every or epochs_a_round * epoch)

    @property
    def epochs(self) -> int:
        """Passes begun by the end."""
        return self.epoch_of(self.steps)

    def epoch_of(self, done: int) -> int:
        """The epoch under way, or just finished, after `done` steps; from 1."""
        return -(-done // self.epoch)

    def ends_round(self, done: int) -> bool:
        """Is the model judged once `done` steps are done?"""
        return done % self.every == 0 or done == self.steps
