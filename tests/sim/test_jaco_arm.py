import mujoco
import numpy as np
import pytest

from bydemo.sim.jaco_arm import CLOSE, FINGER_CLOSED, OPEN, STAY, TOOL_OFFSET, JacoArm, arm_spec
from bydemo.sim.physics import advance

REST = np.zeros(3)


@pytest.fixture
def world() -> tuple[mujoco.MjModel, mujoco.MjData, JacoArm]:
    model = arm_spec().compile()
    data = mujoco.MjData(model)
    arm = JacoArm(model, data)
    arm.reset(np.array([-0.1, -0.4, 0.2]))
    mujoco.mj_forward(model, data)
    return model, data, arm


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("speed", [0.1, -0.1])
def test_velocity_is_followed_straight(world, axis, speed) -> None:
    model, data, arm = world
    start = arm.pinch_position()
    velocity = speed * np.eye(3)[axis]
    for _ in range(5):
        assert advance(model, data, arm, velocity)
    np.testing.assert_allclose(arm.pinch_position() - start, 0.5 * velocity, atol=0.006)


def test_it_stands_still_when_told_to(world) -> None:
    model, data, arm = world
    start = arm.pinch_position()
    for _ in range(20):
        advance(model, data, arm, REST)
    np.testing.assert_allclose(arm.pinch_position(), start, atol=1e-3)


def test_gripper_closes_on_nothing_in_eight_steps_and_opens_again(world) -> None:
    model, data, arm = world
    seen = [arm.fingers()]
    for label in [CLOSE] * 8 + [STAY] * 2 + [OPEN] * 8 + [STAY] * 2:
        arm.move_fingers(label)
        advance(model, data, arm, REST)
        seen.append(arm.fingers())
    closure = np.array(seen).mean(axis=1)
    assert abs(closure[0]) < 0.01
    assert abs(closure[10] - FINGER_CLOSED) < 0.03
    assert abs(closure[-1]) < 0.05
    assert np.all(np.diff(closure[:8]) > 0.05)
    assert not arm.squeezing()


def test_stay_leaves_the_fingers_where_they_are(world) -> None:
    model, data, arm = world
    for label in [CLOSE] * 4 + [STAY] * 5:
        arm.move_fingers(label)
        advance(model, data, arm, REST)
    before = arm.fingers()
    advance(model, data, arm, REST)
    np.testing.assert_allclose(arm.fingers(), before, atol=0.005)


def test_proprioception_has_the_layout_of_the_recordings(world) -> None:
    _, _, arm = world
    seen = arm.proprioception()
    assert {name: (v.shape, v.dtype) for name, v in seen.items()} == {
        "ee_position": ((7,), np.float32),
        "ee_velocity": ((6,), np.float32),
        "joint_position": ((8,), np.float32),
    }
    np.testing.assert_allclose(
        seen["ee_position"][:3], np.add(arm.pinch_position(), [0, 0, TOOL_OFFSET]), atol=1e-6
    )
    assert 0.977 < seen["ee_position"][5] < 0.998  # qz, as in the real recordings
    np.testing.assert_allclose(np.linalg.norm(seen["ee_position"][3:]), 1.0, atol=1e-6)
    np.testing.assert_allclose(seen["joint_position"][6:], 0.0, atol=1e-6)


def test_reported_velocity_is_the_change_of_position(world) -> None:
    model, data, arm = world
    for _ in range(3):
        advance(model, data, arm, np.array([0.1, 0.05, -0.05]))
    before = arm.proprioception()
    advance(model, data, arm, np.array([0.1, 0.05, -0.05]))
    after = arm.proprioception()
    moved = (after["ee_position"] - before["ee_position"])[:3] / 0.1
    np.testing.assert_allclose(after["ee_velocity"][:3], moved, atol=0.01)
