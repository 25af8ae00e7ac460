"""Figures against the reference's own numbers, scikit-learn's, and the mistakes to refuse."""

import numpy as np
import pytest
from sklearn import metrics as sk

from bydemo.core.errors import InputError
from bydemo.core.jaco_play import jaco_play_spec
from bydemo.evaluation.classification import confusion_figures, cross_entropy
from bydemo.evaluation.metrics import Judge, lower_is_better
from bydemo.evaluation.predictions import Predictions, Steps

ACTION = jaco_play_spec().action
GRIPPER = ACTION.labels[0]
TUNED = np.array([[482, 129, 332], [151, 5255, 110], [209, 141, 543]], float)
FROZEN_VAE = np.array([[79, 812, 52], [135, 5290, 91], [34, 773, 86]], float)


def figures(confusion):
    return {k: float(v) for k, v in confusion_figures(GRIPPER, confusion).items()}


def test_the_tuned_references_confusion_gives_its_published_figures():
    found = figures(TUNED)
    published = {"accuracy": 0.85, "weighted_f1": 0.85, "macro_f1": 0.69,
                 "recall.open": 0.51, "recall.close": 0.61}  # fmt: skip
    for name, value in published.items():
        assert round(found[name], 2) == value, name
    # what the reference never noticed: which way to move is little better than a guess
    assert round(found["direction"], 2) == 0.65
    assert round(found["move_or_stay"], 2) == 0.93


def test_the_frozen_vaes_confusion_gives_its_published_figures():
    found = figures(FROZEN_VAE)
    published = {"accuracy": 0.74, "weighted_f1": 0.68, "recall.open": 0.08, "recall.close": 0.10}
    for name, value in published.items():
        assert round(found[name], 2) == value, name


def test_the_majority_class_gives_the_published_figures():
    test = figures(np.array([[0, 943, 0], [0, 5516, 0], [0, 893, 0]], float))
    assert round(test["accuracy"], 4) == 0.7503
    stay = 2161  # of 2,901 validation steps
    found = figures(np.array([[0, 370, 0], [0, stay, 0], [0, 2901 - 370 - stay, 0]], float))
    assert round(found["accuracy"], 4) == 0.7449
    assert round(found["weighted_f1"], 4) == 0.6360
    assert found["move_f1"] == 0.0
    assert np.isnan(found["direction"])


def test_figures_agree_with_scikit_learn():
    generator = np.random.default_rng(0)
    truth, said = generator.integers(0, 3, 500), generator.integers(0, 3, 500)
    found = figures(sk.confusion_matrix(truth, said).astype(float))
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, said))
    for average in ("macro", "weighted"):
        expected = sk.f1_score(truth, said, average=average)
        assert found[f"{average}_f1"] == pytest.approx(expected)
    assert found["recall.close"] == pytest.approx(
        sk.recall_score(truth, said, labels=[2], average=None)[0]
    )


def test_a_class_that_never_occurs_does_not_drag_the_macro_f1_down():
    found = figures(np.array([[0, 0, 0], [0, 8, 0], [0, 0, 2]], float))
    assert found["macro_f1"] == 1.0
    assert np.isnan(found["recall.open"])


def test_cross_entropy_agrees_with_scikit_learn_and_depends_on_the_labels():
    generator = np.random.default_rng(1)
    probabilities = generator.dirichlet([1, 1, 1], 200)
    classes = generator.integers(0, 3, 200)
    found = cross_entropy(np.log(probabilities), classes).mean()
    assert found == pytest.approx(sk.log_loss(classes, probabilities, labels=[0, 1, 2]))
    assert cross_entropy(np.log(probabilities), (classes + 1) % 3).mean() != pytest.approx(found)


