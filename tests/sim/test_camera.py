"""Cameras see what they should, the right way up, alike each time, and can be closed."""

from __future__ import annotations

import math

import mujoco
import numpy as np
import pytest

from bydemo.core.errors import SimulationError, UnknownNameError
from bydemo.sim import kitchen
from bydemo.sim.camera import (
    FAST_PROFILE,
    FRONT,
    MOUNT,
    Cameras,
    add_mount_camera,
    free_camera_pose,
    use_fast_profile,
)


@pytest.fixture(scope="module")
def scene() -> tuple[mujoco.MjModel, mujoco.MjData]:
    spec = mujoco.MjSpec()
    kitchen.add_kitchen(spec, 0.0)
    hand = spec.worldbody.add_body(name="hand", pos=[-0.1, -0.4, 0.3])
    add_mount_camera(hand)
    use_fast_profile(spec)
    model = spec.compile()
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    return model, data


def test_the_front_camera_stands_where_the_estimate_puts_it() -> None:
    pos, _ = free_camera_pose((-0.138, -0.468, 0.011), 0.791, 88.5, -44.8)
    np.testing.assert_allclose(pos, [-0.152, -1.029, 0.569], atol=2e-3)


def test_a_fixed_pose_sees_what_the_free_camera_sees() -> None:
    lookat, distance, azimuth, elevation = (0.1, -0.2, 0.3), 0.9, 70.0, -30.0
    model = mujoco.MjModel.from_xml_string("<mujoco><worldbody/></mujoco>")
    data = mujoco.MjData(model)
    free = mujoco.MjvCamera()
    free.lookat[:], free.distance, free.azimuth, free.elevation = (
        lookat,
        distance,
        azimuth,
        elevation,
    )
    scene = mujoco.MjvScene(model, maxgeom=10)
    option = mujoco.MjvOption()
    mujoco.mjv_updateScene(model, data, option, None, free, mujoco.mjtCatBit.mjCAT_ALL, scene)
    pos, quat = free_camera_pose(lookat, distance, azimuth, elevation)
    axes = np.zeros(9)
    mujoco.mju_quat2Mat(axes, quat)
    axes = axes.reshape(3, 3)
    seen = scene.camera[0]
    np.testing.assert_allclose(seen.forward, -axes[:, 2], atol=1e-6)
    np.testing.assert_allclose(seen.up, axes[:, 1], atol=1e-6)
    half_eyes = 0.5 * model.vis.global_.ipd
    assert np.linalg.norm(np.asarray(seen.pos) - pos) <= half_eyes + 1e-6


def test_pictures_are_distinct_varied_and_repeatable(
    scene: tuple[mujoco.MjModel, mujoco.MjData],
) -> None:
    model, data = scene
    with Cameras(model, (FRONT, MOUNT), 96, 128) as cameras:
        first, again = cameras.render(data), cameras.render(data)
    for name in (FRONT, MOUNT):
        assert first[name].shape == (96, 128, 3)
        assert first[name].dtype == np.uint8
        assert first[name].flags.c_contiguous
        assert first[name].std() > 20
        np.testing.assert_array_equal(first[name], again[name])
    assert np.abs(first[FRONT].astype(int) - first[MOUNT]).mean() > 20


def test_the_front_picture_has_the_oven_left_the_sink_right_and_the_top_far(
    scene: tuple[mujoco.MjModel, mujoco.MjData],
) -> None:
    model, data = scene
    with Cameras(model, (FRONT,)) as cameras:
        picture = cameras.render(data)[FRONT].astype(int)
    black = picture.max(axis=-1) < 40  # the oven is the black thing
    assert np.nonzero(black)[1].mean() < 75
    blue = (picture[..., 2] - picture[..., 0]) > 60  # and the sink the blue one
    assert np.nonzero(blue)[1].mean() > 150
    assert picture[-20:].mean() > picture[:20].mean() + 30  # wood in front, dark room behind


def test_names_and_states_are_checked(scene: tuple[mujoco.MjModel, mujoco.MjData]) -> None:
    model, data = scene
    with pytest.raises(UnknownNameError, match=r"no camera named 'frnt'\. Did you mean 'front'"):
        Cameras(model, ("frnt",))
    cameras = Cameras(model, (FRONT,), 8, 8)
    cameras.close()
    cameras.close()
    with pytest.raises(SimulationError, match=r"closed"):
        cameras.render(data)


def test_a_model_without_the_profile_is_refused() -> None:
    spec = mujoco.MjSpec()
    spec.worldbody.add_camera(name=FRONT)
    with pytest.raises(SimulationError, match=r"multisamples = 4.*use_fast_profile"):
        Cameras(spec.compile(), (FRONT,))


def test_the_profile_is_plain_and_cannot_be_changed() -> None:
    assert not FAST_PROFILE["shadow"]
    assert FAST_PROFILE["multisamples"] == 0
    with pytest.raises(TypeError):
        FAST_PROFILE["shadow"] = True  # type: ignore[index]


def test_two_sets_of_cameras_do_not_disturb_each_other(
    scene: tuple[mujoco.MjModel, mujoco.MjData],
) -> None:
    model, data = scene
    with Cameras(model, (FRONT,), 64, 64) as small:
        alone = small.render(data)[FRONT]
        with Cameras(model, (FRONT,), 96, 96) as large:
            large.render(data)
            np.testing.assert_array_equal(small.render(data)[FRONT], alone)
        np.testing.assert_array_equal(small.render(data)[FRONT], alone)


def test_a_turn_of_the_camera_is_a_rotation() -> None:
    for azimuth in (0.0, 90.0, 200.0):
        _, quat = free_camera_pose((0, 0, 0), 1.0, azimuth, -40.0)
        assert math.isclose(float(np.linalg.norm(quat)), 1.0, abs_tol=1e-9)
