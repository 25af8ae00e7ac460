"""The kitchen holds things up, tells what is where, and hides what is put away."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from bydemo.core.errors import UnknownNameError
from bydemo.sim import kitchen
from bydemo.sim.camera import FRONT, Cameras, use_fast_profile
from bydemo.sim.kitchen_objects import OBJECTS
from bydemo.sim.kitchen_receptacles import RECEPTACLES

TABLE = 0.07
World = tuple[mujoco.MjModel, mujoco.MjData]


@pytest.fixture(scope="module")
def compiled() -> World:
    spec = mujoco.MjSpec()
    spec.option.timestep = 0.004
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    spec.option.cone = mujoco.mjtCone.mjCONE_ELLIPTIC
    spec.option.impratio = 10
    kitchen.add_kitchen(spec, TABLE)
    use_fast_profile(spec)
    model = spec.compile()
    return model, mujoco.MjData(model)


@pytest.fixture
def world(compiled: World) -> World:
    model, data = compiled
    mujoco.mj_resetData(model, data)
    kitchen.park_all(model, data)
    mujoco.mj_forward(model, data)
    return model, data


def settle(model: mujoco.MjModel, data: mujoco.MjData, seconds: float = 1.0) -> None:
    mujoco.mj_forward(model, data)
    mujoco.mj_step(model, data, nstep=round(seconds / model.opt.timestep))


@pytest.mark.parametrize("name", OBJECTS)
def test_every_object_rests_upright_within_a_second(world: World, name: str) -> None:
    model, data = world
    kitchen.place_object(model, data, name, (-0.1, -0.42), 0.4, above=TABLE + 0.005)
    settle(model, data)
    body = model.body(f"object/{name}").id
    assert data.xmat[body][8] > np.cos(np.radians(1))
    assert np.abs(data.cvel[body]).max() < 0.02
    resting = [-0.1, -0.42, TABLE + OBJECTS[name].rest_height]
    np.testing.assert_allclose(data.xpos[body], resting, atol=1e-3)


@pytest.mark.parametrize("receptacle", RECEPTACLES)
@pytest.mark.parametrize("name", ["apple fruit", "butter dairy", "green cup", "long bread"])
def test_an_object_let_go_over_a_receptacle_comes_to_rest_in_it(
    world: World, receptacle: str, name: str
) -> None:
    model, data = world
    kind = RECEPTACLES[receptacle]
    if kind.movable:
        kitchen.place_receptacle(model, receptacle, (-0.12, -0.43))
    x, y, z = kitchen.drop_point(model, receptacle)
    above = z + kind.release_height
    kitchen.place_object(model, data, name, (x + 0.012, y - 0.012), 0.3, above=above)
    settle(model, data)
    assert kitchen.is_in(model, data, name, receptacle)
    assert np.abs(data.cvel[model.body(f"object/{name}").id]).max() < 0.5
    others = [r for r in RECEPTACLES if r != receptacle and not RECEPTACLES[r].movable]
    assert not any(kitchen.is_in(model, data, name, other) for other in others)


@pytest.mark.parametrize("receptacle", RECEPTACLES)
def test_what_stands_beside_or_floats_above_is_not_in(receptacle: str) -> None:
    kind = RECEPTACLES[receptacle]
    x, y, z = kind.drop_offset
    reach = kind.half_extent
    assert kind.contains((x, y, z + 0.02))
    assert not kind.contains((x + reach[0] + 0.001, y, z + 0.02))
    assert not kind.contains((x, y - reach[-1] - 0.001, z + 0.02))
    assert not kind.contains((x, y, z + kind.depth + 0.001))
    assert not kind.contains((x, y, z - 0.01))


def test_contains_wants_a_disc_for_round_receptacles() -> None:
    plate = RECEPTACLES["gray plate"]
    corner = plate.half_extent[0] * 0.8
    assert not plate.contains((corner, corner, 0.03))


def test_everything_fixed_lies_in_reach_and_off_the_free_region() -> None:
    region = kitchen.FREE_REGION
    for kind in RECEPTACLES.values():
        if kind.home is None:
            continue
        x, y = kind.home[0] + kind.drop_offset[0], kind.home[1] + kind.drop_offset[1]
        assert -0.44 < x < 0.22
        assert -0.66 < y < -0.25
        free_x = region.x[0] - kind.half_extent[0] < x < region.x[1] + kind.half_extent[0]
        free_y = region.y[0] - kind.half_extent[-1] < y < region.y[1] + kind.half_extent[-1]
        assert not (free_x and free_y), kind.name


@pytest.mark.parametrize("kind", OBJECTS.values(), ids=lambda kind: kind.name)
def test_objects_fit_a_jaco_hand(kind: object) -> None:
    assert 0.02 < kind.grasp_width <= 0.06
    assert kind.grasp_width <= 2 * kind.radius
    assert 0.03 <= kind.mass <= 0.08
    assert 0.025 <= 2 * kind.rest_height <= 0.06


def test_a_body_weighs_what_its_kind_says(compiled: World) -> None:
    for name, kind in OBJECTS.items():
        assert compiled[0].body(f"object/{name}").mass[0] == pytest.approx(kind.mass)


def test_parked_things_stay_put_and_touch_nothing(world: World) -> None:
    model, data = world
    before = data.qpos.copy()
    settle(model, data, 2.0)
    np.testing.assert_allclose(data.qpos, before, atol=1e-9)
    assert data.ncon == 0


def test_parked_things_are_not_drawn_and_placed_ones_are(world: World) -> None:
    model, data = world
    with Cameras(model, (FRONT,), 112, 112) as cameras:
        empty = cameras.render(data)[FRONT]
        for name in OBJECTS:
            kitchen.place_object(model, data, name, (-0.1, -0.42))
            mujoco.mj_forward(model, data)
            drawn = cameras.render(data)[FRONT]
            changed = (np.abs(drawn.astype(int) - empty) > 12).any(axis=-1).sum()
            assert changed > 30, name
            kitchen.park_object(model, data, name)
            mujoco.mj_forward(model, data)
            np.testing.assert_array_equal(cameras.render(data)[FRONT], empty)


def test_placing_twice_and_parking_restores_the_model(world: World) -> None:
    model, data = world
    names = ("geom_group", "body_pos", "body_gravcomp")
    before = [getattr(model, n).copy() for n in names]
    for _ in range(2):
        kitchen.place_object(model, data, "milk dairy", (-0.1, -0.4), 1.0)
        kitchen.place_receptacle(model, "blue bowl", (-0.2, -0.4))
    kitchen.park_object(model, data, "milk dairy")
    kitchen.park_receptacle(model, "blue bowl")
    for name, value in zip(names, before, strict=True):
        np.testing.assert_array_equal(getattr(model, name), value)


def test_every_object_has_its_own_colour_at_half_size(world: World) -> None:
    model, data = world
    colours = {}
    with Cameras(model, (FRONT,), 112, 112) as cameras:
        empty = cameras.render(data)[FRONT]
        for name in OBJECTS:
            kitchen.place_object(model, data, name, (-0.1, -0.42))
            mujoco.mj_forward(model, data)
            drawn = cameras.render(data)[FRONT]
            changed = (np.abs(drawn.astype(int) - empty) > 12).any(axis=-1)
            colours[name] = np.concatenate(
                [drawn[changed].mean(axis=0), 0.5 * drawn[changed].std(axis=0)]
            )
            kitchen.park_object(model, data, name)
    names = list(colours)
    for i, a in enumerate(names):
        for b in names[:i]:
            assert np.linalg.norm(colours[a] - colours[b]) > 12, (a, b)


def test_names_are_checked(world: World) -> None:
    model, data = world
    with pytest.raises(UnknownNameError, match=r"no object named 'aple fruit'\. Did you mean"):
        kitchen.place_object(model, data, "aple fruit", (0, 0))
    with pytest.raises(UnknownNameError, match=r"no receptacle named 'pan'"):
        kitchen.park_receptacle(model, "pan")
    with pytest.raises(UnknownNameError, match=r"no movable receptacle named 'sink'"):
        kitchen.place_receptacle(model, "sink", (0, 0))


def test_a_region_keeps_its_margin() -> None:
    rng = np.random.default_rng(0)
    region = kitchen.Region(x=(0.0, 0.1), y=(-0.2, 0.0))
    points = np.array([region.sample(rng, 0.03) for _ in range(200)])
    assert points[:, 0].min() >= 0.03
    assert points[:, 0].max() <= 0.07
    assert points[:, 1].min() >= -0.17
    assert points[:, 1].max() <= -0.03