def test_the_references_cross_entropy_of_9_48_cannot_be_made():
    """Labels of shape (N, 1) indexed an (N, N) block, so every one-hot row became (1, 1, 1)."""
    rows = 7352
    labels = np.random.default_rng(2).integers(0, 3, (rows, 1))
    one_hot = np.zeros((rows, 3))
    one_hot[np.arange(rows), labels] = 1  # the mistake: (N,) with (N, 1) covers every column
    assert (one_hot.sum(axis=1) == 3).all()
    tail = 0.0090024  # -(2 ln a + ln(1 - 2 a)) is then the published figure
    logs = np.log(np.tile([tail, 1 - 2 * tail, tail], (rows, 1)))
    mistaken = -(one_hot * logs).sum(axis=1).mean()
    assert mistaken == pytest.approx(9.48, abs=0.05)
    other = (labels + 1) % 3
    wrong_again = np.zeros((rows, 3))
    wrong_again[np.arange(rows), other] = 1
    assert -(wrong_again * logs).sum(axis=1).mean() == mistaken  # whatever the labels say
    uniform = np.full((rows, 3), np.log(1 / 3))
    assert -(one_hot * uniform).sum(axis=1).mean() == pytest.approx(3 * np.log(3))  # its minimum

    with pytest.raises(InputError, match="row 0 sums to 3, so it is no distribution over classes"):
        cross_entropy(logs, one_hot)
    with pytest.raises(InputError, match=r"expected class indices \(N,\), got \(7352, 1\) int64"):
        cross_entropy(logs, labels)
    right = cross_entropy(logs, labels[:, 0]).mean()
    assert right < cross_entropy(np.log(np.tile([1 / 3] * 3, (rows, 1))), labels[:, 0]).mean() * 3
    assert right != pytest.approx(mistaken)


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (np.eye(3), r"expected class indices \(N,\), got \(3, 3\) float64"),
        (np.array([0.0, 1.0, 2.0]), r"expected class indices \(N,\), got \(3,\) float64"),
        (np.array([0, 1, 3]), r"0\.\.3 is not within 0\.\.2"),
        (np.array([0, 1]), "2 rows for 3 predictions"),
    ],
)
def test_cross_entropy_takes_class_indices_only(classes, message):
    with pytest.raises(InputError, match=message):
        cross_entropy(np.log(np.full((3, 3), 1 / 3)), classes)


def test_cross_entropy_refuses_what_is_no_distribution():
    with pytest.raises(InputError, match="do not sum to 1"):
        cross_entropy(np.zeros((3, 3)), np.array([0, 1, 2]))


def example(episodes=12, length=30, seed=0):
    generator = np.random.default_rng(seed)
    rows = episodes * length
    action = np.zeros((rows, 4), np.float32)
    action[:, :3] = generator.uniform(-0.2, 0.2, (rows, 3))
    action[:, 3] = generator.choice(3, rows, p=[0.12, 0.75, 0.13])
    episode, step = np.repeat(np.arange(episodes), length), np.tile(np.arange(length), episodes)
    steps = Steps.of(ACTION, episode, step, action)
    probabilities = generator.dirichlet([1, 3, 1], rows)
    said = Predictions(
        continuous=steps.continuous + generator.normal(0, 0.05, (rows, 3)),
        labels=probabilities.argmax(axis=1)[:, None],
        log_probabilities=(np.log(probabilities),),
    )
    return steps, said, action


def test_the_report_agrees_with_plain_formulas():
    steps, said, action = example()
    judge = Judge.of(ACTION, action)
    found = judge.report(judge.sums(steps, said))
    error = said.continuous - steps.continuous
    assert found["position.mse"]["value"] == pytest.approx((error**2).mean())
    assert found["position.rmse"]["value"] == pytest.approx(np.sqrt((error**2).mean()))
    relative = np.sqrt((error**2).mean()) / 0.4
    assert found["position.range_relative"]["value"] == pytest.approx(relative)
    r2 = sk.r2_score(steps.continuous, said.continuous, multioutput="variance_weighted")
    assert found["position.r2"]["value"] == pytest.approx(r2)
    assert found["position.rmse_by_component"] == pytest.approx(np.sqrt((error**2).mean(axis=0)))
    assert 0.5 < found["position.direction"]["value"] < 1
    loss = sk.log_loss(steps.labels[:, 0], np.exp(said.log_probabilities[0]), labels=[0, 1, 2])
    assert found["gripper.cross_entropy"]["value"] == pytest.approx(loss)
    counted = sk.confusion_matrix(steps.labels[:, 0], said.labels[:, 0])
    assert found["gripper.confusion"] == counted.tolist()
    for name, figure in found.items():
        if isinstance(figure, dict) and "low" in figure:
            assert figure["low"] <= figure["value"] <= figure["high"], name
    assert set(found["gripper.event_f1"]) == {"value", "low", "high", "found", "there", "predicted"}


