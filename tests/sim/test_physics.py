import mujoco
import numpy as np
import pytest

from bydemo.sim.jaco_arm import JacoArm, arm_spec
from bydemo.sim.physics import advance


@pytest.fixture
def world() -> tuple[mujoco.MjModel, mujoco.MjData, JacoArm]:
    model = arm_spec().compile()
    data = mujoco.MjData(model)
    arm = JacoArm(model, data)
    arm.reset(np.array([-0.1, -0.4, 0.2]))
    mujoco.mj_forward(model, data)
    return model, data, arm


def test_a_sound_step_takes_a_tenth_of_a_second(world) -> None:
    model, data, arm = world
    assert advance(model, data, arm, np.zeros(3))
    assert data.time == pytest.approx(0.1)


def test_a_diverging_simulation_is_a_fault(world) -> None:
    model, data, arm = world
    data.qvel[0] = 1e12
    assert not advance(model, data, arm, np.zeros(3))


def test_a_silent_reset_is_a_fault(world) -> None:
    model, data, arm = world
    data.qpos[1] = np.nan  # MuJoCo resets itself, and time starts again
    data.time = 3.0
    assert not advance(model, data, arm, np.zeros(3))


def test_a_nan_control_is_a_fault(world) -> None:
    model, data, arm = world
    data.ctrl[-1] = np.nan
    assert not advance(model, data, arm, np.zeros(3))
