"""The reference policies of the Jaco Play study: the baseline and its tuned version.

Shape letters as in `models/base.py`. Two cameras in grey and 15 numbers give, with one step and
three gripper classes, exactly 6,574,958 parameters: convolutions 5,960, image linear layers
6,455,680, observation branch 102,784, head 10,534.

Actions are learned in whatever units the recipe's codec gives; the reference used raw m/s
(scaling "none"), and its squared errors compare only with that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from bydemo.core.errors import InputError
from bydemo.models.action_head import (
    ClassWeights,
    action_losses,
    check_class_weights,
    class_numbers,
    output_width,
    split_outputs,
)
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes
from bydemo.nets.attention import PromptEncoder
from bydemo.nets.vision import PooledConvolutions

CONVOLUTION_WIDTHS = (8, 16, 32)
IMAGE_WIDTHS = (256, 128)
OBSERVATION_WIDTHS = (256, 256, 128)
HEAD_WIDTHS = (64, 32)

_ACTIVATIONS = {"none": nn.Identity, "relu": nn.ReLU, "leaky_relu": nn.LeakyReLU}


@dataclass(frozen=True, kw_only=True)
class Config:
    """The baseline as it stands; `TUNED` is the tuned one.

    activation: after each hidden linear layer (the reference's baseline has none).
    dropout: share dropped after each hidden linear layer but the last of the head.
    pixel_range: what black and white become, the same for all images.
    prompt_width: of the prompt's embedding beside the proprioception; 0 leaves the prompt out.
    continuous_weight: factor of the continuous part's loss.
    label_weight: factor of the labels' cross entropy.
    class_weights: one number a class, in the labels' order, that multiplies its cross entropy, or
    balanced: in inverse proportion to how often the class comes in the training split.
    """

    activation: Literal["none", "relu", "leaky_relu"] = "none"
    dropout: float = 0.0
    pixel_range: tuple[float, float] = (0.0, 1.0)
    prompt_width: int = 0
    continuous_weight: float = 1.0
    label_weight: float = 1.0
    class_weights: ClassWeights = ()

    def __post_init__(self) -> None:
        if self.activation not in _ACTIVATIONS:
            raise InputError(
                f"'{self.activation}' is none of {', '.join(_ACTIVATIONS)}", field="activation"
            )
        check_class_weights(self.class_weights)
        for name in ("prompt_width", "continuous_weight", "label_weight"):
            value = getattr(self, name)
            if not (math.isfinite(value) and value >= 0):
                raise InputError(f"is {value:g}, expected 0 or more", field=name)
        known = len(self.pixel_range) == 2 and all(map(math.isfinite, self.pixel_range))
        if not (known and self.pixel_range[0] < self.pixel_range[1]):
            raise InputError(
                f"is {list(self.pixel_range)}, expected two numbers, black below white",
                field="pixel_range",
            )

    def build(self, shapes: Shapes) -> BehaviorCloning:
        """A freshly initialised policy."""
        return BehaviorCloning(self, shapes)


TUNED = Config(activation="relu", dropout=0.4)


class BehaviorCloning(Policy):
    """Image branch + observation branch, added, then a small head for the whole action chunk.

    Without a camera the observation branch speaks alone.
    """

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        self.config, self.shapes = config, shapes
        self._class_numbers = class_numbers(config.class_weights)
        if shapes.view.cameras:
            self.convolutions = PooledConvolutions(
                shapes.view.channels, CONVOLUTION_WIDTHS, shapes.view.size, config.pixel_range
            )
            self.image_branch = self._hidden((self.convolutions.features, *IMAGE_WIDTHS))
        felt = len(shapes.proprioception) + config.prompt_width
        self.observation_branch = self._hidden((felt, *OBSERVATION_WIDTHS))
        self.head = nn.Sequential(
            *self._hidden((IMAGE_WIDTHS[-1], HEAD_WIDTHS[0])),
            *self._hidden(HEAD_WIDTHS, dropout=0.0),
            nn.Linear(HEAD_WIDTHS[-1], output_width(shapes)),
        )
        if config.prompt_width:
            self.prompt = PromptEncoder(
                shapes.vocabulary, shapes.prompt_length, config.prompt_width
            )
        self.apply(_initialise)

    def _hidden(self, widths: tuple[int, ...], dropout: float | None = None) -> nn.Sequential:
        """Linear layers through `widths`, each with the activation and the dropout."""
        share = self.config.dropout if dropout is None else dropout
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers.append(nn.Linear(before, after))
            if self.config.activation != "none":
                layers.append(_ACTIVATIONS[self.config.activation]())
            if share > 0:
                layers.append(nn.Dropout(share))
        return nn.Sequential(*layers)

    def predict(self, batch: Batch) -> Prediction:
        """The action chunk for each sample."""
        if not self.shapes.view.cameras:
            return split_outputs(self.head(self._felt(batch)), self.shapes)
        seen = self.image_branch(self.convolutions(batch["image"]))
        return split_outputs(self.head(seen + self._felt(batch)), self.shapes)

    def _felt(self, batch: Batch) -> Tensor:
        """(B, 128): what the observation branch gives, which sees the prompt too if asked to."""
        felt = batch["proprioception"]
        if self.config.prompt_width:
            felt = torch.cat([felt, self.prompt(batch["prompt"])], dim=-1)
        out: Tensor = self.observation_branch(felt)
        return out

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """MSE of the continuous part plus cross entropy of the labels, by the configured factors;
        the parts are recorded without them."""
        config = self.config
        return action_losses(
            self.predict(batch), batch, self.shapes.classes, self._class_numbers,
            weights=(config.continuous_weight, config.label_weight),
        )  # fmt: skip


def _initialise(module: nn.Module) -> None:
    """Xavier-uniform weights and zero biases, as the reference."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
