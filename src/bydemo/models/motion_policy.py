"""A policy for an arm that reports its joints: cameras, and motion told from the last few steps.

Where the action is a velocity, a short history of positions says most of it, so the motion goes
straight into it by a linear path, and a small network says the rest. What the arm holds, its
joints do not tell: the labels come from the pictures and the motion together.

Shape letters as in models.base; F features of one camera, E prompt embedding.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bydemo.core.language import PAD
from bydemo.models.action_head import action_losses
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes
from bydemo.nets.motion import Motion
from bydemo.nets.vision import PixelConv2d


@dataclass(frozen=True, kw_only=True)
class Config:
    """widths: channels of the convolutions, each of which halves the picture; features: numbers
    kept of each camera; prompt_width: of the mean word embedding, 0 leaves the prompt out; hidden:
    units of the linear layers; dropout: share of features and units dropped before a label;
    picture_dropout: share of features dropped before a velocity, which leans on the motion."""

    widths: tuple[int, ...] = (32, 64, 64)
    features: int = 64
    prompt_width: int = 16
    hidden: int = 256
    dropout: float = 0.2
    picture_dropout: float = 0.3

    def build(self, shapes: Shapes) -> MotionPolicy:
        """A freshly initialised policy."""
        return MotionPolicy(self, shapes)


class MotionPolicy(Policy):
    """See the module's text; deterministic in eval mode."""

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        self.config, self.shapes = config, shapes
        body = len(shapes.proprioception)
        self.motion = Motion(body // shapes.history, shapes.history)
        channels = 3 if shapes.view.colour else 1
        self.eyes = nn.ModuleList(
            _eye(config, channels, shapes.view.size) for _ in shapes.view.cameras
        )
        self.words = (
            nn.Embedding(shapes.vocabulary, config.prompt_width, padding_idx=PAD)
            if config.prompt_width
            else None
        )
        inputs = body + config.features * len(self.eyes) + config.prompt_width
        moves, says = shapes.chunk * shapes.continuous, shapes.chunk * sum(shapes.classes)
        self.move = _mlp(inputs, config.hidden, moves, dropout=0.0) if moves else None
        self.say = _mlp(inputs, config.hidden, says, dropout=config.dropout) if says else None
        # Beginning from nothing, the linear path is found first, and the network learns the rest.
        self.direct = _silent(nn.Linear(body, moves)) if moves else None
        if self.move is not None:
            _silent(self.move[-1])

    def predict(self, batch: Batch) -> Prediction:
        """The action chunk for each sample."""
        chunk, motion = self.shapes.chunk, self.motion(batch["proprioception"])
        seen, words = self._look(batch), self._mean_word(batch["prompt"])
        continuous = logits = motion.new_zeros(len(motion), chunk, 0)
        if self.move is not None and self.direct is not None:
            glanced = [functional.dropout(f, self.config.picture_dropout, self.training)
                       for f in seen]  # fmt: skip
            rest = self.move(torch.cat([motion, *glanced, *words], dim=1)).float()
            with torch.autocast(motion.device.type, enabled=False):
                continuous = (self.direct(motion) + rest).view(len(motion), chunk, -1)
        if self.say is not None:
            logits = self.say(torch.cat([motion, *seen, *words], dim=1)).float()
            logits = logits.view(len(motion), chunk, -1)
        return Prediction(continuous=continuous, logits=logits)

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """MSE of the continuous part plus cross entropy of the labels, equal weights."""
        return action_losses(self.predict(batch), batch, self.shapes.classes)

    def _look(self, batch: Batch) -> list[Tensor]:
        """A list of (B, F), one a camera."""
        if not len(self.eyes):
            return []
        each = batch["image"].chunk(len(self.eyes), dim=-1)
        return [eye(image) for eye, image in zip(self.eyes, each, strict=True)]

    def _mean_word(self, prompt: Tensor) -> list[Tensor]:
        """(B, E), the mean of the words that are not padding; nothing without a prompt."""
        if self.words is None:
            return []
        count = (prompt != PAD).sum(-1, keepdim=True).clamp(min=1)
        return [self.words(prompt).sum(-2) / count]


def _silent(layer: nn.Module) -> nn.Module:
    """The layer with weights of zero."""
    nn.init.zeros_(layer.get_parameter("weight"))
    return layer


def _eye(config: Config, channels: int, size: int) -> nn.Sequential:
    """(B, H, W, channels) uint8 -> (B, F)."""
    layers: list[nn.Module] = []
    for before, after in zip((channels, *config.widths), config.widths, strict=False):
        kind, kernel = (nn.Conv2d, 3) if layers else (PixelConv2d, 5)
        layers.append(kind(before, after, kernel, 2, kernel // 2, bias=False))
        layers += [nn.BatchNorm2d(after), nn.ReLU(inplace=True)]
        size = (size + 1) // 2
    return nn.Sequential(
        *layers,
        nn.Flatten(),
        nn.Linear(config.widths[-1] * size * size, config.features),
        nn.ReLU(),
        nn.Dropout(config.dropout),
    )


def _mlp(inside: int, hidden: int, outside: int, *, dropout: float) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before in (inside, hidden):
        layers += [nn.Linear(before, hidden), nn.ReLU(), nn.Dropout(dropout)]
    return nn.Sequential(*layers, nn.Linear(hidden, outside))
