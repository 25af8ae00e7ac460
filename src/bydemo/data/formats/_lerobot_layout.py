"""Where a LeRobot recording keeps what: its `meta/` folder, read and checked, v2 and v3 alike.

v2.x has one parquet file and one video per camera for each episode; v3.0 packs many episodes into
each file and says in `meta/episodes/` where every one begins. Both become `EpisodeFiles`.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from bydemo.core.errors import InputError
from bydemo.core.results import read_json


@dataclass(frozen=True, kw_only=True)
class VideoSpan:
    """One episode's stretch of a video file, in the file's own seconds; `stop` None: to its end."""

    path: Path
    start: float = 0.0
    stop: float | None = None


@dataclass(frozen=True, kw_only=True)
class EpisodeFiles:
    """One episode: its number, number of rows, tasks, and the files that hold it."""

    index: int
    length: int
    tasks: tuple[str, ...]
    table: Path
    videos: Mapping[str, VideoSpan]


@dataclass(frozen=True, kw_only=True)
class Feature:
    """One entry of `features` in `meta/info.json`: dtype as published, shape, component names."""

    key: str
    dtype: str
    shape: tuple[int, ...]
    names: tuple[str, ...]
    depth: bool = False

    @property
    def is_camera(self) -> bool:
        """A colour picture, from a video or stored in the table."""
        return self.dtype in ("video", "image") and not self.depth

    @property
    def width(self) -> int:
        """Components of a numeric feature, all axes flattened."""
        return math.prod(self.shape)

    @property
    def pixels(self) -> tuple[int, int]:
        """(height, width) of a camera; published as (H, W, C) or as (C, H, W)."""
        if len(self.shape) != 3:
            raise InputError(f"the shape is {self.shape}, expected (H, W, C)",
                             field=f"features.{self.key}")  # fmt: skip
        first = self.names[:1] in ((), ("height",)) and self.shape[2] in (1, 3)
        return self.shape[:2] if first or self.shape[0] not in (1, 3) else self.shape[1:]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """A recording's `meta/`, understood: features by key, and the files of each episode."""

    root: Path
    version: str
    robot: str
    rate: float
    features: Mapping[str, Feature]
    episodes: tuple[EpisodeFiles, ...]


def read_layout(root: Path) -> Layout:
    """Read `meta/`; InputError names the file and field that is missing or malformed."""
    path = root / "meta" / "info.json"
    if not path.is_file():
        raise InputError("missing: this is not a LeRobot recording", path=path)
    info = read_json(path)
    version = str(_need(info, "codebase_version", path))
    if not version.startswith(("v2", "v3")):
        raise InputError(f"is {version!r}; readable are v2.0, v2.1 and v3.0", path=path,
                         field="codebase_version")  # fmt: skip
    features = {k: _feature(k, v, path) for k, v in _mapping(info, "features", path).items()}
    cameras = [k for k, f in features.items() if f.dtype == "video" and f.is_camera]
    packed = version.startswith("v3")
    files = _packed_episodes(root, info, cameras) if packed else _episodes(root, info, cameras)
    episodes = tuple(sorted(files, key=lambda e: e.index))
    if not episodes:
        raise InputError("there is no episode", path=root / "meta", field="episodes")
    stated = info.get("total_episodes")
    if isinstance(stated, int) and stated != len(episodes):
        raise InputError(f"{stated} are stated, {len(episodes)} are listed", path=path,
                         field="total_episodes")  # fmt: skip
    rate = _need(info, "fps", path)
    if not isinstance(rate, (int, float)) or not rate > 0:
        raise InputError(f"is {rate!r}, expected a positive number [Hz]", path=path, field="fps")
    return Layout(
        root=root,
        version=version,
        robot=str(info.get("robot_type") or "unknown"),
        rate=float(rate),
        features=features,
        episodes=episodes,
    )


def read_parquet(path: Path, columns: list[str] | None = None) -> pa.Table:
    """A parquet file's columns, page checksums verified where the file has them."""
    if not path.is_file():
        raise InputError("missing", path=path)
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            absent = sorted(set(columns or []) - set(file.schema_arrow.names))
            if absent:
                present = ", ".join(file.schema_arrow.names)
                raise InputError(f"missing; the columns are {present}", path=path, field=absent[0])
            return file.read(columns)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"damaged: {error}", path=path) from error


