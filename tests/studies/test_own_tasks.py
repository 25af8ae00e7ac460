"""Where a run's policy is judged: in what its demonstrations were recorded in."""

import gymnasium
import pytest

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.studies.judging import own_tasks


def tasks_of(**source):
    return own_tasks({"dataset": {"source": source}})


def minari(name, **kwargs):
    import json

    spec = json.loads(gymnasium.make(name, **kwargs).spec.to_json())
    return tasks_of(kind="minari", environment=spec)


def test_what_was_recorded_in_simulation_is_judged_there():
    found = tasks_of(kind="simulation", task="pusher", task_config={"stochastic": True})
    assert found["pusher"].stochastic
    with pytest.raises(UnknownNameError, match="no task named 'puhser'"):
        tasks_of(kind="simulation", task="puhser")


def test_a_minari_set_of_pusher_is_judged_in_our_pusher():
    for kwargs in ({}, {"render_mode": "rgb_array"}):
        found = minari("Pusher-v5", **kwargs)
        assert [type(c).__module__ for c in found.values()] == ["bydemo.sim.tasks.pusher"]
        assert list(found) == ["pusher"]


def test_any_other_environment_is_named_and_made_with_its_options():
    changed = minari("Pusher-v5", reward_dist_weight=2)["Pusher-v5"]
    assert (changed.environment, changed.options) == ("Pusher-v5", '{"reward_dist_weight": 2}')
    short = minari("Pusher-v5", max_episode_steps=30)["Pusher-v5"]
    assert (short.options, short.max_steps) == ("", 30)
    found = minari("Reacher-v5")["Reacher-v5"]
    assert (found.environment, found.options, found.max_steps) == ("Reacher-v5", "", 50)
    assert found.build().data_spec.observation["observation"].shape == (10,)


def test_an_environment_that_is_not_installed_is_named():
    missing = {"id": "no_such_module:Thing-v0", "kwargs": {}, "max_episode_steps": 10}
    with pytest.raises(InputError, match="no_such_module"):
        tasks_of(kind="minari", environment=missing)["no_such_module:Thing-v0"].build()


def test_real_recordings_and_sets_without_an_environment_have_no_task():
    assert tasks_of(kind="lerobot") == {}
    assert tasks_of(kind="minari", environment=None) == {}
    assert tasks_of() == {}
