"""The first moment of an episode: everything stands, or the object is held."""

from __future__ import annotations

import math

import mujoco
import numpy as np

from bydemo.sim import kitchen
from bydemo.sim.jaco_arm import CLOSE, JacoArm
from bydemo.sim.kitchen_objects import OBJECTS
from bydemo.sim.physics import advance
from bydemo.sim.pick_place_layout import Layout

_REACH_ERROR = 0.003
_SETTLE_STEPS = 3
_CLOSE_STEPS = 9
_HOLD_STEPS = 3
_SLIPPED = 0.02
"""[m] an object that sinks this far in a fresh grasp is not held."""


def begin(model: mujoco.MjModel, data: mujoco.MjData, arm: JacoArm, layout: Layout) -> bool:
    """Sets the scene and lets it settle; False if this layout can't be (and another must)."""
    mujoco.mj_resetData(model, data)
    kitchen.park_all(model, data)
    for name, spot in layout.dishes.items():
        kitchen.place_receptacle(model, name, spot)
    for name, (x, y, yaw) in layout.objects.items():
        kitchen.place_object(model, data, name, (x, y), yaw)
    held = layout.template == "place"
    if arm.reset(np.array(layout.start), 0.0 if held else layout.closure) > _REACH_ERROR:
        return False
    if held:
        kind = OBJECTS[layout.target]
        under = layout.start[2] - kind.grasp_height
        kitchen.place_object(model, data, layout.target, layout.start[:2], math.pi / 2, above=under)
    mujoco.mj_forward(model, data)
    return _grasp(model, data, arm, layout.target) if held else _settle(model, data, arm)


def _settle(model: mujoco.MjModel, data: mujoco.MjData, arm: JacoArm) -> bool:
    return all(advance(model, data, arm, np.zeros(3)) for _ in range(_SETTLE_STEPS))


def _grasp(model: mujoco.MjModel, data: mujoco.MjData, arm: JacoArm, name: str) -> bool:
    """Closes the hand on the floating object, then gives it back its weight."""
    body = model.body(kitchen.object_body(name)).id
    model.body_gravcomp[body] = 1.0
    for _ in range(_CLOSE_STEPS):
        arm.move_fingers(CLOSE)
        if not advance(model, data, arm, np.zeros(3)):
            return False
    model.body_gravcomp[body] = 0.0
    before = float(data.xpos[body][2])
    if not all(advance(model, data, arm, np.zeros(3)) for _ in range(_HOLD_STEPS)):
        return False
    near = float(np.linalg.norm(data.xpos[body] - arm.pinch_position())) < 0.04
    return arm.squeezing() and near and before - float(data.xpos[body][2]) < _SLIPPED