def _episodes(root: Path, info: Mapping[str, Any], cameras: list[str]) -> Iterator[EpisodeFiles]:
    """v2: `meta/episodes.jsonl`, one file a thing."""
    path = root / "meta" / "episodes.jsonl"
    info_path = root / "meta" / "info.json"
    table = str(_need(info, "data_path", info_path))
    video = str(_need(info, "video_path", info_path)) if cameras else ""
    size = int(info.get("chunks_size") or 1000)
    for row in _json_lines(path):
        index = _integer(row, "episode_index", path)
        names = {"episode_index": index, "episode_chunk": index // size}
        yield EpisodeFiles(
            index=index,
            length=_integer(row, "length", path),
            tasks=tuple(str(t) for t in row.get("tasks", ())),
            table=_inside(root, table, names, "data_path"),
            videos={
                key: VideoSpan(path=_inside(root, video, names | {"video_key": key}, "video_path"))
                for key in cameras
            },
        )


def _packed_episodes(
    root: Path, info: Mapping[str, Any], cameras: list[str]
) -> Iterator[EpisodeFiles]:
    """v3: the tables under `meta/episodes/` say which file holds each episode, and from where."""
    folder = root / "meta" / "episodes"
    info_path = root / "meta" / "info.json"
    table = str(_need(info, "data_path", info_path))
    video = str(_need(info, "video_path", info_path)) if cameras else ""
    found = sorted(folder.glob("*/*.parquet"))
    if not found:
        raise InputError("holds no */*.parquet", path=folder)
    wanted = ["episode_index", "length", "tasks", "data/chunk_index", "data/file_index"]
    parts = ("chunk_index", "file_index", "from_timestamp", "to_timestamp")
    wanted += [f"videos/{key}/{part}" for key in cameras for part in parts]
    for path in found:
        for row in read_parquet(path, wanted).to_pylist():
            spans = {}
            for key in cameras:
                chunk, file, start, stop = (row[f"videos/{key}/{part}"] for part in parts)
                names = {"video_key": key, "chunk_index": chunk, "file_index": file}
                file_path = _inside(root, video, names, "video_path")
                spans[key] = VideoSpan(path=file_path, start=float(start), stop=float(stop))
            names = {"chunk_index": row["data/chunk_index"], "file_index": row["data/file_index"]}
            yield EpisodeFiles(
                index=int(row["episode_index"]),
                length=int(row["length"]),
                tasks=tuple(row["tasks"] or ()),
                table=_inside(root, table, names, "data_path"),
                videos=spans,
            )


def _inside(root: Path, template: str, names: Mapping[str, Any], field: str) -> Path:
    """A path from the recording's own template, refused if it leads out of the recording.

    Only `{name}` and `{name:03d}` are understood, so that a hostile template does nothing. Links
    may point elsewhere: download caches are made of them.
    """

    def filled(match: re.Match[str]) -> str:
        value = names.get(match[1])
        return match[0] if value is None else str(value).zfill(int(match[2] or 0))

    path = re.sub(r"\{(\w+)(?::0?(\d{1,2})d)?\}", filled, template)
    info = root / "meta" / "info.json"
    if "{" in path:
        known = ", ".join(names)
        raise InputError(f"{template!r} cannot be filled in; known are {known}",
                         path=info, field=field)  # fmt: skip
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise InputError(f"{template!r} leads out of the recording", path=info, field=field)
    return root / path


def _feature(key: str, data: Any, path: Path) -> Feature:
    try:
        shape = tuple(int(n) for n in data["shape"])
        dtype = str(data["dtype"])
        details = data.get("info") or data.get("video_info") or {}
        names = tuple(_flat_names(data.get("names")))
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"malformed: {error!r}", path=path, field=f"features.{key}") from error
    depth = bool(details.get("video.is_depth_map", details.get("is_depth_map", False)))
    return Feature(key=key, dtype=dtype, shape=shape, names=names, depth=depth)


def _flat_names(names: Any) -> list[str]:
    """Names come as a list, as {"motors": [...]}, as {"name": position}, or not at all."""
    if names is None:
        return []
    if isinstance(names, Mapping):
        if all(isinstance(v, int) for v in names.values()):
            return [str(k) for k in sorted(names, key=lambda k: names[k])]
        return [n for v in names.values() for n in _flat_names(v)]
    if isinstance(names, (list, tuple)):
        return [n for v in names for n in _flat_names(v)]
    return [str(names)]


def _json_lines(path: Path) -> Iterator[dict[str, Any]]:
    if not path.is_file():
        raise InputError("missing", path=path)
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputError(f"is not UTF-8: {error}", path=path) from error
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except json.JSONDecodeError as error:
            raise InputError(f"line {number} is not JSON: {error}", path=path) from error
        if not isinstance(row, dict):
            raise InputError(f"line {number} is not a JSON object", path=path)
        yield row


def read_tasks(root: Path) -> dict[int, str]:
    """Task number -> its words, from `meta/tasks.jsonl` (v2) or `meta/tasks.parquet` (v3)."""
    lines, table = root / "meta" / "tasks.jsonl", root / "meta" / "tasks.parquet"
    if lines.is_file():
        return {
            _integer(r, "task_index", lines): str(r.get("task", "")) for r in _json_lines(lines)
        }
    if table.is_file():
        rows = read_parquet(table).to_pylist()
        words = [next((str(v) for v in r.values() if isinstance(v, str)), "") for r in rows]
        return {_integer(r, "task_index", table): w for r, w in zip(rows, words, strict=True)}
    return {}


def _need(data: Mapping[str, Any], name: str, path: Path) -> Any:
    if data.get(name) is None:
        raise InputError("missing", path=path, field=name)
    return data[name]


def _mapping(data: Mapping[str, Any], name: str, path: Path) -> Mapping[str, Any]:
    value = _need(data, name, path)
    if not isinstance(value, Mapping) or not value:
        raise InputError("is not a JSON object with entries", path=path, field=name)
    return value


def _integer(row: Mapping[str, Any], name: str, path: Path) -> int:
    value = row.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise InputError(f"is {value!r}, expected a whole number", path=path, field=name)
    return value
