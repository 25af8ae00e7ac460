import mujoco
import numpy as np
import pytest

from bydemo.sim.jaco_arm import JOINT_SPEED_LIMIT, TOOL_DOWN, JacoArm, arm_spec
from bydemo.sim.kinematics import VelocityKinematics, rotation_error


@pytest.fixture(scope="module")
def arm() -> tuple[mujoco.MjModel, mujoco.MjData, JacoArm]:
    model = arm_spec().compile()
    data = mujoco.MjData(model)
    return model, data, JacoArm(model, data)


def kinematics(model: mujoco.MjModel, arm: JacoArm) -> VelocityKinematics:
    return VelocityKinematics(model, arm.pinch, np.arange(6), JOINT_SPEED_LIMIT)


@pytest.mark.parametrize("place", [(-0.1, -0.4, 0.15), (0.1, -0.5, 0.02), (-0.3, -0.3, 0.25)])
def test_place_reaches_a_pose(arm, place) -> None:
    model, data, jaco = arm
    assert jaco.reset(np.array(place)) < 1e-4
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(jaco.pinch_position(), place, atol=1e-4)
    np.testing.assert_allclose(data.site_xmat[jaco.pinch].reshape(3, 3), TOOL_DOWN, atol=1e-3)


def test_place_says_how_far_out_of_reach_is(arm) -> None:
    assert arm[2].reset(np.array([-1.0, -1.0, 0.2])) > 0.3


def test_solved_speed_moves_the_site_as_asked(arm) -> None:
    model, data, jaco = arm
    jaco.reset(np.array([-0.1, -0.4, 0.15]))
    mujoco.mj_forward(model, data)
    solver = kinematics(model, jaco)
    wanted = np.array([0.05, -0.03, 0.02])
    twist = solver.jacobian(data) @ solver.solve(data, wanted, TOOL_DOWN)
    np.testing.assert_allclose(twist[:3], wanted, atol=5e-3)
    np.testing.assert_allclose(twist[3:], 0, atol=2e-2)


def test_speed_limits_keep_the_direction(arm) -> None:
    model, data, jaco = arm
    jaco.reset(np.array([-0.1, -0.4, 0.15]))
    mujoco.mj_forward(model, data)
    solver = kinematics(model, jaco)
    fast, slow = (solver.solve(data, v * np.array([1.0, 1.0, 0.0]), TOOL_DOWN) for v in (3.0, 0.1))
    assert np.all(np.abs(fast) <= JOINT_SPEED_LIMIT + 1e-9)
    assert np.isclose(np.abs(fast / JOINT_SPEED_LIMIT).max(), 1.0)
    np.testing.assert_allclose(fast / np.linalg.norm(fast), slow / np.linalg.norm(slow), atol=1e-2)


def test_rotation_error_is_the_rotation_vector() -> None:
    angle = 0.01
    turned = np.array(
        [[np.cos(angle), -np.sin(angle), 0], [np.sin(angle), np.cos(angle), 0], [0, 0, 1]]
    )
    np.testing.assert_allclose(rotation_error(np.eye(3), turned), [0, 0, angle], atol=1e-6)
