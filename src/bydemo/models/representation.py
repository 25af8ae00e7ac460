"""A self-supervised model: what is worth knowing of an observation, learned without any action.

Shape letters as in `models/base.py`.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from bydemo.core.errors import InputError
from bydemo.models.base import Batch, Shapes, Trainable


@dataclass(frozen=True, kw_only=True)
class RepresentationConfig:
    """What the `Config` of every representation is made from.

    By this type its batches are prepared without actions: no option can bring them back.
    """

    @property
    def later(self) -> tuple[int, ...]:
        """The distances [steps] at which its loss looks at what follows."""
        return ()

    @property
    def keyframes(self) -> bool:
        """Whether its loss looks at the next stop of the robot."""
        return False

    def build(self, shapes: Shapes) -> Representation:
        """A freshly initialised model."""
        raise NotImplementedError


class Representation(Trainable):
    """A model with a latent (B, Z) for image, proprioception and prompt; its batches hold neither
    actions nor anything that was derived from them."""

    latent_size: int
    contrastive: bool = False
    """Whether its loss compares the samples of a batch; its latents never depend on the others."""

    @abstractmethod
    def encode(self, batch: Batch) -> Tensor:
        """(B, Z) float32, deterministic in eval mode (of a distribution the mean)."""

    def decode(self, latent: Tensor) -> dict[str, Tensor]:
        """What a latent (B, Z) stands for: `image` (B, H, W, I) float32 in 0..1 and
        `proprioception` (B, P) encoded; nothing where the model has no decoder."""
        return {}

    def reconstruct(self, batch: Batch) -> dict[str, Tensor]:
        """The observation by way of its latent, see `decode`."""
        return self.decode(self.encode(batch))

    def diagnostics(self, batch: Batch) -> Mapping[str, Tensor]:
        """Figures of each sample (B, ...), by name, for judging how training ended."""
        return {}


def check_modalities(modalities: tuple[str, ...], shapes: Shapes) -> None:
    """InputError unless these are `image`, `proprioception` or both, and the data has them."""
    known = ("image", "proprioception")
    if not modalities or set(modalities) - set(known) or len(set(modalities)) < len(modalities):
        raise InputError(f"{list(modalities)}, expected one or both of {', '.join(known)}",
                         field="modalities")  # fmt: skip
    if "image" in modalities and not shapes.view.cameras:
        raise InputError("has no camera, which 'modalities' asks for", field="view.cameras")
