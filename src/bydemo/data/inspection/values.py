"""Float64 statistics of every component, and what is suspicious about it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Part
from bydemo.core.statistics import NEAR_CONSTANT, Statistics, measure
from bydemo.data.source import Dataset

BLOCK = 65_536
"""[rows] read at a time."""
SATURATED = 0.05
"""A component that spends this share of its steps exactly at its extreme runs into a limit."""
BINS = 40


def fields_of(dataset: Dataset) -> dict[str, Field]:
    """Array name -> field of every vector in the dataset: observations, action, annotations."""
    spec = dataset.spec
    fields = {f"observation.{n}": spec.observation[n] for n in spec.vectors}
    fields["action"] = spec.action
    return fields | {f"annotation.{n}": f for n, f in spec.annotation.items() if f.kind == "vector"}


def describe_values(dataset: Dataset) -> list[dict[str, Any]]:
    """One entry a component of every vector field, in order: statistics, flags and a histogram."""
    out: list[dict[str, Any]] = []
    for name, field in fields_of(dataset).items():
        out += _describe_field(dataset, name, field)
    return out


def describe_labels(dataset: Dataset) -> list[dict[str, Any]]:
    """One entry a label part: how often each class occurs, and how often it changes."""
    out = []
    for name, field in fields_of(dataset).items():
        if name.startswith("observation."):
            continue
        values = dataset.array(name)
        for part in field.labels:
            out.append(
                _describe_label(dataset, name, part, values, field.slices()[part.name].start)
            )
    return out


def component_names(dataset: Dataset, array: str, field: Field) -> list[str]:
    """Names of a field's components: the source's own where it tells them, else by part."""
    known = dataset.manifest.get("source", {}).get("component_names", {})
    told = known.get(array.removeprefix("observation.")) if isinstance(known, Mapping) else None
    if isinstance(told, Sequence) and len(told) == field.shape[0]:
        return [str(n) for n in told]
    return [n for part in field.parts for n in _part_names(part)]


def _part_names(part: Part) -> list[str]:
    if part.size == 1:
        return [part.name]
    axes = "xyzw" if part.unit.endswith("xyzw") or part.size == 3 else ""
    return [f"{part.name} {axes[i] if axes else i}" for i in range(part.size)]


def _blocks(values: NDArray[Any]) -> Iterator[NDArray[np.float64]]:
    for start in range(0, len(values), BLOCK):
        yield values[start : start + BLOCK].astype(np.float64)


def _describe_field(dataset: Dataset, name: str, field: Field) -> list[dict[str, Any]]:
    values = dataset.array(name)[: dataset.steps]
    missing = sum((~np.isfinite(block)).sum(axis=0) for block in _blocks(values))
    if (np.asarray(missing) == len(values)).any():
        raise InputError("is not finite in any step", path=dataset.path, field=name)
    found = measure(block[np.isfinite(block).all(axis=1)] for block in _blocks(values))
    inner = _within_episodes(dataset, values)
    used = np.zeros(field.shape[0], bool)
    used[field.columns(labels=False)] = True
    widest = float(found.std[used].max(initial=0.0))
    widest_inner = float(inner[used].max(initial=0.0))
    at_low, at_high, counts = _extremes(values, field, found)
    names = component_names(dataset, name, field)
    out, column = [], 0
    for part in field.parts:
        for _ in range(part.size):
            entry = {
                "array": name,
                "component": names[column],
                "part": part.name,
                "unit": part.unit,
                "used": part.used,
                "label": bool(part.classes),
                "mean": float(found.mean[column]),
                "std": float(found.std[column]),
                "low": float(found.low[column]),
                "high": float(found.high[column]),
                "std_within_episodes": float(inner[column]),
                "at_low": float(at_low[column]),
                "at_high": float(at_high[column]),
                "missing": int(np.asarray(missing)[column]),
                "limits": [part.low, part.high],
                "histogram": counts[column],
            }
            entry["flags"] = _flags(entry, widest, widest_inner)
            out.append(entry)
            column += 1
    return out


def _flags(entry: Mapping[str, Any], widest: float, widest_inner: float) -> list[str]:
    """What is suspicious of a component, in a word or two each."""
    flags = []
    if entry["missing"]:
        flags.append("not finite")
    if entry["label"] or not entry["used"]:
        return flags
    low, high = entry["limits"]
    if entry["low"] == entry["high"]:
        return [*flags, "constant"]
    if entry["std"] <= NEAR_CONSTANT * widest:
        flags.append("near-constant")
    elif entry["std_within_episodes"] <= NEAR_CONSTANT * 10 * widest_inner:
        flags.append("still in most episodes")
    if max(entry["at_low"], entry["at_high"]) >= SATURATED:
        flags.append("saturated")
    room = 1e-6 * (entry["high"] - entry["low"])
    if (low is not None and entry["low"] < low - room) or (
        high is not None and entry["high"] > high + room
    ):
        flags.append("outside its limits")
    return flags


def _within_episodes(dataset: Dataset, values: NDArray[Any]) -> NDArray[np.float64]:
    """(D,) the median over episodes of the std within an episode."""
    inner = [
        np.nanstd(values[e.start : e.stop].astype(np.float64), axis=0) for e in dataset.episodes
    ]
    middle: NDArray[np.float64] = np.median(np.stack(inner), axis=0)
    return middle


def _extremes(
    values: NDArray[Any], field: Field, found: Statistics
) -> tuple[NDArray[np.float64], NDArray[np.float64], list[dict[str, list[float]]]]:
    """Shares of the steps at the lowest and highest value, and each component's histogram."""
    width = field.shape[0]
    room = 1e-6 * (found.high - found.low)
    at_low, at_high = np.zeros(width), np.zeros(width)
    span = np.where(found.high > found.low, found.high - found.low, 1.0)
    edges = [np.linspace(found.low[d], found.low[d] + span[d], BINS + 1) for d in range(width)]
    counts = np.zeros((width, BINS), np.int64)
    for block in _blocks(values):
        at_low += (block <= found.low + room).sum(axis=0)
        at_high += (block >= found.high - room).sum(axis=0)
        place = np.nan_to_num((block - found.low) / span * BINS).astype(np.int64)
        for d in range(width):
            counts[d] += np.bincount(np.clip(place[:, d], 0, BINS - 1), minlength=BINS)
    steps = max(len(values), 1)
    histograms = [{"counts": counts[d].tolist(), "edges": edges[d].tolist()} for d in range(width)]
    return at_low / steps, at_high / steps, histograms


def _describe_label(
    dataset: Dataset, array: str, part: Part, values: NDArray[Any], column: int
) -> dict[str, Any]:
    labels = np.nan_to_num(values[: dataset.steps, column], nan=-1).astype(np.int64)
    known = np.clip(labels, 0, len(part.classes) - 1)
    counts = np.bincount(known, minlength=len(part.classes))
    changed = labels[1:] != labels[:-1]
    changed[dataset.starts[1:] - 1] = False
    changes = np.add.reduceat(np.r_[0, changed], dataset.starts)
    return {
        "array": array,
        "part": part.name,
        "classes": list(part.classes),
        "counts": counts.tolist(),
        "shares": (counts / len(labels)).tolist(),
        "outside": int((labels != known).sum()),
        "changes": int(changed.sum()),
        "changes_an_episode": float(changes.mean()),
        "episodes_without_change": int((changes == 0).sum()),
    }
