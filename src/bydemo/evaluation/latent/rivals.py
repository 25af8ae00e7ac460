"""Representations that took no learning: what a learned one has to beat."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.images import shrink
from bydemo.evaluation.latent.embedding import principal_components
from bydemo.evaluation.latent.linear import scaler

PROPRIOCEPTION = "raw proprioception"
PIXELS = "pixel components"
RANDOM = "untrained encoder"
"""The same network as it was before training, with a seed of its own."""
PIXEL_SIZE = 16
"""Pixels a side that pictures are shrunk to, or the next size that divides theirs."""


def standardised(numbers: NDArray[Any], train: NDArray[np.bool_]) -> NDArray[np.float32]:
    """(N, P) raw proprioception in units of its spread over the training steps."""
    return scaler(numbers[train]).encode(numbers)


def small_pictures(pictures: NDArray[Any], size: int = PIXEL_SIZE) -> NDArray[np.float32]:
    """(N, H, W, C) uint8 -> (N, size * size * C) float32 in 0..1, averaged over blocks."""
    height, width = pictures.shape[1:3]
    fits = [n for n in range(size, min(height, width) + 1) if not (height % n or width % n)]
    small = shrink(pictures, fits[0]) if fits else pictures
    return small.reshape(len(small), -1).astype(np.float32) / np.float32(255)


def pixel_components(
    pixels: NDArray[Any], size: int, train: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """(N, at most `size`) principal components of small pictures (N, D), fitted on the training
    steps: as many numbers as the learned representation has."""
    numbers = pixels.astype(np.float64)
    return principal_components(numbers, size, numbers[train]).astype(np.float32)
