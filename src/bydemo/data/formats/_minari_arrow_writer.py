"""Minari's arrow and parquet storages, written as `_minari_arrow` reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from gymnasium import spaces

from bydemo.data.formats._minari_arrow import METADATA
from bydemo.data.formats._minari_episode import Array, InfoPath, StoredEpisode
from bydemo.data.formats._minari_spaces import Leaf, Space
from bydemo.data.whole import unwritten


class ArrowWriter:
    """Numbered folders in the existing folder `folder`, as tables of `ending` arrow or parquet."""

    def __init__(self, folder: Path, observation: Space, action: Space, ending: str) -> None:
        self._folder, self._observation, self._action = folder, observation, action
        self._ending = ending
        self._episodes = 0

    def add(self, episode: StoredEpisode) -> None:
        """Append an episode."""
        columns = {
            "observations": _encode(self._observation, (), episode.observations),
            "actions": _fixed(_padded(episode.actions)),
            **{n: pa.array(_padded(getattr(episode, n).reshape(-1)))
               for n in ("rewards", "terminations", "truncations")},
        }  # fmt: skip
        if episode.infos:
            rows = len(episode) + 1
            columns["infos"] = _encode_infos(
                {p: _padded(v) if len(v) < rows else v for p, v in episode.infos.items()}
            )
        folder = self._folder / str(self._episodes)
        about = {"id": self._episodes, "total_steps": len(episode), **episode.about}
        try:
            folder.mkdir()
            self._write(folder / f"part-0.{self._ending}", pa.record_batch(columns))
            (folder / METADATA).write_text(json.dumps(about), encoding="utf-8")
        except OSError as error:
            raise unwritten(folder, error) from error
        self._episodes += 1

    def close(self) -> None:
        """Nothing is left to finish."""

    def _write(self, file: Path, batch: pa.RecordBatch) -> None:
        if self._ending == "parquet":
            table = pa.Table.from_batches([batch])
            pq.write_table(table, file, row_group_size=len(batch), write_page_checksum=True)
            return
        with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, batch.schema) as writer:
            writer.write_batch(batch)


def _padded(rows: Array) -> Array:
    return np.concatenate([rows, np.zeros_like(rows[:1])])


def _fixed(rows: Array) -> pa.Array:
    """Rows of numbers as a column: plain if they are single, else lists of one length."""
    if rows.ndim == 1:
        return pa.array(rows)
    width = int(np.prod(rows.shape[1:]))
    kind = pa.list_(pa.from_numpy_dtype(rows.dtype), width)
    return pa.FixedSizeListArray.from_arrays(pa.array(rows.reshape(-1)), type=kind)


def _encode(
    space: Space, path: tuple[str | int, ...], values: Mapping[str, Array | list[str]]
) -> pa.Array:
    inner: list[tuple[str | int, Space]] = []
    if isinstance(space, spaces.Dict):
        inner = list(space.spaces.items())
    elif isinstance(space, spaces.Tuple):
        inner = list(enumerate(space.spaces))
    if inner:
        columns = [_encode(s, (*path, key), values) for key, s in inner]
        return pa.StructArray.from_arrays(columns, names=[str(key) for key, _ in inner])
    rows = values[Leaf(path=path, space=space).name]
    return pa.array(rows) if isinstance(rows, list) else _fixed(rows)


def _encode_infos(infos: Mapping[InfoPath, Array]) -> pa.Array:
    columns, fields = [], []
    for key in dict.fromkeys(path[0] for path in infos):
        inside = {path[1:]: rows for path, rows in infos.items() if path[0] == key}
        about = None
        if () in inside:
            column = _fixed(inside[()])
            shape = inside[()].shape[1:]
            about = {"shape": ",".join(map(str, shape))} if shape else None
        else:
            column = _encode_infos(inside)
        columns.append(column)
        fields.append(pa.field(key, column.type, metadata=about))
    return pa.StructArray.from_arrays(columns, fields=fields)
