import numpy as np
import pytest
from tests.evaluation import point_task

from bydemo.evaluation import baselines
from bydemo.evaluation.offline import judge
from bydemo.evaluation.predictions import Steps


def test_baselines_are_what_they_say(splits):
    train, judged = splits
    found = judge(train, judged, {})["candidates"]
    assert found["majority"]["gripper.accuracy"]["value"] == pytest.approx(
        (judged.steps.labels == 1).mean()
    )
    assert found["majority"]["gripper.event_f1"]["value"] == 0
    for name in ("majority", "copy previous"):
        assert found[name]["gripper.event_exact"]["value"] == 0, name
    assert found["mean action"]["velocity.r2"]["value"] <= 0.01
    mse = ((judged.steps.continuous - train.steps.continuous.mean(axis=0)) ** 2).mean()
    assert found["mean action"]["velocity.mse"]["value"] == pytest.approx(mse)
    # the expert walks towards the goal: linear in goal and position, until the limit
    assert found["linear on proprioception"]["velocity.r2"]["value"] > 0.5
    assert (found["linear on proprioception"]["gripper.cross_entropy"]["value"]
            <= found["majority"]["gripper.cross_entropy"]["value"] + 0.05)  # fmt: skip


def test_a_linear_law_is_found_exactly():
    generator = np.random.default_rng(0)
    known = generator.normal(3.0, 0.5, (4000, 4))
    law = generator.normal(size=(4, 2))
    action = np.concatenate([known @ law, (known[:, :1] > 3)], axis=1)
    steps = Steps.of(point_task.SPEC.action, np.zeros(4000, int), np.arange(4000), action)
    said = baselines.linear(point_task.SPEC.action, steps, known, known)
    np.testing.assert_allclose(said.continuous, steps.continuous, atol=5e-3)
    assert (said.labels == steps.labels).mean() > 0.98
    np.testing.assert_allclose(np.exp(said.log_probabilities[0]).sum(axis=1), 1)


def test_a_regression_that_is_remembered_is_that_of_its_own_steps():
    generator = np.random.default_rng(1)
    known = generator.normal(size=(300, 2))
    field, first, rows = point_task.SPEC.action, np.zeros(300, int), np.arange(300)
    said = []
    for column in (0, 1, 0):
        action = np.concatenate([np.zeros((300, 2)), known[:, [column]] > 0], axis=1)
        steps = Steps.of(field, first, rows, action)
        said.append(baselines.linear(field, steps, known, known))
        assert (said[-1].labels == steps.labels).mean() > 0.95
    np.testing.assert_array_equal(said[0].log_probabilities[0], said[2].log_probabilities[0])


def test_a_class_the_training_steps_lack_is_not_impossible(splits):
    train, judged = splits
    assert not (train.steps.labels == 0).any()  # the expert never opens its hand
    known = baselines.all_baselines(
        point_task.SPEC.action, train.steps, train.evidence, judged.evidence
    )
    for name in ("majority", "copy previous", "linear on proprioception"):
        assert np.isfinite(known[name].log_probabilities[0]).all(), name


def arm(episodes: int = 20, length: int = 50, seed: int = 0):
    """Places of a smooth two-joint swing, with speeds as actions and one timed switch."""
    generator = np.random.default_rng(seed)
    step = np.tile(np.arange(length), episodes)
    rate = np.repeat(generator.uniform(0.5, 2.0, (episodes, 2)), length, axis=0) / 10
    place = np.sin(
        rate * step[:, None] + np.repeat(generator.uniform(0, 6, (episodes, 2)), length, 0)
    )
    speed = np.zeros_like(place)
    speed[1:] = np.diff(place, axis=0)
    speed[step == 0] = speed[np.flatnonzero(step == 0) + 1]
    label = (step >= 30).astype(float)
    steps = Steps.of(point_task.SPEC.action, np.repeat(np.arange(episodes), length), step,
                     np.concatenate([speed, label[:, None]], axis=1))  # fmt: skip
    return steps, place


def evidence_of(steps, place, recent):
    rows = np.arange(len(steps))
    past = np.maximum(rows[:, None] - np.arange(recent)[::-1], (rows - steps.step)[:, None])
    return baselines.Evidence(step=steps.step, recent=place[past],
                              previous_continuous=np.roll(steps.continuous, 1, axis=0),
                              previous_labels=np.roll(steps.labels, 1, axis=0))  # fmt: skip


def r2(said, steps, mask=slice(None)):
    truth = steps.continuous[mask]
    left = ((said.continuous[mask] - truth) ** 2).sum()
    return 1 - left / ((truth - truth.mean(axis=0)) ** 2).sum()


def test_two_steps_tell_the_speed_that_one_does_not():
    steps, place = arm()
    known = evidence_of(steps, place, 4)
    found = baselines.all_baselines(point_task.SPEC.action, steps, known, known)
    assert r2(found["linear on proprioception"], steps) < 0.3
    assert r2(found["linear on two steps"], steps) > 0.9
    assert r2(found["linear on 4 steps, jumps cut off"], steps) > 0.95
    assert list(found)[-1] == "copy previous"


def test_left_over_first_readings_spoil_a_fit_but_not_with_jumps_cut_off():
    steps, place = arm(episodes=200)
    first = np.flatnonzero(steps.step == 0)
    place[first[::40]] += 5.0
    known = evidence_of(steps, place, 2)
    found = baselines.all_baselines(point_task.SPEC.action, steps, known, known)
    later = steps.step > 1
    assert r2(found["linear on two steps"], steps, later) < 0.8
    assert r2(found["linear on 2 steps, jumps cut off"], steps, later) > 0.95


def test_changes_are_told_newest_first():
    steps, place = arm(episodes=1, length=10)
    told = baselines.changes(evidence_of(steps, place, 4), 3)
    np.testing.assert_allclose(told[5], [*place[5], *(place[5] - place[4]), *(place[4] - place[3])])
    np.testing.assert_array_equal(told[0, 2:], 0)


def test_the_clock_knows_a_routine_and_nothing_else():
    steps, _ = arm()
    said = baselines.by_the_clock(point_task.SPEC.action, steps, np.array([0, 29, 30, 49, 400]))
    assert said.labels[:, 0].tolist() == [0, 0, 1, 1, 1]
    here = steps.step == 29
    np.testing.assert_allclose(said.continuous[1], steps.continuous[here].mean(axis=0))
    np.testing.assert_array_equal(said.continuous[4], said.continuous[3])
    np.testing.assert_allclose(np.exp(said.log_probabilities[0]).sum(axis=1), 1)
