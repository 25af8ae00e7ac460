"""One way from cameras to pixels, the same for a single image and for many."""

from __future__ import annotations

import numpy as np
import pytest

from bydemo.core.errors import InputError
from bydemo.core.images import View, grey, shrink


def images(seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {k: rng.integers(0, 256, (4, 16, 16, 3), dtype=np.uint8) for k in ("a", "b")}


@pytest.mark.parametrize("colour", [True, False])
def test_one_image_is_seen_as_it_is_among_many(colour: bool) -> None:
    view = View(cameras=("a", "b"), size=8, colour=colour)
    many = view.of(images())
    one = view.of({k: v[2] for k, v in images().items()})
    assert many.shape == (4, 8, 8, view.channels)
    np.testing.assert_array_equal(many[2], one)


def test_grey_keeps_white_white_and_weighs_green_most() -> None:
    colours = np.array([[[255, 255, 255], [255, 0, 0], [0, 255, 0], [0, 0, 255]]], np.uint8)
    assert grey(colours)[0, :, 0].tolist() == [255, 77, 149, 29]


def test_shrinking_is_the_mean_over_blocks() -> None:
    image = np.arange(16, dtype=np.uint8).reshape(4, 4, 1)
    assert shrink(image, 2)[..., 0].tolist() == [[3, 5], [11, 13]]


def test_a_size_that_does_not_divide_is_refused() -> None:
    with pytest.raises(InputError, match="5 does not divide the image's 16x16"):
        shrink(images()["a"], 5)


def test_an_unknown_camera_is_named() -> None:
    with pytest.raises(InputError, match="field 'c': no such camera"):
        View(cameras=("c",), size=8).of(images())
