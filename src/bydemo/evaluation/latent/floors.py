"""What a reconstruction cannot fall below, and what one reaches that knows nothing but the mean.

Per step, in nats or squared units summed over pixels, so that episodes can be resampled:

- a pixel's grey level x in 0..1 under a Bernoulli likelihood with mean p costs
  -x ln p - (1 - x) ln(1 - p). With p = x that is the binary entropy of x, the `entropy` floor:
  no model can fall below it, whatever it has learned.
- `mean model`: p is the training steps' mean picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.evaluation.latent.steps import Floats

_BLOCK = 256
_CLIP = 1 / 510
"""[grey level] half the distance between two levels: a pixel that was always black may not be."""


def binary_entropy(level: Floats) -> Floats:
    """[nats] of a Bernoulli mean in 0..1."""
    with np.errstate(divide="ignore", invalid="ignore"):
        parts = [np.where(x > 0, -x * np.log(x), 0.0) for x in (level, 1 - level)]
    out: Floats = parts[0] + parts[1]
    return out


ENTROPY_OF_LEVEL = binary_entropy(np.arange(256) / 255)


@dataclass(frozen=True, kw_only=True, eq=False)
class PictureFloors:
    """Of M steps: `entropy`, and of the mean model `cross_entropy` [nats a step] and `squared`
    [grey levels squared a step], each (M,) summed over the `pixels` of all channels."""

    pixels: int
    entropy: Floats
    cross_entropy: Floats
    squared: Floats


def mean_picture(pictures: NDArray[Any], rows: NDArray[Any]) -> Floats:
    """(H, W, C) in 0..1: the mean of the rows `rows` of (N, H, W, C) uint8."""
    total = np.zeros(pictures.shape[1:], np.float64)
    for start in range(0, len(rows), _BLOCK):
        total += pictures[rows[start : start + _BLOCK]].sum(axis=0, dtype=np.uint32)
    return total / (255 * max(len(rows), 1))


def picture_floors(pictures: NDArray[Any], rows: NDArray[Any], mean: Floats) -> PictureFloors:
    """The floors of the rows `rows` of (N, H, W, C) uint8, beside a model that says `mean`."""
    flat = mean.reshape(-1)
    clipped = np.clip(flat, _CLIP, 1 - _CLIP)
    # x ln p + (1 - x) ln(1 - p) is linear in x.
    slope, base = np.log(clipped) - np.log1p(-clipped), np.log1p(-clipped).sum()
    entropy, cross, squared = (np.zeros(len(rows)) for _ in range(3))
    for start in range(0, len(rows), _BLOCK):
        block = slice(start, start + _BLOCK)
        levels = pictures[rows[block]].reshape(-1, len(flat))
        entropy[block] = ENTROPY_OF_LEVEL[levels].sum(axis=1)
        grey = levels.astype(np.float64) / 255
        cross[block] = -(grey @ slope + base)
        squared[block] = ((grey - flat) ** 2).sum(axis=1)
    return PictureFloors(pixels=len(flat), entropy=entropy, cross_entropy=cross, squared=squared)
