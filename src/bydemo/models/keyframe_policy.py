"""Our policy: look where the instruction says, foresee the next key moment, then act.

Three simple parts, each with its ablation switch:
- each camera is read by a small convolutional stack, and a map whose query comes from the
  instruction says where in the picture the robot will be at the next *keyframe*, the next gripper
  event: for a pick that is where the object will be grasped. Demonstrations label this by
  themselves (keyframes: James & Davison, 2022): the place where the hand later closed, seen
  through a calibrated camera. Without a calibration the maps still learn, from the forecast alone;
- from these places the policy foresees the way to the keyframe: a camera that stands still gives
  a first forecast, one on the hand refines it;
- the action comes from the way that is left, with a head for what the data is: a distribution
  over bins for several-moded velocities, and classes for rare gripper events.

A few hundred demonstrations are easily learned by heart: where the robot *is* tells which episode
this is. So the robot's place enters only as the way left to the forecast, a picture only as
places in it, and colours are jittered in training.

Shape letters as in models.base; N bins, E prompt embedding, F foreseen components.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bydemo.core.errors import InputError
from bydemo.models.action_head import cross_entropy
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes, component_mask
from bydemo.nets import binned
from bydemo.nets.attention import PromptedMap, PromptEncoder, landing, place_loss
from bydemo.nets.augmentation import varied
from bydemo.nets.eye import Eye


@dataclass(frozen=True, kw_only=True)
class Config:
    """A policy of this kind; every part can be left out for an ablation.

    width: channels of the convolutions. hidden: units of the linear layers. embedding: width of
    the prompt's. bins: bins a continuous component, 0 for a plain regression with an L1 loss;
    limit: encoded action that the outermost bins stand for. place: weight of the maps' loss.
    keyframe: weight of the forecasts' loss, 0 leaves the forecast out. foresee: the fields, or
    `field.part`s, that are foreseen, all when empty. still: cameras that don't move, in the view or
    not. ignore: fields or parts that the policy does not look at. use_prompt: False hides the
    instruction. relative: the foreseen parts enter only as the way left. In training only: jitter,
    the largest relative change of brightness and of each colour channel; patches, random rectangles
    a picture; shift, the furthest that pictures are moved [pixels]; dropout, the share of hidden
    units, and of the convolutions' channels, that is dropped.
    """

    width: int = 32
    hidden: int = 256
    embedding: int = 64
    bins: int = 21
    limit: float = 1.0
    place: float = 0.5
    keyframe: float = 1.0
    foresee: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    use_prompt: bool = True
    relative: bool = True
    jitter: float = 0.25
    patches: int = 3
    shift: int = 6
    dropout: float = 0.1

    def build(self, shapes: Shapes) -> KeyframePolicy:
        """A freshly initialised policy."""
        return KeyframePolicy(self, shapes)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is foreseen: one map a camera, log weights (B, H, W); the first and the refined way
    (B, F) from here to the keyframe, encoded."""

    maps: list[Tensor]
    first: Tensor
    refined: Tensor


