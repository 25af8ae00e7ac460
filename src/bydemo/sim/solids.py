"""Geoms for scenes: what collides is simple and unseen, what is seen has no part in the physics.

Lengths in metres, sizes are MuJoCo's half sizes, colours RGBA in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco
import numpy as np

VISIBLE_GROUP = 1
"""Geom group of what cameras see."""
COLLISION_GROUP = 3
"""Geom group of collision shapes; MuJoCo draws groups 0-2 unless told otherwise."""
PARKED_GROUP = 5
"""Geom group of visible shapes while their body is parked: not drawn."""

Vector = Sequence[float]
_SHAPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
    "ellipsoid": mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
}


def _padded(size: Vector) -> list[float]:
    return [*size, *([0.0] * (3 - len(size)))]


def colliding(
    body: mujoco.MjsBody,
    shape: str,
    size: Vector,
    pos: Vector = (0, 0, 0),
    *,
    mass: float = 0.0,
    friction: Vector = (1.0, 0.005, 0.0001),
    yaw: float = 0.0,
) -> None:
    """Adds an unseen collision shape; `mass` in kg, `friction` sliding, torsional, rolling."""
    body.add_geom(
        type=_SHAPES[shape],
        size=_padded(size),
        pos=list(pos),
        quat=[math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)],
        mass=mass,
        condim=6,
        friction=list(friction),
        group=COLLISION_GROUP,
    )


def visible(
    body: mujoco.MjsBody,
    shape: str,
    size: Vector,
    pos: Vector = (0, 0, 0),
    *,
    rgba: Vector,
    yaw: float = 0.0,
) -> None:
    """Adds a shape that is seen, and neither weighs anything nor touches anything."""
    body.add_geom(
        type=_SHAPES[shape],
        size=_padded(size),
        pos=list(pos),
        quat=[math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)],
        mass=0,
        contype=0,
        conaffinity=0,
        group=VISIBLE_GROUP,
        rgba=list(rgba),
    )


def visible_bar(
    body: mujoco.MjsBody, start: Vector, end: Vector, radius: float, *, rgba: Vector
) -> None:
    """Adds a straight round bar from `start` to `end`; a square one, for a fraction of the cost.

    A capsule of this size is some hundred triangles, a box twelve, and in a picture of 224
    pixels both are a line.
    """
    a, b = np.asarray(start, float), np.asarray(end, float)
    body.add_geom(
        type=_SHAPES["box"],
        fromto=[*a, *b],
        size=[radius, radius, 0],
        mass=0,
        contype=0,
        conaffinity=0,
        group=VISIBLE_GROUP,
        rgba=list(rgba),
    )


def visible_lathe(
    spec: mujoco.MjSpec,
    body: mujoco.MjsBody,
    name: str,
    profile: Sequence[tuple[float, float]],
    *,
    rgba: Vector,
    segments: int = 16,
) -> None:
    """Adds a turned solid: `profile` is (radius, height) from the bottom axis outside to the top.

    The first and the last point must lie on the axis (radius 0). The mesh is made once a name.
    """
    if spec.mesh(name) is None:
        vertices, faces = lathe(profile, segments)
        mesh = spec.add_mesh(name=name)
        mesh.uservert = vertices.ravel().tolist()
        mesh.userface = faces.ravel().tolist()
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    # MuJoCo moves a mesh to its centre of mass and the geom back by the same amount
    body.add_geom(
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        mass=0,
        contype=0,
        conaffinity=0,
        group=VISIBLE_GROUP,
        rgba=list(rgba),
    )


def lathe(
    profile: Sequence[tuple[float, float]], segments: int
) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (V, 3) and outward triangles (F, 3) of a profile turned about the z axis."""
    if len(profile) < 3 or profile[0][0] != 0 or profile[-1][0] != 0:
        raise ValueError("a profile begins and ends on the axis and has a point between")
    angles = np.arange(segments) * (2 * math.pi / segments)
    rings = [
        np.stack([r * np.cos(angles), r * np.sin(angles), np.full(segments, z)], axis=1)
        for r, z in profile[1:-1]
    ]
    vertices = np.concatenate([[[0, 0, profile[0][1]]], *rings, [[0, 0, profile[-1][1]]]])
    first, last = 0, len(vertices) - 1
    here = np.arange(segments)
    after = (here + 1) % segments
    faces = [np.stack([np.full(segments, first), 1 + after, 1 + here], axis=1)]
    for ring in range(len(rings) - 1):
        a, b = 1 + ring * segments, 1 + (ring + 1) * segments
        faces.append(np.stack([a + here, a + after, b + after], axis=1))
        faces.append(np.stack([a + here, b + after, b + here], axis=1))
    top = 1 + (len(rings) - 1) * segments
    faces.append(np.stack([np.full(segments, last), top + here, top + after], axis=1))
    return vertices, np.concatenate(faces)
