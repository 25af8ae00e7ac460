"""One optimiser step, the same on one process or many, guarded against losses that break down."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from accelerate import Accelerator
from torch import Tensor, nn
from torch.optim import Optimizer

from bydemo.core.errors import TrainingError
from bydemo.models.base import Batch, Losses, Trainable
from bydemo.training.config import TrainingConfig
from bydemo.training.schedule import TRAIN, VALIDATION, learning_rate, seed_step


class _Forward(nn.Module):
    """`loss` as a forward pass, which is where mixed precision and gradient exchange hook in."""

    def __init__(self, model: Trainable) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch, generator: torch.Generator) -> Losses:
        return self.model.loss(batch, generator)


def build_optimiser(model: nn.Module, config: TrainingConfig) -> Optimizer:
    """Adam or AdamW over what is trainable; vectors (biases, norms) get no weight decay."""
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise TrainingError("the model has no trainable parameter")
    groups = [{"params": trainable, "weight_decay": 0.0}]
    if config.weight_decay:
        groups = [
            {"params": [p for p in trainable if p.ndim > 1], "weight_decay": config.weight_decay},
            {"params": [p for p in trainable if p.ndim <= 1], "weight_decay": 0.0},
        ]
    kind = torch.optim.AdamW if config.optimiser == "adamw" else torch.optim.Adam
    return kind(
        [g for g in groups if g["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.adam_eps,
        fused=True,
    )


class Stepper:
    """Model, optimiser and accelerator, ready to take steps."""

    def __init__(
        self, model: Trainable, config: TrainingConfig, accelerator: Accelerator, steps: int
    ) -> None:
        self.model, self.config, self.accelerator, self.steps = model, config, accelerator, steps
        if config.channels_last:
            model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimiser = build_optimiser(model, config)
        self.generator = torch.Generator(device=accelerator.device)
        self._forward, accelerated = accelerator.prepare(_Forward(model), self.optimiser)
        # The wrapper is needed for loss scaling alone; it searches the import path twice a step,
        # which takes as long as half a step of a small network.
        self._optimiser = self.optimiser if accelerator.scaler is None else accelerated
        self._trainable = [p for p in model.parameters() if p.requires_grad]

    def take(self, step: int, batch: Batch, rows: int) -> tuple[Losses, float]:
        """Optimiser step `step` on this process's `rows` samples: its losses (detached, empty for
        a process without rows) and the norm of the whole gradient before clipping.

        TrainingError, before anything is updated, when loss or gradient is not finite.
        """
        seed_step(self.config.seed, step, self.accelerator.process_index, TRAIN, self.generator)
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.config, step, self.steps)
        self.model.progress = step / self.steps
        losses: Losses = self._forward(batch, self.generator)
        loss = self._mean(losses, rows)
        value = float(loss.detach())
        if not math.isfinite(value):
            parts = ", ".join(f"{n} {float(s) / max(c, 1):g}" for n, (s, c) in losses.parts.items())
            raise self._broken(step, f"loss is {value:g}" + (f" ({parts})" if parts else ""))
        for parameter in self._trainable:
            parameter.grad = None
        self.accelerator.backward(loss)
        norm = self._clipped_norm()
        if not math.isfinite(norm) and self.config.precision != "fp16":
            raise self._broken(step, f"gradient's norm is {norm:g}")
        self._optimiser.step()  # in fp16 the scaler skips a step whose gradient overflowed
        return _detached(losses, rows), norm

    def evaluate(self, step: int, batch: Batch, rows: int) -> Losses:
        """Losses of a validation batch, without gradients; the model is in eval mode."""
        rank = self.accelerator.process_index
        seed_step(self.config.seed, step, rank, VALIDATION, self.generator)
        with torch.no_grad(), self.accelerator.autocast():
            return _detached(self.model.loss(batch, self.generator), rows)

    def scaler_state(self) -> dict[str, Any]:
        """The fp16 loss scale and its counter; empty in other formats."""
        scaler = self.accelerator.scaler
        return dict(scaler.state_dict()) if scaler is not None else {}

    def load_scaler(self, state: Mapping[str, Any]) -> None:
        """Take over a saved loss scale."""
        if self.accelerator.scaler is not None and state:
            self.accelerator.scaler.load_state_dict(dict(state))

    def _mean(self, losses: Losses, rows: int) -> Tensor:
        """This process's share of the mean loss over the samples of all processes."""
        world = self.accelerator.num_processes
        if world == 1:
            return losses.mean
        mine = losses.count if rows else 0
        counts = torch.tensor(float(mine), device=self.accelerator.device)
        everyone = float(self.accelerator.reduce(counts, reduction="sum"))
        # Gradients are averaged over processes afterwards, hence the factor.
        return losses.total * (world / max(everyone, 1.0) if rows else 0.0)

    def _clipped_norm(self) -> float:
        self.accelerator.unscale_gradients()
        gradients = [p.grad for p in self._trainable if p.grad is not None]
        norm = torch.nn.utils.get_total_norm(gradients)
        if self.config.clip is not None:
            torch.nn.utils.clip_grads_with_norm_(self._trainable, self.config.clip, norm)
        return float(norm)

    def _broken(self, step: int, what: str) -> TrainingError:
        return TrainingError(
            f"step {step + 1}: the {what}, so training stopped before the update (learning rate "
            f"{learning_rate(self.config, step, self.steps):g}, seed {self.config.seed})"
        )


def _detached(losses: Losses, rows: int) -> Losses:
    """For the record; a process without rows has nothing to record."""
    if rows:
        return replace(losses, total=losses.total.detach())
    return replace(
        losses,
        total=losses.total.detach() * 0,
        count=0,
        parts={name: (value * 0, 0) for name, (value, _) in losses.parts.items()},
    )
