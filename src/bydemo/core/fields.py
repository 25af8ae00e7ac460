"""What a recording's numbers mean: the shape, dtype, unit and named parts of every field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

from bydemo.core.camera import Calibration
from bydemo.core.errors import InputError, MismatchError


@dataclass(frozen=True, kw_only=True)
class Part:
    """A named run of components inside a vector field, e.g. `position [m]`, 3 wide.

    A part with `classes` is a label: one component that holds a class index 0..len(classes)-1.
    A part with `used=False` is kept for exact round trips but never shown to a model.
    """

    name: str
    size: int
    unit: str = ""
    low: float | None = None
    high: float | None = None
    classes: tuple[str, ...] = ()
    used: bool = True

    def __post_init__(self) -> None:
        if self.classes and self.size != 1:
            raise InputError(f"a label part holds one component, not {self.size}", field=self.name)


@dataclass(frozen=True, kw_only=True)
class Field:
    """One recorded quantity: an image (H, W, C) uint8 RGB, or a vector (D,) made of parts.

    `camera` says where an image's camera stands, if that is known.
    """

    kind: Literal["image", "vector"]
    shape: tuple[int, ...]
    dtype: str
    parts: tuple[Part, ...] = ()
    description: str = ""
    camera: Calibration | None = None

    def __post_init__(self) -> None:
        if self.kind == "vector":
            width = sum(part.size for part in self.parts)
            if len(self.shape) != 1 or width != self.shape[0]:
                raise InputError(f"the parts are {width} wide, but the shape is {self.shape}")
        elif len(self.shape) != 3 or self.dtype != "uint8":
            raise InputError(f"an image is (H, W, C) uint8, not {self.shape} {self.dtype}")

    @classmethod
    def image(cls, height: int, width: int, channels: int = 3, description: str = "") -> Field:
        """An image field: (height, width, channels) uint8, RGB when channels is 3."""
        return cls(
            kind="image", shape=(height, width, channels), dtype="uint8", description=description
        )

    @classmethod
    def vector(cls, *parts: Part, dtype: str = "float32", description: str = "") -> Field:
        """A vector field as wide as its parts together."""
        width = sum(part.size for part in parts)
        return cls(kind="vector", shape=(width,), dtype=dtype, parts=parts, description=description)

    def slices(self) -> dict[str, slice]:
        """Part name -> the slice of components that it takes."""
        out, start = {}, 0
        for part in self.parts:
            out[part.name] = slice(start, start + part.size)
            start += part.size
        return out

    def columns(self, *, labels: bool) -> np.ndarray:
        """Indices (int64) of the used components that are labels, or that are not."""
        slices = self.slices()
        chosen = [p for p in self.parts if p.used and bool(p.classes) == labels]
        runs = [np.arange(slices[p.name].start, slices[p.name].stop) for p in chosen]
        return np.concatenate(runs).astype(np.int64) if runs else np.zeros(0, np.int64)

    @property
    def labels(self) -> tuple[Part, ...]:
        """The used parts that are class labels, in order."""
        return tuple(part for part in self.parts if part.classes and part.used)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """All that a dataset and a task must agree on before one can be judged on the other.

    `annotation` fields are privileged truth (phase, object position): recorded for analysis,
    out of reach of every policy.
    """

    observation: Mapping[str, Field]
    action: Field
    control_rate: float
    annotation: Mapping[str, Field] = field(default_factory=dict)

    @property
    def cameras(self) -> tuple[str, ...]:
        """Names of the image fields, in order."""
        return tuple(n for n, f in self.observation.items() if f.kind == "image")

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the vector fields, in order: together they are the proprioception."""
        return tuple(n for n, f in self.observation.items() if f.kind == "vector")

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries and lists, exact inverse of `from_json`."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Spec:
        """Rebuild a spec; raises InputError naming the field that is missing or malformed."""
        try:
            return cls(
                observation={n: _field(f) for n, f in data["observation"].items()},
                action=_field(data["action"]),
                control_rate=float(data["control_rate"]),
                annotation={n: _field(f) for n, f in data.get("annotation", {}).items()},
            )
        except KeyError as error:
            raise InputError("the spec lacks it", field=str(error.args[0])) from error
        except (TypeError, AttributeError) as error:
            raise InputError(f"the spec is malformed: {error}") from error


def _field(data: Mapping[str, Any]) -> Field:
    parts = tuple(Part(**{**p, "classes": tuple(p["classes"])}) for p in data["parts"])
    known = data.get("camera")
    camera = None if known is None else Calibration.from_json(known)
    shape = tuple(data["shape"])
    return Field(**{**data, "shape": shape, "parts": parts, "camera": camera})


def check_match(ours: Spec, theirs: Spec, *, ours_name: str, theirs_name: str) -> None:
    """Raise MismatchError listing every difference that would make one useless on the other.

    Descriptions, limits, calibrations and annotations may differ; names, shapes, dtypes, units,
    classes and the control rate may not.
    """
    found: list[str] = []
    for name in sorted(set(ours.observation) | set(theirs.observation)):
        a, b = ours.observation.get(name), theirs.observation.get(name)
        if a is None or b is None:
            has = ours_name if a is not None else theirs_name
            found.append(f"observation '{name}' exists only in {has}")
        else:
            found += _differences(f"observation '{name}'", a, b)
    found += _differences("action", ours.action, theirs.action)
    if ours.control_rate != theirs.control_rate:
        found.append(f"control rate {ours.control_rate:g} Hz against {theirs.control_rate:g} Hz")
    if found:
        listed = "\n  - ".join(found)
        raise MismatchError(f"{ours_name} and {theirs_name} do not match:\n  - {listed}")


def _differences(name: str, a: Field, b: Field) -> list[str]:
    def meaning(f: Field) -> list[str]:
        named = [f"{p.name}[{p.size}{' ' + p.unit if p.unit else ''}]" for p in f.parts]
        return [n + ("{" + ",".join(p.classes) + "}" if p.classes else "")
                for n, p in zip(named, f.parts, strict=True)]  # fmt: skip

    pairs = {
        "shape": (a.shape, b.shape),
        "dtype": (a.dtype, b.dtype),
        "parts": (meaning(a), meaning(b)),
    }
    return [f"{name}: {what} {x} against {y}" for what, (x, y) in pairs.items() if x != y]
