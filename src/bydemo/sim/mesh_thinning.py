"""Fewer triangles to draw where a small picture shows no difference.

A software renderer's time goes by triangles: the arm's and hand's meshes, at a thousand each,
take as long as all the rest of the kitchen. Collision shapes and inertias are left as they are.

Method: vertex clustering on a grid with the position of least quadric error in each cell
(P. Lindstrom, "Out-of-core simplification of large polygonal models", SIGGRAPH 2000).
"""

from __future__ import annotations

import mujoco
import numpy as np

from bydemo.sim.solids import COLLISION_GROUP, VISIBLE_GROUP

_CELL = 0.1
"""Side of a cluster, relative to the longest side of the mesh, and at most `_CELL_LIMIT` [m]."""
_CELL_LIMIT = 0.02
_PULL = 0.05
"""Weight of the cell's mean vertex against the planes: keeps flat cells well-conditioned."""


def thin_mesh(
    vertices: np.ndarray, faces: np.ndarray, cell: float
) -> tuple[np.ndarray, np.ndarray]:
    """A coarser copy of a triangle mesh: one vertex for each occupied cube of side `cell` [m].

    `vertices` (V, 3), `faces` (F, 3) anticlockwise from outside; returns the same, smaller.
    """
    keys = np.floor((vertices - vertices.min(axis=0)) / cell).astype(int)
    _, cluster, counts = np.unique(keys, axis=0, return_inverse=True, return_counts=True)
    cluster = cluster.ravel()
    means = np.zeros((len(counts), 3))
    np.add.at(means, cluster, vertices)
    means /= counts[:, None]

    corners = vertices[faces]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    quadrics = np.einsum("fi,fj->fij", normals, normals)
    moments = np.einsum("fij,fj->fi", quadrics, corners[:, 0])
    a, b = np.zeros((len(counts), 3, 3)), np.zeros((len(counts), 3))
    for corner in range(3):
        np.add.at(a, cluster[faces[:, corner]], quadrics)
        np.add.at(b, cluster[faces[:, corner]], moments)
    pull = _PULL * np.trace(a, axis1=1, axis2=2)[:, None, None] * np.eye(3) + 1e-30 * np.eye(3)
    best = np.linalg.solve(a + pull, (b + np.einsum("cij,cj->ci", pull, means))[..., None])[..., 0]
    best = means + np.clip(best - means, -cell / 2, cell / 2)

    coarse = cluster[faces]
    a_, b_, c_ = coarse.T
    coarse = coarse[(a_ != b_) & (b_ != c_) & (a_ != c_)]
    _, first = np.unique(np.sort(coarse, axis=1), axis=0, return_index=True)
    return best, coarse[np.sort(first)]


def draw_thinner(spec: mujoco.MjSpec) -> None:
    """Has cameras see thinner copies of all meshes that `spec` has so far.

    The present mesh geoms keep their part in the physics and are no longer drawn.
    """
    model = spec.copy().compile()  # mesh files are only read by the compiler
    for mesh in list(spec.meshes):
        name = mesh.name
        index = model.mesh(name).id
        vertices, faces = _original(model, index)
        cell = min(_CELL * float(np.ptp(vertices, axis=0).max()), _CELL_LIMIT)
        vertices, faces = thin_mesh(vertices, faces, cell)
        thin = spec.add_mesh(name=_thin_name(name))
        thin.uservert, thin.userface = vertices.ravel().tolist(), faces.ravel().tolist()
        thin.inertia = mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL  # it need not be closed
    for geom in list(spec.geoms):
        if geom.type != mujoco.mjtGeom.mjGEOM_MESH or not geom.meshname:
            continue
        geom.parent.add_geom(
            type=mujoco.mjtGeom.mjGEOM_MESH,
            meshname=_thin_name(geom.meshname),
            material=geom.material,
            pos=geom.pos,
            quat=geom.quat,
            mass=0,
            contype=0,
            conaffinity=0,
            group=VISIBLE_GROUP,
        )
        geom.group = COLLISION_GROUP


def _thin_name(mesh: str) -> str:
    return f"{mesh}_thin"


def _original(model: mujoco.MjModel, mesh: int) -> tuple[np.ndarray, np.ndarray]:
    """Vertices and faces as in the file: the compiler moves a mesh to its inertia's frame."""
    start, face = model.mesh_vertadr[mesh], model.mesh_faceadr[mesh]
    vertices = model.mesh_vert[start : start + model.mesh_vertnum[mesh]].astype(float)
    turn = np.zeros(9)
    mujoco.mju_quat2Mat(turn, model.mesh_quat[mesh])
    vertices = vertices @ turn.reshape(3, 3).T + model.mesh_pos[mesh]
    return vertices, model.mesh_face[face : face + model.mesh_facenum[mesh]].copy()
