"""A small convolutional eye whose features stay where things are.

Shape letters: B batch, H W pixels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from bydemo.nets.vision import PixelConv2d


class Eye(nn.Module):
    """(B, H, W, channels) uint8 -> (B, width, H/2, W/2): what is seen at a quarter of the size,
    brought back to the finer grid of the first layer, where small things can be told apart.

    Batch norm, since it trains fastest here.
    """

    def __init__(self, channels: int, width: int, dropout: float) -> None:
        super().__init__()
        half = width // 2
        self.fine = _convolution(PixelConv2d, channels, half, 5, 2)
        self.coarse = nn.Sequential(
            _convolution(nn.Conv2d, half, width, 3, 2),
            _convolution(nn.Conv2d, width, width, 3, 1),
            nn.Dropout2d(dropout),
            _convolution(nn.Conv2d, width, width, 3, 1),
            nn.Upsample(scale_factor=2, mode="nearest"),
        )
        self.join = _convolution(nn.Conv2d, half + width, width, 1, 1)

    def forward(self, image: Tensor) -> Tensor:
        fine = self.fine(image)
        out: Tensor = self.join(torch.cat([fine, self.coarse(fine)], dim=1))
        return out


def _convolution(
    kind: type[nn.Conv2d], inside: int, outside: int, kernel: int, stride: int
) -> nn.Sequential:
    convolution = kind(inside, outside, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(outside), nn.ReLU(inplace=True))
