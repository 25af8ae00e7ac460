"""Halving a picture, and the way back."""

from __future__ import annotations

import pytest
import torch

from bydemo.nets.strided import StridedConvolutions, TransposedConvolutions, pixels


def test_down_and_up_again_is_the_same_size() -> None:
    down, up = StridedConvolutions(6, (4, 8), 28), TransposedConvolutions(6, (4, 8), 28)
    image = torch.randint(0, 256, (3, 28, 28, 6), dtype=torch.uint8)
    features = down(image)
    assert features.shape == (3, down.features) == (3, 8 * 7 * 7)
    assert up(features).shape == image.shape
    assert float(pixels(image).max()) == int(image.max()) / 255


def test_features_and_places_are_in_the_same_order() -> None:
    """One bright place in the features is one bright place in the picture."""
    up = TransposedConvolutions(1, (2,), 8)
    features = torch.zeros(1, 4, 4, 2)
    features[0, 1, 3] = 1.0
    changed = (up(features.flatten(1)) - up(torch.zeros(1, 32)))[0, :, :, 0].abs()
    rows, columns = torch.nonzero(changed > 1e-6).T
    assert 1 <= int(rows.min()) <= int(rows.max()) <= 4
    assert 5 <= int(columns.min()) <= int(columns.max()) <= 7


def test_a_side_that_cannot_be_halved_is_refused() -> None:
    with pytest.raises(ValueError, match="28 pixels cannot be halved 3 times"):
        StridedConvolutions(3, (4, 4, 4), 28)
