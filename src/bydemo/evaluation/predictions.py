"""The steps that are judged, what a candidate says at each, and their export to plain tables."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bydemo.core.errors import InputError, StorageError
from bydemo.core.fields import Field, Part, Spec

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Steps:
    """N steps in order, episode by episode, with the expert's action in raw units.

    episode (N,): index of the episode in its dataset; step (N,): number of the step in it;
    continuous (N, C); labels (N, G) class indices.
    """

    episode: Ints
    step: Ints
    continuous: Floats
    labels: Ints

    def __len__(self) -> int:
        return len(self.episode)

    @classmethod
    def of(cls, action_field: Field, episode: Ints, step: Ints, action: NDArray[Any]) -> Steps:
        """From raw actions (N, A)."""
        return cls(
            episode=np.asarray(episode, np.int64),
            step=np.asarray(step, np.int64),
            continuous=action[:, action_field.columns(labels=False)].astype(np.float64),
            labels=action[:, action_field.columns(labels=True)].astype(np.int64),
        )

    def subset(self, mask: NDArray[np.bool_]) -> Steps:
        """The steps where `mask` (N,) holds."""
        return Steps(episode=self.episode[mask], step=self.step[mask],
                     continuous=self.continuous[mask], labels=self.labels[mask])  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Predictions:
    """A candidate's answer for each of N steps, in raw units; None where it has no opinion.

    continuous (N, C); labels (N, G) class indices; log_probabilities: per label part (N, S), whose
    exponentials sum to 1.
    """

    continuous: Floats | None = None
    labels: Ints | None = None
    log_probabilities: tuple[Floats, ...] | None = None

    def subset(self, mask: NDArray[np.bool_]) -> Predictions:
        """The answers where `mask` (N,) holds."""
        logs = self.log_probabilities
        return Predictions(
            continuous=None if self.continuous is None else self.continuous[mask],
            labels=None if self.labels is None else self.labels[mask],
            log_probabilities=None if logs is None else tuple(row[mask] for row in logs),
        )


def continuous_parts(field: Field) -> dict[str, tuple[Part, slice]]:
    """The used parts that are no labels: name -> part and its columns among the continuous ones."""
    out, start = {}, 0
    for part in field.parts:
        if part.used and not part.classes:
            out[part.name] = part, slice(start, start + part.size)
            start += part.size
    return out


def to_columns(
    field: Field, steps: Steps, predictions: Predictions, instructions: Sequence[str]
) -> dict[str, Any]:
    """One column a quantity: episode, step, instruction, then truth and prediction by part."""
    columns: dict[str, Any] = {
        "episode": steps.episode, "step": steps.step, "instruction": list(instructions),
    }  # fmt: skip
    for name, (_, where) in continuous_parts(field).items():
        for i, column in enumerate(range(where.start, where.stop)):
            columns[f"truth.{name}.{i}"] = steps.continuous[:, column]
            if predictions.continuous is not None:
                columns[f"predicted.{name}.{i}"] = predictions.continuous[:, column]
    for g, part in enumerate(field.labels):
        names = np.array(part.classes, object)
        columns[f"truth.{part.name}"] = names[steps.labels[:, g]]
        if predictions.labels is not None:
            columns[f"predicted.{part.name}"] = names[predictions.labels[:, g]]
        if predictions.log_probabilities is not None:
            logs = predictions.log_probabilities[g]
            for i, label in enumerate(part.classes):
                columns[f"log_probability.{part.name}.{label}"] = logs[:, i]
    return columns


def export(
    folder: Path, name: str, spec: Spec, steps: Steps, predictions: Predictions,
    instructions: Sequence[str],
) -> list[Path]:  # fmt: skip
    """Write `<folder>/<name>.parquet` and `.csv`, one row a step; both whole or not at all."""
    import pyarrow
    import pyarrow.csv
    import pyarrow.parquet

    table = pyarrow.table(to_columns(spec.action, steps, predictions, instructions))
    table = table.replace_schema_metadata({"bydemo.spec": json.dumps(spec.to_json())})
    paths = [folder / f"{name}.parquet", folder / f"{name}.csv"]
    parts = [path.with_name(f".{path.name}.part") for path in paths]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        pyarrow.parquet.write_table(table, parts[0], write_page_checksum=True)
        pyarrow.csv.write_csv(table, parts[1])
        for part, path in zip(parts, paths, strict=True):
            part.replace(path)
    except OSError as error:
        for part in parts:
            part.unlink(missing_ok=True)
        raise StorageError(f"{folder}: predictions could not be written: {error}") from error
    return paths


def read_export(path: Path) -> tuple[Spec, Steps, Predictions]:
    """The way back from the parquet file, exact."""
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.read_table(path, page_checksum_verification=True)
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except (OSError, pyarrow.ArrowException) as error:
        raise InputError(f"cannot be read as parquet: {error}", path=path) from error
    stored = (table.schema.metadata or {}).get(b"bydemo.spec")
    if stored is None:
        raise InputError("is not an export of predictions", path=path, field="bydemo.spec")
    spec = Spec.from_json(json.loads(stored))
    columns = {n: table.column(n).to_numpy() for n in table.column_names}
    steps = Steps(
        episode=columns["episode"], step=columns["step"],
        continuous=_numbers(spec.action, columns, "truth"),
        labels=_classes(spec.action, columns, "truth"),
    )  # fmt: skip
    has_numbers = any(n.startswith("predicted.") and columns[n].dtype.kind == "f" for n in columns)
    has_labels = all(f"predicted.{p.name}" in columns for p in spec.action.labels)
    return (
        spec,
        steps,
        Predictions(
            continuous=_numbers(spec.action, columns, "predicted") if has_numbers else None,
            labels=_classes(spec.action, columns, "predicted") if has_labels else None,
            log_probabilities=_log_probabilities(spec.action, columns),
        ),
    )


def _numbers(field: Field, columns: dict[str, Any], whose: str) -> Floats:
    chosen = [columns[f"{whose}.{name}.{i}"] for name, (part, _) in continuous_parts(field).items()
              for i in range(part.size)]  # fmt: skip
    rows = len(columns["episode"])
    return np.stack(chosen, axis=1).astype(np.float64) if chosen else np.zeros((rows, 0))


def _classes(field: Field, columns: dict[str, Any], whose: str) -> Ints:
    rows = len(columns["episode"])
    out = np.zeros((rows, len(field.labels)), np.int64)
    for g, part in enumerate(field.labels):
        index = {label: i for i, label in enumerate(part.classes)}
        out[:, g] = [index[label] for label in columns[f"{whose}.{part.name}"]]
    return out


def _log_probabilities(field: Field, columns: dict[str, Any]) -> tuple[Floats, ...] | None:
    names = [[f"log_probability.{p.name}.{c}" for c in p.classes] for p in field.labels]
    if not names or any(n not in columns for row in names for n in row):
        return None
    return tuple(np.stack([columns[n] for n in row], axis=1).astype(np.float64) for row in names)
