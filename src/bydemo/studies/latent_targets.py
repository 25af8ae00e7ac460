"""What is known of the steps of a dataset that a representation may hold: from its spec alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.fields import Field, Spec
from bydemo.data.source import Dataset
from bydemo.evaluation.latent.rivals import PROPRIOCEPTION
from bydemo.evaluation.latent.steps import Floats, Ints, Target

NEAR = 0.08
"""[m] an object nearer to the robot's own position is most likely in its hand, and then where the
hand is says where the object is."""
PROMPT = "prompt"


def targets(dataset: Dataset, rows: Ints) -> tuple[Target, ...]:
    """Of the steps `rows` of the dataset: the action's labels and the lengths of its vectors, all
    annotation (a place also where it is out of the hand), the prompt, and the proprioception."""
    spec = dataset.spec
    hand = _own_position(spec, {n: dataset.observation(n)[rows] for n in spec.vectors})
    found = [*_of_action(spec.action, dataset.action[rows])]
    for name, field in spec.annotation.items():
        found += _of_field(name, field, dataset.annotation(name)[rows], hand)
    found += _prompt(dataset, rows)
    for name in spec.vectors:
        found += _felt(name, spec.observation[name], dataset.observation(name)[rows])
    return tuple(found)


def _of_action(field: Field, action: NDArray[Any]) -> Iterator[Target]:
    slices = field.slices()
    for part in field.parts:
        values = action[:, slices[part.name]]
        if not part.used:
            continue
        if part.classes:
            yield Target(name=part.name, values=values[:, 0].astype(np.int64), classes=part.classes)
        else:
            length = np.linalg.norm(values.astype(np.float64), axis=1, keepdims=True)
            yield Target(name=f"{part.name} command, length", values=length, unit=part.unit)


def _of_field(
    name: str, field: Field, values: NDArray[Any], hand: Floats | None
) -> Iterator[Target]:
    slices = field.slices() if field.kind == "vector" else {}
    for part in field.parts:
        mine = values[:, slices[part.name]]
        called = name if len(field.parts) == 1 else f"{name}, {part.name}"
        if part.classes:
            yield Target(name=called, values=mine[:, 0].astype(np.int64), classes=part.classes)
            continue
        numbers = mine.astype(np.float64)
        yield Target(name=called, values=numbers, unit=part.unit)
        if hand is None or part.size != 3 or part.unit != "m":
            continue
        away = np.linalg.norm(numbers - hand, axis=1) > NEAR
        if away.any() and not away.all():
            yield Target(
                name=f"{called}, over {100 * NEAR:g} cm from the hand", values=numbers,
                unit=part.unit, rows=away,
            )  # fmt: skip


def _prompt(dataset: Dataset, rows: Ints) -> Iterator[Target]:
    told = [record.instruction for record in dataset.episodes]
    known = sorted(set(told))
    if len(known) < 2:
        return
    index = {text: number for number, text in enumerate(known)}
    of_episode = np.array([index[text] for text in told], np.int64)
    whose = np.searchsorted(dataset.starts, rows, side="right") - 1
    # A representation need not be told the prompt: whether it holds it is no question of merit.
    yield Target(name=PROMPT, values=of_episode[whose], classes=tuple(known), probed=False)


def _felt(name: str, field: Field, values: NDArray[Any]) -> Iterator[Target]:
    slices = field.slices()
    for part in field.parts:
        if part.used and not part.classes:
            numbers = values[:, slices[part.name]].astype(np.float64)
            called = name if len(field.parts) == 1 else f"{name}, {part.name}"
            yield Target(name=called, values=numbers, unit=part.unit, held_by=(PROPRIOCEPTION,))


def _own_position(spec: Spec, felt: Mapping[str, NDArray[Any]]) -> Floats | None:
    """(N, 3) where the robot says that it is [m]; None where nothing says so."""
    for name in spec.vectors:
        slices = spec.observation[name].slices()
        for part in spec.observation[name].parts:
            if part.used and part.size == 3 and part.unit == "m":
                out: Floats = felt[name][:, slices[part.name]].astype(np.float64)
                return out
    return None
