"""A variational autoencoder of what a robot sees and feels: the reference's, and variants of it.

Shape letters as in `models/base.py`. Two cameras in grey at 224 pixels and 15 numbers give, with
the defaults, exactly 5,010,465 parameters. Its loss is a sum over pixels and numbers for each
sample: how unlikely the observation is under the decoder, plus beta times the divergence of the
latent's distribution from a standard normal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import torch
from torch import Tensor, nn

from bydemo.core.errors import InputError
from bydemo.models.base import Batch, Losses, Shapes
from bydemo.models.representation import Representation, RepresentationConfig, check_modalities
from bydemo.nets.likelihood import PIXELS, Gaussian, Likelihood, SquaredError, pixel_likelihood
from bydemo.nets.strided import StridedConvolutions, TransposedConvolutions, pixels

IMAGE, PROPRIOCEPTION = "image", "proprioception"


@dataclass(frozen=True, kw_only=True)
class Config(RepresentationConfig):
    """The reference's VAE as it stands; every other choice is an option.

    latent: its size Z. modalities: what goes in and is reconstructed. widths: channels of the
    convolutions, each of which halves the picture. image_features, proprioception_widths: of the
    branches that are then joined; decoder_width: of the layer after the latent.
    image_likelihood: bernoulli, gaussian with a learned deviation, or logistic (discretised).
    proprioception_likelihood: squared error, or gaussian with a learned deviation.
    image_weight, proprioception_weight: of each modality's loss.
    beta: weight of the divergence in the end; beta_schedule: fixed at it, or rising from 0 once
    (monotonic) or `cycles` times (cyclical: Fu et al., 2019), each time over the share `rise` of
    training or of the cycle. free_bits: nats a dimension that cost nothing (Kingma et al., 2016).
    masked: chance that a sample's image, or else its proprioception, is hidden from the encoder in
    training, while both are reconstructed.
    """

    latent: int = 256
    modalities: tuple[str, ...] = (IMAGE, PROPRIOCEPTION)
    widths: tuple[int, ...] = (8, 16, 32)
    image_features: int = 64
    proprioception_widths: tuple[int, ...] = (32, 64)
    decoder_width: int = 128
    image_likelihood: Literal["bernoulli", "gaussian", "logistic"] = "bernoulli"
    proprioception_likelihood: Literal["squared", "gaussian"] = "squared"
    image_weight: float = 1.0
    proprioception_weight: float = 1.0
    beta: float = 0.5
    beta_schedule: Literal["fixed", "monotonic", "cyclical"] = "fixed"
    cycles: int = 4
    rise: float = 0.5
    free_bits: float = 0.0
    masked: float = 0.0

    def __post_init__(self) -> None:
        for name, valid, expected in (
            ("image_likelihood", self.image_likelihood in PIXELS, " or ".join(PIXELS)),
            ("proprioception_likelihood",
             self.proprioception_likelihood in ("squared", "gaussian"), "squared or gaussian"),
            ("beta_schedule",
             self.beta_schedule in ("fixed", "monotonic", "cyclical"),
             "fixed, monotonic or cyclical"),
            ("beta", self.beta >= 0, "0 or more"),
            ("cycles", self.cycles >= 1, "1 or more"),
            ("rise", 0 < self.rise <= 1, "more than 0 and at most 1"),
            ("free_bits", self.free_bits >= 0, "0 or more"),
            ("masked", 0 <= self.masked < 1, "0 or more and less than 1"),
            ("latent", self.latent >= 1, "1 or more"),
            ("widths", bool(self.widths), "one or more"),
        ):  # fmt: skip
            if not valid:
                raise InputError(f"is {getattr(self, name)!r}, expected {expected}", field=name)

    def build(self, shapes: Shapes) -> VAE:
        """A freshly initialised model."""
        return VAE(self, shapes)

    def beta_at(self, progress: float) -> float:
        """The divergence's weight after this share of training."""
        if self.beta_schedule == "fixed":
            return self.beta
        if self.beta_schedule == "cyclical":
            progress = progress * self.cycles % 1
        return self.beta * min(progress / self.rise, 1.0)


