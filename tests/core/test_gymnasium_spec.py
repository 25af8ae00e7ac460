import numpy as np
import pytest
from gymnasium import spaces

from bydemo.core import pusher
from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.fields import Spec
from bydemo.core.gymnasium_spec import (
    control_rate_of,
    environment_spec,
    flat_observation,
    make_environment,
    native_action,
    observation_fields,
)

BOX = spaces.Box(-np.inf, np.inf, (3,), np.float64)


def spec_of(observation, action, name="Mine-v0"):
    return environment_spec(name, observation, action, 20.0)


def test_pushers_numbers_have_names():
    environment = make_environment("Pusher-v5")
    spec = environment_spec("Pusher-v5", environment.observation_space, environment.action_space,
                            control_rate_of(environment))  # fmt: skip
    assert spec.observation["observation"] == pusher.OBSERVATION
    assert spec.action == pusher.ACTION
    assert spec.control_rate == 20.0
    assert Spec.from_json(spec.to_json()) == spec


def test_a_pusher_whose_numbers_were_changed_is_not_named():
    spec = spec_of(BOX, pusher_action(), "Pusher-v5")
    assert [part.name for part in spec.observation["observation"].parts] == ["observation"]


def pusher_action():
    return spaces.Box(-2, 2, (7,), np.float32)


def test_nested_keys_are_joined_by_a_dot():
    space = spaces.Dict({"a": BOX, "b": spaces.Dict({"c": spaces.Discrete(3, start=5)})})
    fields = observation_fields(space)
    assert list(fields) == ["a", "b.c"]
    assert fields["b.c"].labels[0].classes == ("0", "1", "2")
    found = flat_observation(space, {"a": np.arange(3.0), "b": {"c": 7}})
    assert found["a"].dtype == np.float64
    assert found["b.c"].tolist() == [2.0]


def test_an_observation_is_a_copy():
    given = np.zeros(3)
    found = flat_observation(BOX, given)["observation"]
    given[:] = 1.0
    assert found.tolist() == [0.0, 0.0, 0.0]


def test_components_with_equal_limits_are_one_part():
    space = spaces.Box(np.array([-1, -1, 0], np.float32), np.array([1, 1, np.inf], np.float32))
    parts = spec_of(BOX, space).action.parts
    assert [(p.name, p.size, p.low, p.high) for p in parts] == [
        ("action_0", 2, -1.0, 1.0), ("action_1", 1, 0.0, None)]  # fmt: skip


@pytest.mark.parametrize(
    "space",
    [spaces.Discrete(4, start=2), spaces.MultiDiscrete([3, 4], start=[1, -2]),
     spaces.MultiBinary(5), pusher_action()],
)  # fmt: skip
def test_a_native_action_lies_in_its_space_and_comes_back(space):
    space.seed(0)
    for _ in range(20):
        drawn = space.sample()
        ours = flat_observation(space, drawn)["observation"]
        back = native_action(space, ours)
        assert space.contains(back)
        assert np.array_equal(back, drawn)


def test_a_picture_is_an_image():
    field = observation_fields(spaces.Box(0, 255, (8, 6, 3), np.uint8))["observation"]
    assert (field.kind, field.shape) == ("image", (8, 6, 3))


def test_what_has_no_reading_is_refused():
    with pytest.raises(InputError, match=r"field 'text': .* is neither a vector of numbers"):
        observation_fields(spaces.Dict({"text": spaces.Text(3)}))


def test_a_typo_is_answered_with_near_names():
    with pytest.raises(UnknownNameError, match="Did you mean 'Pusher-v5'"):
        make_environment("Pushr-v5")


def test_what_is_not_installed_is_named():
    with pytest.raises(InputError, match=r"field 'nowhere:Mine-v0': is not installed here: No mod"):
        make_environment("nowhere:Mine-v0")
