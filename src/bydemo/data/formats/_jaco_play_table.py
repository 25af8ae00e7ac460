"""`transition_df.csv` of Jaco Play: which rows of the HDF5 belong to which episode."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from bydemo.core.errors import InputError

TABLE: Final = "transition_df.csv"
EPISODE, LENGTH, STEP, TERMINAL = "episode", "episode_length", "step", "terminal"
INDEX_NAMES: Final = ("", "index", "Unnamed: 0")
"""How the first column is headed if it holds the row in the HDF5; otherwise rows count from 0."""


@dataclass(frozen=True, kw_only=True, eq=False)
class TableEpisode:
    """One episode: its id, the length stated for it, and its rows in the HDF5, (T,) rising."""

    id: int
    stated_length: int
    rows: NDArray[np.int64]

    def runs(self, longest: int) -> list[tuple[int, int]]:
        """The rows as unbroken ranges (start, stop), none longer than `longest`."""
        borders = np.flatnonzero(np.diff(self.rows) != 1) + 1
        pieces = [p for run in np.split(self.rows, borders)
                  for p in np.split(run, range(longest, len(run), longest))]  # fmt: skip
        return [(int(p[0]), int(p[-1]) + 1) for p in pieces]


def read_table(path: Path) -> list[TableEpisode]:
    """All episodes in order of first appearance; InputError names the column and line."""
    table = _read_csv(path)
    missing = [n for n in (EPISODE, LENGTH) if n not in table.columns]
    if missing:
        raise InputError(
            f"no such column; there are {', '.join(map(str, table.columns))}",
            path=path, field=missing[0],
        )  # fmt: skip
    if len(table) == 0:
        raise InputError("holds no rows", path=path)
    first = str(table.columns[0])
    indexed = first in INDEX_NAMES
    rows = _whole(table[first], path, first) if indexed else np.arange(len(table), dtype=np.int64)
    _require_unique(rows, path, first)
    ids, lengths = _whole(table[EPISODE], path, EPISODE), _whole(table[LENGTH], path, LENGTH)
    episodes = []
    for number in pd.unique(ids):
        mine = np.flatnonzero(ids == number)
        if (lengths[mine] != lengths[mine[0]]).any():
            raise InputError(f"differs within episode {number}", path=path, field=LENGTH)
        falls = np.flatnonzero(np.diff(rows[mine]) <= 0)
        if len(falls):
            raise InputError(
                f"line {mine[falls[0] + 1] + 2}: goes back within episode {number}",
                path=path, field=first,
            )  # fmt: skip
        episodes.append(
            TableEpisode(id=int(number), stated_length=int(lengths[mine[0]]), rows=rows[mine])
        )
    return episodes


def _read_csv(path: Path) -> pd.DataFrame:
    try:
        return pd.read_csv(path, low_memory=False)
    except FileNotFoundError as error:
        raise InputError("no such file", path=path) from error
    except pd.errors.EmptyDataError as error:
        raise InputError("is empty", path=path) from error
    except (OSError, UnicodeDecodeError, pd.errors.ParserError) as error:
        raise InputError(f"cannot be read as CSV: {error}", path=path) from error


def _whole(column: pd.Series[Any], path: Path, name: str) -> NDArray[np.int64]:
    values = pd.to_numeric(column, errors="coerce").to_numpy(np.float64)
    wrong = ~np.isfinite(values) | (values < 0) | (values != np.floor(values))
    if wrong.any():
        line = int(np.argmax(wrong))
        raise InputError(
            f"line {line + 2}: is '{column.iloc[line]}', expected a whole number of 0 or more",
            path=path, field=name or "index",
        )  # fmt: skip
    return values.astype(np.int64)


def _require_unique(rows: NDArray[np.int64], path: Path, name: str) -> None:
    values, counts = np.unique(rows, return_counts=True)
    if (counts > 1).any():
        raise InputError(
            f"row {values[int(np.argmax(counts > 1))]} appears twice", path=path, field=name
        )
