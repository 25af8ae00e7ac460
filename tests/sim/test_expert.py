import numpy as np
import pytest

from bydemo.sim.expert import PERFECT, Motion, PlanFollower, Touch

FAR = np.array([0.3, -0.3, 0.0])


def follower(error: np.ndarray, touch: Touch, phase: str = "approach") -> PlanFollower:
    actor = PlanFollower(
        lambda aim: Motion(phase=phase, error=error + aim, label=1),
        np.random.default_rng(0),
        touch,
        frozenset({"approach"}),
        "recover",
    )
    actor.reset(0, "")
    return actor


def test_far_axes_are_pushed_fully_over_and_near_ones_left_alone() -> None:
    action = follower(np.array([0.3, -0.3, 0.001]), PERFECT).act({})
    assert action.dtype == np.float32
    np.testing.assert_allclose(action, [0.2, -0.2, 0.0, 1.0])


def test_speed_falls_with_the_error_near_the_goal() -> None:
    action = follower(np.array([0.011, 0.0, 0.0]), PERFECT).act({})
    assert action[0] == pytest.approx(0.1)


def test_the_same_seed_gives_the_same_actions() -> None:
    runs = []
    for _ in range(2):
        actor = follower(FAR, Touch(pause_chance=0.2))
        actor.reset(7, "")
        runs.append([actor.act({}) for _ in range(50)])
    np.testing.assert_array_equal(*runs)


def test_pauses_stop_the_arm_only_in_free_phases() -> None:
    always = Touch(pause_chance=1.0)
    np.testing.assert_array_equal(follower(FAR, always).act({})[:3], 0.0)
    assert np.any(follower(FAR, always, phase="close").act({})[:3] != 0.0)


def test_a_bad_aim_lasts_until_the_recovery() -> None:
    seen: list[np.ndarray] = []
    phase = ["approach"]

    def plan(aim: np.ndarray) -> Motion:
        seen.append(aim.copy())
        return Motion(phase=phase[0], error=np.zeros(3), label=1)

    touch = Touch(slip_chance=1.0, aim_noise=0.0)
    actor = PlanFollower(plan, np.random.default_rng(0), touch, frozenset(), "recover")
    actor.act({})
    phase[0] = "recover"
    actor.act({})
    actor.act({})
    assert np.linalg.norm(seen[-3]) == pytest.approx(touch.slip_aim)
    np.testing.assert_array_equal(seen[-1], 0.0)
