"""Minari's HDF5 storage: one file, a group an episode; read and written with h5py alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import h5py
import numpy as np
from gymnasium import spaces
from PIL import Image

from bydemo.core.errors import InputError, StorageError
from bydemo.data.formats._minari_episode import (
    Array,
    InfoPath,
    StoredEpisode,
    as_attribute,
    flat,
    nested,
    plain,
)
from bydemo.data.formats._minari_spaces import Leaf
from bydemo.data.whole import unwritten

FILE: Final = "main_data.hdf5"
_OWN_ATTRIBUTES: Final = ("id", "total_steps")
T = TypeVar("T")


class Hdf5Reader:
    """`main_data.hdf5`, opened; every error names the file and the entry."""

    def __init__(self, folder: Path, observations: Sequence[Leaf], episodes: int) -> None:
        self.path = folder / FILE
        self._leaves = observations
        if not self.path.is_file():
            raise InputError("no such file", path=self.path)
        try:
            self._file = h5py.File(self.path, "r")
        except BlockingIOError as error:
            raise StorageError(f"{self.path}: another process is writing it") from error
        except OSError as error:
            raise InputError(f"cannot be read as HDF5: {error}", path=self.path) from error
        found = _guarded(self.path, "", lambda: [k for k in self._file if k.startswith("episode_")])
        if len(found) != episodes:
            self.close()
            raise InputError(
                f"holds {len(found)} episodes, but the metadata states {episodes}", path=self.path
            )

    def length(self, number: int) -> int:
        """Steps of an episode."""
        shape = self._dataset(f"{_group(number)}/rewards").shape
        if not shape:
            raise InputError("is one number, expected one a step", path=self.path,
                             field=f"{_group(number)}/rewards")  # fmt: skip
        return int(shape[0])

    def rewards(self, number: int) -> Array:
        """(T,) rewards of an episode, as stored."""
        return self._numbers(f"{_group(number)}/rewards")

    def infos(self, number: int) -> tuple[dict[InfoPath, Array], list[str]]:
        """An episode's infos that are numbers, and the names of those that are not."""
        name = f"{_group(number)}/infos"
        group = self._entry(name)
        found: dict[InfoPath, Array] = {}
        others: list[str] = []
        if isinstance(group, h5py.Group):
            self._gather(name, (), found, others)
        return found, others

    def read(self, number: int, *, infos: bool) -> StoredEpisode:
        """An episode; without its infos if they are not wanted."""
        group = _group(number)
        attributes = _guarded(self.path, group, lambda: dict(self._file[group].attrs))
        about = nested({k: plain(v) for k, v in attributes.items()})
        stated = about.get("total_steps")
        steps = self.length(number)
        if stated is not None and stated != steps:
            raise InputError(f"states {stated} steps, but holds {steps}", path=self.path,
                             field=group)  # fmt: skip
        return StoredEpisode(
            observations={leaf.name: self._leaf(group, leaf) for leaf in self._leaves},
            actions=self._numbers(f"{group}/actions"),
            rewards=self.rewards(number),
            terminations=self._numbers(f"{group}/terminations"),
            truncations=self._numbers(f"{group}/truncations"),
            infos=self.infos(number)[0] if infos else {},
            about={k: v for k, v in about.items() if k not in _OWN_ATTRIBUTES},
        )

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def _leaf(self, group: str, leaf: Leaf) -> Array | list[str]:
        keys = [f"_index_{p}" if isinstance(p, int) else p for p in leaf.path]
        name = "/".join([group, "observations", *keys])
        data = self._dataset(name)
        if leaf.is_text:
            rows = _guarded(self.path, name, lambda: data[()])
            return [r.decode("utf-8", "replace") if isinstance(r, bytes) else str(r) for r in rows]
        if _is_compressed(data, leaf):
            return _pictures(_guarded(self.path, name, lambda: data[()]), self.path, name)
        return self._numbers(name)

    def _gather(
        self, group: str, path: InfoPath, found: dict[InfoPath, Array], others: list[str]
    ) -> None:
        for key in _guarded(self.path, group, lambda: sorted(self._file[group])):
            name, inner = f"{group}/{key}", (*path, key)
            entry = self._entry(name)
            if isinstance(entry, h5py.Group):
                self._gather(name, inner, found, others)
            elif isinstance(entry, h5py.Dataset) and entry.dtype.kind in "biuf":
                found[inner] = self._numbers(name)
            else:
                others.append(".".join(inner))

    def _entry(self, name: str) -> Any:
        return _guarded(self.path, name, lambda: self._file.get(name))

    def _dataset(self, name: str) -> h5py.Dataset:
        found = self._entry(name)
        if not isinstance(found, h5py.Dataset):
            above = name.rpartition("/")[0]
            inside = self._entry(above)
            listed = ", ".join(sorted(inside)) if isinstance(inside, h5py.Group) else "nothing"
            raise InputError(f"missing; there is {listed}", path=self.path, field=name)
        return found

    def _numbers(self, name: str) -> Array:
        data = self._dataset(name)
        if data.dtype.kind not in "biuf":
            raise InputError(f"is {data.dtype}, expected numbers", path=self.path, field=name)
        return np.asarray(_guarded(self.path, name, lambda: data[()]))


