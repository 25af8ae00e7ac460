"""Rows of a LeRobot recording: one episode's columns as checked numpy arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from bydemo.core.errors import InputError
from bydemo.data.formats._lerobot_layout import EpisodeFiles, Feature, read_parquet


class EpisodeTables:
    """Hands out episodes' rows; keeps the last file, for those that hold many episodes."""

    def __init__(self, columns: Sequence[str]) -> None:
        self.columns = list(columns)
        self._path: Path | None = None
        self._table: pa.Table | None = None

    def rows(self, episode: EpisodeFiles) -> pa.Table:
        """The episode's rows in order; checks their number and their numbering."""
        if episode.table != self._path:
            self._table = read_parquet(episode.table, [*self.columns, *_NUMBERING])
            self._path = episode.table
        assert self._table is not None
        rows = self._table.filter(pc.equal(self._table["episode_index"], episode.index))
        if len(rows) != episode.length:
            raise InputError(
                f"episode {episode.index}: {len(rows)} rows, meta/ says {episode.length}",
                path=episode.table,
                field="episode_index",
            )
        if episode.length == 0:
            raise InputError(f"episode {episode.index} is empty", path=episode.table)
        frames = numeric(rows, Feature(key="frame_index", dtype="int64", shape=(1,), names=()),
                         episode)[:, 0]  # fmt: skip
        wrong = frames != np.arange(len(rows))
        if wrong.any():
            row = int(np.argmax(wrong))
            raise InputError(f"episode {episode.index}: row {row} is numbered {frames[row]:g}",
                             path=episode.table, field="frame_index")  # fmt: skip
        return rows


_NUMBERING = ("episode_index", "frame_index")


def numeric(rows: pa.Table, feature: Feature, episode: EpisodeFiles) -> NDArray[np.float64]:
    """A numeric column as (T, D) float64; every value must be there and finite."""
    column = rows[feature.key].combine_chunks()
    width = feature.width
    where = f"episode {episode.index}"
    try:
        while pa.types.is_nested(column.type):
            widths = pc.list_value_length(column).to_numpy(zero_copy_only=False)
            uneven = np.isnan(widths.astype(np.float64)) | (widths != widths[0])
            if uneven.any():
                row = int(np.argmax(uneven))
                raise InputError(
                    f"{where}: row {row} is {widths[row]} wide, row 0 is {widths[0]} wide",
                    path=episode.table,
                    field=feature.key,
                )
            column = column.flatten()
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    except (pa.ArrowException, AttributeError, ValueError) as error:
        raise InputError(f"{where}: {column.type} is not numeric", path=episode.table,
                         field=feature.key) from error  # fmt: skip
    if len(values) != len(rows) * width:
        found = len(values) / max(len(rows), 1)
        raise InputError(f"{where}: rows are {found:g} wide, meta/info.json says {width}",
                         path=episode.table, field=feature.key)  # fmt: skip
    table: NDArray[np.float64] = np.asarray(values, np.float64).reshape(len(rows), width)
    finite = np.isfinite(table)
    if not finite.all():
        row, component = (int(i) for i in np.argwhere(~finite)[0])
        raise InputError(f"{where}: is {table[row, component]} at row {row}, component {component}",
                         path=episode.table, field=feature.key)  # fmt: skip
    return table


def instruction(
    rows: pa.Table, tasks: Mapping[int, str], episode: EpisodeFiles
) -> tuple[str, tuple[str, ...]]:
    """The words of the episode's first task, and all its tasks in order of appearance."""
    listed = episode.tasks
    if not listed and "task_index" in rows.column_names:
        numbers: list[Any] = pc.unique(rows["task_index"]).to_pylist()
        unknown = [n for n in numbers if n not in tasks]
        if unknown:
            raise InputError(f"episode {episode.index}: task {unknown[0]} is not in meta/tasks",
                             path=episode.table, field="task_index")  # fmt: skip
        listed = tuple(tasks[n] for n in numbers)
    return (listed[0] if listed else ""), listed
