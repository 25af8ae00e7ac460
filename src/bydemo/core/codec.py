"""Between raw units and what a network sees, both ways in one object.

Law: `decode(encode(x)) == x` up to rounding. Images never pass through here: they stay uint8 and
the network's first layer holds their scale, so that no float copy of them is ever made.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.fields import Spec
from bydemo.core.statistics import Statistics, measure

Scaling = Literal["standardise", "minmax", "standardise+minmax", "minmax+standardise", "none"]
"""How each component is scaled, by statistics of the whole training data, never of one sample:
`standardise` to mean 0 and deviation 1, `minmax` to the range 0..1, one and then the other, or not
at all. The last one alone decides: see `fit_affine`."""
SCALINGS: Final[tuple[str, ...]] = get_args(Scaling)
FloatArray = NDArray[np.float32]
Columns = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Affine:
    """encode(x) = (x - offset) / scale, per component; offset and scale are (D,) float64."""

    offset: NDArray[np.float64]
    scale: NDArray[np.float64]

    def __post_init__(self) -> None:
        if self.offset.shape != self.scale.shape or not np.isfinite(self.offset).all():
            raise InputError("not finite or of another shape than the scale", field="offset")
        if not (np.isfinite(self.scale).all() and (self.scale > 0).all()):
            raise InputError(f"{self.scale} is not positive and finite", field="scale")

    def encode(self, raw: NDArray[Any]) -> FloatArray:
        """(..., D) raw units -> (..., D) float32, about unit size."""
        return ((raw - self.offset) / self.scale).astype(np.float32)

    def decode(self, encoded: NDArray[Any]) -> FloatArray:
        """The exact way back, (..., D) float32."""
        return (encoded * self.scale + self.offset).astype(np.float32)

    def then(self, other: Affine) -> Affine:
        """This map, and `other` on what it gives, as one."""
        return Affine(
            offset=self.offset + self.scale * other.offset, scale=self.scale * other.scale
        )


def fit_affine(statistics: Statistics, scaling: Scaling) -> Affine:
    """The affine map of a scaling. A near-constant component is centred but not magnified.

    `a+b` fits a, then b on what a gives, in float64. It is b alone: both fix where each component
    begins and how wide it is, so the second undoes the first up to rounding (only a near-constant
    component, which neither magnifies, may keep a trace). Whoever finds a difference between the
    two orders has found their last map, or noise.
    """
    check_scaling(scaling)
    if scaling == "none":
        ones = np.ones_like(statistics.mean)
        return Affine(offset=np.zeros_like(ones), scale=ones)
    first, *rest = scaling.split("+")
    flat = statistics.near_constant
    made = _fit_step(statistics, first, flat)
    for step in rest:
        made = made.then(_fit_step(statistics.mapped(made.offset, made.scale), step, flat))
    return made


def check_scaling(name: str, field: str = "scaling") -> None:
    """InputError unless `name` is one of SCALINGS."""
    if name not in SCALINGS:
        raise InputError(f"'{name}' is none of {', '.join(SCALINGS)}", field=field)


def _fit_step(statistics: Statistics, step: str, flat: NDArray[np.bool_]) -> Affine:
    """Standardise or minmax; components that are `flat` in raw units share the widest scale."""
    if step == "standardise":
        offset, scale = statistics.mean, statistics.std
    else:
        offset, scale = statistics.low, statistics.high - statistics.low
    widest = float(scale.max(initial=0.0)) or 1.0
    return Affine(offset=offset, scale=np.where(flat | (scale <= 0), widest, scale))


@dataclass(frozen=True, kw_only=True, eq=False)
class Codec:
    """Encodes proprioception and actions of one `Spec`; saved beside the weights.

    What follows from the spec alone is worked out once: looking it up would cost an agent of
    measured states as much as its network.
    """

    spec: Spec
    proprioception: Affine
    action: Affine

    @cached_property
    def _felt(self) -> dict[str, Columns]:
        return _proprioceptive_columns(self.spec)

    @cached_property
    def _numeric(self) -> Columns:
        return self.spec.action.columns(labels=False)

    @cached_property
    def _labelled(self) -> Columns:
        return self.spec.action.columns(labels=True)

    @classmethod
    def fit(
        cls,
        spec: Spec,
        observations: Mapping[str, Iterable[NDArray[Any]]],
        actions: Iterable[NDArray[Any]] | None,
        *,
        observation_scaling: Scaling = "standardise",
        action_scaling: Scaling = "standardise",
    ) -> Codec:
        """Fit on training data only: `observations` name -> chunks (n, D); `actions` chunks, or
        None for a model that has no business with them: then their map is the identity."""
        offsets, scales = [np.zeros(0)], [np.zeros(0)]
        for name in spec.vectors:
            columns = spec.observation[name].columns(labels=False)
            if name not in observations:
                raise InputError("no statistics: the field is missing", field=name)
            affine = fit_affine(measure(c[:, columns] for c in observations[name]),
                                observation_scaling)  # fmt: skip
            offsets.append(affine.offset)
            scales.append(affine.scale)
        numeric = spec.action.columns(labels=False)
        return cls(
            spec=spec,
            proprioception=Affine(offset=np.concatenate(offsets), scale=np.concatenate(scales)),
            action=(
                Affine(offset=np.zeros(len(numeric)), scale=np.ones(len(numeric)))
                if actions is None
                else fit_affine(measure(c[:, numeric] for c in actions), action_scaling)
            ),
        )

    def gather(self, observation: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
        """The raw proprioception (..., P): the used components of all vector fields in order."""
        return _gather(self._felt, observation)

    def encode_observation(self, observation: Mapping[str, NDArray[Any]]) -> FloatArray:
        """Raw vector fields (..., D) -> encoded proprioception (..., P) float32."""
        return self.proprioception.encode(self.gather(observation))

    def encode_action(self, action: NDArray[Any]) -> tuple[FloatArray, NDArray[np.int64]]:
        """Raw (..., A) -> continuous (..., C) float32 and labels (..., G) int64 class indices."""
        labels = action[..., self._labelled].astype(np.int64)
        return self.action.encode(action[..., self._numeric]), labels

    def decode_action(self, continuous: NDArray[Any], labels: NDArray[Any]) -> FloatArray:
        """The way back: (..., C) and (..., G) -> raw (..., A) float32; an agent clips to limits."""
        raw = np.zeros((*continuous.shape[:-1], *self.spec.action.shape), np.float32)
        raw[..., self._numeric] = self.action.decode(continuous)
        raw[..., self._labelled] = labels
        return raw

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values; float64 survives exactly through Python's repr."""
        affines = {"proprioception": self.proprioception, "action": self.action}
        return {"spec": self.spec.to_json()} | {
            n: {"offset": a.offset.tolist(), "scale": a.scale.tolist()} for n, a in affines.items()
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Codec:
        """Rebuild; a missing statistic is an InputError that names it."""

        def affine(name: str) -> Affine:
            try:
                return Affine(
                    offset=np.asarray(data[name]["offset"], np.float64),
                    scale=np.asarray(data[name]["scale"], np.float64),
                )
            except (KeyError, TypeError) as error:
                raise InputError(f"the codec lacks {error}", field=name) from error

        if "spec" not in data:
            raise InputError("the codec lacks it", field="spec")
        return cls(
            spec=Spec.from_json(data["spec"]),
            proprioception=affine("proprioception"),
            action=affine("action"),
        )


def gather_proprioception(spec: Spec, observation: Mapping[str, NDArray[Any]]) -> NDArray[Any]:
    """The raw proprioception (..., P) of `spec`: used components of its vector fields, in order."""
    return _gather(_proprioceptive_columns(spec), observation)


def _proprioceptive_columns(spec: Spec) -> dict[str, Columns]:
    """Vector field -> the indices of its components that are shown to a model."""
    return {name: spec.observation[name].columns(labels=False) for name in spec.vectors}


def _gather(
    columns: Mapping[str, Columns], observation: Mapping[str, NDArray[Any]]
) -> NDArray[Any]:
    """(..., P): these components of these fields, one field's after the other's."""
    for name in columns:
        if name not in observation:
            raise InputError("missing from the observation", field=name)
    chosen = [observation[name][..., indices] for name, indices in columns.items()]
    return chosen[0] if len(chosen) == 1 else np.concatenate(chosen, axis=-1)
