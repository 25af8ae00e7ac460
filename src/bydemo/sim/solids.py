"""Geoms of two sorts: what collides is simple and unseen, what is seen has no part in the physics.

Lengths in metres; sizes are MuJoCo's half sizes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco

VISIBLE_GROUP = 1
"""Geom group of what cameras see."""
COLLISION_GROUP = 3
"""Geom group of collision shapes; MuJoCo draws groups 0-2 unless told otherwise."""
PARKED_GROUP = 5
"""Geom group of visible shapes while their body is parked: not drawn."""

_SHAPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
}


def add_solid(
    body: mujoco.MjsBody,
    shape: str,
    size: Sequence[float],
    pos: Sequence[float] = (0, 0, 0),
    *,
    mass: float = 0.0,
    friction: Sequence[float] = (1.0, 0.005, 0.0001),
    yaw: float = 0.0,
) -> None:
    """Adds an unseen collision shape.

    `mass` in kg, `friction` sliding [1], torsional [m], rolling [m], `yaw` in radians.
    """
    body.add_geom(
        type=_SHAPES[shape],
        size=[*size, *([0.0] * (3 - len(size)))],
        pos=list(pos),
        quat=[math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)],
        mass=mass,
        condim=6,
        friction=list(friction),
        group=COLLISION_GROUP,
    )


def add_visible_box(
    body: mujoco.MjsBody,
    size: Sequence[float],
    pos: Sequence[float] = (0, 0, 0),
    *,
    colour: Sequence[float],
) -> None:
    """Adds a plain box that is only seen: for surfaces that fill much of a picture.

    A software renderer fills a plain surface 2-3 times as fast as a textured one.
    """
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=list(size),
        pos=list(pos),
        rgba=[*colour, 1],
        mass=0,
        contype=0,
        conaffinity=0,
        group=VISIBLE_GROUP,
    )
