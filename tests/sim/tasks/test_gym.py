import sys
import types

import gymnasium
import numpy as np
import pytest

from bydemo.core.errors import InputError, SimulationError, UnknownNameError
from bydemo.evaluation.actors import RandomActor
from bydemo.evaluation.rollout import rollout
from bydemo.sim.tasks import make_task
from bydemo.sim.tasks.gym import AnyEnvironment, Config


class Tray(gymnasium.Env):
    """Slide a cup to the middle of a tray: observations of two kinds, that it goes on to change."""

    metadata = {"render_modes": [], "render_fps": 5}  # noqa: RUF012

    def __init__(self, width: float = 1.0, tells: bool = False) -> None:
        self.width, self.tells = width, tells
        self.observation_space = gymnasium.spaces.Dict({
            "place": gymnasium.spaces.Box(-width, width, (1,), np.float64),
            "held": gymnasium.spaces.Discrete(2),
        })  # fmt: skip
        self.action_space = gymnasium.spaces.Box(-0.5, 0.5, (1,), np.float32)

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        self.place = self.np_random.uniform(-self.width, self.width, 1)
        return {"place": self.place, "held": 1}, {}

    def step(self, action):
        assert action.dtype == np.float32
        self.place += action  # in place: what was handed out changes with it
        near = bool(abs(self.place[0]) < 0.1)
        info = {"is_success": near} if self.tells else {}
        return {"place": self.place, "held": 1}, -abs(float(self.place[0])), near, False, info


@pytest.fixture(scope="module", autouse=True)
def module_of_a_user():
    """An importable module that registers an environment, as a user's package does."""
    module = types.ModuleType("their_trays")
    sys.modules["their_trays"] = module
    gymnasium.register("Tray-v0", Tray, max_episode_steps=20)
    gymnasium.register("EndlessTray-v0", Tray)
    gymnasium.register("SolvedTray-v0", Tray, max_episode_steps=20, reward_threshold=-1.0)
    yield
    for name in ("Tray-v0", "EndlessTray-v0", "SolvedTray-v0"):
        del gymnasium.registry[name]
    del sys.modules["their_trays"]


def play(task: AnyEnvironment, action: list[float]) -> tuple[int, bool, bool]:
    for step in range(1, task.max_steps + 1):
        _, _, terminated, truncated, _ = task.step(np.array(action, np.float32))
        if terminated or truncated:
            return step, terminated, truncated
    raise AssertionError("longer than its limit")


@pytest.mark.parametrize("name", ["Reacher-v5", "InvertedPendulum-v5", "CartPole-v1"])
def test_an_episode_is_that_of_gymnasiums_loop(name) -> None:
    task, environment = Config(environment=name).build(), gymnasium.make(name)
    actor = RandomActor().build(task)
    for seed in (1, 2, 1):
        ours, theirs = task.reset(seed=seed)[0], environment.reset(seed=seed)[0]
        actor.reset(seed, "")
        over = False
        while not over:
            np.testing.assert_array_equal(ours["observation"], theirs)
            action = actor.act(ours)
            native = int(action[0]) if name == "CartPole-v1" else action
            ours, reward, terminated, truncated, _ = task.step(action)
            theirs, *wanted, _ = environment.step(native)
            assert [reward, terminated, truncated] == wanted
            over = terminated or truncated
    task.close()


def test_a_discrete_action_is_a_label_and_the_nearest_class_is_taken() -> None:
    task = Config(environment="CartPole-v1").build()
    part, = task.data_spec.action.parts  # fmt: skip
    assert part.classes == ("0", "1")
    ways = []
    for action in (0.0, 0.4, -3.0, 1.0, 0.6, 7.0):
        task.reset(seed=0)
        ways.append(float(task.step(np.array([action], np.float32))[0]["observation"][1]))
    assert len(set(ways[:3])) == len(set(ways[3:])) == 1
    assert ways[0] < 0 < ways[3]