class Hdf5Writer:
    """A new `main_data.hdf5` in the existing folder `folder`, with a checksum on every array."""

    def __init__(self, folder: Path, observations: Sequence[Leaf]) -> None:
        self.path = folder / FILE
        self._leaves = observations
        self._episodes = 0
        self._file = self._guarded(lambda: h5py.File(self.path, "w", track_order=True))

    def add(self, episode: StoredEpisode) -> None:
        """Append an episode."""
        self._guarded(lambda: self._add(episode))

    def close(self) -> None:
        """Finish the file."""
        self._guarded(self._file.close)

    def _add(self, episode: StoredEpisode) -> None:
        group = self._file.create_group(_group(self._episodes))
        group.attrs["id"] = self._episodes
        group.attrs["total_steps"] = len(episode)
        for key, value in flat(episode.about).items():
            group.attrs[key] = as_attribute(value)
        for leaf in self._leaves:
            keys = [f"_index_{p}" if isinstance(p, int) else p for p in leaf.path]
            _store(group, ["observations", *keys], episode.observations[leaf.name])
        for name in ("actions", "rewards", "terminations", "truncations"):
            _store(group, [name], getattr(episode, name))
        group.create_group("infos")  # Minari cannot show an episode without it
        for path, rows in episode.infos.items():
            _store(group, ["infos", *path], rows)
        self._episodes += 1

    def _guarded(self, act: Callable[[], T]) -> T:
        try:
            return act()
        except (OSError, RuntimeError) as error:
            raise unwritten(self.path, OSError(None, str(error))) from error


def _store(group: h5py.Group, keys: Iterable[str], rows: Array | list[str]) -> None:
    name = "/".join(keys)
    if isinstance(rows, list):
        group.create_dataset(name, data=rows, dtype=h5py.string_dtype("utf-8"))
        return
    # Resizable, as Minari's own are, so that steps can be appended; one chunk an episode.
    group.create_dataset(
        name, data=rows, chunks=rows.shape, maxshape=(None, *rows.shape[1:]), fletcher32=True
    )


def _is_compressed(data: h5py.Dataset, leaf: Leaf) -> bool:
    """Pictures that are JPEG files: rows of bytes instead of pixels."""
    if not isinstance(leaf.space, spaces.Box) or leaf.space.dtype != np.uint8:
        return False
    return h5py.check_vlen_dtype(data.dtype) is not None or (
        len(leaf.space.shape) in (2, 3) and len(data.shape) == 2
    )


def _pictures(rows: Iterable[Any], path: Path, name: str) -> Array:
    return decode_pictures((np.asarray(r, np.uint8).tobytes() for r in rows), path, name)


def decode_pictures(files: Iterable[bytes], path: Path, name: str) -> Array:
    """(N, H, W, ...) uint8 of N picture files; InputError names the step of a damaged one."""
    out = []
    for step, content in enumerate(files):
        try:
            with Image.open(io.BytesIO(content)) as image:
                out.append(np.asarray(image, np.uint8))
        except (OSError, ValueError, Image.DecompressionBombError) as error:
            raise InputError(f"step {step}: no picture: {error}", path=path,
                             field=name) from error  # fmt: skip
    if len({picture.shape for picture in out}) > 1:
        raise InputError("holds pictures of several sizes", path=path, field=name)
    return np.stack(out)


def _group(number: int) -> str:
    return f"episode_{number}"


def _guarded(path: Path, name: str, read: Callable[[], T]) -> T:
    try:
        return read()
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, MemoryError) as error:
        raise InputError(f"cannot be read: {error}", path=path, field=name or None) from error
