"""From a Gymnasium environment to our `Spec`: one reading for recordings of it and for the task,
so that a policy from one can be judged on the other.

A box (D,) is a vector field, a box (H, W, 1 or 3) uint8 an image, `Discrete(n)` a label with the
classes "0".."n-1", `MultiBinary` and `MultiDiscrete` a label each; a `Dict` is a field a key, keys
of a nested one joined by a dot. A space that is no `Dict` is the one field `observation`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

import gymnasium
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from numpy.typing import NDArray

from bydemo.core import pusher
from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.fields import Field, Part, Spec

OBSERVATION: Final = "observation"
"""The field of an observation space that is no dictionary."""

_NAMED: Final[Mapping[str, tuple[Field, Field]]] = {
    "Pusher-v4": (pusher.OBSERVATION, pusher.ACTION),
    "Pusher-v5": (pusher.OBSERVATION, pusher.ACTION),
}
"""Environments whose components we can name: observation and action field."""


def environment_spec(
    environment_id: str, observation_space: spaces.Space[Any], action_space: spaces.Space[Any],
    control_rate: float,
) -> Spec:  # fmt: skip
    """The spec of an environment; names are given to the components of those that we know."""
    spec = Spec(
        observation=observation_fields(observation_space),
        action=_field(action_space, "action"),
        control_rate=control_rate,
    )
    known = _NAMED.get(environment_id.rpartition(":")[2])
    if known is None or spec.observation.keys() != {OBSERVATION}:
        return spec
    found = spec.observation[OBSERVATION], spec.action
    if [(f.shape, f.dtype) for f in found] != [
        (f.shape, f.dtype) for f in known
    ]:  # wrapped or changed by its options: its numbers may mean something else
        return spec
    return Spec(observation={OBSERVATION: known[0]}, action=known[1], control_rate=control_rate)


def observation_fields(space: spaces.Space[Any]) -> dict[str, Field]:
    """The fields of an observation space, in its order."""
    if not isinstance(space, spaces.Dict):
        return {OBSERVATION: _field(space, OBSERVATION)}
    found: dict[str, Field] = {}
    for name, part in space.spaces.items():
        if isinstance(part, spaces.Dict):
            found |= {f"{name}.{inner}": f for inner, f in observation_fields(part).items()}
        else:
            found[name] = _field(part, name)
    return found


def flat_observation(space: spaces.Space[Any], observation: Any) -> dict[str, NDArray[Any]]:
    """What the environment gave as arrays of its fields' shapes and dtypes, copied."""
    if not isinstance(space, spaces.Dict):
        return {OBSERVATION: _array(space, observation)}
    found: dict[str, NDArray[Any]] = {}
    for name, part in space.spaces.items():
        if isinstance(part, spaces.Dict):
            inner = flat_observation(part, observation[name])
            found |= {f"{name}.{key}": array for key, array in inner.items()}
        else:
            found[name] = _array(part, observation[name])
    return found


def native_action(space: spaces.Space[Any], action: NDArray[Any]) -> Any:
    """An action (A,) as the environment takes it: a whole number for `Discrete`."""
    if isinstance(space, spaces.Discrete):
        return int(action[0]) + int(space.start)
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
        return action.astype(space.dtype) + getattr(space, "start", space.dtype.type(0))
    return action.astype(space.dtype)


def control_rate_of(environment: gymnasium.Env[Any, Any]) -> float:
    """[Hz] how often the environment acts, by its own account; 1 where it gives none."""
    return float(environment.metadata.get("render_fps") or 1.0)


def make_environment(described: str | Mapping[str, Any], **options: Any) -> gymnasium.Env[Any, Any]:
    """The environment of an id (`module:Id-v0` imports the module first) or of an `EnvSpec` as
    plain JSON values. Near names answer an unknown id; what is not installed is an InputError."""
    name = described if isinstance(described, str) else str(described.get("id"))
    try:
        spec: str | EnvSpec = (
            described if isinstance(described, str) else EnvSpec.from_json(json.dumps(described))
        )
        made: gymnasium.Env[Any, Any] = gymnasium.make(spec, **options)
    except (gymnasium.error.UnregisteredEnv, gymnasium.error.NameNotFound) as error:
        raise UnknownNameError("environment", name, gymnasium.registry) from error
    except (ImportError, gymnasium.error.DependencyNotInstalled) as error:
        raise InputError(f"is not installed here: {error}", field=name) from error
    except (gymnasium.error.Error, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"cannot be made: {error}", field=name) from error
    return made


def _field(space: spaces.Space[Any], name: str) -> Field:
    if isinstance(space, spaces.Discrete):
        return Field.vector(_label(name, int(space.n)))
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)) and len(space.shape) == 1:
        counts = getattr(space, "nvec", np.full(space.shape, 2))
        return Field.vector(*(_label(f"{name}_{i}", int(n)) for i, n in enumerate(counts)))
    if isinstance(space, spaces.Box):
        shape, dtype = space.shape, np.dtype(space.dtype)
        if len(shape) == 3 and dtype == np.uint8 and shape[2] in (1, 3):
            return Field.image(*shape)
        if len(shape) == 1 and dtype.kind == "f":
            return Field.vector(*_parts(name, space), dtype=dtype.name)
    raise InputError(
        f"{space} is neither a vector of numbers (D,), nor an image (H, W, 1 or 3) uint8, nor "
        "discrete", field=name,
    )  # fmt: skip


def _label(name: str, count: int) -> Part:
    return Part(name=name, size=1, classes=tuple(map(str, range(count))))


def _parts(name: str, space: spaces.Box) -> list[Part]:
    """Runs of components with the same limits, numbered where there is more than one."""
    limits = [
        (None if np.isinf(low) else float(low), None if np.isinf(high) else float(high))
        for low, high in zip(space.low, space.high, strict=True)
    ]
    runs = [(limit, len(list(run))) for limit, run in groupby(limits)]
    return [
        Part(name=name if len(runs) == 1 else f"{name}_{i}", size=size, low=low, high=high)
        for i, ((low, high), size) in enumerate(runs)
    ]


def _array(space: spaces.Space[Any], value: Any) -> NDArray[Any]:
    if isinstance(space, spaces.Discrete):
        return np.array([value - space.start], np.float32)
    if isinstance(space, (spaces.MultiDiscrete, spaces.MultiBinary)):
        return np.array(value - getattr(space, "start", 0), np.float32)
    return np.array(value, space.dtype)
