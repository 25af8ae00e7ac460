"""Gymnasium spaces as Minari stores them: as JSON, as the leaves of a tree, and as rows of ours."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.fields import Field
from bydemo.core.gymnasium_spec import OBSERVATION

Array = NDArray[Any]
Space: TypeAlias = spaces.Space[Any]


@dataclass(frozen=True, kw_only=True)
class Leaf:
    """A space that holds no others, and the keys (positions, in a tuple) that lead to it."""

    path: tuple[str | int, ...]
    space: Space

    @property
    def name(self) -> str:
        """The keys joined by dots; `observation` for a space that is no dictionary."""
        return ".".join(map(str, self.path)) or OBSERVATION

    @property
    def is_text(self) -> bool:
        """Text is no field: it becomes the episode's instruction."""
        return isinstance(self.space, spaces.Text)


def leaves(space: Space, path: tuple[str | int, ...] = ()) -> list[Leaf]:
    """All leaves of a space, in its order."""
    if isinstance(space, spaces.Dict):
        return [leaf for key, s in space.spaces.items() for leaf in leaves(s, (*path, key))]
    if isinstance(space, spaces.Tuple):
        return [leaf for i, s in enumerate(space.spaces) for leaf in leaves(s, (*path, i))]
    return [Leaf(path=path, space=space)]


def without_text(space: Space) -> Space:
    """The same space as a specification sees it: no texts, and a tuple as a dictionary."""
    if isinstance(space, spaces.Tuple):
        space = spaces.Dict({str(i): s for i, s in enumerate(space.spaces)})
    if not isinstance(space, spaces.Dict):
        return space
    kept = {k: s for k, s in space.spaces.items() if not isinstance(s, spaces.Text)}
    return spaces.Dict({k: without_text(s) for k, s in kept.items()})


def parse_space(text: Any) -> Space:
    """The space of a JSON text as Minari writes it; InputError says what is malformed."""
    try:
        return _space(json.loads(text) if isinstance(text, str) else text)
    except (KeyError, TypeError, ValueError, AssertionError, AttributeError) as error:
        raise InputError(f"is no space as Minari describes one: {error!r}") from error


def _space(data: Mapping[str, Any]) -> Space:
    kind = data["type"]
    if kind == "Box":
        low, high = (np.array(data[k], dtype=data["dtype"]) for k in ("low", "high"))
        return spaces.Box(low, high, tuple(data["shape"]), np.dtype(data["dtype"]).type)
    if kind == "Discrete":
        return spaces.Discrete(int(data["n"]), start=int(data.get("start", 0)))
    if kind == "MultiDiscrete":
        return spaces.MultiDiscrete(
            data["nvec"], dtype=np.dtype(data["dtype"]).type, start=data.get("start")
        )
    if kind == "MultiBinary":
        return spaces.MultiBinary(data["n"])
    if kind == "Text":
        charset = data.get("charset")
        return spaces.Text(
            int(data["max_length"]), min_length=int(data.get("min_length", 1)), charset=charset
        )
    if kind == "Dict":
        return spaces.Dict({key: _space(s) for key, s in data["subspaces"].items()})
    if kind == "Tuple":
        return spaces.Tuple([_space(s) for s in data["subspaces"]])
    raise ValueError(f"no space of type {kind!r} is known")


def space_json(space: Space) -> dict[str, Any]:
    """A space as the JSON value that Minari reads; InputError for one that it cannot store."""
    if isinstance(space, spaces.Dict):
        return {"type": "Dict", "subspaces": {k: space_json(s) for k, s in space.spaces.items()}}
    if isinstance(space, spaces.Tuple):
        return {"type": "Tuple", "subspaces": [space_json(s) for s in space.spaces]}
    if isinstance(space, spaces.Box):
        return {"type": "Box", "dtype": str(space.dtype), "shape": list(space.shape),
                "low": space.low.tolist(), "high": space.high.tolist()}  # fmt: skip
    if isinstance(space, spaces.Discrete):
        return {"type": "Discrete", "dtype": "int64", "start": int(space.start),
                "n": int(space.n)}  # fmt: skip
    if isinstance(space, spaces.MultiDiscrete):
        return {"type": "MultiDiscrete", "dtype": str(space.dtype), "nvec": space.nvec.tolist(),
                "start": space.start.tolist()}  # fmt: skip
    if isinstance(space, spaces.MultiBinary):
        count = space.n if isinstance(space.n, int) else [int(n) for n in space.shape]
        return {"type": "MultiBinary", "n": count}
    if isinstance(space, spaces.Text):
        return {"type": "Text", "max_length": space.max_length, "min_length": space.min_length,
                "charset": space.characters}  # fmt: skip
    raise InputError(f"Minari has no place for the space {space}")


