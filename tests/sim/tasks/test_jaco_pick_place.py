import json
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

from bydemo.core.errors import InputError, SimulationError, UnknownNameError
from bydemo.sim.pick_place_layout import Randomisation
from bydemo.sim.tasks.jaco_pick_place import Config, JacoPickPlace

STAY = np.array([0, 0, 0, 1], np.float32)


@pytest.fixture(scope="module")
def blind() -> Iterator[JacoPickPlace]:
    task = Config(pictures=False).build()
    yield task
    task.close()


def demonstrate(task: JacoPickPlace, seed: int, template: str) -> tuple[list, dict]:
    observation, info = task.reset(seed=seed, options={"template": template})
    actor = task.expert(np.random.default_rng(seed))
    actor.reset(seed, task.instruction)
    seen, over = [observation], False
    while not over:
        observation, _, terminated, truncated, info = task.step(actor.act(observation))
        seen.append(observation)
        over = terminated or truncated
    return seen, info


@pytest.mark.parametrize("template", ["pick", "place"])
def test_the_expert_succeeds(blind, template) -> None:
    outcomes = [demonstrate(blind, seed, template)[1] for seed in range(1000, 1012)]
    assert sum(o["success"] for o in outcomes) >= 11
    assert all((o["failure_reason"] is None) == o["success"] for o in outcomes)


@pytest.mark.parametrize("template", ["pick", "place"])
def test_the_same_seed_gives_the_same_episode_whatever_came_before(blind, template) -> None:
    first, _ = demonstrate(blind, 5, template)
    demonstrate(blind, 6, "pick")
    again, _ = demonstrate(blind, 5, template)
    assert len(first) == len(again)
    for a, b in zip(first, again, strict=True):
        for name in a:
            np.testing.assert_array_equal(a[name], b[name])


def test_pictures_are_the_same_for_the_same_seed_and_differ_for_another() -> None:
    task = Config().build()
    a, _ = task.reset(seed=1)
    b, _ = task.reset(seed=2)
    again, _ = task.reset(seed=1)
    task.close()
    for camera in ("front_cam", "mount_cam"):
        assert a[camera].shape == (224, 224, 3)
        assert a[camera].dtype == np.uint8
        assert a[camera].std() > 10
        np.testing.assert_array_equal(a[camera], again[camera])
        assert np.any(a[camera] != b[camera])


def test_observation_and_annotation_fit_the_spec(blind) -> None:
    observation, _ = blind.reset(seed=0)
    assert blind.observation_space.contains(observation)
    notes = blind.annotation()
    assert {n: (f.shape, f.dtype) for n, f in blind.data_spec.annotation.items()} == {
        n: (v.shape, str(v.dtype)) for n, v in notes.items()
    }


def test_a_held_object_begins_in_the_hand(blind) -> None:
    for seed in range(5):
        blind.reset(seed=seed, options={"template": "place"})
        state = blind.state()
        assert state.squeezing
        assert np.linalg.norm(state.target - state.pinch) < 0.03


def test_doing_nothing_is_never_reached_and_truncated() -> None:
    task = Config(pictures=False, template="pick", max_steps=3).build()
    task.reset(seed=0)
    outcomes = [task.step(STAY) for _ in range(3)]
    assert [o[2:4] for o in outcomes] == [(False, False), (False, False), (False, True)]
    assert outcomes[-1][4]["failure_reason"] == "never reached"
    with pytest.raises(SimulationError, match=r"call reset\(\) before step\(\)"):
        task.step(STAY)


def test_letting_go_of_a_held_object_early_is_a_wrong_place() -> None:
    task = Config(pictures=False, template="place", max_steps=20).build()
    task.reset(seed=3)
    over = False
    while not over:
        *_, terminated, truncated, info = task.step(np.array([0, 0, 0, 0], np.float32))
        over = terminated or truncated
    assert info["failure_reason"] == "wrong place"


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_non_finite_action_fails_the_episode(blind, bad) -> None:
    blind.reset(seed=0)
    action = STAY.copy()
    action[1] = bad
    _, reward, terminated, _, info = blind.step(action)
    assert (reward, terminated, info["failure_reason"]) == (0.0, True, "non-finite action")
    assert not blind.success()


def test_a_physics_fault_fails_the_episode(blind) -> None:
    blind.reset(seed=0)
    blind._data.qvel[0] = 1e12
    _, _, terminated, _, info = blind.step(STAY)
    assert terminated
    assert info["failure_reason"] == "physics warning"


def test_an_action_of_another_shape_is_named(blind) -> None:
    blind.reset(seed=0)
    with pytest.raises(InputError, match=r"field 'action': has shape \(3,\), expected \(4,\)"):
        blind.step(np.zeros(3, np.float32))


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"template": "pik"}, "Did you mean 'pick'"),
        ({"objects": ("aple fruit",)}, "Did you mean 'apple fruit'"),
        ({"receptacles": ("oben",)}, "Did you mean 'oven'"),
    ],
)
def test_a_wrong_name_in_the_configuration_is_answered(fields, said) -> None:
    with pytest.raises(UnknownNameError, match=said):
        Config(**fields)


def test_an_impossible_count_is_named() -> None:
    with pytest.raises(InputError, match="field 'object_count': is \\(4, 2\\)"):
        Config(object_count=(4, 2))
    with pytest.raises(InputError, match="field 'objects': needs at least one object"):
        Config(objects=())


def test_rendering_is_plain_json_and_names_the_cameras(blind) -> None:
    assert set(blind.rendering["cameras"]) == {"front_cam", "mount_cam"}
    assert json.loads(json.dumps(blind.rendering)) == blind.rendering


def test_drift_moves_the_arm_off_but_not_the_recorded_action() -> None:
    ends = []
    for drift in (0.0, 0.03):
        task = Config(pictures=False, randomisation=Randomisation(drift=drift)).build()
        task.reset(seed=4, options={"template": "pick"})
        start = task.state().pinch
        for _ in range(10):
            task.step(STAY)
        ends.append(float(np.linalg.norm(task.state().pinch - start)))
    assert ends[0] < 1e-3
    assert ends[1] > 5e-3


def test_wrong_object_is_told_apart_from_a_missed_grasp(blind) -> None:
    for seed in range(20):
        blind.reset(seed=seed, options={"template": "pick"})
        layout = blind._layout
        others = [n for n in layout.objects if n != layout.target]
        if not others:
            continue
        judged = blind._judge
        blind._layout = replace(layout, target=others[0])  # the expert is told another name
        actor = blind.expert(np.random.default_rng(seed))
        over, info = False, {}
        while not over:
            *_, terminated, truncated, info = blind.step(actor.act({}))
            over = terminated or truncated
        assert blind._judge is judged
        assert info["failure_reason"] == "wrong object"
        return
    raise AssertionError("no episode with a second object")
