"""A forward model: what the robot will feel next, foreseen from what it sees, feels and is told.

It never learns an action. Where a demonstration's hand will be a few steps later, and where it
will next come to a stop, is recorded in the observations that follow, and whoever foresees that
knows most of what is to be done:
- in each picture a map, whose query comes from the instruction, says where the hand will next stop
  (seen through the camera's calibration; without one the maps learn from the forecasts alone);
- from these places come the way to that stop, and the ways of the next few steps.
The latent is what these forecasts are read from by linear layers, with the way to the stop itself.

It is no reconstruction: what does not matter for what happens next is left out.

Shape letters as in `models/base.py`; F foreseen components.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from bydemo.core.errors import InputError
from bydemo.models.base import Batch, Losses, Shapes, component_mask
from bydemo.models.representation import Representation, RepresentationConfig
from bydemo.nets.attention import PromptedMap, PromptEncoder, landing, place_loss
from bydemo.nets.augmentation import varied
from bydemo.nets.eye import Eye

SHARP = 0.1
"""[encoded units] where the forecasts' loss turns from a parabola into a line."""


@dataclass(frozen=True, kw_only=True)
class Config(RepresentationConfig):
    """A forward model; every part can be left out for an ablation.

    latent: its size Z, the way to the stop included. width: channels of the convolutions. hidden:
    units of the linear layers. embedding: width of the prompt's. later: weight of the forecasts of
    the next steps; keyframe: of the next stop; place: of the maps. foresee: the fields, or
    `field.part`s, that are foreseen, all when empty. still: cameras that don't move. ignore: fields
    or parts that the model does not look at. use_prompt: False hides the instruction. relative:
    the foreseen parts enter only as the way left. In training only: jitter, patches, shift and
    dropout, as in `models/keyframe_policy.py`.
    """

    latent: int = 128
    width: int = 32
    hidden: int = 256
    embedding: int = 64
    later: tuple[int, ...] = (1, 2, 4, 8)
    later_weight: float = 1.0
    keyframe_weight: float = 1.0
    place_weight: float = 0.5
    foresee: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    use_prompt: bool = True
    relative: bool = True
    jitter: float = 0.25
    patches: int = 3
    shift: int = 3
    dropout: float = 0.1

    def build(self, shapes: Shapes) -> ForwardModel:
        """A freshly initialised model."""
        return ForwardModel(self, shapes)


class ForwardModel(Representation):
    """See the module's text."""

    seen: Tensor
    ahead: Tensor
    present: Tensor

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        names, cameras = shapes.proprioception, shapes.view.cameras
        if not cameras:
            raise InputError("this model needs at least one camera", field="view.cameras")
        self.config, self.shapes = config, shapes
        body = len(names)
        now = names[-(body // shapes.history) :]
        ahead = torch.nonzero(component_mask(now, config.foresee or now))[:, 0]
        hidden = component_mask(names, config.ignore)
        if config.relative:
            hidden = hidden.maximum(component_mask(names, config.foresee))
        self.latent_size = config.latent
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
        self.first = self._mlp(3 * len(self.still) + body, foreseen)
        self.refine = self._mlp(looked + foreseen + body, foreseen)
        self.trunk = nn.Sequential(
            *self._layers(looked + foreseen + body + config.embedding, config.hidden),
            *self._layers(config.hidden, config.hidden),
            nn.Linear(config.hidden, config.latent - foreseen),
        )
        self.steps = nn.Linear(config.latent, len(config.later) * foreseen)

    def _layers(self, inside: int, outside: int) -> tuple[nn.Module, ...]:
        return nn.Linear(inside, outside), nn.ReLU(), nn.Dropout(self.config.dropout)

    def _mlp(self, inside: int, outside: int) -> nn.Sequential:
        half = self.config.hidden // 2
        return nn.Sequential(*self._layers(inside, half), nn.Linear(half, outside))

    def encode(self, batch: Batch) -> Tensor:
        return self._look(batch)[0]

    def _look(self, batch: Batch):
        config = self.config
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
        present = batch["proprioception"][:, self.present]
        with torch.autocast(body.device.type, enabled=False):
            place = self.first(torch.cat([*(looked[i] for i in self.still), body], dim=-1))
            first = place - present
            refined = first + self.refine(torch.cat([*looked, first, body], dim=-1))
        rest = self.trunk(torch.cat([*looked, refined, body, words], dim=-1)).float()
        return torch.cat([refined, rest], dim=-1), maps, first, refined

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        config = self.config
        if self.training:
            batch = varied(
                batch, generator, jitter=config.jitter, patches=config.patches, shift=config.shift
            )
        latent, maps, first, refined = self._look(batch)
        present, count = batch["proprioception"][:, self.present], len(latent)
        told = self.steps(latent).view(count, len(config.later), -1)
        ways = batch["later_proprioception"][..., self.ahead] - present[:, None]
        missed = functional.smooth_l1_loss(told, ways, reduction="sum", beta=SHARP)
        total, parts = config.later_weight * missed, {"later": (missed.detach(), count)}
        if "keyframe" in batch:
            way = batch["keyframe"][:, self.ahead] - present
            missed = sum(
                functional.smooth_l1_loss(x, way, reduction="sum", beta=SHARP)
                for x in (first, refined)
            )
            total = total + config.keyframe_weight * missed
            parts["keyframe"] = (missed.detach(), count)
        if config.place_weight > 0 and "keyframe_place" in batch:
            visible, place = batch["keyframe_visible"], batch["keyframe_place"]
            lost = sum(
                (place_loss(lit, place[:, i]) * visible[:, i]).sum() for i, lit in enumerate(maps)
            )
            total = total + config.place_weight * lost
            parts["place"] = (lost.detach(), int(visible.sum()))
        return Losses(total=total, count=count, parts=parts)
