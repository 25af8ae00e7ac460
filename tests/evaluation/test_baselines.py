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


def test_a_class_the_training_steps_lack_is_not_impossible(splits):
    train, judged = splits
    assert not (train.steps.labels == 0).any()  # the expert never opens its hand
    known = baselines.all_baselines(
        point_task.SPEC.action, train.steps, train.evidence, judged.evidence
    )
    for name in ("majority", "copy previous", "linear on proprioception"):
        assert np.isfinite(known[name].log_probabilities[0]).all(), name
