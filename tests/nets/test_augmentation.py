"""Varied pictures keep their shape and kind, and say how far they were moved."""

from __future__ import annotations

import torch

from bydemo.nets.augmentation import jittered, patched, shifted


def picture(seed: int = 0) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, 32, 32, 6), generator=random, dtype=torch.uint8)


def dice(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def test_the_same_dice_give_the_same_pictures() -> None:
    for vary in (lambda g: jittered(picture(), 0.3, g), lambda g: patched(picture(), 3, g)):
        assert torch.equal(vary(dice()), vary(dice()))
        assert not torch.equal(vary(dice()), vary(dice(1)))
        assert vary(dice()).dtype == torch.uint8


def test_no_variation_changes_nothing() -> None:
    assert torch.equal(jittered(picture(), 0.0, dice()), picture())
    assert torch.equal(patched(picture(), 0, dice()), picture())
    moved, away = shifted(picture(), 0, dice())
    assert torch.equal(moved, picture())
    assert away.tolist() == [0, 0]


def test_a_thing_lands_where_the_shift_says() -> None:
    """One white pixel; its place in [-1, 1] plus the shift is where it is found."""
    image = torch.zeros(1, 32, 32, 3, dtype=torch.uint8)
    image[0, 10, 20] = 255
    for seed in range(8):
        moved, away = shifted(image, 5, dice(seed))
        y, x = torch.nonzero(moved[0, :, :, 0])[0].tolist()
        assert x - 20 == round(float(away[0]) * 16)
        assert y - 10 == round(float(away[1]) * 16)
        assert (moved > 0).sum() == 3


def test_patches_cover_a_part_only() -> None:
    changed = (patched(picture(), 3, dice()) != picture()).float().mean()
    assert 0 < changed < 0.5
