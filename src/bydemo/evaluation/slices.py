"""Where a policy fails: kinds of steps, each a mask over the judged steps."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.fields import Field, Spec
from bydemo.evaluation.events import TOLERANCE, near_event, neutral_class
from bydemo.evaluation.predictions import Steps, continuous_parts

Mask = NDArray[np.bool_]

SPEEDS = (("still", 0.0, 0.05), ("slow", 0.05, 0.5), ("fast", 0.5, np.inf))
"""Length of the expert's action vector as a share of its longest component range's half."""
DISTANCES = (0.05, 0.1, 0.2)
"""[m] borders between the slices of distance to the target."""
MOST_TEXTS = 30
"""Slices of instructions, and of words, that are listed: the most frequent ones."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Slice:
    """Steps that share one value of one quality; `whole` when it takes episodes as a whole."""

    slice: str
    value: str
    mask: Mask
    whole: bool = False


def all_slices(
    spec: Spec, steps: Steps, ranges: NDArray[np.float64], instructions: Sequence[str],
    annotation: Mapping[str, NDArray[Any]],
) -> list[Slice]:  # fmt: skip
    """Every slice that the data allows and that holds a step, kind by kind.

    instructions: one a step (N,); annotation: name -> (N, ...), empty where there is none.
    """
    found = [
        *_phases(spec, annotation),
        *_events(spec.action, steps),
        *_speeds(spec.action, steps, ranges),
        *_distances(spec, annotation),
        *_texts(np.asarray(instructions, object)),
    ]
    return [s for s in found if s.mask.any()]


def _phases(spec: Spec, annotation: Mapping[str, NDArray[Any]]) -> list[Slice]:
    out = []
    for name, field in spec.annotation.items():
        slices = field.slices() if field.kind == "vector" else {}
        for part in field.labels:
            if name in annotation:
                labels = annotation[name][:, slices[part.name].start].astype(np.int64)
                out += [Slice(slice=part.name, value=value, mask=labels == i)
                        for i, value in enumerate(part.classes)]  # fmt: skip
    return out


def _events(field: Field, steps: Steps) -> list[Slice]:
    out = []
    for g, part in enumerate(field.labels):
        near = near_event(steps.labels[:, g], steps.episode, neutral_class(part), TOLERANCE)
        kind = f"{part.name} event"
        out += [
            Slice(slice=kind, value=f"within {TOLERANCE} steps", mask=near),
            Slice(slice=kind, value="elsewhere", mask=~near),
        ]
    return out


def _speeds(field: Field, steps: Steps, ranges: NDArray[np.float64]) -> list[Slice]:
    out = []
    for name, (_, columns) in continuous_parts(field).items():
        unit = float(ranges[columns].max(initial=0.0)) / 2
        if unit > 0:
            lengths = np.linalg.norm(steps.continuous[:, columns], axis=1) / unit
            out += [Slice(slice=f"{name} size", value=value, mask=(lengths >= a) & (lengths < b))
                    for value, a, b in SPEEDS]  # fmt: skip
    return out


def _distances(spec: Spec, annotation: Mapping[str, NDArray[Any]]) -> list[Slice]:
    if "distance" not in annotation or "distance" not in spec.annotation:
        return []
    unit = spec.annotation["distance"].parts[0].unit
    distance = annotation["distance"][:, 0]
    borders = (0.0, *DISTANCES, np.inf)
    out = []
    for a, b in itertools.pairwise(borders):
        value = f"{a:g}-{b:g} {unit}" if np.isfinite(b) else f"over {a:g} {unit}"
        out.append(Slice(slice="distance", value=value, mask=(distance >= a) & (distance < b)))
    return out


def _texts(instructions: NDArray[Any]) -> list[Slice]:
    texts, where = np.unique(instructions.astype(str), return_inverse=True)
    if len(texts) < 2:
        return []
    words = [set(re.findall(r"[a-z0-9]+", text.lower())) for text in texts]
    telling = set.union(*words) - set.intersection(*words)
    whole = [Slice(slice="instruction", value=str(text), mask=where == i, whole=True)
             for i, text in enumerate(texts)]  # fmt: skip
    single = []
    for word in sorted(telling):
        has = np.array([word in row for row in words])
        single.append(Slice(slice="word", value=word, mask=has[where], whole=True))
    return _commonest(whole) + _commonest(single)


def _commonest(slices: list[Slice]) -> list[Slice]:
    return sorted(slices, key=lambda s: (-int(s.mask.sum()), s.value))[:MOST_TEXTS]
