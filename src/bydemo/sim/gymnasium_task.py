"""A registered Gymnasium environment as a task: the same numbers in the same order, bit for bit."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import gymnasium
import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError, SimulationError
from bydemo.core.gymnasium_spec import (
    control_rate_of,
    environment_spec,
    flat_observation,
    make_environment,
    native_action,
)
from bydemo.sim.task import Annotation, Observation, Task, action_space_of, space_of

if TYPE_CHECKING:  # its import fails if MUJOCO_GL names what isn't installed
    from bydemo.sim.picture import Picture

_DRAWING = "rgb_array"


class GymnasiumTask(Task):
    """The environment behind the task's contract; what counts as success is left to subclasses.

    name: a registered id, `module:Id-v0` imports the module first. max_steps: in place of the
    registered limit. options: keyword arguments of the environment.
    """

    judged_by: ClassVar[Literal["success", "return"]] = "return"
    view: ClassVar[Mapping[str, Any]] = {}
    """From where to draw a MuJoCo world, see `Picture`; the environment's own choice if empty."""

    def __init__(
        self, name: str, *, instruction: str, max_steps: int | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:  # fmt: skip
        asked = {**_drawing(name), **(options or {})}
        if max_steps is not None:
            asked["max_episode_steps"] = max_steps
        self.environment = make_environment(name, disable_env_checker=True, **asked)
        spec = self.environment.spec
        limit = None if spec is None else spec.max_episode_steps
        if limit is None:
            self.environment.close()
            raise InputError(f"{name} has no limit of its own, give one", field="max_steps")
        self.max_steps = limit
        self.instruction = instruction
        self.data_spec = environment_spec(
            name, self.environment.observation_space, self.environment.action_space,
            control_rate_of(self.environment),
        )  # fmt: skip
        self.observation_space = space_of(self.data_spec.observation)
        self.action_space = action_space_of(self.data_spec.action)
        self.render_mode = self.environment.render_mode
        draws = [_DRAWING] if self.render_mode == _DRAWING else []
        self.metadata = {"render_modes": draws, "render_fps": self.data_spec.control_rate}
        self._classes = [(part.size, len(part.classes)) for part in self.data_spec.action.parts]
        self.over = True
        self._fault: str | None = None
        self._picture: Picture | None = None
        self.total_reward, self.info = 0.0, dict[str, Any]()

    # ----------------------------------------------------------------- Gymnasium

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begins an episode of the environment."""
        super().reset(seed=seed)
        seen, self.info = self.environment.reset(seed=seed, options=options)
        self._fault, self.total_reward, self.over = None, 0.0, False
        return self._arrays(seen), self.info

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        """One step of the environment; a label is the nearest class."""
        if self.over:
            raise SimulationError("the episode is over: call reset() before step()")
        given = np.asarray(action)
        if given.shape != self.data_spec.action.shape:
            raise InputError(
                f"has shape {given.shape}, expected {self.data_spec.action.shape}", field="action"
            )
        if not np.isfinite(given).all():
            self._fault, self.over = "non-finite action", True
            return self._last(), 0.0, True, False, self.info
        native = native_action(self.environment.action_space, self._nearest_classes(given))
        seen, reward, terminated, truncated, self.info = self.environment.step(native)
        self.total_reward += float(reward)
        self.over = bool(terminated or truncated)
        if self.over and self.physics_warned():
            self._fault = "physics warning"
        return self._arrays(seen), float(reward), bool(terminated), bool(truncated), self.info

    def render(self) -> NDArray[np.uint8]:
        """What the environment looks like now (H, W, 3); the first call opens a renderer."""
        if self.render_mode != _DRAWING:
            raise NotImplementedError("the environment draws no picture")
        if _has_physics(self.environment):
            return self._open_picture().draw()
        try:
            drawn: Any = self.environment.render()
        except Exception as error:  # each environment fails in its own way
            raise SimulationError(f"the environment cannot draw itself: {error}") from error
        picture: NDArray[np.uint8] = np.array(drawn, np.uint8)
        return picture

    def close(self) -> None:
        """Frees the environment and its renderer."""
        if self._picture is not None:
            self._picture.close()
            self._picture = None
        self.environment.close()

    # ----------------------------------------------------------------- Task

    def failure_reason(self) -> str | None:
        """Why the episode ended without success."""
        if not self.over:
            return None
        return self._fault or ("goal missed" if self.success() is False else None)

    def annotation(self) -> Annotation:
        """Nothing: the environment keeps its truth to itself."""
        return {}

    # ----------------------------------------------------------------- for subclasses

    @property
    def faulty(self) -> bool:
        """Did the episode end because it could not go on as it should?"""
        return self._fault is not None

    def physics_warned(self) -> bool:
        """Did MuJoCo warn in this episode? A world that diverges resets itself silently."""
        if not _has_physics(self.environment):
            return False
        from bydemo.sim.physics_warnings import warning_count  # not every environment has MuJoCo

        inner: Any = self.environment.unwrapped
        return warning_count(inner.data) > 0

    # ----------------------------------------------------------------- inside

    def _open_picture(self) -> Picture:
        """Our own: Gymnasium's draws into whatever context another environment left current."""
        if self._picture is None:
            from bydemo.sim.picture import Picture

            inner: Any = self.environment.unwrapped
            view = self.view or inner.mujoco_renderer.default_cam_config
            self._picture = Picture(inner.model, inner.data, view)
        return self._picture

    def _arrays(self, seen: Any) -> Observation:
        self._seen = flat_observation(self.environment.observation_space, seen)
        return self._last()

    def _last(self) -> Observation:
        return {name: array.copy() for name, array in self._seen.items()}

    def _nearest_classes(self, action: NDArray[Any]) -> NDArray[Any]:
        if not any(count for _, count in self._classes):
            return action
        out, start = action.copy(), 0
        for size, count in self._classes:
            if count:
                out[start] = np.clip(np.rint(out[start]), 0, count - 1)
            start += size
        return out


def _drawing(name: str) -> dict[str, str]:
    """What makes the environment draw, if its class says that it can."""
    module, _, known = name.rpartition(":")
    try:
        if module:
            importlib.import_module(module)
        entry = gymnasium.spec(known).entry_point
        creator = gymnasium.envs.registration.load_env_creator(entry)
    except (gymnasium.error.Error, ImportError, AttributeError, ValueError):
        return {}  # making it tells what is wrong
    modes = getattr(creator, "metadata", {}).get("render_modes") or ()
    return {"render_mode": _DRAWING} if _DRAWING in modes else {}


def _has_physics(environment: gymnasium.Env[Any, Any]) -> bool:
    """Is it built on Gymnasium's classes for MuJoCo? Then model and state are at hand."""
    inner = environment.unwrapped
    return all(hasattr(inner, name) for name in ("mujoco_renderer", "model", "data"))
