"""What a run tells while it trains: rows for `metrics.jsonl` and trackers, updates for a bar.

A row holds `kind`, `epoch` (under way or just finished, from 1), `step` (optimiser steps done),
`seconds` (wall time of training so far, all resumptions together), `loss` and `parts` (means over
samples), and
- kind `train`, one a round: also learning_rate, gradient_norm (of the last step, unclipped),
  samples_per_second, peak_memory_mb, and activations (stage of the model -> root mean square of its
  output at the last step, on the main process's samples, dropout included);
- kind `validation`, one at the end of a round or of the budget, if there is validation data;
- kind `progress`, every `log_every` steps: as `train` but for activations, over the round so far.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bydemo.training.checkpoint import TrainingState
from bydemo.training.timetable import Timetable
from bydemo.training.totals import Totals
from bydemo.training.tracking import Detached, MetricsFile, start_tracker

METRICS = "metrics.jsonl"


@dataclass(frozen=True, kw_only=True)
class Update:
    """Where training stands after a step, for whoever draws a progress bar.

    epoch: the one under way, from 1. loss and parts: means over the round so far.
    validation: the last validation's loss.
    """

    epoch: int
    epochs: int
    step: int
    steps: int
    seconds: float
    loss: float
    parts: Mapping[str, float]
    samples_per_second: float
    validation: float | None


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What came out; the model holds the weights after `chosen_step`, in eval mode.

    stopped: `finished`, `patience` or `budget`. epochs: whole ones. chosen_epoch: in which the
    chosen step lies. loss: of the chosen weights on validation data, None where there are none.
    training_loss: mean over the round of training that they end, None of a run resumed from an
    older version. seconds: over all resumptions. samples_per_second: of this call alone.
    """

    stopped: str
    parameters: int
    epochs: int
    chosen_epoch: int
    chosen_step: int
    steps: int
    seconds: float
    samples_per_second: float
    peak_memory_mb: float
    loss: float | None
    training_loss: float | None
    checkpoint: str

    @classmethod
    def of(cls, stopped: str, state: TrainingState, **measured: Any) -> TrainingResult:
        """Of a run that ended in `state`, which has a best; `measured` are the other fields."""
        best = state.best
        assert best is not None
        return cls(
            stopped=stopped,
            epochs=state.epoch,
            chosen_epoch=best.epoch,
            chosen_step=best.step,
            steps=state.step,
            seconds=state.seconds,
            loss=best.loss,
            training_loss=best.training_loss,
            checkpoint=best.checkpoint,
            **measured,
        )


OnUpdate = Callable[[Update], None]


class Record:
    """Writes rows and passes updates on; nothing on a process that is not the main one."""

    def __init__(
        self, run_dir: Path, timetable: Timetable, on_update: OnUpdate | None, *, main: bool
    ) -> None:
        self.run_dir, self.timetable, self.main = run_dir, timetable, main
        self._on_update = on_update
        self._validation: float | None = None
        self._metrics = MetricsFile(run_dir / METRICS)
        self._trackers: list[Detached] = []

    def start(self, step: int, trackers: Sequence[str], config: Mapping[str, Any]) -> None:
        """Begin after `step` steps; rows beyond it, of a run that was killed, are forgotten."""
        if self.main:
            self.run_dir.mkdir(parents=True, exist_ok=True)
            self._metrics.rewind(step)
            self._trackers = [start_tracker(name, self.run_dir, config) for name in trackers]

    def row(
        self, kind: str, epoch: int, state: TrainingState, totals: Totals,
        **figures: float | Mapping[str, float],
    ) -> None:  # fmt: skip
        """One row, see the module's text for what it holds."""
        if not self.main:
            return
        row = {
            "kind": kind,
            "epoch": epoch,
            "step": state.step,
            "seconds": state.seconds,
            "loss": totals.loss,
            "parts": totals.parts,
            **figures,
        }
        self._metrics.log(row)
        for tracker in self._trackers:
            tracker.log(row)
        if kind == "validation":
            self._validation = totals.loss

    def tell(self, epoch: int, state: TrainingState, totals: Totals, rate: float) -> None:
        """Pass on where training stands."""
        if self._on_update is None or not self.main:
            return
        update = Update(
            epoch=epoch,
            epochs=self.timetable.epochs,
            step=state.step,
            steps=self.timetable.steps,
            seconds=state.seconds,
            loss=totals.loss,
            parts=totals.parts,
            samples_per_second=rate,
            validation=self._validation,
        )
        self._on_update(update)

    def finish(self) -> None:
        """Let trackers flush, within limits."""
        for tracker in self._trackers:
            tracker.finish()


class Rate:
    """Samples a second of training alone: pauses for validation and saving don't count."""

    def __init__(self) -> None:
        self._samples, self._seconds = 0, 0.0
        self._since = time.monotonic()

    def resume(self) -> None:
        """The next interval starts now."""
        self._since = time.monotonic()

    def add(self, samples: int) -> None:
        """So many samples since the last call."""
        now = time.monotonic()
        self._samples, self._seconds = self._samples + samples, self._seconds + now - self._since
        self._since = now

    @property
    def value(self) -> float:
        """Samples a second over all intervals so far; 0 before the first."""
        return self._samples / self._seconds if self._seconds else 0.0
