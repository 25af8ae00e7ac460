"""The one training loop: it knows a `Trainable`, batches and a configuration, nothing else.

A run folder gets `metrics.jsonl` (see `training/record.py`), `checkpoints/` and `best.json`. Steps
come in rounds, by default of one or more whole epochs (`training/timetable.py`).

Everything that a step computes is a function of the weights and of (seed, step): which samples it
sees, its dropout, its learning rate. So a run that was killed and resumed ends with the weights of
one that was not, bit for bit on the same machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from bydemo.core.config import to_plain
from bydemo.core.errors import InputError
from bydemo.core.results import write_json
from bydemo.models.base import Batch, Losses, Trainable, parameter_count
from bydemo.nets.weights import load_into
from bydemo.training.activations import ActivationWatch
from bydemo.training.averaging import WeightAverage
from bydemo.training.checkpoint import (
    CHECKPOINTS,
    Best,
    CheckpointFolder,
    TrainingState,
    checkpoint_name,
    chosen_weights,
    restore,
)
from bydemo.training.config import TrainingConfig, check_resumable
from bydemo.training.feed import BatchSource, Share, feed
from bydemo.training.interruption import Deadlines, Event, StopRequest
from bydemo.training.precision import build_accelerator, peak_memory_mb
from bydemo.training.record import OnUpdate, Rate, Record, TrainingResult, Update
from bydemo.training.schedule import learning_rate
from bydemo.training.step import Stepper
from bydemo.training.timetable import Timetable
from bydemo.training.totals import Totals
from bydemo.training.validation import validate

__all__ = ["TrainingConfig", "TrainingResult", "Update", "train"]


def train(
    model: Trainable,
    train_batches: BatchSource,
    validation_batches: BatchSource | None,
    config: TrainingConfig,
    run_dir: Path | str,
    *,
    resume: bool | str = False,
    trackers: Sequence[str] = (),
    on_update: OnUpdate | None = None,
) -> TrainingResult:
    """Train `model` in place; see the module's text for what lands in `run_dir`.

    `resume` goes on from the newest checkpoint, or from the one named (later ones are removed).
    A SIGTERM or SIGINT finishes the step, saves, and raises SystemExit(143 or 130).
    """
    run = _Run(model, train_batches, validation_batches, config, Path(run_dir), on_update)
    run.start(resume, trackers)
    try:
        stopped = run.go()
    finally:
        run.record.finish()
    return run.finish(stopped)


class _Run:
    """One call of `train`."""

    def __init__(
        self,
        model: Trainable,
        batches: BatchSource,
        validation: BatchSource | None,
        config: TrainingConfig,
        path: Path,
        on_update: OnUpdate | None,
    ) -> None:
        self.model, self.config, self.path = model, config, path
        self.batches, self.validation = batches, validation
        self.accelerator = build_accelerator(config)
        self.main = self.accelerator.is_main_process
        self.share = Share(len(batches), config.batch_size, self.accelerator.process_index,
                           self.accelerator.num_processes)  # fmt: skip
        self.timetable = Timetable.of(config, self.share.steps)
        self.steps = self.timetable.steps
        self.stepper = Stepper(model, config, self.accelerator, self.steps)
        self.average = WeightAverage(model, config.ema) if config.ema else None
        self.folder = CheckpointFolder(path / CHECKPOINTS)
        self.record = Record(path, self.timetable, on_update, main=self.main)
        self.rate = Rate()
        self.state, self.totals, self.stop = TrainingState(), Totals(), StopRequest()
        self.deadlines = Deadlines(config, self.accelerator, self.stop)
        self.gradient_norm = 0.0
        self.activations: dict[str, float] = {}

    def start(self, resume: bool | str, trackers: Sequence[str]) -> None:
        """Begin afresh in an unused folder, or where a checkpoint left off."""
        if self.main:
            self.folder.sweep()
        self.accelerator.wait_for_everyone()
        if resume:
            self._resume(resume if isinstance(resume, str) else None)
        elif self.folder.names():
            raise InputError(
                "already holds checkpoints: resume, or choose another run folder",
                path=self.folder.path,
            )
        self.deadlines.start(self.state.seconds)
        self.record.start(self.state.step, trackers, to_plain(self.config))

    @property
    def _facts(self) -> dict[str, Any]:
        """What must be the same when the run is resumed, besides the configuration."""
        return {
            "model": type(self.model).__name__,
            "parameters": parameter_count(self.model),
            "training_samples": self.share.samples,
            "processes": self.accelerator.num_processes,
        }

    def _resume(self, name: str | None) -> None:
        checkpoint = self.folder.load(name)
        check_resumable(checkpoint.config, self.config)
        checkpoint.check_same(self._facts)
        restore(checkpoint, self.model, self.stepper.optimiser)
        self.stepper.load_scaler(checkpoint.scaler)
        if self.average is not None and checkpoint.average is not None:
            self.average.load(checkpoint.average)
        self.state, best = checkpoint.state, checkpoint.state.best
        if best is not None and best.checkpoint not in self.folder.names():
            # Pruned for a later one, which is found again: the steps from here are the same.
            self.state = replace(self.state, best=None)
        if self.main:  # the sums of all processes: only one of them may go on with them
            self.totals = Totals(self.state.sums)
            self.folder.remove_after(checkpoint.path.name)
        self.accelerator.wait_for_everyone()

    def go(self) -> str:
        """Train to the end, or to a reason to stop before it."""
        if self._impatient():
            return "patience"
        if self.state.best is not None and self.deadlines.due() is Event.BUDGET:
            return "budget"
        seed, steps = self.config.seed, range(self.state.step, self.steps)
        batches = feed(self.batches, lambda step: self.share.shuffled(seed, step), steps,
                       self.accelerator.device, prefetch=self.config.prefetch)  # fmt: skip
        with self.stop.listening(), closing(batches):
            self.model.train()
            self.rate.resume()
            for step, batch, rows in batches:
                self.totals.add(self._step(step, batch, rows))
                if self.average is not None:
                    self.average.update(step)
                stopped = self._after_step(step + 1)
                if stopped:
                    return stopped
                self.rate.resume()
        return "finished"

    def _step(self, step: int, batch: Batch, rows: int) -> Losses:
        """Take it; at the last one of a round look at the activations too."""
        watch = ActivationWatch()
        ends = self.main and self.timetable.ends_round(step + 1)
        with watch.on(self.model) if ends else nullcontext():
            losses, self.gradient_norm = self.stepper.take(step, batch, rows)
        if ends:
            self.activations = watch.stages()
        return losses

    def _after_step(self, done: int) -> str:
        """Record, save where due; a reason to stop, or nothing."""
        self.rate.add(self.share.size(done - 1))
        epoch, seconds = done // self.timetable.epoch, self.deadlines.elapsed
        self.state = replace(self.state, step=done, epoch=epoch, seconds=seconds)
        event, every = self.deadlines.due(), self.config.log_every
        self._tell()
        judged = self.timetable.ends_round(done)
        if judged:
            self._finish_round()
        else:
            if every and done % every == 0:
                self._train_row("progress")
            if event is Event.BUDGET:
                self._judge()
            if event is not Event.NOTHING:
                self._save()
        if event is Event.SIGNAL:
            raise SystemExit(self.stop.exit_code)
        if event is Event.BUDGET and done < self.steps:
            return "budget"
        return "patience" if judged and self._impatient() else ""

    def _finish_round(self) -> None:
        self._train_row("train", activations=self.activations)
        better = self._judge()
        self._tell()
        worse = 0 if better else self.state.worse_epochs + 1
        self.state = replace(self.state, worse_epochs=worse)
        self.totals = Totals()
        self._save()

    @property
    def _epoch(self) -> int:
        return self.timetable.epoch_of(self.state.step)

    @property
    def _name(self) -> str:
        """Of a checkpoint taken now."""
        state = self.state
        return checkpoint_name(state.epoch, state.step, whole=state.epoch == self._epoch)

    def _judge(self) -> bool:
        """Validate; are these the weights to keep so far? Without validation data they are."""
        loss, best = self._validated(), self.state.best
        better = (
            self.config.choose == "last"
            or best is None or best.loss is None
            or loss is None or loss < best.loss
        )  # fmt: skip
        if not better:
            return False
        chosen = Best(
            epoch=self._epoch,
            step=self.state.step,
            checkpoint=self._name,
            loss=loss,
            training_loss=self.totals.over_processes(self.accelerator).loss,
        )
        self.state = replace(self.state, best=chosen)
        return True

    def _validated(self) -> float | None:
        """The validation loss, recorded; None without validation data."""
        if self.validation is None:
            return None
        start = self.deadlines.elapsed
        totals = validate(self.stepper, self.validation, self.average)
        self.deadlines.reserve = self.deadlines.elapsed - start
        self.state = replace(self.state, seconds=self.deadlines.elapsed)
        self.record.row("validation", self._epoch, self.state, totals)
        return totals.loss

    def _save(self) -> None:
        """Commit a checkpoint, then say which is best, then drop what need not be kept."""
        sums = self.totals.over_processes(self.accelerator).sums
        self.state = replace(self.state, sums=sums, seconds=self.deadlines.elapsed)
        if self.main:
            self.folder.save(
                self._name,
                self.state,
                model=self.model,
                optimiser=self.stepper.optimiser,
                average=self.average.average if self.average is not None else None,
                config=to_plain(self.config),
                run=self._facts,
                scaler=self.stepper.scaler_state(),
            )
            best = self.state.best
            if best is not None:
                write_json(self.path / "best.json", asdict(best))
            self.folder.prune(self.config.keep, best.checkpoint if best else None)
        self.accelerator.wait_for_everyone()
        self.deadlines.saved()

    def finish(self, stopped: str) -> TrainingResult:
        """Put the chosen weights into the model and sum the run up."""
        best = self.state.best
        assert best is not None  # every way to stop but a signal ends with a judgement
        weights = chosen_weights(self.folder.path / best.checkpoint)
        load_into(self.model, weights, self.folder.path / best.checkpoint)
        self.model.eval()
        return TrainingResult.of(
            stopped,
            self.state,
            parameters=parameter_count(self.model),
            samples_per_second=self.rate.value,
            peak_memory_mb=peak_memory_mb(self.accelerator.device),
        )

    def _impatient(self) -> bool:
        patience = self.config.patience
        return patience is not None and self.state.worse_epochs >= patience

    def _tell(self) -> None:
        self.record.tell(self._epoch, self.state, self.totals, self.rate.value)

    def _train_row(self, kind: str, **more: Mapping[str, float]) -> None:
        self.record.row(
            kind,
            self._epoch,
            self.state,
            self.totals.over_processes(self.accelerator),
            learning_rate=learning_rate(self.config, self.state.step - 1, self.steps),
            gradient_norm=self.gradient_norm,
            samples_per_second=self.rate.value,
            peak_memory_mb=peak_memory_mb(self.accelerator.device),
            **more,
        )