def space_for(fields: Mapping[str, Field]) -> Space:
    """The space of an observation that was not recorded in Gymnasium."""
    if fields.keys() == {OBSERVATION}:
        return field_space(fields[OBSERVATION])
    return spaces.Dict({name: field_space(field) for name, field in fields.items()})


def field_space(field: Field) -> Space:
    """Labels alone are discrete; beside numbers they are numbers from 0 to their last class."""
    if field.kind == "image":
        return spaces.Box(0, 255, field.shape, np.uint8)
    counts = [len(part.classes) for part in field.parts]
    if all(counts):
        return spaces.Discrete(counts[0]) if len(counts) == 1 else spaces.MultiDiscrete(counts)
    dtype = np.dtype(field.dtype)
    bottom, top = (-np.inf, np.inf) if dtype.kind == "f" else _range(dtype)
    low: list[float] = []
    high: list[float] = []
    for part in field.parts:
        last = len(part.classes) - 1
        low += [0 if part.classes else bottom if part.low is None else part.low] * part.size
        high += [last if part.classes else top if part.high is None else part.high] * part.size
    return spaces.Box(np.array(low, dtype), np.array(high, dtype), dtype=dtype.type)


def _range(dtype: np.dtype[Any]) -> tuple[float, float]:
    limits = np.iinfo(dtype)
    return limits.min, limits.max


def rows_of(space: Space, stored: Array, field: Field) -> Array:
    """(N, ...) as Minari stores them -> (N, *field.shape) of the field's dtype, exactly.

    A discrete value counts from 0, as a class index does. InputError if the numbers are of another
    space, or would not survive the field's dtype.
    """
    shape = stored.shape[1:]
    # One number a step is often kept as a column.
    column = shape == (1,) and space.shape == ()
    if (shape != space.shape and not column) or stored.dtype.kind not in "biuf":
        raise InputError(f"is {shape} {stored.dtype}, but the metadata says {_shown(space)}")
    if isinstance(space, (spaces.Discrete, spaces.MultiDiscrete)):
        if stored.dtype.kind == "f" and (stored != np.floor(stored)).any():
            raise InputError(f"holds fractions, but the metadata says {_shown(space)}")
        stored = stored.astype(np.int64) - space.start
    elif isinstance(space, spaces.Box) and not same_numbers(stored, space.dtype):
        raise InputError(
            f"is {stored.dtype} and holds numbers that are none of {space.dtype}, as the metadata "
            f"says: {_shown(space)}"
        )
    return stored.astype(field.dtype).reshape(len(stored), *field.shape)


def stored_of(space: Space, rows: Array) -> Array:
    """The way back of `rows_of`."""
    if isinstance(space, spaces.Discrete):
        stored: Array = rows[:, 0].astype(np.int64) + np.int64(space.start)
        return stored
    stored = rows.astype(space.dtype).reshape(len(rows), *space.shape)
    return stored + space.start if isinstance(space, spaces.MultiDiscrete) else stored


def limit_check(action: Array, space: Space, *, clip: bool) -> None:
    """InputError naming the first step whose action lies outside of its space, unless clipped."""
    if clip or not isinstance(space, spaces.Box):
        return
    wrong = (action < space.low) | (action > space.high)
    if wrong.any():
        step, component = map(int, np.argwhere(wrong)[0])
        raise InputError(
            f"step {step}: component {component} is {float(action[step, component]):.9g}, outside "
            f"{float(space.low[component]):g}..{float(space.high[component]):g}; clip_actions "
            "(--clip-actions) clips", field="actions",
        )  # fmt: skip


def clipped(action: Array, space: Space) -> Array:
    """The actions within the limits of their space."""
    if not isinstance(space, spaces.Box):
        return action
    within: Array = np.clip(action, space.low, space.high).astype(action.dtype)
    return within


def same_numbers(values: Array, dtype: Any) -> bool:
    """Are the values the same in `dtype`? NaN is not judged here."""
    if np.can_cast(values.dtype, dtype, "safe"):
        return True
    with np.errstate(all="ignore"):
        return bool(np.array_equal(values.astype(dtype).astype(values.dtype), values,
                                   equal_nan=values.dtype.kind == "f"))  # fmt: skip


def _shown(space: Space) -> str:
    """A space in one short line."""
    if isinstance(space, spaces.Box):
        return f"Box{space.shape} {space.dtype}"
    return str(space)
