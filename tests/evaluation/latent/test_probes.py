from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.latent.made import LATENT, NOISE, halves, made

from bydemo.evaluation.latent.linear import Ridge, choosing_rows
from bydemo.evaluation.latent.nearest import nearest
from bydemo.evaluation.latent.probes import probe
from bydemo.evaluation.latent.steps import LatentSteps, Target


@pytest.fixture(scope="module")
def found():
    steps = made()
    train, judged = halves(steps)
    block = probe(steps.of(train), steps.of(judged))
    return {t["target"]: t for t in block["targets"]}


def test_what_a_latent_holds_linearly_is_read_off_it(found):
    held = found["state"]["representations"][LATENT]["linear"]
    assert held["r2"]["value"] > 0.999
    assert held["rmse"]["high"] < 0.05
    assert found["gripper"]["representations"][LATENT]["linear"]["accuracy"]["value"] > 0.95
    assert found["gripper"]["representations"][LATENT]["nearest"]["accuracy"]["value"] > 0.85


def test_what_it_does_not_hold_is_no_better_than_a_constant_answer(found):
    for kind in ("linear", "nearest"):
        nothing = found["state"]["representations"][NOISE][kind]["r2"]
        assert nothing["value"] < 0.1
        told = found["gripper"]["representations"][NOISE][kind]["accuracy"]
        assert told["low"] <= found["gripper"]["constant"]["accuracy"]["value"] + 0.02


def test_differences_are_ours_minus_the_rival_and_judged_in_words(found):
    gap = found["gripper"]["differences"][NOISE]["linear"]["accuracy"]
    kinds = found["gripper"]["representations"]
    assert gap["value"] == pytest.approx(
        kinds[LATENT]["linear"]["accuracy"]["value"] - kinds[NOISE]["linear"]["accuracy"]["value"]
    )
    assert gap["verdict"] == "better"
    rmse = found["state"]["differences"]["constant"]["linear"]["rmse"]
    assert rmse["value"] < 0
    assert rmse["verdict"] == "better"  # a smaller error is the better one


def test_labels_that_were_shuffled_cannot_be_told():
    steps = made()
    gripper = steps.target("gripper")
    shuffled = np.random.default_rng(1).permutation(gripper.values)
    steps = replace(steps, targets=(replace(gripper, values=shuffled),))
    train, judged = halves(steps)
    block = probe(steps.of(train), steps.of(judged))["targets"][0]
    for name in steps.representations:
        for kind in ("linear", "nearest"):
            gap = block["differences"].get(name, block["differences"]["constant"])[kind]
            assert gap["accuracy"]["verdict"] != "better"
    mine = block["representations"][LATENT]["linear"]["accuracy"]
    assert mine["low"] <= block["constant"]["accuracy"]["value"] <= mine["high"] + 0.02


def test_only_the_steps_that_a_target_is_asked_for_count():
    steps = made()
    state = steps.target("state").values
    rows = state[:, 1] > 0
    useless = np.where(rows[:, None], state, 1e3)  # would ruin every fit if it were looked at
    target = Target(name="late", values=useless, rows=rows)
    steps = replace(steps, targets=(*steps.targets, target))
    train, judged = halves(steps)
    blocks = probe(steps.of(train), steps.of(judged))["targets"]
    assert [b["target"] for b in blocks] == ["state", "gripper", "late"]
    late = blocks[-1]
    assert late["representations"][LATENT]["linear"]["r2"]["value"] > 0.999
    assert late["steps"] == int(rows[np.isin(steps.episode, judged)].sum())


def test_the_interval_counts_episodes_not_steps():
    """Every step ten times over says nothing new, so the interval stays as wide."""
    steps = made(episodes=24)
    train, judged = halves(steps)
    ten = np.repeat(np.arange(len(steps)), 10)
    many = LatentSteps(
        episode=steps.episode[ten], step=steps.step[ten],
        representations={n: v[ten] for n, v in steps.representations.items()},
        targets=(Target(name="state", values=steps.target("state").values[ten]),),
    )  # fmt: skip
    plain = replace(steps, targets=(replace(steps.target("state"), unit=""),))
    wide = []
    for made_of in (plain, many):
        block = probe(made_of.of(train), made_of.of(judged))["targets"][0]
        r2 = block["representations"][NOISE]["linear"]["rmse"]
        wide.append(r2["high"] - r2["low"])
    assert wide[1] == pytest.approx(wide[0], rel=0.15)


def test_a_label_of_a_single_class_is_always_right():
    steps = made(episodes=6)
    same = Target(name="one", values=np.zeros(len(steps), np.int64), classes=("only", "never"))
    steps = replace(steps, targets=(same,))
    train, judged = halves(steps)
    block = probe(steps.of(train), steps.of(judged))["targets"][0]
    for kind in ("linear", "nearest"):
        assert block["representations"][LATENT][kind]["accuracy"]["value"] == 1


def test_the_penalty_is_chosen_on_episodes_that_were_not_fitted():
    """Of noise with more inputs than rows, only a strong penalty predicts other episodes."""
    generator = np.random.default_rng(3)
    where = np.repeat(np.arange(10), 8)
    x, y = generator.normal(size=(80, 120)), generator.normal(size=(80, 1))
    choosing = choosing_rows(where, 0)
    assert 0 < choosing.sum() < 80
    assert len(np.unique(where[choosing])) == 2
    assert Ridge(x, choosing).fit(y)[1] == 1.0


def test_targets_that_share_their_inputs_are_fitted_as_each_alone():
    generator = np.random.default_rng(4)
    x, choosing = generator.normal(size=(60, 7)), np.arange(60) % 5 == 0
    ridge = Ridge(x, choosing)
    for width in (1, 3):
        y = x[:, :width] + generator.normal(size=(60, width))
        together, alone = ridge.fit(y), Ridge(x, choosing).fit(y)
        assert together[1] == alone[1]
        np.testing.assert_array_equal(together[0](x), alone[0](x))


def test_neighbours_are_the_nearest_and_never_of_the_own_key():
    generator = np.random.default_rng(0)
    base, asked = generator.normal(size=(50, 4)) + 100, generator.normal(size=(9, 4)) + 100
    distance = np.linalg.norm(asked[:, None] - base, axis=2)
    np.testing.assert_array_equal(nearest(asked, base, 5), distance.argsort(axis=1)[:, :5])
    keys = np.repeat(np.arange(10), 5)
    found = nearest(base, base, 3, (keys, keys))
    assert not (keys[found] == keys[:, None]).any()
    assert (nearest(base[:5], base[:5], 3, (keys[:5], keys[:5])) == -1).all()


@pytest.mark.parametrize("rows", [159, 160, 161, 1003])
def test_neighbours_are_the_nearest_however_many_there_are(rows):
    generator = np.random.default_rng(rows)
    base, asked = generator.normal(size=(rows, 3)), generator.normal(size=(40, 3))
    distance = np.linalg.norm(asked[:, None] - base, axis=2)
    np.testing.assert_array_equal(nearest(asked, base, 10), distance.argsort(axis=1)[:, :10])
    keys = generator.integers(0, 9, rows)
    distance = np.linalg.norm(base[:, None] - base, axis=2)
    distance[keys[:, None] == keys] = np.inf
    found = nearest(base, base, 10, (keys, keys))
    np.testing.assert_array_equal(found, distance.argsort(axis=1)[:, :10])
