"""How a dataset lies on disk: its files, its arrays and one record an episode.

docs/dataset_layout.md shows the same with an example; `store` writes it, `source` reads it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from bydemo.core.errors import InputError
from bydemo.core.fields import Field, Spec
from bydemo.core.results import read_json, read_lines, write_json

SCHEMA: Final = "bydemo.dataset/1"
MANIFEST: Final = "manifest.json"
EPISODES: Final = "episodes.jsonl"
CACHE: Final = "cache"
"""The folder of derived files; it may be deleted at any time."""

FINAL: Final = "final."
"""Prefix of arrays that hold one row an episode instead of one a step."""


@dataclass(frozen=True, kw_only=True)
class ArrayLayout:
    """One raw C-ordered array on disk: rows of `row_shape` and little-endian `dtype`, no header."""

    name: str
    dtype: str
    row_shape: tuple[int, ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[\w.\-]+", self.name) or ".." in self.name:
            raise InputError("a field's name may hold letters, digits, _ - and .", field=self.name)

    @property
    def file(self) -> str:
        """The file's name inside the dataset's folder."""
        return f"{self.name}.bin"

    @property
    def row_bytes(self) -> int:
        """Bytes of one row."""
        return int(np.prod(self.row_shape, dtype=np.int64)) * np.dtype(self.dtype).itemsize

    @property
    def per_episode(self) -> bool:
        """Whether a row belongs to a whole episode instead of one step."""
        return self.name.startswith(FINAL)


@dataclass(frozen=True, kw_only=True)
class EpisodeRecord:
    """One finished episode: steps start..stop-1 of every array, and what is known of it as a whole.

    checksums: array name -> CRC-32 of the episode's bytes in that array.
    """

    index: int
    start: int
    length: int
    instruction: str = ""
    success: bool | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    checksums: Mapping[str, int] = field(default_factory=dict)

    @property
    def stop(self) -> int:
        """One past the last step."""
        return self.start + self.length


def arrays_of(spec: Spec, optional: Iterable[str] = ()) -> dict[str, ArrayLayout]:
    """Name -> layout of every array: those of `spec`, and of `optional` reward and final.* ones."""
    fields: dict[str, Field] = {f"observation.{n}": f for n, f in spec.observation.items()}
    fields["action"] = spec.action
    fields |= {f"annotation.{n}": f for n, f in spec.annotation.items()}
    out = {n: ArrayLayout(name=n, dtype=f.dtype, row_shape=f.shape) for n, f in fields.items()}
    for name in optional:
        if name == "reward":
            out[name] = ArrayLayout(name=name, dtype="float32", row_shape=())
        elif name.startswith(FINAL) and name.removeprefix(FINAL) in spec.observation:
            seen = spec.observation[name.removeprefix(FINAL)]
            out[name] = ArrayLayout(name=name, dtype=seen.dtype, row_shape=seen.shape)
        elif name not in out:
            raise InputError(f"no such array; there are {', '.join(out)}", field=name)
    return out


def read_manifest(path: Path) -> dict[str, Any]:
    """The manifest of the dataset in folder `path`; InputError if it is not one."""
    if not path.is_dir():
        raise InputError("no such dataset folder", path=path)
    manifest = read_json(path / MANIFEST)
    if manifest.get("schema") != SCHEMA:
        raise InputError(
            f"is '{manifest.get('schema')}', expected '{SCHEMA}'",
            path=path / MANIFEST, field="schema",
        )  # fmt: skip
    for name in ("spec", "complete"):
        if name not in manifest:
            raise InputError("missing", path=path / MANIFEST, field=name)
    return manifest


def write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest of folder `path`, whole or not at all, with a digest of itself."""
    rest = {name: value for name, value in manifest.items() if name != "digest"}
    write_json(path / MANIFEST, {**rest, "digest": digest_of(rest)})


def digest_of(manifest: Mapping[str, Any]) -> str:
    """Hexadecimal SHA-256 of a manifest's content, the digest itself left out."""
    rest = {name: value for name, value in manifest.items() if name != "digest"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def read_records(path: Path) -> tuple[EpisodeRecord, ...]:
    """All finished episodes of the dataset in folder `path`, in order, without gaps."""
    file, records, start = path / EPISODES, [], 0
    for number, row in enumerate(read_lines(file)):
        try:
            record = EpisodeRecord(**row)
            fits = (record.index, record.start) == (number, start) and record.length > 0
        except TypeError as error:
            raise InputError(f"line {number + 1}: {error}", path=file) from error
        if not fits:
            raise InputError(f"line {number + 1} does not follow on the line before", path=file)
        records.append(record)
        start = record.stop
    return tuple(records)