class VAE(Representation):
    """Two branches joined into the mean and log variance of a latent, and the way back."""

    def __init__(self, config: Config, shapes: Shapes) -> None:
        super().__init__()
        check_modalities(config.modalities, shapes)
        self.config, self.shapes, self.latent_size = config, shapes, config.latent
        view, felt, joined = shapes.view, len(shapes.proprioception), 0
        encoders, decoders, likelihoods = nn.ModuleDict(), nn.ModuleDict(), nn.ModuleDict()
        if IMAGE in config.modalities:
            seen = StridedConvolutions(view.channels, config.widths, view.size)
            encoders[IMAGE] = nn.Sequential(seen, nn.Linear(seen.features, config.image_features))
            decoders[IMAGE] = nn.Sequential(
                nn.Linear(config.decoder_width, seen.features),
                nn.ReLU(),
                nn.BatchNorm1d(seen.features),
                TransposedConvolutions(view.channels, config.widths, view.size),
            )
            likelihoods[IMAGE] = pixel_likelihood(config.image_likelihood)
            joined += config.image_features
        if PROPRIOCEPTION in config.modalities:
            widths = config.proprioception_widths
            encoders[PROPRIOCEPTION] = _relu_layers((felt, *widths))
            decoders[PROPRIOCEPTION] = nn.Sequential(
                *_relu_layers((config.decoder_width, *widths[:1])),
                nn.Linear((config.decoder_width, *widths[:1])[-1], felt),
            )
            told = config.proprioception_likelihood
            likelihoods[PROPRIOCEPTION] = (
                Gaussian(start=0.3) if told == "gaussian" else SquaredError()
            )
            joined += (felt, *widths)[-1]
        self.encoders, self.decoders, self.likelihoods = encoders, decoders, likelihoods
        self.mean = nn.Linear(joined, config.latent)
        self.log_variance = nn.Linear(joined, config.latent)
        self.from_latent = nn.Linear(config.latent, config.decoder_width)

    def encode(self, batch: Batch) -> Tensor:
        """The mean of the latent's distribution."""
        return self.posterior(batch)[0]

    def posterior(self, batch: Batch, hidden: Mapping[str, Tensor] | None = None) -> tuple[
        Tensor, Tensor
    ]:  # fmt: skip
        """Mean and log variance, (B, Z) float32 each; `hidden` (B, 1) bool by modality says what
        the encoder is not shown."""
        features = []
        for name, branch in self.encoders.items():
            seen = branch(batch[name])
            if hidden is not None and name in hidden:
                seen = seen.masked_fill(hidden[name], 0.0)
            features.append(seen)
        joined = torch.cat(features, dim=-1)
        return self.mean(joined).float(), self.log_variance(joined).float()

    def decode(self, latent: Tensor) -> dict[str, Tensor]:
        """The expected image and proprioception."""
        outputs = self._outputs(latent)
        return {name: self._likelihood(name).mean(told) for name, told in outputs.items()}

    def loss(self, batch: Batch, generator: torch.Generator) -> Losses:
        """Parts are sums over samples: each modality's negative log likelihood (`image`,
        `proprioception`) and `kl`, unweighted, in nats."""
        config = self.config
        hidden = self._hidden(len(batch[config.modalities[0]]), generator)
        mean, log_variance = self.posterior(batch, hidden)
        # Outside training one draw serves the whole batch: unbiased as well, and what a sample
        # gives does not depend on which others are in the batch.
        shape = mean.shape if self.training else (1, config.latent)
        noise = torch.randn(shape, generator=generator, device=mean.device)
        outputs = self._outputs(mean + noise * (0.5 * log_variance).exp())
        divergence = _divergence(mean, log_variance)
        beta = config.beta_at(self.progress) if self.training else config.beta
        total = beta * divergence.clamp(min=config.free_bits).sum()
        parts = {"kl": (divergence.sum().detach(), len(mean))}
        weights = {IMAGE: config.image_weight, PROPRIOCEPTION: config.proprioception_weight}
        for name, told in outputs.items():
            missed = self._likelihood(name)(told, _target(batch, name)).sum()
            total = total + weights[name] * missed
            parts[name] = (missed.detach(), len(mean))
        return Losses(total=total, count=len(mean), parts=parts)

    def diagnostics(self, batch: Batch) -> Mapping[str, Tensor]:
        """`kl_per_dimension` (B, Z) [nats]; and (B,) each, of the observation by way of the
        latent's mean: `image` and `proprioception` [nats], and `<either>_floor`, the least that
        these could be."""
        mean, log_variance = self.posterior(batch)
        found = {"kl_per_dimension": _divergence(mean, log_variance)}
        for name, told in self._outputs(mean).items():
            likelihood, target = self._likelihood(name), _target(batch, name)
            found[name] = likelihood(told, target).flatten(1).sum(1)
            found[f"{name}_floor"] = likelihood.floor(target).flatten(1).sum(1)
        return found

    def _outputs(self, latent: Tensor) -> dict[str, Tensor]:
        """What the decoders say, (B, H, W, I) and (B, P) float32, as the likelihoods take it."""
        shared = self.from_latent(latent)
        return {name: branch(shared).float() for name, branch in self.decoders.items()}

    def _hidden(self, count: int, generator: torch.Generator) -> dict[str, Tensor]:
        """Which samples' modality is hidden, (B, 1) bool; never both of one sample."""
        config = self.config
        if not (self.training and config.masked and len(config.modalities) == 2):
            return {}
        draw = torch.rand(2, count, 1, generator=generator, device=generator.device)
        either, which = draw[0] < config.masked, draw[1] < 0.5
        return {IMAGE: either & which, PROPRIOCEPTION: either & ~which}

    def _likelihood(self, name: str) -> Likelihood:
        likelihood = self.likelihoods[name]
        assert isinstance(likelihood, Likelihood)
        return likelihood


def _divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """(B, Z) Kullback-Leibler divergence [nats] of each dimension from a standard normal."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance)


def _target(batch: Batch, name: str) -> Tensor:
    """A modality as its likelihood takes it, float32."""
    return pixels(batch[name]) if name == IMAGE else batch[name]


def _relu_layers(widths: Sequence[int]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for before, after in pairwise(widths):
        layers += [nn.Linear(before, after), nn.ReLU()]
    return nn.Sequential(*layers)
