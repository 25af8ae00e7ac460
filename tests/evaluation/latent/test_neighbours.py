from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.latent.made import LATENT, NOISE, made, smooth

from bydemo.evaluation.latent.neighbours import (
    ANY,
    OTHER,
    Graph,
    own_episode_share,
    permuted_purity,
    purity,
)
from bydemo.evaluation.latent.steps import LatentSteps, Target


def graph(steps: LatentSteps, name: str = LATENT, scope: str = OTHER) -> Graph:
    return Graph.of(steps, name, scope, 10)


def test_a_label_that_the_latent_holds_has_pure_neighbours():
    steps = made()
    found = purity(steps, steps.target("gripper"), graph(steps), permutations=200)
    assert found["value"] > 0.8
    assert found["low"] > found["chance_high"]
    assert found["p"] == pytest.approx(1 / 201)


def test_chance_is_the_sum_of_squared_shares():
    steps = made(episodes=80)
    labels = steps.target("gripper")
    shares = np.bincount(labels.values) / len(steps)
    found = purity(steps, labels, graph(steps, NOISE), permutations=300)
    assert found["chance"] == pytest.approx(float((shares**2).sum()), abs=0.01)


def test_an_unrelated_label_is_seldom_significant():
    """At the 5 % level about one in twenty is; steps that were shuffled one by one, not in runs,
    would make far more of them seem so."""
    p = []
    for seed in range(40):
        steps = made(episodes=15, length=20, seed=seed)
        p.append(purity(steps, steps.target("gripper"), graph(steps, NOISE), permutations=99)["p"])
    assert sum(value <= 0.05 for value in p) <= 6
    assert sum(value <= 0.5 for value in p) >= 10


def test_a_label_of_whole_episodes_is_permuted_by_episode():
    """Episodes that keep apart make neighbours agree on any label of whole episodes by luck; the
    test must not take that for knowledge."""
    p = []
    for seed in range(40):
        generator = np.random.default_rng(seed)
        places = smooth(generator, 12, 15, 4) + np.repeat(generator.normal(size=(12, 4)), 15, 0) * 3
        skill = np.repeat(generator.integers(0, 2, 12), 15)
        skill[:15], skill[15:30] = 0, 1
        steps = LatentSteps(
            episode=np.repeat(np.arange(12), 15), step=np.tile(np.arange(15), 12),
            representations={LATENT: places},
            targets=(Target(name="skill", values=skill, classes=("pick", "place")),),
        )  # fmt: skip
        p.append(purity(steps, steps.targets[0], graph(steps), permutations=99)["p"])
    assert sum(value <= 0.05 for value in p) <= 6


def test_the_own_episode_makes_neighbours_agree_and_chance_with_it():
    steps = made(episodes=30)
    labels = steps.target("skill")  # nothing to do with the latent
    other = purity(steps, labels, graph(steps), permutations=200)
    allowed = purity(steps, labels, graph(steps, scope=ANY), permutations=200)
    assert allowed["value"] > other["value"] + 0.1
    assert allowed["chance"] > other["chance"] + 0.1
    assert other["p"] > 0.05
    assert allowed["p"] > 0.05
    share = own_episode_share(steps, graph(steps, scope=ANY))
    assert share["low"] > share["chance"]
    assert share["chance"] == pytest.approx(24 / (30 * 25 - 1))


def test_permuted_labels_keep_their_make_up():
    steps = made(episodes=5, length=6)
    labels = steps.target("gripper").values
    where = Graph(scope=OTHER, neighbours=np.arange(len(steps))[:, None])  # each its own neighbour
    assert (permuted_purity(steps, labels, where, 5, seed=0) == 1).all()


def test_one_permutation_more_changes_nothing_before_it():
    steps = made(episodes=8)
    labels = steps.target("gripper").values
    a = permuted_purity(steps, labels, graph(steps), 5, seed=3)
    np.testing.assert_array_equal(a, permuted_purity(steps, labels, graph(steps), 6, seed=3)[:5])


def test_purity_by_class():
    steps = made()
    only = replace(steps.target("gripper"), values=np.ones(len(steps), np.int64))
    found = purity(steps, only, graph(steps), permutations=9)
    assert found["by_class"] == [{"class": "stay", "share": 1.0, "purity": 1.0}]
    assert found["p"] == 1.0
