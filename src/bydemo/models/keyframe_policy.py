"""Our policy: look where the instruction says, foresee the next key moment, then act.

Three simple parts, each with its ablation switch:
- each camera is read by a small convolutional stack, and its feature map by attention whose
  queries come from the instruction and the proprioception (`nets.attention`);
- from what the glimpses saw, the policy foresees the robot's own state at the next *keyframe* (the
  next gripper event): for a pick that is where the object will be grasped. Demonstrations label
  this by themselves (keyframes: James & Davison, 2022), so no object positions are needed;
- the action comes from that forecast, relative to where the robot is now, with a head for what
  the data is: a distribution over bins for several-moded velocities, and weighted classes for rare
  gripper events.

Shape letters as in models.base; N bins, E prompt embedding, F features.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bydemo.models.action_head import cross_entropy
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes
from bydemo.nets import binned
from bydemo.nets.attention import PromptEncoder, SpatialAttention
from bydemo.nets.vision import PixelConv2d


@dataclass(frozen=True, kw_only=True)
class Config:
    """width: channels of the convolutions; glimpses: attention maps a camera; hidden: units of
    the linear layers; bins: bins a component, 0 for a plain regression with an L1 loss;
    limit: encoded action that the outermost bins stand for; keyframe: weight of the forecast's
    loss, 0 leaves the forecast out; use_prompt: False hides the instruction; ignore: observation
    fields, or `field.part`s, that the policy does not look at; foresee: those that it forecasts,
    all when empty; dropout: share of hidden units dropped."""

    width: int = 64
    glimpses: int = 8
    hidden: int = 256
    embedding: int = 64
    bins: int = 21
    limit: float = 1.0
    keyframe: float = 1.0
    use_prompt: bool = True
    ignore: tuple[str, ...] = ()
    foresee: tuple[str, ...] = ()
    dropout: float = 0.0

    def build(self, shapes: Shapes) -> KeyframePolicy:
        """A freshly initialised policy."""
        return KeyframePolicy(self, shapes)


class KeyframePolicy(Policy):
    """See the module's text; deterministic in eval mode."""

    seen: Tensor
    foreseen: Tensor

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        self.config, self.shapes = config, shapes
        body = len(shapes.proprioception)
        present = shapes.proprioception[-(body // shapes.history) :]
        seen = 1 - _mask(shapes.proprioception, config.ignore)
        foreseen = _mask(present, config.foresee) if config.foresee else seen[-len(present) :]
        self.register_buffer("seen", seen, persistent=False)
        self.register_buffer("foreseen", foreseen, persistent=False)
        self.prompt = PromptEncoder(shapes.vocabulary, config.embedding)
        channels = 3 if shapes.view.colour else 1
        cameras = len(shapes.view.cameras)
        self.eyes = nn.ModuleList(_convolutions(channels, config.width) for _ in range(cameras))
        self.attention = nn.ModuleList(
            SpatialAttention(config.width, config.embedding, config.glimpses)
            for _ in range(cameras)
        )
        looked = 2 * config.glimpses * cameras
        self.forecast = nn.Sequential(
            *_linear(looked + body, config.hidden, config.dropout),
            nn.Linear(config.hidden, len(present)),
        )
        self.outputs = shapes.continuous * max(config.bins, 1) + sum(shapes.classes)
        inputs = len(present) + looked + body + config.embedding
        self.head = nn.Sequential(
            *_linear(inputs, config.hidden, config.dropout),
            *_linear(config.hidden, config.hidden, config.dropout),
            nn.Linear(config.hidden, shapes.chunk * self.outputs),
        )

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Tensor]:
        """Continuous (B, K, C, N) logits or (B, K, C, 1) values, label logits (B, K, S), and the
        forecast (B, P/T): encoded change of the proprioception until the keyframe."""
        config, shapes = self.config, self.shapes
        body = batch["proprioception"] * self.seen
        words = self.prompt(batch["prompt"] * int(config.use_prompt))
        looked = self._look(batch, words) if shapes.view.cameras else []
        forecast = self.forecast(torch.cat([*looked, body], dim=-1)) * self.foreseen
        told = forecast if config.keyframe > 0 else torch.zeros_like(forecast)
        out = self.head(torch.cat([told, *looked, body, words], dim=-1)).float()
        out = out.view(len(out), shapes.chunk, self.outputs)
        classes = sum(shapes.classes)
        values, logits = out.split([self.outputs - classes, classes], dim=-1)
        return values.unflatten(-1, (shapes.continuous, -1)), logits, forecast.float()

    def _look(self, batch: Batch, words: Tensor) -> list[Tensor]:
        """Where each camera's glimpses landed: a list of (B, N * 2)."""
        each = batch["image"].chunk(len(self.eyes), dim=-1)
        return [
            attend(eye(image), words)
            for image, eye, attend in zip(each, self.eyes, self.attention, strict=True)
        ]

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Sums over valid chunk steps (actions) and samples (forecast)."""
        values, logits, forecast = self(batch)
        config, valid = self.config, batch["valid"]
        if config.bins:
            numeric = binned.cross_entropy(values, batch["continuous"], config.limit)
        else:
            numeric = (values[..., 0] - batch["continuous"]).abs()
        # A sum over components, so that a label weighs as much as one component does.
        numeric_sum = (numeric.sum(-1) * valid).sum()
        label_sum = logits.new_zeros(())
        parted = logits.split(self.shapes.classes, dim=-1)
        for these, target in zip(parted, batch["labels"].unbind(-1), strict=True):
            label_sum = label_sum + (cross_entropy(these, target) * valid).sum()
        count, steps = len(valid), int(valid.sum())
        total = (numeric_sum + label_sum) / self.shapes.chunk
        parts = {"continuous": (numeric_sum.detach(), steps), "labels": (label_sum.detach(), steps)}
        if config.keyframe > 0:
            present = batch["proprioception"][:, -len(self.foreseen) :]
            change = (batch["keyframe"] - present) * self.foreseen
            ahead = functional.smooth_l1_loss(forecast, change, reduction="sum", beta=0.1)
            total = total + config.keyframe * ahead
            parts["keyframe"] = (ahead.detach(), count)
        return Losses(total=total, count=count, parts=parts)

    def predict(self, batch: Batch) -> Prediction:
        """The mean of the bins, and the labels' logits."""
        values, logits, _ = self(batch)
        mean = binned.mean(values, self.config.limit) if self.config.bins else values[..., 0]
        return Prediction(continuous=mean, logits=logits)


def _mask(names: tuple[str, ...], chosen: tuple[str, ...]) -> Tensor:
    """(P,) 1 for each component whose field or `field.part` is among the chosen."""
    return torch.tensor([float(n in chosen or n.split(".")[0] in chosen) for n in names])


def _convolutions(channels: int, width: int) -> nn.Sequential:
    """(B, channels, H, W) -> (B, width, H/4, W/4); batch norm, since it trains fastest here."""
    half = width // 2
    layers: list[nn.Module] = []
    for inside, outside, kernel, stride in (
        (channels, half, 5, 2),
        (half, width, 3, 2),
        (width, width, 3, 1),
        (width, width, 3, 1),
    ):
        kind = nn.Conv2d if layers else PixelConv2d
        layers.append(kind(inside, outside, kernel, stride, kernel // 2, bias=False))
        layers += [nn.BatchNorm2d(outside), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


def _linear(inside: int, outside: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(inside, outside), nn.ReLU(), nn.Dropout(dropout)