class KeyframePolicy(Policy):
    """See the module's text; deterministic in eval mode."""

    seen: Tensor
    ahead: Tensor
    present: Tensor

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        names, cameras = shapes.proprioception, shapes.view.cameras
        if not cameras:
            raise InputError("this policy needs at least one camera", field="view.cameras")
        if min(config.width, config.hidden) < 2:
            raise InputError("is less than 2", field="width" if config.width < 2 else "hidden")
        self.config, self.shapes = config, shapes
        body = len(names)
        now = names[-(body // shapes.history) :]
        ahead = torch.nonzero(component_mask(now, config.foresee or now))[:, 0]
        hidden = component_mask(names, config.ignore)
        if config.relative and config.keyframe > 0:
            hidden = hidden.maximum(component_mask(names, config.foresee))
        self.register_buffer("seen", 1 - hidden, persistent=False)
        self.register_buffer("ahead", ahead, persistent=False)
        self.register_buffer("present", ahead + body - len(now), persistent=False)
        self.prompt = PromptEncoder(shapes.vocabulary, shapes.prompt_length, config.embedding)
        channels = 3 if shapes.view.colour else 1
        self.eyes = nn.ModuleList(Eye(channels, config.width, config.dropout) for _ in cameras)
        self.maps = nn.ModuleList(
            PromptedMap(config.width, config.embedding + body) for _ in cameras
        )
        self.still = [i for i, name in enumerate(cameras) if name in config.still]
        looked, foreseen = 3 * len(cameras), len(ahead)
        self.first = _forecast(3 * len(self.still) + body, config, foreseen)
        self.refine = _forecast(looked + foreseen + body, config, foreseen)
        self.outputs = shapes.continuous * max(config.bins, 1) + sum(shapes.classes)
        # Without a forecast the head has to see the places themselves.
        told = foreseen if config.keyframe > 0 else looked
        self.head = nn.Sequential(
            *_linear(told + body + config.embedding, config.hidden, config.dropout),
            *_linear(config.hidden, config.hidden, config.dropout),
            nn.Linear(config.hidden, shapes.chunk * self.outputs),
        )

    def forward(self, batch: Batch) -> tuple[Tensor, Tensor, Forecast]:
        """Continuous (B, K, C, N) logits or (B, K, C, 1) values, label logits (B, K, S), and the
        forecast of the keyframe."""
        config, shapes = self.config, self.shapes
        body = batch["proprioception"] * self.seen
        words = self.prompt(batch["prompt"] * int(config.use_prompt))
        query = torch.cat([words, body], dim=-1)
        pictures = batch["image"].chunk(len(self.eyes), dim=-1)
        maps = [
            attend(eye(picture), query)
            for picture, eye, attend in zip(pictures, self.eyes, self.maps, strict=True)
        ]
        moved = functional.pad(batch["moved"], (0, 1)) if "moved" in batch else 0.0
        looked = [landing(lit) - moved for lit in maps]
        first, refined = self._foresee(batch["proprioception"][:, self.present], looked, body)
        told = [refined] if config.keyframe > 0 else looked
        out = self.head(torch.cat([*told, body, words], dim=-1)).float()
        out = out.view(len(out), shapes.chunk, self.outputs)
        classes = sum(shapes.classes)
        values, logits = out.split([self.outputs - classes, classes], dim=-1)
        forecast = Forecast(maps=maps, first=first, refined=refined)
        return values.unflatten(-1, (shapes.continuous, -1)), logits, forecast

    def _foresee(
        self, present: Tensor, looked: list[Tensor], body: Tensor
    ) -> tuple[Tensor, Tensor]:
        """What the still cameras foresee, a place less where the robot is; and that refined."""
        with torch.autocast(body.device.type, enabled=False):
            place = self.first(torch.cat([*(looked[i] for i in self.still), body], dim=-1))
            first = place - present
            return first, first + self.refine(torch.cat([*looked, first, body], dim=-1))

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Sums over valid chunk steps (actions) and samples (forecast)."""
        config, valid = self.config, batch["valid"]
        if self.training:
            batch = varied(
                batch, generator, jitter=config.jitter, patches=config.patches, shift=config.shift
            )
        values, logits, forecast = self(batch)
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
        parts = {
            "continuous": (numeric_sum.detach(), steps),
            "cross_entropy": (label_sum.detach(), steps),
        }
        if config.keyframe > 0:
            way = batch["keyframe"][:, self.ahead] - batch["proprioception"][:, self.present]
            missed = torch.stack(
                [
                    functional.smooth_l1_loss(told, way, reduction="sum", beta=0.1)
                    for told in (forecast.first, forecast.refined)
                ]
            ).sum()
            total = total + config.keyframe * missed
            parts["keyframe"] = (missed.detach(), count)
        if config.place > 0 and "keyframe_place" in batch:
            lost, placed = self._place_loss(batch, forecast.maps)
            total = total + config.place * lost
            parts["place"] = (lost.detach(), placed)
        return Losses(total=total, count=count, parts=parts)

    def _place_loss(self, batch: Batch, maps: list[Tensor]) -> tuple[Tensor, int]:
        """The maps' cross entropy, a sum over the cameras and samples that show the place."""
        visible, place = batch["keyframe_visible"], batch["keyframe_place"]
        lost = sum(
            (place_loss(lit, place[:, i]) * visible[:, i]).sum() for i, lit in enumerate(maps)
        )
        return torch.as_tensor(lost), int(visible.sum())

    def predict(self, batch: Batch) -> Prediction:
        """The mean of the bins, and the labels' logits."""
        values, logits, _ = self(batch)
        mean = binned.mean(values, self.config.limit) if self.config.bins else values[..., 0]
        return Prediction(continuous=mean, logits=logits)


def _forecast(inside: int, config: Config, outside: int) -> nn.Sequential:
    layers = _linear(inside, config.hidden // 2, config.dropout)
    return nn.Sequential(*layers, nn.Linear(config.hidden // 2, outside))


def _linear(inside: int, outside: int, dropout: float) -> tuple[nn.Module, ...]:
    return nn.Linear(inside, outside), nn.ReLU(), nn.Dropout(dropout)
