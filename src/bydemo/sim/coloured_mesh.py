"""A body's whole look as one mesh of many colours.

A software renderer pays about as much for each geom it is handed as for a hundred triangles, so a
scene of some two hundred coloured primitives takes several milliseconds a picture, and the same
triangles joined into one mesh a body a fraction of it. MuJoCo has no colour a vertex; instead all
meshes share one small texture that holds every colour (five bits a channel), and each triangle
takes its colour from one texel.

Lengths in metres, sizes are half sizes as in MuJoCo, colours red, green, blue in 0..1.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import mujoco
import numpy as np

from bydemo.sim.solids import VISIBLE_GROUP

Colour = tuple[float, float, float]
Profile = Sequence[tuple[float, float]]

_BITS = 5
_LEVELS = 1 << _BITS
_WIDTH, _HEIGHT = 256, 128  # _WIDTH * _HEIGHT == _LEVELS**3
_PALETTE = "palette"
_HEADROOM = 0.9
"""The geom's own colour, by which the texture's is multiplied: a body that is to look brighter
than nominal can be given up to 1 / 0.9 of it. Colours above 0.9 are dimmed to 0.9."""
_CREASE = math.cos(math.radians(40))
"""Neighbouring bands of a turned solid that meet at a flatter angle are shaded as one."""


class ColouredMesh:
    """Triangles in the frame of one body, gathered shape by shape and then attached at once."""

    def __init__(self) -> None:
        self._vertices: list[np.ndarray] = []
        self._normals: list[np.ndarray] = []
        self._faces: list[np.ndarray] = []
        self._texels: list[np.ndarray] = []
        self._count = 0

    def box(
        self,
        size: Sequence[float],
        pos: Sequence[float] = (0, 0, 0),
        *,
        colour: Colour,
        yaw: float = 0.0,
        bottom: bool = False,
    ) -> None:
        """Adds a box; without its underside unless asked, as that is hardly ever seen."""
        sides = [(0, 1), (0, -1), (1, 1), (1, -1), (2, 1)] + ([(2, -1)] if bottom else [])
        half, turn = np.asarray(size, float), _yaw_matrix(yaw)
        for axis, sign in sides:
            normal = np.zeros(3)
            normal[axis] = sign
            u, v = np.roll(np.eye(3), -axis, axis=0)[1:]
            u = u * sign  # keeps the corners anticlockwise as seen from outside
            corners = np.array([normal - u - v, normal + u - v, normal + u + v, normal - u + v])
            self._quad((corners * half) @ turn.T + pos, turn @ normal, colour)

    def bar(
        self, start: Sequence[float], end: Sequence[float], radius: float, *, colour: Colour
    ) -> None:
        """Adds a thin square bar without ends; in a small picture a round one looks the same."""
        a, b = np.asarray(start, float), np.asarray(end, float)
        along = (b - a) / np.linalg.norm(b - a)
        helper = np.array([0.0, 0.0, 1.0]) if abs(along[2]) < 0.9 else np.array([1.0, 0.0, 0.0])
        u = np.cross(helper, along)
        u /= np.linalg.norm(u)
        v = np.cross(along, u)
        for n, t in ((u, v), (v, -u), (-u, -v), (-v, u)):
            corners = [a + n * radius - t * radius, a + n * radius + t * radius]
            corners += [b + n * radius + t * radius, b + n * radius - t * radius]
            self._quad(np.array(corners), n, colour)

    def prism(
        self, half_x: float, outline: Sequence[tuple[float, float]], *, colour: Colour
    ) -> None:
        """Adds a convex outline in (y, z), anticlockwise seen from +x, drawn out along x."""
        points = np.asarray(outline, float)
        for (y0, z0), (y1, z1) in zip(points, np.roll(points, -1, axis=0), strict=True):
            corners = [(half_x, y0, z0), (-half_x, y0, z0), (-half_x, y1, z1), (half_x, y1, z1)]
            normal = np.array([0.0, z1 - z0, y0 - y1])
            self._quad(np.array(corners), normal / np.linalg.norm(normal), colour)
        for sign in (1, -1):
            end = np.column_stack([np.full(len(points), sign * half_x), points])[::sign]
            fan = np.array([(0, i, i + 1) for i in range(1, len(points) - 1)])
            self._add(end, np.tile([float(sign), 0.0, 0.0], (len(points), 1)), fan, colour)

    def lathe(
        self,
        profile: Profile,
        *,
        colour: Colour,
        segments: int = 16,
        pos: Sequence[float] = (0, 0, 0),
        stretch: Sequence[float] = (1, 1, 1),
        yaw: float = 0.0,
    ) -> None:
        """Adds a turned surface: `profile` is (radius, height) from below, outside, to above."""
        points = np.asarray(profile, float)
        steps = np.diff(points, axis=0)
        slopes = np.stack([steps[:, 1], -steps[:, 0]], axis=1)
        slopes /= np.linalg.norm(slopes, axis=1, keepdims=True)
        angles = np.arange(segments) * (2 * math.pi / segments)
        ring = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        here = np.arange(segments)
        after = (here + 1) % segments
        for i in range(len(steps)):
            lower, upper = _band_normals(slopes, i)
            ends = [(points[i], lower), (points[i + 1], upper)]
            vertices = np.concatenate([_turned(ring, p) for p, _ in ends]) * stretch
            normals = np.concatenate([_turned(ring, n) for _, n in ends]) / stretch
            normals /= np.linalg.norm(normals, axis=1, keepdims=True)
            faces = []
            if points[i + 1, 0] > 0:
                faces.append(np.stack([here, segments + after, segments + here], axis=1))
            if points[i, 0] > 0:
                faces.append(np.stack([here, after, segments + after], axis=1))
            turn = _yaw_matrix(yaw)
            self._add(vertices @ turn.T + pos, normals @ turn.T, np.concatenate(faces), colour)

    def cylinder(
        self,
        radius: float,
        half: float,
        pos: Sequence[float] = (0, 0, 0),
        *,
        colour: Colour,
        segments: int = 16,
    ) -> None:
        """Adds an upright cylinder without its underside."""
        profile = [(radius, -half), (radius, half), (0, half)]
        self.lathe(profile, colour=colour, segments=segments, pos=pos)

    def ellipsoid(
        self,
        size: Sequence[float],
        pos: Sequence[float] = (0, 0, 0),
        *,
        colour: Colour,
        segments: int = 14,
        bands: int = 7,
        yaw: float = 0.0,
    ) -> None:
        """Adds an ellipsoid of `bands` rings."""
        latitude = np.linspace(-math.pi / 2, math.pi / 2, bands + 1)
        profile = [(float(np.cos(a)), float(np.sin(a))) for a in latitude]
        profile[0], profile[-1] = (0.0, -1.0), (0.0, 1.0)
        self.lathe(profile, colour=colour, segments=segments, pos=pos, stretch=size, yaw=yaw)

    def attach(self, spec: mujoco.MjSpec, body: mujoco.MjsBody, name: str) -> None:
        """Adds the mesh under `name` and a visible, weightless, untouchable geom of it."""
        _add_palette(spec)
        mesh = spec.add_mesh(name=name)
        faces = np.concatenate(self._faces).ravel().tolist()
        mesh.uservert = np.concatenate(self._vertices).ravel().tolist()
        mesh.usernormal = np.concatenate(self._normals).ravel().tolist()
        mesh.usertexcoord = np.concatenate(self._texels).ravel().tolist()
        mesh.userface = mesh.userfacenormal = mesh.userfacetexcoord = faces
        mesh.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL  # the surface is not closed
        body.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=name,
            material=_PALETTE,
            rgba=[_HEADROOM, _HEADROOM, _HEADROOM, 1],
            mass=0,
            contype=0,
            conaffinity=0,
            group=VISIBLE_GROUP,
        )

    def _quad(self, corners: np.ndarray, normal: np.ndarray, colour: Colour) -> None:
        self._add(corners, np.tile(normal, (4, 1)), np.array([(0, 1, 2), (0, 2, 3)]), colour)

    def _add(
        self, vertices: np.ndarray, normals: np.ndarray, faces: np.ndarray, colour: Colour
    ) -> None:
        self._vertices.append(vertices)
        self._normals.append(normals)
        self._faces.append(faces + self._count)
        self._texels.append(np.tile(_texel(colour), (len(vertices), 1)))
        self._count += len(vertices)


def _yaw_matrix(yaw: float) -> np.ndarray:
    c, s = math.cos(yaw), math.sin(yaw)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]])


def _turned(ring: np.ndarray, point: np.ndarray) -> np.ndarray:
    """The (radius, height) pair `point` at every angle of `ring` (S, 2): (S, 3)."""
    return np.column_stack([ring * point[0], np.full(len(ring), point[1])])


def _band_normals(slopes: np.ndarray, band: int) -> tuple[np.ndarray, np.ndarray]:
    """Normals (radius, height) at a band's lower and upper edge, smoothed where it's flat."""
    result = []
    for neighbour in (band - 1, band + 1):
        normal = slopes[band]
        if 0 <= neighbour < len(slopes) and slopes[neighbour] @ normal > _CREASE:
            normal = normal + slopes[neighbour]
        result.append(normal / np.linalg.norm(normal))
    return result[0], result[1]


def _texel(colour: Colour) -> np.ndarray:
    """Texture coordinates (2,) of the texel nearest in colour."""
    r, g, b = (round(min(max(c / _HEADROOM, 0.0), 1.0) * (_LEVELS - 1)) for c in colour)
    row, column = divmod((r << 2 * _BITS) | (g << _BITS) | b, _WIDTH)
    return np.array([(column + 0.5) / _WIDTH, (row + 0.5) / _HEIGHT])


def _add_palette(spec: mujoco.MjSpec) -> None:
    """Adds the texture of all colours and its matt material, once."""
    if spec.material(_PALETTE) is not None:
        return
    code = np.arange(_LEVELS**3)
    channels = [(code >> shift) & (_LEVELS - 1) for shift in (2 * _BITS, _BITS, 0)]
    pixels = np.round(np.stack(channels, axis=1) * (255 / (_LEVELS - 1))).astype(np.uint8)
    texture = spec.add_texture(name=_PALETTE, type=mujoco.mjtTexture.mjTEXTURE_2D)
    texture.width, texture.height, texture.nchannel = _WIDTH, _HEIGHT, 3
    texture.data = pixels.tobytes()
    material = spec.add_material(name=_PALETTE, specular=0.2, shininess=0.3)
    material.textures[mujoco.mjtTextureRole.mjTEXROLE_RGB] = _PALETTE
