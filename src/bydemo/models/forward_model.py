"""A forward model: what the robot will feel next, foreseen from what it sees, feels and is told.

It never learns an action. Where a demonstration's hand will be a few steps later, and where it
will next come to a stop, is recorded in the observations that follow, and whoever foresees that
knows most of what is to be done:
- in each picture a map, whose query comes from the instruction, says where the hand will next stop
  (seen through the camera's calibration; without one the maps learn from the forecasts alone);
- from these places come the way to that stop, and the ways of the next few steps.

The latent is the way to the stop, the foreseen parts as they are now, and what else a linear layer
needs to tell the next steps from it. Nothing is reconstructed: what does not matter for what
happens next is left out.

Shape letters as in `models/base.py`; F foreseen components.
"""

from __future__ import annotations

from collections.abc import Iterable
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

    latent: its size Z. later: distances [steps] of the forecasts. later_weight: of their loss;
    keyframe_weight: of the forecasts of the next stop; place_weight: of the maps. foresee: the
    fields, or `field.part`s, that are foreseen, all when empty. relative: those among them that
    enter only as the way left, so that the place does not tell which demonstration this is.
    still: cameras that don't move. ignore: fields or parts that the model does not look at.
    use_prompt: False hides the instruction. width: channels of the convolutions. hidden: units of
    the linear layers. embedding: width of the prompt's. In training only: jitter, the largest
    relative change of brightness and of each colour channel; patches, random rectangles a picture;
    shift, the furthest that pictures are moved [pixels]; dropout, the share of hidden units and of
    the convolutions' channels that is dropped.
    """

    latent: int = 128
    later: tuple[int, ...] = (1, 2, 4, 8)
    later_weight: float = 4.0
    keyframe_weight: float = 1.0
    place_weight: float = 0.5
    foresee: tuple[str, ...] = ()
    relative: tuple[str, ...] = ()
    still: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    use_prompt: bool = True
    width: int = 32
    hidden: int = 256
    embedding: int = 64
    jitter: float = 0.25
    patches: int = 3
    shift: int = 3
    dropout: float = 0.1

    @property
    def keyframes(self) -> bool:
        """The next stop is foreseen too."""
        return True

    def build(self, shapes: Shapes) -> ForwardModel:
        """A freshly initialised model."""
        return ForwardModel(self, shapes)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """What is foreseen: one map a camera, log weights (B, H, W); the first and the refined way
    (B, F) from here to the next stop, encoded; and the latent (B, Z)."""

    maps: list[Tensor]
    first: Tensor
    refined: Tensor
    latent: Tensor


class ForwardModel(Representation):
    """See the module's text."""

    seen: Tensor
    ahead: Tensor
    present: Tensor
    distances: Tensor

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        names, cameras = shapes.proprioception, shapes.view.cameras
        if not cameras:
            raise InputError("this model needs at least one camera", field="view.cameras")
        if not config.later:
            raise InputError("names no distance, so there is nothing to foresee", field="later")
        self.config, self.shapes, self.latent_size = config, shapes, config.latent
        body = len(names)
        now = names[-(body // shapes.history) :]
        ahead = torch.nonzero(component_mask(now, config.foresee or now))[:, 0]
        hidden = component_mask(names, (*config.ignore, *config.relative))
        looked, foreseen = 3 * len(cameras), len(ahead)
        if config.latent <= 2 * foreseen:
            raise InputError(f"is {config.latent}, expected more than {2 * foreseen}: the foreseen "
                             "components, and their ways", field="latent")  # fmt: skip
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
        half = config.hidden // 2
        self.first = self._layers(3 * len(self.still) + body, half, foreseen)
        self.refine = self._layers(looked + foreseen + body, half, foreseen)
        self.rest = self._layers(looked + foreseen + body + config.embedding, config.hidden,
                                 config.hidden, config.latent - 2 * foreseen)  # fmt: skip
        distances = torch.tensor(config.later, dtype=torch.float32)[:, None]
        self.register_buffer("distances", distances, persistent=False)
        self.steps = nn.Linear(config.latent, len(config.later) * foreseen)

    def _layers(self, inside: int, *widths: int) -> nn.Sequential:
        """Linear layers, all but the last with ReLU and dropout."""
        layers: list[nn.Module] = []
        for before, after in zip((inside, *widths), widths, strict=False):
            layers += [nn.Linear(before, after), nn.ReLU(), nn.Dropout(self.config.dropout)]
        return nn.Sequential(*layers[:-2])

    def encode(self, batch: Batch) -> Tensor:
        """The latent: the way to the next stop, the foreseen parts now, and the rest."""
        return self.foresee(batch).latent

    def foresee(self, batch: Batch) -> Forecast:
        """What is foreseen of each sample."""
        body = batch["proprioception"] * self.seen
        words = self.prompt(batch["prompt"] * int(self.config.use_prompt))
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
        rest = self.rest(torch.cat([*looked, refined, body, words], dim=-1)).float()
        latent = torch.cat([refined, present, rest], dim=-1)
        return Forecast(maps=maps, first=first, refined=refined, latent=latent)

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Parts: `later` and `keyframe`, sums of smooth L1 over components (and distances) in
        encoded units, of `later` per step; and `place`, the maps' cross entropy [nats] where the
        stop shows. All unweighted."""
        config = self.config
        if self.training:
            batch = varied(
                batch, generator, jitter=config.jitter, patches=config.patches, shift=config.shift
            )
        told = self.foresee(batch)
        count, present = len(told.latent), batch["proprioception"][:, self.present]
        stop = batch["keyframe"][:, self.ahead] - present
        later = _missed([self._paces(told)], self._true_paces(batch, present))
        keyframe = _missed([told.first, told.refined], stop)
        total = config.later_weight * later + config.keyframe_weight * keyframe
        parts = {"later": (later.detach(), count), "keyframe": (keyframe.detach(), count)}
        if "keyframe_place" in batch:
            visible, place = batch["keyframe_visible"], batch["keyframe_place"]
            lost = torch.stack(
                [
                    (place_loss(lit, place[:, i]) * visible[:, i]).sum()
                    for i, lit in enumerate(told.maps)
                ]
            ).sum()
            total = total + config.place_weight * lost
            parts["place"] = (lost.detach(), int(visible.sum()))
        return Losses(total=total, count=count, parts=parts)

    def _paces(self, told: Forecast) -> Tensor:
        """(B, J, F) the ways that are foreseen, divided by their distances in steps, so that the
        next step counts as much as a far one."""
        steps: Tensor = self.steps(told.latent)
        return steps.float().view(len(steps), len(self.config.later), -1)

    def _true_paces(self, batch: Batch, present: Tensor) -> Tensor:
        """The same as it came."""
        ways = batch["later_proprioception"][..., self.ahead] - present[:, None]
        return ways / self.distances

    def diagnostics(self, batch: Batch) -> dict[str, Tensor]:
        """How far the forecasts are off, in encoded units: `later` (B, J, F) per step and
        `keyframe` (B, F), of what the batch holds; and beside each what standing still would
        be off."""
        told, present = self.foresee(batch), batch["proprioception"][:, self.present]
        found: dict[str, Tensor] = {}
        if "later_proprioception" in batch:
            paces = self._true_paces(batch, present)
            found |= {
                "later": (self._paces(told) - paces).abs(), "later_standing_still": paces.abs()
            }  # fmt: skip
        if "keyframe" in batch:
            stop = batch["keyframe"][:, self.ahead] - present
            found |= {
                "keyframe": (told.refined - stop).abs(), "keyframe_standing_still": stop.abs()
            }  # fmt: skip
        return found


def _missed(told: Iterable[Tensor], truth: Tensor) -> Tensor:
    """The forecasts' smooth L1 distance from the truth, summed over everything."""
    each = [functional.smooth_l1_loss(t, truth, reduction="sum", beta=SHARP) for t in told]
    return torch.stack(each).sum()
