"""The one way from camera images to what a network looks at; loader and agent both use it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError

Image = NDArray[np.uint8]

# ITU-R BT.601 luma, in 1/256ths so that it is exact integer arithmetic: 77 + 150 + 29 = 256.
LUMA = (77, 150, 29)


@dataclass(frozen=True, kw_only=True)
class View:
    """Which cameras, how large, in colour or grey; the result is one (..., H, W, C) uint8 array.

    Channels are the cameras' one after the other: (front grey, mount grey) or
    (front RGB, mount RGB). An empty `cameras` means a policy that sees no image.
    `size` must divide the recorded height and width; pixels are averaged over blocks (area).
    """

    cameras: tuple[str, ...]
    size: int = 224
    colour: bool = True

    @property
    def channels(self) -> int:
        """Channels of all cameras together."""
        return len(self.cameras) * (3 if self.colour else 1)

    def of(self, observation: Mapping[str, NDArray[Any]]) -> Image:
        """(..., H, W, 3) per camera -> (..., size, size, channels) uint8."""
        out = []
        for name in self.cameras:
            if name not in observation:
                raise InputError(f"no such camera; there are {sorted(observation)}", field=name)
            image = observation[name]
            out.append(shrink(image if self.colour else grey(image), self.size))
        if not out:
            raise InputError("the view has no camera", field="cameras")
        return out[0] if len(out) == 1 else np.concatenate(out, axis=-1)


def grey(image: NDArray[Any]) -> Image:
    """(..., H, W, 3) RGB uint8 -> (..., H, W, 1) uint8 luma (BT.601), rounded; grey stays grey."""
    if image.shape[-1] == 1:
        return image
    wide = image.astype(np.uint16)
    luma = wide[..., 0] * LUMA[0] + wide[..., 1] * LUMA[1] + wide[..., 2] * LUMA[2]
    out: Image = ((luma + 128) >> 8).astype(np.uint8)[..., None]
    return out


def shrink(image: NDArray[Any], size: int) -> Image:
    """(..., H, W, C) -> (..., size, size, C): the mean over equal blocks, rounded."""
    height, width, channels = image.shape[-3:]
    if (height, width) == (size, size):
        return image
    if height % size or width % size:
        raise InputError(f"{size} does not divide the image's {height}x{width}", field="size")
    rows, columns = height // size, width // size
    blocks = image.reshape(*image.shape[:-3], size, rows, size, columns, channels)
    total = blocks.sum(axis=(-4, -2), dtype=np.uint32)
    area = rows * columns
    out: Image = ((total + area // 2) // area).astype(np.uint8)
    return out
