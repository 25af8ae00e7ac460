"""One control step of physics that never hides a fault."""

from __future__ import annotations

import mujoco
import numpy as np

from bydemo.sim.jaco_arm import SOLVES, SUBSTEPS, JacoArm
from bydemo.sim.kinematics import Vector
from bydemo.sim.physics_warnings import warning_count


def advance(model: mujoco.MjModel, data: mujoco.MjData, arm: JacoArm, velocity: Vector) -> bool:
    """Moves the world on by one control step; False if MuJoCo warned, diverged or reset itself.

    A diverging simulation resets itself silently, and a NaN control is only counted: both show
    in the warning counters, in time that does not advance, or in positions that aren't finite.
    """
    before, warned = data.time, warning_count(data)
    for _ in range(SOLVES):
        arm.drive(velocity)
        mujoco.mj_step(model, data, nstep=SUBSTEPS // SOLVES)
    expected = before + SUBSTEPS * model.opt.timestep
    return (
        abs(data.time - expected) < 0.5 * model.opt.timestep
        and warning_count(data) == warned
        and bool(np.isfinite(data.qpos).all() and np.isfinite(data.qvel).all())
    )
