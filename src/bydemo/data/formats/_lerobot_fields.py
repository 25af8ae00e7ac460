"""From LeRobot's features to a `Spec`: names become parts, label components are found by value."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError, UnknownNameError
from bydemo.core.fields import Field, Part

LABEL_VALUES = 3
"""A component with at most this many distinct values, all small integers, holds a label."""
LARGEST_LABEL = 10


@dataclass
class DistinctValues:
    """The distinct values of each component, as long as there are few: streamed over chunks."""

    found: list[set[float] | None] = field(default_factory=list)

    def add(self, rows: NDArray[Any]) -> None:
        """Take in (n, D) rows; a component with too many values is given up (None)."""
        self.found = self.found or [set() for _ in range(rows.shape[1])]
        for column, values in enumerate(self.found):
            if values is None:
                continue
            # A handful of rows decides most components; only labels get past it.
            probe = np.unique(rows[:64, column])
            new = probe if len(probe) > LABEL_VALUES else np.unique(rows[:, column])
            values.update(float(v) for v in new)
            if len(values) > LABEL_VALUES:
                self.found[column] = None

    def labels(self) -> dict[int, tuple[float, ...]]:
        """Component -> its values in rising order, for those that hold a label."""
        return {
            column: tuple(sorted(values))
            for column, values in enumerate(self.found)
            if values is not None
            and len(values) >= 2
            and all(v.is_integer() and abs(v) <= LARGEST_LABEL for v in values)
        }


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What the user knows and the files do not say: `name=value` options, looked up by part.

    units: part -> unit; classes: component -> its classes' names, in rising order of value.
    """

    units: Mapping[str, str]
    classes: Mapping[str, tuple[str, ...]]


def parse_meaning(units: Sequence[str], classes: Sequence[str]) -> Meaning:
    """Understand `--units joint_vel=rad/s` and `--classes gripper=open,closed`."""

    def pairs(texts: Sequence[str], option: str) -> dict[str, str]:
        split = [text.split("=", 1) for text in texts]
        wrong = [text for text, pair in zip(texts, split, strict=True) if len(pair) != 2]
        if wrong:
            raise InputError(f"{wrong[0]!r} is not NAME=VALUE", field=option)
        return {name.strip(): value.strip() for name, value in split}

    named = {
        n: tuple(c.strip() for c in v.split(",")) for n, v in pairs(classes, "classes").items()
    }
    return Meaning(units=pairs(units, "units"), classes=named)


def component_names(key: str, width: int, names: Sequence[str]) -> tuple[str, ...]:
    """Published names where there is one a component, otherwise `<key>_0`, `<key>_1`, ..."""
    if len(names) == width and len(set(names)) == width:
        return tuple(names)
    stem = key.rsplit(".", 1)[-1]
    return tuple(f"{stem}_{i}" for i in range(width))


def vector_field(
    names: Sequence[str],
    labels: Mapping[int, tuple[float, ...]],
    meaning: Meaning,
    *,
    description: str,
) -> Field:
    """The field of a vector feature: names that differ only in a number make one part together.

    `joint_0_vel`, `joint_1_vel`, ... -> part `joint_vel`; a label component is a part of its own.
    """

    def run_of(i: int) -> tuple[int, str]:
        return (i, names[i]) if i in labels else (-1, _stem(names[i]))

    runs = [(*key, [names[i] for i in run]) for key, run in groupby(range(len(names)), key=run_of)]
    taken: dict[str, int] = {}
    parts = []
    for label, stem, members in runs:
        name = members[0] if len(members) == 1 else stem
        taken[name] = taken.get(name, 0) + 1
        name = name if taken[name] == 1 else f"{name}_{taken[name]}"
        classes = _class_names(name, labels[label], meaning) if label >= 0 else ()
        parts.append(
            Part(name=name, size=len(members), unit=meaning.units.get(name, ""), classes=classes)
        )
    return Field.vector(*parts, description=description)


def check_names_used(meaning: Meaning, fields: Mapping[str, Field]) -> None:
    """A unit or class list for a part that does not exist is a typo, never ignored."""
    parts = {p.name for f in fields.values() for p in f.parts}
    labels = {p.name for f in fields.values() for p in f.parts if p.classes}
    for name in meaning.units:
        if name not in parts:
            raise UnknownNameError("part", name, parts)
    for name in meaning.classes:
        if name not in labels:
            raise UnknownNameError("label component", name, labels)


def to_classes(rows: NDArray[np.float32], labels: Mapping[int, tuple[float, ...]]) -> None:
    """Replace, in place, label values by class indices: the rank among the recording's values."""
    for column, values in labels.items():
        rows[:, column] = np.searchsorted(np.asarray(values), rows[:, column])


def _stem(name: str) -> str:
    """`joint_0_vel` -> `joint_vel`, `main_shoulder` -> itself, `motor3` -> `motor`."""
    stem = re.sub(r"[_.\- ]*\d+", "", name, count=1).strip("_.- ")
    return stem or "component"


def _class_names(name: str, values: tuple[float, ...], meaning: Meaning) -> tuple[str, ...]:
    given = meaning.classes.get(name)
    if given is None:
        return tuple(f"{v:g}" for v in values)
    if len(given) != len(values):
        shown = ", ".join(f"{v:g}" for v in values)
        raise InputError(f"{len(given)} class names for the values {shown}", field=name)
    return given
