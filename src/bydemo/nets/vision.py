"""Convolutions over camera images that arrive as the loader keeps them: uint8, (B, H, W, C).

Shape letters: B batch, H W pixels, I image channels, F features after flattening.

The images are never scaled or transposed in a pass of their own: (B, H, W, C) in memory *is*
channels-last NCHW, integers up to 255 are exact in bfloat16 and float16, and the division by 255
sits in the first layer's weights, where it costs a few hundred multiplications.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

PIXEL_SCALE = 1.0 / 255.0
"""A network sees pixels in 0..1, unless it is given another range."""


def channels_first(image: Tensor) -> Tensor:
    """(B, H, W, I) -> (B, I, H, W) without a copy: channels-last strides."""
    return image.permute(0, 3, 1, 2)


def computing_dtype(weight: Tensor) -> torch.dtype:
    """What a convolution computes in here: autocast's dtype where it is on, else the weight's."""
    device = weight.device.type
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return weight.dtype


class PixelConv2d(nn.Conv2d):
    """A first convolution that takes raw uint8 pixels (B, H, W, I) and divides them by 255.

    Equal to `Conv2d(image / 255)` up to rounding, zero padding included, with the same parameters.
    `pixel_range` is what black and white become instead of 0 and 1. It is the same for all images:
    scaling each by its own extremes would let one bright pixel change what all others mean.
    """

    def __init__(
        self, *shape: Any, pixel_range: tuple[float, float] = (0.0, 1.0), **options: Any
    ) -> None:
        super().__init__(*shape, **options)
        self.pixel_range = pixel_range

    def forward(self, image: Tensor) -> Tensor:
        """(B, H, W, I) uint8 -> (B, O, H', W')."""
        if image.dtype != torch.uint8:
            raise TypeError(f"images are uint8 until the first layer, got {image.dtype}")
        black, white = self.pixel_range
        pixels = channels_first(image).to(computing_dtype(self.weight))
        weight = self.weight * ((white - black) * PIXEL_SCALE)
        convolved: Tensor = self._conv_forward(pixels, weight, self.bias)
        if black:  # the same offset for each pixel, while the padding stays 0
            everywhere = torch.ones_like(pixels[:1])
            convolved = convolved + self._conv_forward(everywhere, self.weight * black, None)
        return convolved


class PooledConvolutions(nn.Module):
    """3x3 convolutions of stride 1, each followed by ReLU and 2x2 max-pooling, then flattened.

    Takes raw pixels (B, H, W, I) uint8 and gives (B, F) with F = `features`. Pooling comes before
    the ReLU, which gives the same values and gradients for a quarter of the work. Features are
    flattened in (H, W, C) order, which is a free view of channels-last memory. pixel_range: as
    `PixelConv2d` has it.
    """

    def __init__(
        self, channels: int, widths: Sequence[int], size: int,
        pixel_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:  # fmt: skip
        super().__init__()
        side = size >> len(widths)
        if side == 0:
            raise ValueError(f"{size} pixels are too few for {len(widths)} poolings")
        self.layers = nn.ModuleList(
            [
                PixelConv2d(channels, widths[0], 3, padding=1, pixel_range=pixel_range),
                *(nn.Conv2d(before, after, 3, padding=1) for before, after in pairwise(widths)),
            ]
        )
        self.features = widths[-1] * side * side

    def forward(self, image: Tensor) -> Tensor:
        """(B, H, W, I) uint8 -> (B, F)."""
        x = image
        for layer in self.layers:
            x = functional.relu(functional.max_pool2d(layer(x), 2))
        return x.permute(0, 2, 3, 1).flatten(1)
