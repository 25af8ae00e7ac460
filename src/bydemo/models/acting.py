"""From a prediction to an action: which class, and within which limits.

Shape letters as in `models/base.py`; A components of a raw action.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.fields import Spec


@dataclass(frozen=True, kw_only=True)
class ActingOptions:
    """How a prediction becomes an action; saved with the agent.

    labels: `argmax` takes the likeliest class, `sample` draws from the distribution, by the seed
    given to `reset`. label_bias: S numbers [nats] added to the logits first, or none.
    """

    labels: Literal["argmax", "sample"] = "argmax"
    label_bias: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.labels not in ("argmax", "sample"):
            raise InputError(f"'{self.labels}' is none of argmax, sample", field="labels")


def choose_labels(
    logits: NDArray[np.float32],
    classes: Sequence[int],
    options: ActingOptions,
    random: np.random.Generator,
) -> NDArray[np.int64]:
    """(B, K, S) logits of label parts `classes` wide -> (B, K, G) class indices."""
    if options.label_bias:
        logits = logits + np.asarray(options.label_bias, np.float32)
    if options.labels == "sample":  # the largest of logits + Gumbel noise is a sample
        logits = logits + random.gumbel(size=logits.shape).astype(np.float32)
    if not classes:
        return np.zeros((*logits.shape[:-1], 0), np.int64)
    blocks = np.split(logits, np.cumsum(classes)[:-1], axis=-1)
    return np.stack([block.argmax(-1) for block in blocks], axis=-1)


def label_probabilities(logits: NDArray[np.float32], classes: Sequence[int]) -> NDArray[np.float32]:
    """(..., S) logits -> (..., S) probabilities that sum to 1 within each label part."""
    out = np.empty_like(logits)
    start = 0
    for width in classes:
        block = logits[..., start : start + width]
        powers = np.exp(block - block.max(-1, keepdims=True))
        out[..., start : start + width] = powers / powers.sum(-1, keepdims=True)
        start += width
    return out


def action_limits(spec: Spec) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """(A,) lowest and highest raw action; infinite where the spec sets no limit."""
    low = np.full(spec.action.shape, -np.inf, np.float32)
    high = np.full(spec.action.shape, np.inf, np.float32)
    slices = spec.action.slices()
    for part in spec.action.parts:
        if part.low is not None:
            low[slices[part.name]] = part.low
        if part.high is not None:
            high[slices[part.name]] = part.high
    return low, high
