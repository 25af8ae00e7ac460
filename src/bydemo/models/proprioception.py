"""A policy that sees no image: what the robot feels of itself, and at most the prompt.

Shape letters as in `models/base.py`; E is the width of the prompt embedding. It is the
policy for tasks whose state is measured, and stands beside every vision model to show how much of
the action the cameras were needed for.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from bydemo.core.errors import InputError
from bydemo.core.language import PAD
from bydemo.models.action_head import (
    ClassWeights,
    ContinuousLoss,
    action_losses,
    check_class_weights,
    check_continuous_loss,
    class_numbers,
    output_width,
    split_outputs,
)
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes
from bydemo.nets.fully_connected import Activation, FullyConnectedNetwork, check_activation


@dataclass(frozen=True, kw_only=True)
class Config:
    """A multilayer perceptron.

    widths: of the hidden layers. activation: after each of them. layer_norm: before it.
    dropout: share dropped after it. input_noise: standard deviation of Gaussian noise on the
    encoded proprioception, in training only. loss: of the continuous components, see
    `action_head.DISTANCES`. prompt_width: width E of the mean word embedding; 0 leaves the prompt
    out. class_weights: one number a class, in the labels' order, that multiplies its cross entropy,
    or balanced: in inverse proportion to how often the class comes in the training split.
    """

    widths: tuple[int, ...] = (256, 256, 128)
    activation: Activation = "relu"
    layer_norm: bool = False
    dropout: float = 0.0
    input_noise: float = 0.0
    loss: ContinuousLoss = "mse"
    prompt_width: int = 0
    class_weights: ClassWeights = ()

    def __post_init__(self) -> None:
        check_class_weights(self.class_weights)
        check_activation(self.activation)
        check_continuous_loss(self.loss)
        if not self.input_noise >= 0:
            raise InputError(f"is {self.input_noise:g}, expected 0 or more", field="input_noise")

    def build(self, shapes: Shapes) -> ProprioceptionPolicy:
        """A freshly initialised policy."""
        return ProprioceptionPolicy(self, shapes)


class ProprioceptionPolicy(Policy):
    """Proprioception, and the mean of the prompt's word embeddings, through a small MLP."""

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        self.config, self.shapes = config, shapes
        self._class_numbers = class_numbers(config.class_weights)
        self.words = (
            nn.Embedding(shapes.vocabulary, config.prompt_width, padding_idx=PAD)
            if config.prompt_width
            else None
        )
        self.network = FullyConnectedNetwork(
            len(shapes.proprioception) + config.prompt_width,
            output_width(shapes),
            config.widths,
            activation=config.activation,
            layer_norm=config.layer_norm,
            dropout=config.dropout,
        )

    def predict(self, batch: Batch) -> Prediction:
        """The action chunk for each sample."""
        inputs = batch["proprioception"]
        if self.words is not None:
            inputs = torch.cat([inputs, self._mean_word(batch["prompt"])], dim=-1)
        return split_outputs(self.network(inputs), self.shapes)

    def _mean_word(self, prompt: Tensor) -> Tensor:
        """(B, L) word indices -> (B, E): the mean over words that are not padding."""
        assert self.words is not None
        count = (prompt != PAD).sum(-1, keepdim=True).clamp(min=1)
        mean: Tensor = self.words(prompt).sum(-2) / count
        return mean

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The continuous part's loss plus cross entropy of the labels, equal weights."""
        if self.training and self.config.input_noise:
            batch = {**batch, "proprioception": self._noisy(batch["proprioception"], generator)}
        return action_losses(
            self.predict(batch), batch, self.shapes.classes, self._class_numbers,
            continuous=self.config.loss,
        )  # fmt: skip

    def _noisy(self, felt: Tensor, generator: torch.Generator) -> Tensor:
        """(B, P) with Gaussian noise added, independent in every component."""
        noise = torch.randn(felt.shape, generator=generator, device=felt.device, dtype=felt.dtype)
        return felt + self.config.input_noise * noise
