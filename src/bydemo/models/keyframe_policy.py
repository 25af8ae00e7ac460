"""Our policy: look where the instruction says, foresee the next key moment, then act.

Three simple parts, each with its ablation switch:
- each camera is read by a small convolutional stack, and attention whose queries come from the
  instruction says where in the picture the thing is (`nets.attention`);
- from those places the policy foresees where the robot will be at the next *keyframe* (the next
  gripper event): for a pick that is where the object will be grasped. Demonstrations label this
  by themselves (keyframes: James & Davison, 2022), so no object positions are needed. A camera
  that stands still gives a first forecast; one on the hand refines it;
- the action comes from the way that is left to the keyframe, with a head for what the data is: a
  distribution over bins for several-moded velocities, and classes for rare gripper events.

A few hundred demonstrations are easily learned by heart: where the robot *is* tells which episode
this is. So the robot's place enters only as the way left to the forecast, a picture only as
places in it, and colours are jittered in training.

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
    """A policy of this kind; every field can be left out for an ablation.

    width: channels of the convolutions. glimpses: attention maps a camera. hidden: units of the
    linear layers. embedding: width of the prompt's. bins: bins a continuous component, 0 for a
    plain regression with an L1 loss; limit: encoded action that the outermost bins stand for.
    keyframe: weight of the forecast's loss, 0 leaves the forecast out. foresee: the fields, or
    `field.part`s, that are foreseen, all when empty. still: cameras that don't move.
    ignore: fields or parts that the policy does not look at. use_prompt: False hides the
    instruction. relative: the foreseen parts enter only as the way left. jitter: largest relative
    change of brightness and of each colour channel in training. dropout: of hidden units.
    """

    width: int = 32
    glimpses: int = 8
    hidden: int = 256
    embedding: int = 64
    bins: int = 21
    limit: float = 1.0
    keyframe: float = 3.0
    foresee: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    use_prompt: bool = True
    relative: bool = True
    jitter: float = 0.2
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
        foreseen = _mask(present, config.foresee) if config.foresee else torch.ones(len(present))
        hidden = _mask(shapes.proprioception, config.ignore)
        if config.relative and config.foresee and config.keyframe > 0:
            hidden = hidden.maximum(_mask(shapes.proprioception, config.foresee))
        self.register_buffer("seen", 1 - hidden, persistent=False)
        self.register_buffer("foreseen", foreseen, persistent=False)
        self.prompt = PromptEncoder(shapes.vocabulary, shapes.prompt_length, config.embedding)
        channels = 3 if shapes.view.colour else 1
        cameras = shapes.view.cameras
        self.eyes = nn.ModuleList(_convolutions(channels, config.width) for _ in cameras)
        self.attention = nn.ModuleList(
            SpatialAttention(config.width, config.embedding, config.glimpses) for _ in cameras
        )
        self.places = [i for i, name in enumerate(cameras) if name in config.still]
        self.others = [i for i, name in enumerate(cameras) if name not in config.still]
        looked, ahead = 2 * config.glimpses, len(present)
        self.first = _forecast(looked * len(self.places) + body, config, ahead)
        self.refined = _forecast(looked * len(self.others) + ahead + body, config, ahead)
        self.outputs = shapes.continuous * max(config.bins, 1) + sum(shapes.classes)
        # Without a forecast the head has to see the places themselves.
        inputs = ahead if config.keyframe > 0 else looked * len(cameras)
        self.head = nn.Sequential(
            *_linear(inputs + body + config.embedding, config.hidden, config.dropout),
            *_linear(config.hidden, config.hidden, config.dropout),
            nn.Linear(config.hidden, shapes.chunk * self.outputs),
        )

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
        """Continuous (B, K, C, N) logits or (B, K, C, 1) values, label logits (B, K, S), and the
        first and the refined forecast (B, P/T): encoded change until the keyframe."""
        config, shapes = self.config, self.shapes
        body = batch["proprioception"] * self.seen
        words = self.prompt(batch["prompt"] * int(config.use_prompt))
        looked = self._look(batch, words) if shapes.view.cameras else []
        forecasts = self._foresee(batch, looked, body)
        told = [forecasts[1]] if config.keyframe > 0 else looked
        out = self.head(torch.cat([*told, body, words], dim=-1)).float()
        out = out.view(len(out), shapes.chunk, self.outputs)
        classes = sum(shapes.classes)
        values, logits = out.split([self.outputs - classes, classes], dim=-1)
        return values.unflatten(-1, (shapes.continuous, -1)), logits, forecasts

    def _foresee(self, batch: Batch, looked: list[Tensor], body: Tensor) -> tuple[Tensor, Tensor]:
        """The first forecast, of a place, less where the robot is; and that refined."""
        with torch.autocast(body.device.type, enabled=False):
            present = batch["proprioception"][:, -len(self.foreseen) :]
            place = self.first(torch.cat([*(looked[i] for i in self.places), body], dim=-1))
            coarse = (place - present) * self.foreseen
            seen = torch.cat([*(looked[i] for i in self.others), coarse, body], dim=-1)
            return coarse, (coarse + self.refined(seen)) * self.foreseen

    def _look(self, batch: Batch, words: Tensor) -> list[Tensor]:
        """Where each camera's glimpses landed: a list of (B, N * 2)."""
        each = batch["image"].chunk(len(self.eyes), dim=-1)
        return [
            attend(eye(image), words).float()
            for image, eye, attend in zip(each, self.eyes, self.attention, strict=True)
        ]

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Sums over valid chunk steps (actions) and samples (forecasts)."""
        if self.training and self.config.jitter > 0 and "image" in batch:
            image = jittered(batch["image"], self.config.jitter, generator)
            batch = {**batch, "image": image}
        values, logits, forecasts = self(batch)
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
            coarse, ahead = (
                functional.smooth_l1_loss(forecast, change, reduction="sum", beta=0.1)
                for forecast in forecasts
            )
            total = total + config.keyframe * (coarse + ahead)
            parts |= {"first_forecast": (coarse.detach(), count),
                      "forecast": (ahead.detach(), count)}  # fmt: skip
        return Losses(total=total, count=count, parts=parts)

    def predict(self, batch: Batch) -> Prediction:
        """The mean of the bins, and the labels' logits."""
        values, logits, _ = self(batch)
        mean = binned.mean(values, self.config.limit) if self.config.bins else values[..., 0]
        return Prediction(continuous=mean, logits=logits)


def jittered(image: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """(B, H, W, I) uint8 with brightness and each channel scaled at random, a sample at a time."""
    size = (len(image), 1, 1, image.shape[-1])
    device = generator.device
    each = torch.rand(*size, generator=generator, device=device)
    bright = torch.rand(len(image), 1, 1, 1, generator=generator, device=device)
    gain = (1 + amount * (2 * each - 1)) * (1 + amount * (2 * bright - 1))
    return (image * gain).clamp_(0, 255).to(torch.uint8)


def _forecast(inside: int, config: Config, outside: int) -> nn.Sequential:
    layers = _linear(inside, config.hidden // 2, config.dropout)
    return nn.Sequential(*layers, nn.Linear(config.hidden // 2, outside))


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
