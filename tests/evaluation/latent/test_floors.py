import math

import numpy as np
import pytest

from bydemo.evaluation.latent.floors import binary_entropy, mean_picture, picture_floors
from bydemo.evaluation.latent.reconstruction import kept
from bydemo.evaluation.latent.rivals import pixel_components, small_pictures, standardised
from bydemo.evaluation.latent.steps import LatentSteps


def pictures(n: int = 600) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, 4, 4, 2), np.uint8)


def test_entropy_of_black_white_and_grey():
    found = binary_entropy(np.array([0.0, 1.0, 0.5]))
    np.testing.assert_allclose(found, [0, 0, math.log(2)])


def test_floors_are_what_their_definition_says():
    seen = pictures()
    rows = np.arange(500, 600)
    mean = mean_picture(seen, np.arange(500))
    np.testing.assert_allclose(mean, seen[:500].mean(axis=0) / 255)
    found = picture_floors(seen, rows, mean)
    grey = seen[rows].reshape(100, -1) / 255
    p = mean.reshape(-1)
    assert found.pixels == 32
    cross = -(grey * np.log(p) + (1 - grey) * np.log(1 - p)).sum(axis=1)
    np.testing.assert_allclose(found.cross_entropy, cross)
    np.testing.assert_allclose(found.squared, ((grey - p) ** 2).sum(axis=1))
    np.testing.assert_allclose(found.entropy, binary_entropy(grey).sum(axis=1))
    assert (found.entropy <= found.cross_entropy).all()


def test_a_perfect_reconstruction_reaches_the_entropy_and_no_other_falls_below():
    seen = pictures(3)
    for guess in (seen[1] / 255, np.full((4, 4, 2), 0.5)):
        found = picture_floors(seen, np.array([1]), guess)
        assert found.cross_entropy[0] >= found.entropy[0] - 1e-9
    perfect = picture_floors(seen, np.array([1]), np.clip(seen[1] / 255, 1 / 255, 254 / 255))
    assert perfect.cross_entropy[0] == pytest.approx(perfect.entropy[0], abs=0.1)


def test_a_pixel_that_was_always_black_does_not_make_the_mean_model_infinite():
    seen = np.zeros((4, 2, 2, 1), np.uint8)
    seen[3] = 255
    found = picture_floors(seen, np.array([3]), mean_picture(seen, np.arange(3)))
    assert found.cross_entropy[0] == pytest.approx(-4 * math.log(1 / 510))


def test_the_share_that_a_reconstruction_keeps():
    steps = LatentSteps(episode=np.repeat(np.arange(10), 5), step=np.tile(np.arange(5), 10),
                        representations={"latent": np.zeros((50, 1))})  # fmt: skip
    mean = np.random.default_rng(0).uniform(1, 2, 50)
    found = kept(steps, {"image": (0.25 * mean, mean), "proprioception": (mean, mean)})
    assert found["image"]["kept"]["value"] == pytest.approx(0.75)
    assert found["proprioception"]["kept"]["value"] == pytest.approx(0)


def test_pictures_are_shrunk_by_a_size_that_divides_them():
    seen = np.random.default_rng(0).integers(0, 256, (3, 36, 36, 2), np.uint8)
    assert small_pictures(seen).shape == (3, 18 * 18 * 2)
    assert small_pictures(seen[:, :17, :17]).shape == (3, 17 * 17 * 2)
    assert small_pictures(seen).max() <= 1


def test_rivals_are_fitted_on_the_training_steps():
    generator = np.random.default_rng(0)
    numbers = generator.normal(3, 2, (200, 5))
    train = np.arange(200) < 150
    moved = numbers.copy()
    moved[~train] += 100
    np.testing.assert_array_equal(
        standardised(numbers, train)[train], standardised(moved, train)[train]
    )
    np.testing.assert_array_equal(
        pixel_components(numbers, 3, train)[train], pixel_components(moved, 3, train)[train]
    )
    assert standardised(numbers, train)[train].std() == pytest.approx(1, abs=0.01)
