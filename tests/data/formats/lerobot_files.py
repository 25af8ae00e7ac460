"""Writes tiny LeRobot recordings, with every way to damage them that the tests need."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

CAMERA = "observation.images.wrist"
RATE = 10


def frames(episode: int, steps: int, height: int = 48, width: int = 64) -> np.ndarray:
    """(T, H, W, 3) uint8: flat pictures; red says which step, green which episode."""
    out = np.zeros((steps, height, width, 3), np.uint8)
    out[..., 0] = (20 + 12 * np.arange(steps))[:, None, None]
    out[..., 1] = 60 + 40 * episode
    return out


def columns(episode: int, steps: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """State (T, 3), action (T, 3) whose last component is -1 or 1, and an uneven clock [s]."""
    state = np.cumsum(rng.normal(size=(steps, 3)), axis=0).astype(np.float32)
    action = rng.normal(size=(steps, 3)).astype(np.float32)
    action[:, 2] = np.where(np.arange(steps) < steps // 2, -1, 1)
    interval = rng.uniform(0.05, 0.35, steps)
    return {
        "observation.state": state,
        "action": action,
        "timestamp": np.cumsum(interval).astype(np.float32),
        "frame_index": np.arange(steps),
        "episode_index": np.full(steps, episode),
        "task_index": np.zeros(steps, np.int64),
    }


def write_video(path: Path, images: Sequence[np.ndarray], codec: str = "libx264") -> None:
    """An mp4 with the index in front, as recorders that stream write it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = "yuv420p"
        stream.options = {"g": "2", "crf": "18"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def png(image: np.ndarray) -> bytes:
    """One picture as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def table(data: dict[str, np.ndarray], pictures: Sequence[np.ndarray] = ()) -> pa.Table:
    """The columns as parquet keeps them; `pictures` go into the table as PNG."""
    made = {k: pa.array(list(v) if v.ndim == 2 else v) for k, v in data.items()}
    if len(pictures):
        made[CAMERA] = pa.array([{"bytes": png(p), "path": None} for p in pictures])
    return pa.table(made)


def write_recording(
    root: Path,
    lengths: Sequence[int] = (12, 9),
    *,
    codec: str = "libx264",
    in_table: bool = False,
    frame_counts: Sequence[int] | None = None,
    change: Callable[[int, dict[str, np.ndarray]], None] = lambda episode, data: None,
    features: dict[str, Any] | None = None,
) -> Path:
    """A whole v2.1 recording; `change` alters an episode's columns before they are written."""
    rng = np.random.default_rng(0)
    for episode, steps in enumerate(lengths):
        data = columns(episode, steps, rng)
        change(episode, data)
        images = frames(episode, (frame_counts or lengths)[episode])
        path = root / f"data/chunk-000/episode_{episode:06d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(table(data, images if in_table else ()), path)
        if not in_table:
            write_video(video_path(root, episode), images, codec)
    kind = "image" if in_table else "video"
    write_info(root, "v2.1", kind, features or {}, len(lengths), {
        "data_path": "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet",
        "video_path":
            "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4",
        "chunks_size": 1000,
    })  # fmt: skip
    rows = [{"episode_index": i, "tasks": ["stack the blocks"], "length": n}
            for i, n in enumerate(lengths)]  # fmt: skip
    write_lines(root / "meta/episodes.jsonl", rows)
    write_lines(root / "meta/tasks.jsonl", [{"task_index": 0, "task": "stack the blocks"}])
    return root


def write_packed_recording(root: Path, lengths: Sequence[int] = (12, 9, 7)) -> Path:
    """The same as v3.0: all episodes in one table and one video."""
    rng = np.random.default_rng(0)
    tables, images = [], []
    for episode, steps in enumerate(lengths):
        data = columns(episode, steps, rng)
        data["timestamp"] = (np.arange(steps) / RATE).astype(np.float32)
        tables.append(table(data))
        images += list(frames(episode, steps))
    path = root / "data/chunk-000/file-000.parquet"
    path.parent.mkdir(parents=True)
    pq.write_table(pa.concat_tables(tables), path)
    write_video(root / f"videos/{CAMERA}/chunk-000/file-000.mp4", images)
    write_info(root, "v3.0", "video", {}, len(lengths), {
        "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
        "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
    })  # fmt: skip
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
    return root


def write_info(
    root: Path, version: str, kind: str, extra: dict[str, Any], episodes: int, paths: dict[str, Any]
) -> None:
    """`meta/info.json` for the camera, state and action above."""
    names = ["joint_0", "joint_1", "joint_2"]
    info = {
        "codebase_version": version, "robot_type": "toy", "fps": RATE, "total_episodes": episodes,
        "features": {
            "observation.state": {"dtype": "float32", "shape": [3], "names": names},
            CAMERA: {"dtype": kind, "shape": [48, 64, 3], "names": ["height", "width", "channel"]},
            "action": {"dtype": "float32", "shape": [3],
                       "names": {"motors": ["joint_0_vel", "joint_1_vel", "gripper"]}},
            "timestamp": {"dtype": "float32", "shape": [1], "names": None},
            "task_index": {"dtype": "int64", "shape": [1], "names": None},
            **extra,
        },
        **paths,
    }  # fmt: skip
    (root / "meta").mkdir(parents=True, exist_ok=True)
    (root / "meta/info.json").write_text(json.dumps(info))


def edit_info(root: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Change `meta/info.json` in place."""
    path = root / "meta/info.json"
    info = json.loads(path.read_text())
    change(info)
    path.write_text(json.dumps(info))


def write_lines(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def video_path(root: Path, episode: int) -> Path:
    """Where an episode's video of the only camera lies (v2.1)."""
    return root / f"videos/chunk-000/{CAMERA}/episode_{episode:06d}.mp4"
