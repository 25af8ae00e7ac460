"""One demonstration: what was seen and done, step by step, as read-only arrays."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Spec

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class Episode:
    """T steps of one demonstration; `observation[k][t]` was seen before `action[t]` was taken.

    observation: name -> (T, ...); action: (T, A); annotation: privileged truth, name -> (T, ...);
    reward: (T,) float32 or None; final_observation: what was seen after the last action, or None;
    success: did it reach its goal, None where nobody knows; info: plain JSON values (seed, source
    id). All arrays are read-only.
    """

    observation: Mapping[str, Array]
    action: Array
    instruction: str = ""
    success: bool | None = None
    reward: Array | None = None
    final_observation: Mapping[str, Array] | None = None
    annotation: Mapping[str, Array] = field(default_factory=dict)
    info: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        steps = len(self.action)
        if steps == 0:
            raise InputError("an episode needs at least one step", field="action")
        for name, array in (*self.observation.items(), *self.annotation.items()):
            if len(array) != steps:
                raise InputError(f"{len(array)} rows for {steps} actions", field=name)
        if self.reward is not None and self.reward.shape != (steps,):
            raise InputError(f"shape {self.reward.shape}, expected ({steps},)", field="reward")
        frozen = {k: _read_only(v) for k, v in self.observation.items()}
        object.__setattr__(self, "observation", MappingProxyType(frozen))
        object.__setattr__(self, "action", _read_only(self.action))
        notes = {k: _read_only(v) for k, v in self.annotation.items()}
        object.__setattr__(self, "annotation", MappingProxyType(notes))
        if self.reward is not None:
            object.__setattr__(self, "reward", _read_only(self.reward))
        if self.final_observation is not None:
            final = {k: _read_only(np.asarray(v)) for k, v in self.final_observation.items()}
            object.__setattr__(self, "final_observation", MappingProxyType(final))

    def __len__(self) -> int:
        return len(self.action)

    def check(self, spec: Spec) -> None:
        """Raise InputError naming the first field that does not fit `spec` or is not finite."""
        for group, fields, arrays in (
            ("observation", spec.observation, self.observation),
            ("annotation", spec.annotation, self.annotation),
            ("action", {"action": spec.action}, {"action": self.action}),
        ):
            if set(fields) != set(arrays):
                raise InputError(f"has {sorted(arrays)}, expected {sorted(fields)}", field=group)
            for name, expected in fields.items():
                _check_field(name, expected, arrays[name])


def _check_field(name: str, expected: Field, array: Array) -> None:
    if array.shape[1:] != expected.shape or array.dtype != np.dtype(expected.dtype):
        raise InputError(
            f"is {array.shape[1:]} {array.dtype}, expected {expected.shape} {expected.dtype}",
            field=name,
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        step = int(np.argwhere(~np.isfinite(array))[0][0])
        raise InputError(f"is not finite at step {step}", field=name)
    slices = expected.slices() if expected.kind == "vector" else {}
    for part in expected.labels:
        values = array[:, slices[part.name].start]
        wrong = ~np.isin(values, np.arange(len(part.classes)))
        if wrong.any():
            step = int(np.argmax(wrong))
            raise InputError(
                f"part '{part.name}' is {values[step]:g} at step {step}, expected a class index "
                f"0..{len(part.classes) - 1} ({', '.join(part.classes)})",
                field=name,
            )


def _read_only(array: Array) -> Array:
    view = np.asarray(array).view()
    view.flags.writeable = False
    return view
