"""Any registered Gymnasium environment, your own included: `--environment Reacher-v5`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from bydemo.core.actor import Actor
from bydemo.core.errors import InputError
from bydemo.sim.gymnasium_task import GymnasiumTask
from bydemo.sim.pendulum_expert import PendulumExpert

_EXPERTS = {"InvertedPendulum-v4": PendulumExpert, "InvertedPendulum-v5": PendulumExpert}
_SUCCESS_KEYS = ("is_success", "success")
_OURS = ("max_episode_steps", "render_mode")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Which environment, made how."""

    environment: str = "InvertedPendulum-v5"
    """A registered id; 'module:Id-v0' imports the module first, which registers it."""
    options: str = ""
    """Keyword arguments of the environment, a JSON object."""
    max_steps: int | None = None
    """Steps of an episode, in place of the registered limit."""

    def __post_init__(self) -> None:
        self.keywords()
        if self.max_steps is not None and self.max_steps < 1:
            raise InputError(f"is {self.max_steps}, expected 1 or more", field="max_steps")

    def keywords(self) -> dict[str, Any]:
        """`options` as keyword arguments."""
        if not self.options:
            return {}
        try:
            found = json.loads(self.options)
        except json.JSONDecodeError as error:
            raise InputError(f"is no JSON: {error}", field="options") from error
        if not isinstance(found, dict):
            raise InputError(f"is {self.options}, expected a JSON object", field="options")
        for name in _OURS:
            if name in found:
                raise InputError(f"cannot hold '{name}'", field="options")
        return found

    def build(self) -> AnyEnvironment:
        """The environment."""
        return AnyEnvironment(self)


class AnyEnvironment(GymnasiumTask):
    """The environment as it is; its success is what it says itself, or its registered goal."""

    def __init__(self, config: Config) -> None:
        super().__init__(
            config.environment, instruction=f"collect reward in {config.environment}",
            max_steps=config.max_steps, options=config.keywords(),
        )  # fmt: skip
        self.config = config
        self._threshold = self._solved_at()

    def success(self) -> bool | None:
        """What the environment's info says; else: did the return reach what is registered as
        solved; None where neither is given."""
        for key in _SUCCESS_KEYS:
            if key in self.info:
                return bool(self.info[key]) and not self.faulty
        if self._threshold is None:
            return None
        return self.total_reward >= self._threshold and not self.faulty

    def _solved_at(self) -> float | None:
        """The registered return; it says nothing of episodes of another length."""
        made = self.environment.spec
        registered = None if made is None else gymnasium.registry.get(made.id)
        if registered is None or registered.max_episode_steps not in (None, self.max_steps):
            return None
        threshold: float | None = registered.reward_threshold
        return threshold

    def expert(self, rng: np.random.Generator) -> Actor:
        """A demonstrator, of the few environments that we have one for."""
        kind = _EXPERTS.get(self.config.environment)
        if kind is None:
            raise InputError(
                f"there is no expert for {self.config.environment}, only for "
                f"{', '.join(_EXPERTS)}: give one with --expert",
                field="environment",
            )
        return kind()
