"""Meshes face outwards, keep their colours and weigh nothing; thinner ones keep their shape."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from bydemo.sim.coloured_mesh import ColouredMesh
from bydemo.sim.mesh_thinning import draw_thinner, thin_mesh


def compiled(mesh: ColouredMesh) -> mujoco.MjModel:
    spec = mujoco.MjSpec()
    mesh.attach(spec, spec.worldbody.add_body(name="thing"), "thing")
    return spec.compile()


def outward_share(model: mujoco.MjModel) -> float:
    """The share of triangles, by area, whose corners run anticlockwise seen from outside."""
    corners = model.mesh_vert[model.mesh_face].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    facing = np.einsum("fi,fi->f", normals, corners.mean(axis=1))
    areas = np.linalg.norm(normals, axis=1)
    return float(areas[facing > 0].sum() / areas.sum())


def shading_agrees(model: mujoco.MjModel) -> bool:
    corners = model.mesh_vert[model.mesh_face].astype(float)
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    shading = model.mesh_normal[model.mesh_facenormal]
    return bool((np.einsum("fi,fci->fc", normals, shading) > 0).all())


def solids() -> dict[str, ColouredMesh]:
    made = {name: ColouredMesh() for name in ("box", "prism", "ellipsoid", "lathe", "bar")}
    made["box"].box([0.1, 0.2, 0.3], colour=(1, 0, 0), yaw=0.7, bottom=True)
    made["prism"].prism(0.1, [(-0.1, -0.1), (0.1, -0.1), (0, 0.2)], colour=(1, 0, 0))
    made["ellipsoid"].ellipsoid([0.1, 0.2, 0.15], colour=(1, 0, 0), yaw=0.3)
    made["lathe"].lathe([(0, -0.1), (0.1, -0.1), (0.15, 0.1), (0, 0.1)], colour=(1, 0, 0))
    made["bar"].bar((-0.1, 0.2, -0.3), (0.1, -0.2, 0.3), 0.01, colour=(1, 0, 0))
    return made


@pytest.mark.parametrize("name", solids())
def test_every_shape_faces_outwards(name: str) -> None:
    model = compiled(solids()[name])
    assert outward_share(model) == pytest.approx(1.0)
    assert shading_agrees(model)


def test_a_mesh_is_seen_but_has_no_part_in_the_physics() -> None:
    model = compiled(solids()["box"])
    assert model.geom_contype[0] == model.geom_conaffinity[0] == 0
    assert model.body("thing").mass[0] == 0


@pytest.mark.parametrize("colour", [(0.8, 0.07, 0.08), (0.42, 0.72, 0.2), (0.0, 0.0, 0.85)])
def test_the_texture_holds_the_colour(colour: tuple[float, float, float]) -> None:
    mesh = ColouredMesh()
    mesh.box([0.1, 0.1, 0.1], colour=colour)
    model = compiled(mesh)
    pixels = model.tex_data.reshape(model.tex_height[0], model.tex_width[0], 3)
    u, v = model.mesh_texcoord[0]
    texel = pixels[int(v * len(pixels)), int(u * len(pixels[0]))] / 255 * model.geom_rgba[0, :3]
    np.testing.assert_allclose(texel, colour, atol=0.016)


def sphere(rings: int = 24) -> tuple[np.ndarray, np.ndarray]:
    spec = mujoco.MjSpec()
    ball = ColouredMesh()
    ball.ellipsoid([0.1, 0.1, 0.1], colour=(1, 1, 1), segments=2 * rings, bands=rings)
    ball.attach(spec, spec.worldbody.add_body(), "ball")
    model = spec.compile()
    return model.mesh_vert.astype(float), model.mesh_face.copy()


def test_a_thinner_mesh_keeps_its_shape() -> None:
    vertices, faces = sphere()
    thin_vertices, thin_faces = thin_mesh(vertices, faces, 0.03)
    assert len(thin_faces) < len(faces) / 3
    assert set(np.unique(thin_faces)) <= set(range(len(thin_vertices)))
    radii = np.linalg.norm(thin_vertices, axis=1)
    assert radii.min() > 0.09
    assert radii.max() < 0.11


def test_a_cell_smaller_than_every_edge_changes_nothing() -> None:
    vertices = np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [0, 0, 1]], float)
    faces = np.array([[0, 2, 1], [0, 1, 3], [1, 2, 3], [0, 3, 2]])
    thin_vertices, thin_faces = thin_mesh(vertices, faces, 0.1)
    assert len(thin_faces) == 4
    as_points = {tuple(sorted(map(tuple, np.round(thin_vertices[f], 6)))) for f in thin_faces}
    assert as_points == {tuple(sorted(map(tuple, vertices[f]))) for f in faces}


def test_drawing_thinner_leaves_the_physics_alone() -> None:
    def model(thin: bool) -> mujoco.MjModel:
        spec = mujoco.MjSpec()
        mesh = spec.add_mesh(name="ball")
        vertices, faces = sphere()
        mesh.uservert, mesh.userface = vertices.ravel().tolist(), faces.ravel().tolist()
        body = spec.worldbody.add_body(name="ball", pos=[0, 0, 1])
        body.add_freejoint()
        body.add_geom(type=mujoco.mjtGeom.mjGEOM_MESH, meshname="ball", density=500)
        if thin:
            draw_thinner(spec)
        return spec.compile()

    plain, thinner = model(False), model(True)
    assert thinner.body("ball").mass == plain.body("ball").mass
    np.testing.assert_array_equal(thinner.body_inertia, plain.body_inertia)
    drawn = thinner.geom_group < 3
    assert drawn.sum() == 1
    assert thinner.geom_contype[drawn] == 0
    assert thinner.geom_contype[~drawn] == 1
