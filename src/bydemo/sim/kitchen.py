"""The kitchen table of the Jaco Play scene: furniture, objects, receptacles, and their placing.

World frame: arm base at the origin, z up, the workspace at negative y, metres. The front camera
looks along +y, so the left of its picture is negative x. Poses and colours follow the published
description of the dataset; what it doesn't say is our choice.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import mujoco
import numpy as np

from bydemo.core.errors import UnknownNameError
from bydemo.sim.camera import add_front_camera
from bydemo.sim.coloured_mesh import ColouredMesh
from bydemo.sim.kitchen_objects import OBJECTS
from bydemo.sim.kitchen_receptacles import RECEPTACLES
from bydemo.sim.solids import PARKED_GROUP, VISIBLE_GROUP, add_solid, add_visible_box


@dataclass(frozen=True, kw_only=True)
class Region:
    """An upright rectangle of the table top [m], world frame."""

    x: tuple[float, float]
    y: tuple[float, float]

    def sample(self, rng: np.random.Generator, margin: float = 0.0) -> tuple[float, float]:
        """A uniform point at least `margin` inside."""
        return (
            float(rng.uniform(self.x[0] + margin, self.x[1] - margin)),
            float(rng.uniform(self.y[0] + margin, self.y[1] - margin)),
        )


FREE_REGION = Region(x=(-0.270, 0.040), y=(-0.550, -0.290))
"""Where objects, plates and bowls stand: between oven, sink and the marked area of the table."""

_TABLE = Region(x=(-0.80, 0.52), y=(-1.10, -0.13))
_PARKING_HEIGHT = -3.0
_PARKING_SPACING = 0.25

_BOARDS = (-0.80, -0.46, -0.28, -0.10, 0.10, 0.27, 0.52)
_BOARD_COLOURS = (
    (0.780, 0.680, 0.530),
    (0.760, 0.655, 0.505),
    (0.785, 0.690, 0.540),
    (0.765, 0.665, 0.515),
    (0.780, 0.675, 0.520),
    (0.755, 0.655, 0.500),
)
"""Edges along x [m] of the boards of the table top, and their slightly different colours."""
_SEAM = (0.25, 0.20, 0.15)
_MARKER = (0.13, 0.12, 0.11)
_FLOOR = (0.24, 0.24, 0.25)
_WALL = (0.46, 0.46, 0.45)
_PEDESTAL = (0.25, 0.25, 0.27)


def object_body(name: str) -> str:
    """The body's name in the model; an unknown object is an `UnknownNameError`."""
    if name not in OBJECTS:
        raise UnknownNameError("object", name, OBJECTS)
    return f"object/{name}"


def receptacle_body(name: str) -> str:
    """The body's name in the model; an unknown receptacle is an `UnknownNameError`."""
    if name not in RECEPTACLES:
        raise UnknownNameError("receptacle", name, RECEPTACLES)
    return f"receptacle/{name}"


def add_kitchen(spec: mujoco.MjSpec, table_height: float) -> None:
    """Adds everything but the arm, with the table top at `table_height` [m]; all objects and
    movable receptacles begin parked.

    Objects are bodies `object/<name>` with a free joint of the same name, receptacles bodies
    `receptacle/<name>` without joints, the front camera is `front`.
    """
    _add_lights(spec, table_height)
    add_front_camera(spec.worldbody, table_height)
    for name, receptacle in RECEPTACLES.items():
        pos = _parking_place(name)
        if receptacle.home is not None:
            pos = np.array([*receptacle.home, table_height])
        body = spec.worldbody.add_body(name=receptacle_body(name), pos=pos)
        look = ColouredMesh()
        receptacle.build(look, body)
        look.attach(spec, body, receptacle_body(name))
    for name, kind in OBJECTS.items():
        body = spec.worldbody.add_body(name=object_body(name), pos=_parking_place(name), gravcomp=1)
        body.add_freejoint(name=object_body(name))
        look = ColouredMesh()
        kind.build(look, body, kind.mass)
        look.attach(spec, body, object_body(name))
    # drawn in this order, and what is hidden behind something drawn before costs least
    _add_table(spec, table_height)
    _add_room(spec, table_height)


def _add_room(spec: mujoco.MjSpec, table_height: float) -> None:
    """Floor and wall behind the table, no more than the cameras see, and the arm's pedestal."""
    room = spec.worldbody.add_body(name="room")
    add_visible_box(room, [2.0, 0.9, 0.01], (0, 0.6, table_height - 0.75), colour=_FLOOR)
    add_visible_box(room, [2.0, 0.01, 1.2], (0, 1.4, table_height + 0.2), colour=_WALL)
    add_visible_box(room, [0.09, 0.09, 0.36], (0, 0, -0.36), colour=_PEDESTAL)


def _add_table(spec: mujoco.MjSpec, table_height: float) -> None:
    body = spec.worldbody.add_body(name="table", pos=[0, 0, table_height])
    (x0, x1), (y0, y1) = _TABLE.x, _TABLE.y
    middle, half = ((x0 + x1) / 2, (y0 + y1) / 2), ((x1 - x0) / 2, (y1 - y0) / 2)
    add_solid(body, "box", [*half, 0.03], (*middle, -0.03))
    for (left, right), colour in zip(pairwise(_BOARDS), _BOARD_COLOURS, strict=True):
        size, x = [(right - left) / 2, half[1], 0.03], (left + right) / 2
        add_visible_box(body, size, (x, middle[1], -0.03), colour=colour)
    look = ColouredMesh()
    look.box([half[0], 0.0018, 0.0006], (middle[0], -0.575, 0), colour=_SEAM)
    for x, y in ((-0.285, -0.70), (0.060, -0.70), (-0.285, -0.235), (0.060, -0.235)):
        look.box([0.007, 0.007, 0.0007], (x, y, 0.0), colour=_MARKER)
    look.attach(spec, body, "table_marks")


