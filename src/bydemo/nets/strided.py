"""Convolutions that halve a picture at each layer, and the way back.

Shape letters: B batch, H W pixels, I image channels, F features after flattening.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from bydemo.nets.vision import PixelConv2d


class StridedConvolutions(nn.Module):
    """3x3 convolutions of stride 2, each followed by ReLU and batch norm, then flattened.

    Takes raw pixels (B, H, W, I) uint8 and gives (B, F) with F = `features`, in (H, W, C) order,
    which is a free view of channels-last memory.
    """

    def __init__(self, channels: int, widths: Sequence[int], size: int) -> None:
        super().__init__()
        side = side_after(size, len(widths))
        layers: list[nn.Module] = []
        for before, after in zip((channels, *widths), widths, strict=False):
            kind = nn.Conv2d if layers else PixelConv2d
            layers += [kind(before, after, 3, 2, 1), nn.ReLU(), nn.BatchNorm2d(after)]
        self.layers = nn.Sequential(*layers)
        self.features = widths[-1] * side * side

    def forward(self, image: Tensor) -> Tensor:
        """(B, H, W, I) uint8 -> (B, F)."""
        features: Tensor = self.layers(image)
        return features.permute(0, 2, 3, 1).flatten(1)


class TransposedConvolutions(nn.Module):
    """(B, F) -> (B, H, W, I): the layers of `StridedConvolutions` backwards, transposed, with ReLU
    and batch norm between them and nothing after the last."""

    def __init__(self, channels: int, widths: Sequence[int], size: int) -> None:
        super().__init__()
        self.width, self.side = widths[-1], side_after(size, len(widths))
        backwards = (*widths[::-1], channels)
        layers: list[nn.Module] = []
        for before, after in pairwise(backwards):
            if layers:
                layers += [nn.ReLU(), nn.BatchNorm2d(before)]
            layers.append(nn.ConvTranspose2d(before, after, 3, 2, 1, output_padding=1))
        self.layers = nn.Sequential(*layers)

    def forward(self, features: Tensor) -> Tensor:
        """(B, F) -> (B, H, W, I), unbounded."""
        places = features.view(-1, self.side, self.side, self.width).permute(0, 3, 1, 2)
        picture: Tensor = self.layers(places)
        return picture.permute(0, 2, 3, 1)


def side_after(size: int, halvings: int) -> int:
    """Pixels of a side that is halved so many times, exactly; ValueError where that cannot be."""
    if halvings < 1 or size % 2**halvings:
        raise ValueError(f"{size} pixels cannot be halved {halvings} times")
    return size >> halvings


def pixels(image: Tensor) -> Tensor:
    """(B, H, W, I) uint8 -> float32 in 0..1, the target of a reconstruction."""
    return image.float() / 255
