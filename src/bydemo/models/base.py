"""What every model offers to the training loop, and what every policy offers to an agent.

Shape letters: B batch, H W pixels, I image channels, P proprioception, L words, K chunk steps,
C continuous action components, G label parts of the action, S classes of all label parts together,
J distances ahead, Z components of a latent.

A batch is a dictionary of tensors, already encoded by the codec (images stay uint8):
`image` (B, H, W, I) uint8, absent when the view has no camera; `proprioception` (B, P) float32,
with a history the last steps' one after the other, oldest first, P/T each of T steps;
`prompt` (B, L) int64 word indices; and, for learning only, `continuous` (B, K, C) float32,
`labels` (B, K, G) int64, `valid` (B, K) bool: False beyond the episode's end;
`later_proprioception` (B, J, P/T) float32 the encoded proprioception at J later steps,
`later_valid` (B, J) bool: False beyond the episode's end, where its last step stands, and
`later_image` (B, H, W, I) uint8 at the first of them; `latent` (B, Z) float32 what a frozen
encoder makes of image, proprioception and prompt, in place of the image;
`keyframe` (B, P/T) float32 the encoded proprioception at the next key moment, and `keyframe_steps`
(B,) float32 steps until it; and, if any of V cameras is calibrated, `keyframe_place` (B, V, 2)
float32 where the tool's tip then appears in each picture, x and y in [-1, 1], and
`keyframe_visible` (B, V) bool, False outside the picture and for a camera without calibration.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from bydemo.core.errors import UnknownNameError
from bydemo.core.images import View

Batch = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class Losses:
    """A batch's loss as sums with counts, so that means over many batches come out right.

    `total` is the sum over `count` samples that is differentiated (as total / count);
    `parts` name -> (sum, count), detached, for the record.
    """

    total: Tensor
    count: int
    parts: Mapping[str, tuple[Tensor, int]]

    @property
    def mean(self) -> Tensor:
        """The scalar to differentiate."""
        return self.total / max(self.count, 1)


@dataclass(frozen=True, kw_only=True)
class Shapes:
    """All that a model needs to know of the data to be built.

    `proprioception` names, component by component, the field and part that it comes from
    (`ee_position.orientation`), so that a model can be told to look away from one; with a history
    the names repeat.
    """

    view: View
    proprioception: tuple[str, ...]
    continuous: int
    classes: tuple[int, ...]
    chunk: int = 1
    history: int = 1
    vocabulary: int = 2
    prompt_length: int = 1


def component_mask(names: tuple[str, ...], chosen: tuple[str, ...]) -> Tensor:
    """(P,) 1 for each component whose field or `field.part` is among the chosen."""
    known = {part for name in names for part in (name, name.split(".")[0])}
    for name in chosen:
        if name not in known:
            raise UnknownNameError("part of the proprioception", name, known)
    return torch.tensor([float(n in chosen or n.split(".")[0] in chosen) for n in names])


@dataclass(frozen=True, kw_only=True)
class Prediction:
    """What a policy expects the expert to do: continuous (B, K, C) encoded, logits (B, K, S)."""

    continuous: Tensor
    logits: Tensor


class Trainable(nn.Module, ABC):
    """Anything that the training loop can train; the loop knows nothing else about a model."""

    progress: float = 1.0
    """The share of all training steps that lie behind, which the loop states before each: for a
    loss that changes as training goes on. In eval mode a loss is that of the end."""

    @abstractmethod
    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The losses of one batch; randomness (beyond dropout) only from `generator`."""


class Policy(Trainable):
    """A model that says what to do; deterministic in eval mode, independent of its batch mates."""

    @abstractmethod
    def predict(self, batch: Batch) -> Prediction:
        """The action chunk for each sample of the batch."""


class ModelConfig(Protocol):
    """The frozen `Config` dataclass that each file of this folder exposes."""

    def build(self, shapes: Shapes) -> Trainable:
        """A freshly initialised model; weights depend only on torch's current seed."""
        ...


def parameter_count(model: nn.Module) -> int:
    """How many numbers the optimiser may change."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def config_name(config: Any) -> str:
    """The public name of a model configuration: the name of the file that it is defined in."""
    return type(config).__module__.rsplit(".", 1)[-1]
