"""The whole simulated world as one compiled model: arm, hand, kitchen and both cameras."""

from __future__ import annotations

import mujoco

from bydemo.sim.camera import add_mount_camera, use_fast_profile
from bydemo.sim.jaco_arm import HAND_BODY, arm_spec
from bydemo.sim.kitchen import add_kitchen
from bydemo.sim.mesh_thinning import draw_thinner

TABLE_TOP = 0.0
"""[m] height of the table top over the arm's base: what the front camera's pose, as published,
looks at lies 11 mm above it."""


def compile_scene() -> mujoco.MjModel:
    """Every object and receptacle is in the model; an episode places some and parks the rest."""
    spec = arm_spec()
    draw_thinner(spec)
    add_kitchen(spec, TABLE_TOP)
    add_mount_camera(spec.body(HAND_BODY))
    use_fast_profile(spec)
    return spec.compile()