def test_a_users_own_environment_needs_its_module_alone() -> None:
    task = Config(environment="their_trays:Tray-v0", options='{"width": 2.0}').build()
    assert list(task.data_spec.observation) == ["held", "place"]
    assert task.data_spec.control_rate == 5.0
    assert task.max_steps == 20
    assert task.environment.unwrapped.width == 2.0
    first, _ = task.reset(seed=3)
    kept = first["place"].copy()
    task.step(np.array([0.5], np.float32))
    np.testing.assert_array_equal(first["place"], kept)
    result = rollout(task, RandomActor().build(task), 4, keep=True)
    assert not result.crashed, result.detail
    result.episode.check(task.data_spec)
    with pytest.raises(NotImplementedError, match="draws no picture"):
        task.render()


def test_success_is_what_the_environment_says_or_its_registered_goal_or_unknown() -> None:
    def outcome(config: Config, action: float) -> tuple:
        task = config.build()
        task.reset(seed=0)  # at 0.27
        play(task, [action])
        return task.success(), task.failure_reason()

    assert outcome(Config(environment="Tray-v0"), 0.0) == (None, None)
    told = Config(environment="Tray-v0", options='{"tells": true}')
    assert outcome(told, -0.25) == (True, None)
    assert outcome(told, 0.5) == (False, "goal missed")
    assert outcome(Config(environment="SolvedTray-v0"), -0.25) == (True, None)
    assert outcome(Config(environment="SolvedTray-v0"), 0.5) == (False, "goal missed")
    shorter = Config(environment="SolvedTray-v0", max_steps=3)
    assert outcome(shorter, 0.5) == (None, None)  # the goal is one of 20 steps


def test_its_limit_of_steps_is_the_registered_one_or_ours() -> None:
    task = Config(environment="Reacher-v5").build()
    task.reset(seed=0)
    assert play(task, [0.0, 0.0]) == (50, False, True)
    task = Config(environment="EndlessTray-v0", max_steps=7).build()
    task.reset(seed=0)
    assert play(task, [0.0]) == (7, False, True)
    with pytest.raises(SimulationError, match=r"call reset\(\) before step\(\)"):
        task.step(np.zeros(1))
    with pytest.raises(InputError, match="field 'max_steps': EndlessTray-v0 has no limit"):
        Config(environment="EndlessTray-v0").build()


def test_an_action_that_is_no_number_ends_the_episode_before_the_environment_sees_it() -> None:
    task = Config(environment="Tray-v0").build()
    before, _ = task.reset(seed=0)
    seen, reward, terminated, truncated, _ = task.step(np.array([np.nan], np.float32))
    assert (reward, terminated, truncated) == (0.0, True, False)
    np.testing.assert_array_equal(seen["place"], before["place"])
    assert task.failure_reason() == "non-finite action"
    task.reset(seed=0)
    with pytest.raises(InputError, match=r"field 'action': has shape \(2,\), expected \(1,\)"):
        task.step(np.zeros(2))


def test_an_unknown_environment_is_answered_with_near_names() -> None:
    with pytest.raises(UnknownNameError, match=r"'Reachr-v5'.*Did you mean 'Reacher-v5'"):
        make_task("gym", environment="Reachr-v5")
    with pytest.raises(InputError, match=r"no_such_module:Thing-v0.*not installed"):
        make_task("gym", environment="no_such_module:Thing-v0")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{", "field 'options': is no JSON"),
        ("[1]", r"field 'options': is \[1\], expected a JSON object"),
        ('{"render_mode": "human"}', "field 'options': cannot hold 'render_mode'"),
    ],
)
def test_options_that_are_no_keywords_are_refused(options, said) -> None:
    with pytest.raises(InputError, match=said):
        Config(options=options)
    with pytest.raises(InputError, match="field 'max_steps': is 0, expected 1 or more"):
        Config(max_steps=0)


def test_options_that_the_environment_does_not_know_are_refused() -> None:
    with pytest.raises(InputError, match=r"Tray-v0.*cannot be made.*widht"):
        Config(environment="Tray-v0", options='{"widht": 2.0}').build()


def test_there_is_an_expert_of_the_pendulum_alone() -> None:
    task = Config().build()
    expert = task.expert(np.random.default_rng(0))
    observation, _ = task.reset(seed=0)
    over = False
    while not over:
        observation, _, terminated, over, _ = task.step(expert.act(observation))
        assert not terminated
    assert task.success()
    with pytest.raises(InputError, match=r"no expert for Reacher-v5.*--expert"):
        Config(environment="Reacher-v5").build().expert(np.random.default_rng(0))
