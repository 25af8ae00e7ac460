"""A small policy on the latents of a representation that was trained without actions.

The encoder is frozen as it was trained, frozen as it was drawn at random (a control), or trained
on with the policy. A frozen one is exactly that: no gradient, always in eval mode, always in full
precision, and its latents may as well be computed once (`latent` in a batch) as every time.

Shape letters as in `models/base.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, Literal, Self

import torch
from torch import Tensor, nn

from bydemo.core.config import to_plain
from bydemo.core.errors import InputError
from bydemo.models import model_config
from bydemo.models.action_head import (
    ContinuousLoss,
    action_losses,
    check_continuous_loss,
    output_width,
    split_outputs,
)
from bydemo.models.base import Batch, Losses, Policy, Prediction, Shapes, config_name
from bydemo.models.encoder import Encoder
from bydemo.models.representation import Representation, RepresentationConfig
from bydemo.nets.attention import PromptEncoder
from bydemo.nets.freezing import Frozen, exact
from bydemo.nets.weights import state_hash

TRAININGS = ("frozen", "finetuned", "random")


@dataclass(frozen=True, kw_only=True)
class Config:
    """A head on an encoder; the defaults are the reference's head of 41,542 parameters.

    encoder: run folder of the representation that training begins with; none trains on one that
    is new. encoder_training: frozen, finetuned with the head, or random, which is frozen too.
    widths: of the head's hidden layers. dropout: share dropped after each. prompt_width: of the
    prompt's embedding beside the latent, 0 for none. proprioception: does the head see it too?
    loss: of the continuous components, see `action_head.DISTANCES`. class_weights: one number a
    class that multiplies its cross entropy. representation: the encoder's model, by `name`, and its
    options; encoder_state: SHA-256 of its weights; both are filled in from `encoder`.
    """

    encoder: str = ""
    encoder_training: Literal["frozen", "finetuned", "random"] = "frozen"
    widths: tuple[int, ...] = (128, 64)
    dropout: float = 0.0
    prompt_width: int = 0
    proprioception: bool = False
    loss: ContinuousLoss = "mse"
    class_weights: tuple[float, ...] = ()
    representation: Mapping[str, Any] = field(default_factory=lambda: {"name": "vae"})
    encoder_state: str = ""

    def __post_init__(self) -> None:
        check_continuous_loss(self.loss)
        if self.encoder_training not in TRAININGS:
            raise InputError(
                f"'{self.encoder_training}' is none of {', '.join(TRAININGS)}",
                field="encoder_training",
            )

    def build(self, shapes: Shapes) -> LatentPolicy:
        """A freshly initialised policy, its encoder too."""
        return LatentPolicy(self, shapes)

    def with_encoder(self, encoder: Encoder) -> Self:
        """The same with all that is needed to build this encoder again, without its folder."""
        described = {"name": config_name(encoder.config), **to_plain(encoder.config)}
        return replace(self, representation=described, encoder_state=state_hash(encoder.model))

    @property
    def encoder_config(self) -> RepresentationConfig:
        """The configuration of the encoder's model."""
        described = dict(self.representation)
        config = model_config(str(described.pop("name", "")), described)
        if not isinstance(config, RepresentationConfig):
            raise InputError(f"'{config_name(config)}' is no representation",
                             field="representation.name")  # fmt: skip
        return config


class LatentPolicy(Policy):
    """Encoder, and a head on its latent."""

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        self.config, self.shapes = config, shapes
        model = config.encoder_config.build(shapes)
        self.encoder: Representation | Frozen[Representation] = (
            model if config.encoder_training == "finetuned" else Frozen(model)
        )
        self.words = (
            PromptEncoder(shapes.vocabulary, shapes.prompt_length, config.prompt_width)
            if config.prompt_width
            else None
        )
        felt = len(shapes.proprioception) if config.proprioception else 0
        widths = (model.latent_size + felt + config.prompt_width, *config.widths)
        layers: list[nn.Module] = []
        for before, after in pairwise(widths):
            layers += [nn.Linear(before, after), nn.ReLU()]
            if config.dropout > 0:
                layers.append(nn.Dropout(config.dropout))
        self.head = nn.Sequential(*layers, nn.Linear(widths[-1], output_width(shapes)))

    @property
    def frozen(self) -> Representation | None:
        """The encoder, if training leaves it as it is."""
        return self.encoder.module if isinstance(self.encoder, Frozen) else None

    @property
    def representation(self) -> Representation:
        """The encoder's model, frozen or not."""
        return self.encoder.module if isinstance(self.encoder, Frozen) else self.encoder

    def predict(self, batch: Batch) -> Prediction:
        """The action chunk for each sample."""
        inputs = [self._latent(batch)]
        if self.config.proprioception:
            inputs.append(batch["proprioception"])
        if self.words is not None:
            inputs.append(self.words(batch["prompt"]))
        return split_outputs(self.head(torch.cat(inputs, dim=-1)), self.shapes)

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """The continuous part's loss plus cross entropy of the labels, equal weights."""
        return action_losses(
            self.predict(batch), batch, self.shapes.classes, self.config.class_weights,
            continuous=self.config.loss,
        )  # fmt: skip

    def _latent(self, batch: Batch) -> Tensor:
        """(B, Z), from the batch where it holds what the frozen encoder would say."""
        if self.frozen is None:
            return self.representation.encode(batch)
        if "latent" in batch:
            return batch["latent"]
        with torch.no_grad(), exact(batch["proprioception"].device):
            return self.frozen.encode(batch)
