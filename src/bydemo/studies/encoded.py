"""Policies on the latents of an earlier run's representation: what that run hands on to them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self

from bydemo.core.errors import InputError, TrainingError
from bydemo.data.source import Dataset
from bydemo.models.base import Trainable
from bydemo.models.encoder import Encoder, cached_latents
from bydemo.models.latent_policy import Config, LatentPolicy
from bydemo.nets.weights import state_hash
from bydemo.studies.experiment import Experiment
from bydemo.studies.prepare import Prepared


def encoder_of(experiment: Experiment) -> Encoder | None:
    """The trained encoder that the experiment's policy begins with, if it names one."""
    model, data = experiment.model, experiment.data
    if not isinstance(model, Config):
        return None
    if not model.encoder:
        if model.encoder_training == "frozen":
            raise InputError(
                "names no run folder; a frozen encoder needs one whose training is finished, "
                "others are 'finetuned' or 'random'",
                field="model.encoder",
            )
        return None
    encoder = Encoder.from_pretrained(model.encoder)
    for name, ours, theirs in (
        ("view", data.view, encoder.view),
        ("history", data.history, encoder.history),
    ):
        if ours != theirs:
            raise InputError(f"is {ours}, but the encoder of {model.encoder} was trained on "
                             f"{theirs}", field=f"data.{name}")  # fmt: skip
    return encoder


def with_encoder(experiment: Experiment, encoder: Encoder | None) -> Experiment:
    """The experiment with the encoder's model described in it, so that its agent needs no other
    folder to be built again."""
    if encoder is None or not isinstance(experiment.model, Config):
        return experiment
    return replace(experiment, model=experiment.model.with_encoder(encoder))


def adopt(model: Trainable, encoder: Encoder | None) -> None:
    """Begin with the encoder's weights, unless random ones are asked for."""
    if encoder is None or not isinstance(model, LatentPolicy):
        return
    if model.config.encoder_training != "random":
        model.representation.load_state_dict(encoder.model.state_dict())


def with_latents(prepared: Prepared, model: Trainable, dataset: Dataset) -> Prepared:
    """Batches that hold the latents of a frozen encoder in place of the images: each step is
    encoded once, whatever the number of epochs, and runs on the same encoder share them."""
    if not isinstance(model, LatentPolicy) or model.frozen is None:
        return prepared
    latents = cached_latents(model.frozen, prepared.train, prepared.codec, prepared.vocabulary)
    held_out = prepared.validation
    return replace(
        prepared,
        train=prepared.train.with_steps({"latent": latents}),
        validation=held_out and held_out.with_steps({"latent": latents}),
    )


@dataclass(frozen=True)
class FrozenState:
    """The SHA-256 of a frozen encoder's whole state, before training; None where none is frozen."""

    before: str | None

    @classmethod
    def of(cls, model: Trainable) -> Self:
        """To be taken before training."""
        return cls(_frozen_hash(model))

    def proven(self, model: Trainable) -> dict[str, dict[str, str]]:
        """For the results: {"frozen": {"before": ..., "after": ...}}, or nothing where nothing is
        frozen. TrainingError if the two differ."""
        after = _frozen_hash(model)
        if self.before is None or after is None:
            return {}
        if self.before != after:
            raise TrainingError(
                f"the frozen encoder was changed by training: its state was {self.before}, "
                f"now it is {after}"
            )
        return {"frozen": {"before": self.before, "after": after}}


def _frozen_hash(model: Trainable) -> str | None:
    frozen = model.frozen if isinstance(model, LatentPolicy) else None
    return None if frozen is None else state_hash(frozen)
