"""Variants of the tiny LeRobot recording, with every way to damage them that the tests need."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from bydemo.data.formats._lerobot_example import (
    CAMERA,
    RATE,
    columns,
    frames,
    info,
    table_path,
    video_path,
    write_example,
    write_table,
    write_video,
)

Columns = dict[str, np.ndarray]


def write_recording(
    root: Path,
    lengths: Sequence[int] = (12, 9),
    *,
    codec: str = "libx264",
    in_table: bool = False,
    frame_counts: Sequence[int] | None = None,
    change: Callable[[int, Columns], None] = lambda episode, data: None,
    features: dict[str, Any] | None = None,
) -> Path:
    """A whole v2.1 recording; `change` alters an episode's columns before they are written."""
    write_example(root, lengths)
    rng = np.random.default_rng(0)
    for episode, steps in enumerate(lengths):
        data: dict[str, Any] = columns(episode, steps, rng)
        change(episode, data)
        images = frames(episode, (frame_counts or lengths)[episode])
        if in_table:
            data[CAMERA] = pa.array([{"bytes": png(p), "path": None} for p in images])
            video_path(root, episode).unlink()
        else:
            write_video(video_path(root, episode), images, codec)
        write_table(table_path(root, episode), data)
    kind = "image" if in_table else "video"
    edit_info(root, lambda i: i["features"][CAMERA].update(dtype=kind))
    edit_info(root, lambda i: i["features"].update(features or {}))
    return root


def write_packed_recording(root: Path, lengths: Sequence[int] = (12, 9, 7)) -> Path:
    """The same as v3.0: all episodes in one table and one video."""
    rng = np.random.default_rng(0)
    every = [columns(episode, steps, rng) for episode, steps in enumerate(lengths)]
    for data in every:
        data["timestamp"] = (np.arange(len(data["action"])) / RATE).astype(np.float32)
    joined = {k: np.concatenate([data[k] for data in every]) for k in every[0]}
    write_table(root / "data/chunk-000/file-000.parquet", joined)
    images = np.concatenate([frames(episode, steps) for episode, steps in enumerate(lengths)])
    write_video(root / f"videos/{CAMERA}/chunk-000/file-000.mp4", images)
    starts = np.cumsum([0, *lengths])
    rows = [
        {
            "episode_index": i, "tasks": ["stack the blocks"], "length": n,
            "data/chunk_index": 0, "data/file_index": 0,
            f"videos/{CAMERA}/chunk_index": 0, f"videos/{CAMERA}/file_index": 0,
            f"videos/{CAMERA}/from_timestamp": starts[i] / RATE,
            f"videos/{CAMERA}/to_timestamp": starts[i + 1] / RATE,
        }
        for i, n in enumerate(lengths)
    ]  # fmt: skip
    folder = root / "meta/episodes/chunk-000"
    folder.mkdir(parents=True)
    pq.write_table(pa.Table.from_pylist(rows), folder / "file-000.parquet")
    paths = {
        "codebase_version": "v3.0",
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    }
    (root / "meta/info.json").write_text(json.dumps(info(len(lengths)) | paths))
    return root


def edit_info(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change `meta/info.json` in place."""
    path = root / "meta/info.json"
    stated = json.loads(path.read_text())
    change(stated)
    path.write_text(json.dumps(stated))


def png(image: np.ndarray) -> bytes:
    """One picture as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()
