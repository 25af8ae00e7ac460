"""What is known of the steps of a dataset that a representation may hold: from its spec alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.fields import Field
from bydemo.data.source import Dataset
from bydemo.evaluation.latent.rivals import PROPRIOCEPTION
from bydemo.evaluation.latent.steps import Floats, Ints, Target

AWAY = 0.08
"""[m] a thing so far from where it is when the robot carries it is out of its hand. In the hand,
where the hand is says where the thing is."""
CARRIED = 0.005
"""[m] a step: a thing that moves faster is carried."""
PROMPT = "prompt"


def targets(dataset: Dataset, rows: Ints) -> tuple[Target, ...]:
    """Of the steps `rows` of the dataset: the action's labels and the lengths of its vectors, all
    annotation (a place also where it is out of the hand), the prompt, and the proprioception."""
    spec = dataset.spec
    hand = _own_position(dataset)
    found = [*_of_action(spec.action, dataset.action[rows])]
    for name, field in spec.annotation.items():
        found += _of_field(name, field, dataset, rows, hand)
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
            yield Target(name=f"{part.name} command (length)", values=length, unit=part.unit)


def _of_field(
    name: str, field: Field, dataset: Dataset, rows: Ints, hand: Floats | None
) -> Iterator[Target]:
    values = dataset.annotation(name)
    slices = field.slices() if field.kind == "vector" else {}
    for part in field.parts:
        mine = values[:, slices[part.name]].astype(np.float64)
        called = name if len(field.parts) == 1 else f"{name} ({part.name})"
        if part.classes:
            labels = mine[rows, 0].astype(np.int64)
            yield Target(name=called, values=labels, classes=part.classes)
            continue
        yield Target(name=called, values=mine[rows], unit=part.unit)
        if hand is None or part.size != 3 or part.unit != "m":
            continue
        away = out_of_hand(mine, hand, dataset.starts)
        if away is not None and away[rows].any():
            yield Target(
                name=f"{called} (out of the hand)", values=mine[rows], unit=part.unit,
                rows=away[rows],
            )  # fmt: skip


def out_of_hand(thing: Floats, hand: Floats, starts: Ints) -> NDArray[np.bool_] | None:
    """(N,) steps at which a thing (N, 3) is far from where it is while it moves, as seen from the
    hand (N, 3); None if it never moves. starts: the first step of each episode."""
    moved = np.linalg.norm(np.diff(thing, axis=0, prepend=thing[:1]), axis=1) > CARRIED
    moved[starts] = False
    if not moved.any():
        return None
    place = thing - hand
    carried = np.median(place[moved], axis=0)
    away: NDArray[np.bool_] = np.linalg.norm(place - carried, axis=1) > AWAY
    return away


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
            called = name if len(field.parts) == 1 else f"{name} ({part.name})"
            yield Target(name=called, values=numbers, unit=part.unit, held_by=(PROPRIOCEPTION,))


def _own_position(dataset: Dataset) -> Floats | None:
    """(N, 3) where the robot says that it is [m]; None where nothing says so."""
    for name in dataset.spec.vectors:
        field = dataset.spec.observation[name]
        for part in field.parts:
            if part.used and part.size == 3 and part.unit == "m":
                columns = field.slices()[part.name]
                out: Floats = dataset.observation(name)[:, columns].astype(np.float64)
                return out
    return None
