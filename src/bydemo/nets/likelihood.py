"""How likely an observation is under what a decoder says: negative log likelihoods [nats].

Each is a module, for a learned spread is a parameter. `outputs` are the decoder's, `target` of the
same shape (...); pixels are in 0..1.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Final

import torch
from torch import Tensor, nn
from torch.nn import functional

HALF_LOG_TAU: Final = 0.5 * math.log(2 * math.pi)
LEVELS: Final = 256
"""Grey levels of a pixel."""
LEAST_LOG_SCALE: Final = -6.0
"""A learned spread goes no lower: a constant component would drive it to nothing."""


class Likelihood(nn.Module, ABC):
    """One family of distributions over single numbers."""

    @abstractmethod
    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        """(...) the negative log likelihood of each number."""

    @abstractmethod
    def floor(self, target: Tensor) -> Tensor:
        """(...) the least that `forward` can be for this target, whatever the outputs."""

    def mean(self, outputs: Tensor) -> Tensor:
        """(...) the expected number."""
        return outputs


class SquaredError(Likelihood):
    """(outputs - target)^2: a Gaussian of variance 1/2 without its constant."""

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return (outputs - target).square()

    def floor(self, target: Tensor) -> Tensor:
        return torch.zeros_like(target)


class Gaussian(Likelihood):
    """A normal distribution whose one standard deviation is learned (sigma-VAE: Rybkin et al.,
    2021), so that modalities weigh against each other by how well each can be told."""

    def __init__(self, *, squash: bool = False, start: float = 1.0) -> None:
        """squash: outputs pass a sigmoid first, as pixels must. start: the first deviation."""
        super().__init__()
        self.squash = squash
        self.log_scale = nn.Parameter(torch.tensor(math.log(start)))

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        log_scale = _bounded(self.log_scale)
        away = (self.mean(outputs) - target) / log_scale.exp()
        return 0.5 * away.square() + log_scale + HALF_LOG_TAU

    def floor(self, target: Tensor) -> Tensor:
        return torch.zeros_like(target) + _bounded(self.log_scale) + HALF_LOG_TAU

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs) if self.squash else outputs


class Bernoulli(Likelihood):
    """The cross entropy of grey levels taken as probabilities; outputs are logits.

    Its floor, the entropy of the levels themselves, is most of it: about 0.58 nats a pixel of
    ordinary pictures. Figures are only worth something above that.
    """

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        return functional.binary_cross_entropy_with_logits(outputs, target, reduction="none")

    def floor(self, target: Tensor) -> Tensor:
        return -torch.xlogy(target, target) - torch.xlogy(1 - target, 1 - target)

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)


class DiscretisedLogistic(Likelihood):
    """The chance of exactly the grey level that was seen, under a logistic distribution around the
    mean with one learned scale (Salimans et al., 2017, with a single component)."""

    def __init__(self) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor(math.log(0.1)))

    def forward(self, outputs: Tensor, target: Tensor) -> Tensor:
        inverse = torch.exp(-_bounded(self.log_scale))
        away, half = (target - self.mean(outputs)) * inverse, 0.5 / (LEVELS - 1) * inverse
        above, below = away + half, away - half
        # log(sigmoid(a) - sigmoid(b)) = logsigmoid(a) + logsigmoid(-b) + log(1 - exp(b - a))
        inside = functional.logsigmoid(above) + functional.logsigmoid(-below)
        inside = inside + torch.log(-torch.expm1(-2 * half))
        ends = torch.where(target <= 0, functional.logsigmoid(above), functional.logsigmoid(-below))
        return -torch.where((target > 0) & (target < 1), inside, ends)

    def floor(self, target: Tensor) -> Tensor:
        # The first and the last level hold a whole tail, but a mean in 0..1 cannot leave it.
        half = 0.5 / (LEVELS - 1) * torch.exp(-_bounded(self.log_scale))
        inside = -2 * functional.logsigmoid(half) - torch.log(-torch.expm1(-2 * half))
        ends = -functional.logsigmoid(half)
        return torch.where((target > 0) & (target < 1), inside, ends)

    def mean(self, outputs: Tensor) -> Tensor:
        return torch.sigmoid(outputs)


def _bounded(log_scale: Tensor) -> Tensor:
    return log_scale.clamp(min=LEAST_LOG_SCALE)


PIXELS: Final[Mapping[str, type[Likelihood]]] = {
    "bernoulli": Bernoulli,
    "gaussian": Gaussian,
    "logistic": DiscretisedLogistic,
}
"""Name -> likelihood of a pixel."""


def pixel_likelihood(name: str) -> Likelihood:
    """The likelihood of pixels by its name in PIXELS."""
    return Gaussian(squash=True, start=0.1) if name == "gaussian" else PIXELS[name]()
