"""Time-contrastive learning: frames close in time get close latents, others distant ones.

What changes slowly within an episode and differs between episodes is kept, such as where things
lie; nothing is reconstructed (Oord et al., 2018, for the loss; Sermanet et al., 2018, for time as
the teacher). Shape letters as in `models/base.py`; D components of a projection.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from bydemo.core.errors import InputError
from bydemo.models.base import Batch, Losses, Shapes
from bydemo.models.representation import Representation, RepresentationConfig, check_modalities
from bydemo.nets.augmentation import varied
from bydemo.nets.strided import StridedConvolutions

IMAGE, PROPRIOCEPTION = "image", "proprioception"


@dataclass(frozen=True, kw_only=True)
class Config(RepresentationConfig):
    """A time-contrastive encoder.

    latent: its size Z. modalities: what the encoder is shown. near: steps between the two frames of
    a pair. temperature: of the softmax over the batch. projection: components D in which frames are
    compared. widths: channels of the convolutions, each of which halves the picture. hidden: units
    of the linear layers. In training only: jitter, the largest relative change of colours; patches,
    random rectangles a picture; shift, the furthest that pictures are moved [pixels].
    """

    latent: int = 128
    modalities: tuple[str, ...] = (IMAGE, PROPRIOCEPTION)
    near: int = 3
    temperature: float = 0.1
    projection: int = 64
    widths: tuple[int, ...] = (32, 64, 64)
    hidden: int = 256
    jitter: float = 0.25
    patches: int = 1
    shift: int = 3

    def __post_init__(self) -> None:
        for name in ("latent", "near", "temperature", "projection", "hidden"):
            if not getattr(self, name) > 0:
                raise InputError(f"is {getattr(self, name):g}, expected more than 0", field=name)

    @property
    def later(self) -> tuple[int, ...]:
        """The other frame of each pair."""
        return (self.near,)

    def build(self, shapes: Shapes) -> TimeContrastive:
        """A freshly initialised model."""
        return TimeContrastive(self, shapes)


class TimeContrastive(Representation):
    """Branches for picture and proprioception, joined into the latent."""

    contrastive = True

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        check_modalities(config.modalities, shapes)
        if shapes.history > 1:
            raise InputError(f"is {shapes.history}, but a later frame has no history",
                             field="history")  # fmt: skip
        self.config, self.shapes, self.latent_size = config, shapes, config.latent
        view, joined = shapes.view, 0
        self.branches = nn.ModuleDict()
        if IMAGE in config.modalities:
            seen = StridedConvolutions(view.channels, config.widths, view.size)
            self.branches[IMAGE] = nn.Sequential(seen, nn.Linear(seen.features, config.hidden))
            joined += config.hidden
        if PROPRIOCEPTION in config.modalities:
            felt = len(shapes.proprioception)
            self.branches[PROPRIOCEPTION] = _mlp(felt, config.hidden, config.hidden)
            joined += config.hidden
        self.join = nn.Sequential(nn.ReLU(), nn.Linear(joined, config.latent))
        self.project = _mlp(config.latent, config.hidden, config.projection)

    def encode(self, batch: Batch) -> Tensor:
        """The latent, before the projection that the loss compares."""
        features = [branch(batch[name]) for name, branch in self.branches.items()]
        latent: Tensor = self.join(torch.cat(features, dim=-1)).float()
        return latent

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """InfoNCE both ways [nats a pair], over the samples whose episode goes on long enough:
        which later frame of the batch belongs to this one, and which earlier one to that."""
        there = batch["later_valid"][:, 0]
        now = {name: batch[name][there] for name in self.config.modalities}
        later = {PROPRIOCEPTION: batch["later_proprioception"][there, 0]}
        if IMAGE in now:
            later[IMAGE] = batch["later_image"][there]
        count = int(there.sum())
        if count == 0:  # nothing to compare, yet every weight takes part in the step
            total = sum((p.sum() * 0 for p in self.parameters()), there.new_zeros(()).float())
            return Losses(total=total, count=0, parts={"contrast": (total.detach(), 0)})
        one, other = (self._projected(frames, generator) for frames in (now, later))
        likeness = one @ other.T / self.config.temperature
        which = torch.arange(count, device=likeness.device)
        total = 0.5 * (
            functional.cross_entropy(likeness, which, reduction="sum")
            + functional.cross_entropy(likeness.T, which, reduction="sum")
        )
        found = (likeness.argmax(1) == which).sum().float()
        return Losses(
            total=total,
            count=count,
            parts={"contrast": (total.detach(), count), "found": (found.detach(), count)},
        )

    def _projected(self, frames: Batch, generator: torch.Generator) -> Tensor:
        """(B, D) of unit length."""
        config = self.config
        if self.training and IMAGE in frames:
            frames = varied(frames, generator, jitter=config.jitter, patches=config.patches,
                            shift=config.shift)  # fmt: skip
        return functional.normalize(self.project(self.encode(frames)).float(), dim=-1)


def _mlp(*widths: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
