"""The reference policies of the Jaco Play study: the baseline and its tuned version.

Shape letters as in `models/base.py`. Two cameras in grey and 15 numbers give, with one step and
three gripper classes, exactly 6,574,958 parameters: convolutions 5,960, image linear layers
6,455,680, observation branch 102,784, head 10,534.

Actions are learned in whatever units the recipe's codec gives; the reference used raw m/s
(scaling "none"), and its squared errors compare only with that.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import nn

from bydemo.core.errors import InputError
from bydemo.models.action_head import action_losses, output_width, split_outputs
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes
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
    class_weights: one number a class, in the labels' order, that multiplies its cross entropy.
    """

    activation: Literal["none", "relu", "leaky_relu"] = "none"
    dropout: float = 0.0
    class_weights: tuple[float, ...] = ()

    def build(self, shapes: Shapes) -> BehaviorCloning:
        """A freshly initialised policy."""
        return BehaviorCloning(self, shapes)


TUNED = Config(activation="relu", dropout=0.4)


class BehaviorCloning(Policy):
    """Image branch + observation branch, added, then a small head for the whole action chunk."""

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        if not shapes.view.cameras:
            raise InputError("this policy needs at least one camera", field="view.cameras")
        if config.activation not in _ACTIVATIONS:
            raise InputError(
                f"'{config.activation}' is none of {', '.join(_ACTIVATIONS)}", field="activation"
            )
        self.config, self.shapes = config, shapes
        self.convolutions = PooledConvolutions(
            shapes.view.channels, CONVOLUTION_WIDTHS, shapes.view.size
        )
        self.image_branch = self._hidden((self.convolutions.features, *IMAGE_WIDTHS))
        self.observation_branch = self._hidden((len(shapes.proprioception), *OBSERVATION_WIDTHS))
        self.head = nn.Sequential(
            *self._hidden((IMAGE_WIDTHS[-1], HEAD_WIDTHS[0])),
            *self._hidden(HEAD_WIDTHS, dropout=0.0),
            nn.Linear(HEAD_WIDTHS[-1], output_width(shapes)),
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
        seen = self.image_branch(self.convolutions(batch["image"]))
        felt = self.observation_branch(batch["proprioception"])
        return split_outputs(self.head(seen + felt), self.shapes)

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """MSE of the continuous part plus cross entropy of the labels, equal weights."""
        prediction = self.predict(batch)
        return action_losses(prediction, batch, self.shapes.classes, self.config.class_weights)


def _initialise(module: nn.Module) -> None:
    """Xavier-uniform weights and zero biases, as the reference."""
    if isinstance(module, (nn.Linear, nn.Conv2d)):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
