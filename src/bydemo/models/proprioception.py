"""A policy that sees no image: what the robot feels of itself, and at most the prompt.

Shape letters as in `models/base.py`; E is the width of the prompt embedding. It stands beside
every vision model to show how much of the action the cameras were needed for.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn

from bydemo.core.language import PAD
from bydemo.models.action_head import action_losses, output_width, split_outputs
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes


@dataclass(frozen=True, kw_only=True)
class Config:
    """A multilayer perceptron with ReLU.

    widths: of the hidden layers. dropout: share dropped after each of them.
    prompt_width: width E of the mean word embedding; 0 leaves the prompt out.
    class_weights: one number a class, in the labels' order, that multiplies its cross entropy.
    """

    widths: tuple[int, ...] = (256, 256, 128)
    dropout: float = 0.0
    prompt_width: int = 0
    class_weights: tuple[float, ...] = ()

    def build(self, shapes: Shapes) -> ProprioceptionPolicy:
        """A freshly initialised policy."""
        return ProprioceptionPolicy(self, shapes)


class ProprioceptionPolicy(Policy):
    """Proprioception, and the mean of the prompt's word embeddings, through a small MLP."""

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        self.config, self.shapes = config, shapes
        self.words = (
            nn.Embedding(shapes.vocabulary, config.prompt_width, padding_idx=PAD)
            if config.prompt_width
            else None
        )
        widths = (len(shapes.proprioception) + config.prompt_width, *config.widths)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
            if config.dropout > 0:
                layers.append(nn.Dropout(config.dropout))
        self.layers = nn.Sequential(*layers, nn.Linear(widths[-1], output_width(shapes)))

    def predict(self, batch: Batch) -> Prediction:
        """The action chunk for each sample."""
        inputs = batch["proprioception"]
        if self.words is not None:
            inputs = torch.cat([inputs, self._mean_word(batch["prompt"])], dim=-1)
        return split_outputs(self.layers(inputs), self.shapes)

    def _mean_word(self, prompt: Tensor) -> Tensor:
        """(B, L) word indices -> (B, E): the mean over words that are not padding."""
        assert self.words is not None
        count = (prompt != PAD).sum(-1, keepdim=True).clamp(min=1)
        mean: Tensor = self.words(prompt).sum(-2) / count
        return mean

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """MSE of the continuous part plus cross entropy of the labels, equal weights."""
        prediction = self.predict(batch)
        return action_losses(prediction, batch, self.shapes.classes, self.config.class_weights)
