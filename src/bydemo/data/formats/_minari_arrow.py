"""Minari's arrow and parquet storages, read: a folder an episode, with one table of T + 1 rows.

What has only T values (actions, rewards, flags) is padded with a last row that means nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from bydemo.core.errors import InputError
from bydemo.core.results import read_json
from bydemo.data.formats._minari_episode import Array, InfoPath, StoredEpisode, plain
from bydemo.data.formats._minari_hdf5 import decode_pictures
from bydemo.data.formats._minari_spaces import Leaf, Space

METADATA: Final = "metadata.json"
_OWN_ENTRIES: Final = ("id", "total_steps")
_SHAPE: Final = b"shape"
"""Of an info's rows, which a table keeps flat."""


class ArrowReader:
    """The numbered folders of a set; every error names the file and the column."""

    def __init__(
        self, folder: Path, observations: Sequence[Leaf], action: Space, episodes: int, ending: str
    ) -> None:
        self._folder, self._leaves, self._action = folder, observations, action
        self._ending = ending
        self._last: tuple[int, pa.Table] | None = None
        found = sum(f.name.isdigit() for f in folder.iterdir() if f.is_dir())
        if found != episodes:
            raise InputError(
                f"holds {found} episodes, but the metadata states {episodes}", path=folder
            )

    def length(self, number: int) -> int:
        """Steps of an episode."""
        return int(self._table(number).num_rows) - 1

    def rewards(self, number: int) -> Array:
        """(T,) rewards of an episode, as stored."""
        return self._flags(number, "rewards")

    def infos(self, number: int) -> tuple[dict[InfoPath, Array], list[str]]:
        """An episode's infos that are numbers, and the names of those that are not."""
        table = self._table(number)
        found: dict[InfoPath, Array] = {}
        others: list[str] = []
        if "infos" in table.column_names:
            _gather(_whole(table["infos"]), (), found, others)
        return found, others

    def read(self, number: int, *, infos: bool) -> StoredEpisode:
        """An episode; without its infos if they are not wanted."""
        about = plain(read_json(self._folder / str(number) / METADATA))
        stated, steps = about.get("total_steps"), self.length(number)
        if stated is not None and stated != steps:
            raise InputError(f"states {stated} steps, but {steps} are stored",
                             path=self._folder / str(number) / METADATA)  # fmt: skip
        actions = self._column(number, "actions", Leaf(path=(), space=self._action), "actions")
        return StoredEpisode(
            observations={
                leaf.name: self._column(number, "observations", leaf, leaf.name)
                for leaf in self._leaves
            },
            actions=np.asarray(actions)[:-1],
            rewards=self.rewards(number),
            terminations=self._flags(number, "terminations"),
            truncations=self._flags(number, "truncations"),
            infos=self.infos(number)[0] if infos else {},
            about={k: v for k, v in about.items() if k not in _OWN_ENTRIES},
        )

    def close(self) -> None:
        """Nothing is kept open."""

    def _table(self, number: int) -> pa.Table:
        if self._last is None or self._last[0] != number:
            self._last = number, self._load(number)
        return self._last[1]

    def _load(self, number: int) -> pa.Table:
        folder = self._folder / str(number)
        files = sorted(folder.glob(f"part-*.{self._ending}"), key=_part)
        if not files:
            raise InputError(f"holds no part-0.{self._ending}", path=folder)
        tables = [self._read(file) for file in files]
        try:
            table = pa.concat_tables(tables)
        except pa.ArrowException as error:
            raise InputError(f"its parts do not fit together: {error}", path=folder) from error
        if table.num_rows < 2:
            raise InputError(f"holds {table.num_rows} rows, expected one more than steps",
                             path=files[0])  # fmt: skip
        return table

    def _read(self, file: Path) -> pa.Table:
        try:
            if self._ending == "parquet":
                with pq.ParquetFile(file, page_checksum_verification=True) as opened:
                    table = opened.read()
            else:
                with pa.OSFile(str(file)) as source, pa.ipc.open_file(source) as opened:
                    table = opened.read_all()
            table.validate(full=True)
        except (pa.ArrowException, OSError) as error:
            raise InputError(f"damaged: {error}", path=file) from error
        return table

    def _flags(self, number: int, name: str) -> Array:
        rows: Array = np.asarray(self._column(number, name, None, name))
        return rows[:-1]

    def _column(self, number: int, column: str, leaf: Leaf | None, name: str) -> Array | list[str]:
        table, place = self._table(number), self._folder / str(number)
        if column not in table.column_names:
            raise InputError(f"missing; the columns are {', '.join(table.column_names)}",
                             path=place, field=column)  # fmt: skip
        values = _whole(table[column])
        for key in leaf.path if leaf else ():
            if not pa.types.is_struct(values.type) or values.type.get_field_index(str(key)) < 0:
                inside = values.type.names if pa.types.is_struct(values.type) else []
                raise InputError(f"missing; there is {', '.join(inside) or 'nothing'}",
                                 path=place, field=f"{column}.{name}")  # fmt: skip
            values = values.field(str(key))
        if leaf is not None and leaf.is_text:
            return [str(text) for text in values.to_pylist()]
        if pa.types.is_binary(values.type) or pa.types.is_large_binary(values.type):
            return decode_pictures((v or b"" for v in values.to_pylist()), place, name)
        shape = getattr(leaf.space, "shape", None) if leaf else None
        found = _numbers(values, shape)
        if found is None:
            raise InputError(f"is {values.type}, expected numbers", path=place, field=name)
        return found


def _part(file: Path) -> tuple[int, str]:
    number = re.search(r"part-(\d+)", file.name)
    return int(number[1]) if number else 0, file.name


def _whole(column: pa.ChunkedArray) -> pa.Array:
    joined = column.combine_chunks()
    if isinstance(joined, pa.ChunkedArray):
        return pa.concat_arrays(joined.chunks)
    return joined


def _numbers(values: pa.Array, shape: Sequence[int] | None) -> Array | None:
    """(N, ...) of a column of numbers or of lists of one length; None for anything else."""
    rows, width = len(values), None
    if values.null_count:
        return None
    if pa.types.is_fixed_size_list(values.type):
        width = values.type.list_size
        values = values.flatten()
    elif pa.types.is_list(values.type) or pa.types.is_large_list(values.type):
        lengths = set(values.value_lengths().to_pylist())
        if len(lengths) != 1:
            return None
        width = int(lengths.pop())
        values = values.flatten()
    kind = values.type
    if values.null_count or not (
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    ):
        return None
    flat: Array = np.asarray(values.to_numpy(zero_copy_only=False))
    if width is None:
        return flat
    fits = shape is not None and int(np.prod(shape)) == width
    return flat.reshape(rows, *(shape if fits and shape is not None else (width,)))


def _gather(
    values: pa.Array, path: InfoPath, found: dict[InfoPath, Array], others: list[str]
) -> None:
    for index, field in enumerate(values.type):
        inner, column = (*path, field.name), values.field(index)
        if pa.types.is_struct(field.type):
            _gather(column, inner, found, others)
            continue
        text = (field.metadata or {}).get(_SHAPE)
        shape = None if text is None else [int(n) for n in text.split(b",") if n.isdigit()]
        rows = _numbers(column, shape)
        if rows is None:
            others.append(".".join(inner))
        else:
            found[inner] = rows
