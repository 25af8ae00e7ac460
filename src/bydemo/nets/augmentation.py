"""Pictures varied in training, with the places in them: what is learned by heart no longer fits.

Shape letters: B batch, H W pixels, I image channels, V cameras.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional


def varied(
    batch: Mapping[str, Tensor],
    generator: torch.Generator,
    *,
    jitter: float,
    patches: int,
    shift: int,
) -> Mapping[str, Tensor]:
    """The batch with other pictures; `moved` (2,) says how far, and places move along."""
    image = batch["image"]
    if jitter > 0:
        image = jittered(image, jitter, generator)
    image = patched(image, patches, generator)
    if shift == 0:
        return {**batch, "image": image}
    image, moved = shifted(image, shift, generator)
    changed = {**batch, "image": image, "moved": moved}
    if "keyframe_place" in batch:
        changed["keyframe_place"] = batch["keyframe_place"] + moved
    return changed


def jittered(image: Tensor, amount: float, generator: torch.Generator) -> Tensor:
    """(B, H, W, I) uint8 with brightness and each channel scaled at random, a sample at a time.

    `amount` is the largest relative change of either.
    """
    device = generator.device
    each = torch.rand(len(image), 1, 1, image.shape[-1], generator=generator, device=device)
    bright = torch.rand(len(image), 1, 1, 1, generator=generator, device=device)
    gain = (1 + amount * (2 * each - 1)) * (1 + amount * (2 * bright - 1))
    return (image * gain).clamp_(0, 255).to(torch.uint8)


def patched(image: Tensor, patches: int, generator: torch.Generator) -> Tensor:
    """(B, H, W, I) uint8 with random rectangles, up to a quarter as long as the picture, in random
    colours (random erasing: Zhong et al., 2017)."""
    batch, height, width, channels = image.shape
    device = generator.device
    rows = torch.arange(height, device=device)
    columns = torch.arange(width, device=device)
    for _ in range(patches):
        centre = torch.rand(2, batch, 1, generator=generator, device=device)
        half = torch.rand(2, batch, 1, generator=generator, device=device) / 8
        inside_y = (rows / height - centre[0]).abs() < half[0]
        inside_x = (columns / width - centre[1]).abs() < half[1]
        mask = (inside_y[:, :, None] & inside_x[:, None, :])[..., None]
        colour = torch.rand(batch, 1, 1, channels, generator=generator, device=device) * 255
        image = torch.where(mask, colour.to(torch.uint8), image)
    return image


def shifted(image: Tensor, largest: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """(B, H, W, I) moved by up to `largest` pixels either way, the whole batch alike, borders
    repeated; and how far that is, (2,) x and y in units of half the picture.

    A network that looks at every fourth pixel sees another four of each thing.
    """
    height, width = image.shape[1:3]
    draws = torch.randint(0, 2 * largest + 1, (2,), generator=generator, device=generator.device)
    x, y = (int(d) for d in draws)
    planes = image.permute(0, 3, 1, 2).float()
    padded = functional.pad(planes, (largest,) * 4, mode="replicate")
    moved = padded[:, :, y : y + height, x : x + width].to(torch.uint8).permute(0, 2, 3, 1)
    away = torch.tensor([(largest - x) * 2 / width, (largest - y) * 2 / height])
    return moved, away.to(image.device)