def test_the_order_of_batches_and_episodes_does_not_matter():
    steps, said, action = example()
    judge = Judge.of(ACTION, action)
    order = np.argsort(-steps.episode, kind="stable")
    turned = Steps(episode=steps.episode[order], step=steps.step[order],
                   continuous=steps.continuous[order], labels=steps.labels[order])  # fmt: skip
    other = Predictions(
        continuous=said.continuous[order], labels=said.labels[order],
        log_probabilities=(said.log_probabilities[0][order],),
    )  # fmt: skip
    a, b = judge.sums(steps, said), judge.sums(turned, other)
    for name in a:
        np.testing.assert_allclose(a[name], b[name], rtol=1e-9, atol=1e-12)


def test_long_episodes_weigh_by_their_steps():
    """A mean of episode means is a known mistake: 1 step wrong of 101 is not a half."""
    episode = np.array([0] * 100 + [1])
    steps = Steps.of(ACTION, episode, np.arange(101), np.zeros((101, 4)))
    said = Predictions(labels=np.array([[0]] * 100 + [[1]]))
    judge = Judge.of(ACTION, np.zeros((2, 4)))
    found = judge.report(judge.sums(steps, said))
    assert found["gripper.accuracy"]["value"] == pytest.approx(100 / 101)


def test_a_perfect_candidate_and_a_silent_one():
    steps, _, action = example()
    judge = Judge.of(ACTION, action)
    said = Predictions(continuous=steps.continuous, labels=steps.labels)
    perfect = judge.report(judge.sums(steps, said))
    for name, expected in (("position.rmse", 0), ("position.r2", 1), ("position.direction", 1),
                           ("gripper.accuracy", 1), ("gripper.event_f1", 1),
                           ("gripper.event_exact", 1)):  # fmt: skip
        assert perfect[name]["value"] == pytest.approx(expected), name
    assert "gripper.cross_entropy" not in perfect
    still = Predictions(continuous=np.zeros_like(steps.continuous))
    silent = judge.report(judge.sums(steps, still))
    assert silent["position.r2"]["value"] == pytest.approx(0, abs=0.02)
    assert not any(name.startswith("gripper") for name in silent)


def test_forced_direction_looks_behind_the_fear_of_moving():
    action = np.zeros((4, 4))
    action[:, 3] = [0, 2, 0, 1]
    steps = Steps.of(ACTION, np.zeros(4, int), np.arange(4), action)
    afraid = np.log([[0.2, 0.7, 0.1], [0.1, 0.7, 0.2], [0.1, 0.7, 0.2], [0.1, 0.8, 0.1]])
    said = Predictions(labels=np.ones((4, 1), int), log_probabilities=(afraid,))
    judge = Judge.of(ACTION, action)
    found = judge.figures({k: v.sum(axis=0) for k, v in judge.sums(steps, said).items()})
    assert found["gripper.forced_direction"] == pytest.approx(2 / 3)
    assert np.isnan(found["gripper.direction"])


def test_bad_predictions_name_the_step():
    steps, said, action = example()
    judge = Judge.of(ACTION, action)
    broken = said.continuous.copy()
    broken[35, 1] = np.nan
    with pytest.raises(InputError) as caught:
        judge.sums(steps, Predictions(continuous=broken))
    message = "field 'continuous': prediction is not finite at step 5 of episode 1"
    assert str(caught.value) == message
    with pytest.raises(InputError, match=r"shape \(359, 3\), expected \(360, 3\)"):
        judge.sums(steps, Predictions(continuous=broken[:-1]))


def test_which_way_is_better():
    assert lower_is_better("position.rmse")
    assert lower_is_better("gripper.cross_entropy")
    assert not lower_is_better("gripper.recall.open")
