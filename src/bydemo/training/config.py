"""All that decides how a model is trained; nothing about which model or which data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, Literal

from bydemo.core.config import to_plain
from bydemo.core.errors import InputError, TrainingError

Precision = Literal["fp32", "bf16", "fp16"]
Schedule = Literal["constant", "cosine"]
Choice = Literal["best", "last"]


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """How to train.

    epochs: passes over the training samples; steps: optimiser steps in all, the same budget however
    many samples there are. Exactly one of them is given; it fixes the schedule.
    batch_size: samples a step, over all processes together.
    optimiser: adam, or adamw with decoupled weight decay (vectors, i.e. biases and norms, spared).
    schedule: constant, or cosine down to zero at the last step; both after `warmup` steps of
    linear rise. clip: largest gradient norm. ema: decay of the averaged weights that are then
    validated and kept, e.g. 0.999. validate_every: optimiser steps between two validations, each
    with a checkpoint; unless given, whole epochs, so many that there are at most 50 in all (see
    `training/timetable.py`). choose: keep the weights of the best validation, or the last ones,
    for which validation is no more than a record. patience: validations in a row without a better
    loss before stopping. minutes: wall budget over all resumptions, validation included; it only
    stops, it never bends the schedule, so a run cut short and resumed is the run it would have
    been. keep: newest checkpoints, and newest ones after whole epochs, kept besides the best.
    checkpoint_minutes: also save in between this often. prefetch: prepare the next batch in a
    thread, where batches are large enough to gain from it. log_every: steps between `progress`
    rows, 0 for none.
    """

    epochs: int | None = None
    steps: int | None = None
    batch_size: int = 64
    seed: int = 1
    optimiser: Literal["adam", "adamw"] = "adam"
    learning_rate: float = 1e-3
    betas: tuple[float, float] = (0.9, 0.999)
    adam_eps: float = 1e-8
    weight_decay: float = 0.0
    schedule: Schedule = "constant"
    warmup: int = 0
    clip: float | None = None
    ema: float | None = None
    validate_every: int | None = None
    choose: Choice = "best"
    patience: int | None = None
    precision: Precision = "fp32"
    channels_last: bool = True
    device: Literal["auto", "cpu"] = "auto"
    prefetch: bool = True
    minutes: float | None = None
    keep: int = 2
    checkpoint_minutes: float | None = None
    log_every: int = 50

    def __post_init__(self) -> None:
        for name, valid in (
            ("epochs", self.epochs is None or self.epochs >= 1),
            ("steps", self.steps is None or self.steps >= 1),
            ("batch_size", self.batch_size >= 1),
            ("learning_rate", self.learning_rate > 0),
            ("warmup", self.warmup >= 0),
            ("weight_decay", self.weight_decay >= 0),
            ("clip", self.clip is None or self.clip > 0),
            ("ema", self.ema is None or 0 < self.ema < 1),
            ("validate_every", self.validate_every is None or self.validate_every >= 1),
            ("choose", self.choose in ("best", "last")),
            ("patience", self.patience is None or self.patience >= 1),
            ("minutes", self.minutes is None or self.minutes > 0),
            ("keep", self.keep >= 1),
            ("optimiser", self.optimiser in ("adam", "adamw")),
            ("schedule", self.schedule in ("constant", "cosine")),
            ("precision", self.precision in ("fp32", "bf16", "fp16")),
            ("device", self.device in ("auto", "cpu")),
        ):
            if not valid:
                raise InputError(
                    f"{getattr(self, name)!r} is not valid: {_VALID[name]}", field=name
                )
        self._check_together()

    def _check_together(self) -> None:
        if (self.epochs is None) == (self.steps is None):
            given = "none" if self.epochs is None else f"{self.epochs}, and 'steps' {self.steps}"
            raise InputError(
                f"is {given}: give either epochs, or steps to train for in all, and set the other "
                "to none",
                field="epochs",
            )
        if self.patience is not None and self.choose == "last":
            raise InputError(
                f"is {self.patience}, but with choose 'last' no validation is compared with "
                "another; set one of them otherwise",
                field="patience",
            )


_VALID = {
    "epochs": "expected at least 1",
    "steps": "expected at least 1, or none",
    "batch_size": "expected at least 1",
    "learning_rate": "expected more than 0",
    "warmup": "expected 0 or more steps",
    "weight_decay": "expected 0 or more",
    "clip": "expected more than 0, or none",
    "ema": "expected a decay between 0 and 1, or none",
    "validate_every": "expected at least 1 step, or none",
    "choose": "best or last",
    "patience": "expected at least 1, or none",
    "minutes": "expected more than 0, or none",
    "keep": "expected at least 1",
    "optimiser": "adam or adamw",
    "schedule": "constant or cosine",
    "precision": "fp32, bf16 or fp16",
    "device": "auto or cpu",
}

_FREE = {"minutes", "patience", "keep", "checkpoint_minutes", "log_every", "prefetch", "device",
         "validate_every"}  # fmt: skip
"""Fields that may differ when a run is resumed: none of them changes what a step computes."""


def check_resumable(saved: Mapping[str, Any], config: TrainingConfig) -> None:
    """Refuse to go on with another configuration: the result would be neither run's.

    More epochs or steps are allowed where the schedule does not depend on their number. A field
    that did not exist when the run was started had what is its default now.
    """
    ours = to_plain(config)
    free = _FREE | ({"epochs", "steps"} if config.schedule == "constant" else set())
    defaults = {f.name: to_plain(f.default) for f in fields(config) if f.default is not MISSING}
    before = {**defaults, **saved}
    differing = [
        f"{f.name}: {before[f.name]!r} was, {ours[f.name]!r} now"
        for f in fields(config)
        if f.name not in free and before[f.name] != ours[f.name]
    ]
    if differing:
        raise TrainingError(
            "the run cannot be resumed with another configuration ("
            + "; ".join(differing)
            + "). Resume with the old values, or start a new run folder"
        )
