"""Smoothness, dimensions and the map."""

import numpy as np
import pytest
from tests.evaluation.latent.made import LATENT, NOISE, made, smooth

from bydemo.evaluation.latent.dimensions import dimensions, gaussian_kl, kl_figures
from bydemo.evaluation.latent.embedding import embed, principal_components
from bydemo.evaluation.latent.smoothness import smoothness
from bydemo.evaluation.latent.steps import LatentSteps


def of(places: np.ndarray, episodes: int) -> LatentSteps:
    length = len(places) // episodes
    return LatentSteps(
        episode=np.repeat(np.arange(episodes), length), step=np.tile(np.arange(length), episodes),
        representations={LATENT: places},
    )  # fmt: skip


def test_a_smooth_path_moves_in_small_steps():
    found = smoothness(made(episodes=60), NOISE)
    # Steps of variance 2 - 2 * 0.9 against pairs of variance 2.
    assert found["ratio"]["value"] == pytest.approx(np.sqrt(0.1), rel=0.06)
    assert found["ratio"]["low"] < found["ratio"]["value"] < found["ratio"]["high"]
    lags = {row["lag"]: row["value"] for row in found["autocorrelation"]}
    for lag in (1, 2, 5, 10):
        assert lags[lag] == pytest.approx(0.9**lag, abs=0.08)


def test_white_noise_is_not_smooth():
    places = np.random.default_rng(0).normal(size=(40 * 25, 6))
    found = smoothness(of(places, 40), LATENT)
    assert found["ratio"]["value"] == pytest.approx(1, abs=0.03)
    assert abs(found["autocorrelation"][0]["value"]) < 0.06


def test_a_latent_that_only_names_the_episode_lies_between_episodes():
    places = np.repeat(np.random.default_rng(0).normal(size=(40, 6)), 25, axis=0)
    found = smoothness(of(places, 40), LATENT)
    assert found["between_episodes"]["value"] == pytest.approx(1)
    assert found["step"]["value"] == 0
    assert found["own_pair"]["value"] == 0
    assert found["other_pair"]["value"] > 1


def test_a_gap_in_the_recording_is_no_step():
    places = np.arange(20, dtype=float)[:, None]
    steps = of(places, 2)
    whole = smoothness(steps, LATENT)
    gapped = smoothness(steps.subset(steps.step != 4), LATENT)
    assert whole["step"]["value"] == gapped["step"]["value"] == 1


def test_units_that_vary_are_active_and_those_of_full_rank_count():
    generator = np.random.default_rng(0)
    places = generator.normal(size=(40 * 25, 10))
    places[:, 6:] *= 0.05  # variance 0.0025
    found = dimensions(of(places, 40), LATENT)
    assert found["active"] == {"value": 6.0, "low": 6.0, "high": 6.0}
    assert found["effective"]["value"] == pytest.approx(6, abs=0.2)
    assert found["effective"]["low"] < found["effective"]["value"] < found["effective"]["high"]
    # One direction in ten units is one dimension, whatever the units' variances say.
    line = generator.normal(size=(40 * 25, 1)) @ np.ones((1, 10))
    assert dimensions(of(line, 40), LATENT)["effective"]["value"] == pytest.approx(1)
    dead = dimensions(of(np.zeros((100, 4)), 10), LATENT)
    assert dead["active"]["value"] == 0
    assert np.isnan(dead["effective"]["value"])


def test_kl_of_known_normals():
    mean, log_variance = np.array([[0.0, 2.0]]), np.array([[0.0, np.log(0.25)]])
    expected = 0.5 * (4 + 0.25 - 1 - np.log(0.25))
    np.testing.assert_allclose(gaussian_kl(mean, log_variance), [[0, expected]])
    kl = np.repeat(gaussian_kl(mean, log_variance), 100, axis=0)
    found = kl_figures(of(np.zeros((100, 2)), 10), kl)
    assert found["total"]["value"] == pytest.approx(expected)
    assert [d["value"] for d in found["by_dimension"]] == pytest.approx([0, expected])


def test_a_map_keeps_groups_apart_and_is_the_same_each_time():
    generator = np.random.default_rng(0)
    group = np.repeat([0, 1, 2], 60)
    places = np.eye(3)[group] * 30 + generator.normal(size=(180, 3))
    steps = of(places, 6)
    found = embed(steps, LATENT)
    again = embed(steps, LATENT)
    assert (found["x"], found["y"]) == (again["x"], again["y"])
    spots = np.stack([found["x"], found["y"]], axis=1)
    centres = np.stack([spots[group == g].mean(axis=0) for g in range(3)])
    nearest = np.linalg.norm(spots[:, None] - centres, axis=2).argmin(axis=1)
    assert (nearest == group).all()
    assert found["trustworthiness"] > 0.95


def test_principal_components_keep_distances_and_order():
    places = smooth(np.random.default_rng(0), 4, 25, 5) * np.array([1, 3, 2, 0.1, 5])
    found = principal_components(places, 5)
    np.testing.assert_allclose(
        np.linalg.norm(found[3] - found[70]), np.linalg.norm(places[3] - places[70])
    )
    assert (np.diff(found.var(axis=0)) <= 0).all()
    np.testing.assert_allclose(principal_components(places, 2), found[:, :2])
