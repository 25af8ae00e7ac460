"""The steps that a representation is judged on: where it puts each, and what is known of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.evaluation.episode_sums import EpisodeAdder

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Target:
    """Something that is known of every step and that a representation may hold.

    values: (N,) class indices where there are `classes`, else (N, D) numbers in `unit`.
    held_by: representations that consist of it among other things (the raw proprioception holds
    its own parts), so that their probes are a ceiling and no rival. probed: worth asking probes
    for; others only colour the map and are judged by neighbours. rows (N,): the only steps that
    probes are asked for, where elsewhere the answer is trivial; such a target colours no map.
    """

    name: str
    values: NDArray[Any]
    classes: tuple[str, ...] = ()
    unit: str = ""
    held_by: tuple[str, ...] = ()
    probed: bool = True
    rows: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        if not self.classes:
            if self.values.ndim != 2 or not np.isfinite(self.values).all():
                raise InputError(f"expected finite numbers (N, D), got {self.values.shape}",
                                 field=self.name)  # fmt: skip
            return
        if self.values.ndim != 1 or self.values.dtype.kind not in "iu":
            raise InputError(
                f"expected class indices (N,), got {self.values.shape} {self.values.dtype}",
                field=self.name,
            )
        if len(self.values) and not 0 <= self.values.min() <= self.values.max() < len(self.classes):
            raise InputError(
                f"{self.values.min()}..{self.values.max()} is not within "
                f"0..{len(self.classes) - 1}", field=self.name,
            )  # fmt: skip

    def subset(self, mask: NDArray[np.bool_]) -> Target:
        """What is known of the steps where `mask` (N,) holds."""
        rows = None if self.rows is None else self.rows[mask]
        return replace(self, values=self.values[mask], rows=rows)

    @property
    def is_label(self) -> bool:
        """Classes rather than numbers."""
        return bool(self.classes)


@dataclass(frozen=True, kw_only=True, eq=False)
class LatentSteps:
    """N steps, episode by episode and in order.

    episode (N,): whose step it is; step (N,): its number there; representations: name -> (N, D)
    float, the judged one first, its rivals after it; targets: what is known of the steps.
    """

    episode: Ints
    step: Ints
    representations: Mapping[str, NDArray[Any]]
    targets: tuple[Target, ...] = ()

    def __post_init__(self) -> None:
        if not self.representations:
            raise InputError("there is none", field="representations")
        many = {"step": self.step, **self.representations,
                **{t.name: t.values for t in self.targets}}  # fmt: skip
        for name, values in many.items():
            if len(values) != len(self.episode):
                raise InputError(f"{len(values)} rows for {len(self.episode)} steps", field=name)
        for name, values in self.representations.items():
            if values.ndim != 2:
                raise InputError(f"shape {values.shape}, expected (N, D)", field=name)
            if not np.isfinite(values).all():
                row = int(np.argmin(np.isfinite(values).all(axis=1)))
                raise InputError(f"is not finite at step {self.step[row]} of episode "
                                 f"{self.episode[row]}", field=name)  # fmt: skip
        runs = int((np.diff(self.episode) != 0).sum()) + 1
        if len(self) and runs > len(np.unique(self.episode)):
            raise InputError("the steps of an episode do not lie together", field="episode")

    def __len__(self) -> int:
        return len(self.episode)

    @property
    def judged(self) -> str:
        """The name of the representation that the figures are about."""
        return next(iter(self.representations))

    @cached_property
    def where(self) -> Ints:
        """(N,) each step's episode counted from 0 in ascending order of their indices."""
        return np.unique(self.episode, return_inverse=True)[1].astype(np.int64)

    @property
    def episodes(self) -> int:
        """How many episodes there are."""
        return int(self.where.max()) + 1 if len(self) else 0

    @property
    def add(self) -> EpisodeAdder:
        """Adds values of steps up by episode."""
        return EpisodeAdder(self.where, self.episodes)

    def subset(self, mask: NDArray[np.bool_]) -> LatentSteps:
        """The steps where `mask` (N,) holds."""
        return LatentSteps(
            episode=self.episode[mask], step=self.step[mask],
            representations={n: v[mask] for n, v in self.representations.items()},
            targets=tuple(t.subset(mask) for t in self.targets),
        )  # fmt: skip

    def asked_for(self, target: Target) -> LatentSteps:
        """The steps that probes of this target are asked for, with it as the only target."""
        alone = replace(self, targets=(target,))
        return alone if target.rows is None else alone.subset(target.rows)

    def target(self, name: str) -> Target:
        """The target of this name."""
        return next(t for t in self.targets if t.name == name)

    def of(self, episodes: Sequence[int]) -> LatentSteps:
        """The steps of these episodes; InputError if there are none."""
        mask = np.isin(self.episode, np.asarray(episodes, np.int64))
        if not mask.any():
            raise InputError("none of its steps is among the given ones", field="episodes")
        return self.subset(mask)

    def thinned(self, most: int) -> LatentSteps:
        """At most about `most` steps: every n-th of each episode, from its first on."""
        stride = -(-len(self) // most)
        if stride < 2:
            return self
        first = np.flatnonzero(np.r_[True, np.diff(self.episode) != 0])
        within = np.arange(len(self)) - np.repeat(first, np.diff(np.r_[first, len(self)]))
        return self.subset(within % stride == 0)