def _add_lights(spec: mujoco.MjSpec, table_height: float) -> None:
    spec.visual.headlight.ambient = [0.36, 0.36, 0.36]
    spec.visual.headlight.diffuse = [0.12, 0.12, 0.12]
    spec.visual.headlight.specular = [0, 0, 0]
    spec.worldbody.add_light(
        name="lamp",
        type=mujoco.mjtLightType.mjLIGHT_DIRECTIONAL,
        pos=[-0.4, -0.7, table_height + 1.6],
        dir=[0.25, 0.30, -1.0],
        diffuse=[0.50, 0.49, 0.47],
        specular=[0.10, 0.10, 0.10],
        castshadow=False,
    )


def _parking_place(name: str) -> np.ndarray:
    """A place (3,) far under the floor for each name, so that parked things never touch."""
    slot = [*OBJECTS, *RECEPTACLES].index(name)
    return np.array([_PARKING_SPACING * (slot - 9), 0.0, _PARKING_HEIGHT])


def _show(model: mujoco.MjModel, body: int, shown: bool) -> None:
    """Moves the body's seen geoms into or out of the groups that cameras draw."""
    start = model.body_geomadr[body]
    groups = model.geom_group[start : start + model.body_geomnum[body]]
    before, after = PARKED_GROUP, VISIBLE_GROUP
    if not shown:
        before, after = after, before
    groups[groups == before] = after


def _set_pose(
    model: mujoco.MjModel, data: mujoco.MjData, body: int, pos: np.ndarray, yaw: float
) -> None:
    joint = model.body_jntadr[body]
    q, v = model.jnt_qposadr[joint], model.jnt_dofadr[joint]
    data.qpos[q : q + 7] = [*pos, math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)]
    data.qvel[v : v + 6] = 0


def place_object(
    model: mujoco.MjModel,
    data: mujoco.MjData,
    name: str,
    xy: tuple[float, float],
    yaw: float = 0.0,
    *,
    above: float | None = None,
) -> None:
    """Stands the object upright at `xy` [m], turned by `yaw` [rad], with its underside at the
    world height `above` [m] (by default the table top). Call `mj_forward` afterwards.
    """
    body = model.body(object_body(name)).id
    support = float(model.body("table").pos[2]) if above is None else above
    model.body_gravcomp[body] = 0.0
    pos = np.array([*xy, support + OBJECTS[name].rest_height])
    _set_pose(model, data, body, pos, yaw)
    _show(model, body, True)


def park_object(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> None:
    """Puts the object away: weightless, touching nothing, drawn by no camera."""
    body = model.body(object_body(name)).id
    model.body_gravcomp[body] = 1.0
    _set_pose(model, data, body, _parking_place(name), 0.0)
    _show(model, body, False)


def place_receptacle(model: mujoco.MjModel, name: str, xy: tuple[float, float]) -> None:
    """Stands a movable receptacle on the table at `xy` [m]. Call `mj_forward` afterwards."""
    body = _movable_body(model, name)
    model.body_pos[body] = [*xy, model.body("table").pos[2]]
    _show(model, body, True)


def park_receptacle(model: mujoco.MjModel, name: str) -> None:
    """Puts a movable receptacle away, drawn by no camera."""
    body = _movable_body(model, name)
    model.body_pos[body] = _parking_place(name)
    _show(model, body, False)


def park_all(model: mujoco.MjModel, data: mujoco.MjData) -> None:
    """Clears the table: parks every object, plate and bowl."""
    for name in OBJECTS:
        park_object(model, data, name)
    for name, receptacle in RECEPTACLES.items():
        if receptacle.movable:
            park_receptacle(model, name)


def _movable_body(model: mujoco.MjModel, name: str) -> int:
    body = receptacle_body(name)
    if not RECEPTACLES[name].movable:
        movable = [n for n, r in RECEPTACLES.items() if r.movable]
        raise UnknownNameError("movable receptacle", name, movable)
    return int(model.body(body).id)


def object_position(model: mujoco.MjModel, data: mujoco.MjData, name: str) -> np.ndarray:
    """The centre (3,) of an object [m], world frame; as fresh as the last `mj_forward`."""
    return np.array(data.xpos[model.body(object_body(name)).id])


def is_in(model: mujoco.MjModel, data: mujoco.MjData, name: str, receptacle: str) -> bool:
    """Whether the object's centre lies in or on the receptacle."""
    origin = data.xpos[model.body(receptacle_body(receptacle)).id]
    return RECEPTACLES[receptacle].contains(object_position(model, data, name) - origin)


def drop_point(model: mujoco.MjModel, receptacle: str) -> np.ndarray:
    """The middle (3,) of the receptacle's supporting surface [m], world frame."""
    body = model.body(receptacle_body(receptacle)).id
    return np.asarray(model.body_pos[body] + RECEPTACLES[receptacle].drop_offset)
