"""A tiny, well-formed LeRobot recording (v2.1), for trying things out and for tests."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

RATE: Final = 10
CAMERA: Final = "observation.images.wrist"
HEIGHT, WIDTH = 48, 64
STATE_NAMES: Final = ("joint_0", "joint_1", "joint_2")
ACTION_NAMES: Final = ("joint_0_vel", "joint_1_vel", "gripper")
TABLE: Final = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
VIDEO: Final = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"


def write_example(root: Path, lengths: Sequence[int] = (12, 9, 10, 11)) -> None:
    """Write one episode for each of `lengths` [steps] into the folder `root`."""
    rng = np.random.Generator(np.random.Philox(key=[0, 0]))
    for episode, steps in enumerate(lengths):
        write_table(table_path(root, episode), columns(episode, steps, rng))
        write_video(video_path(root, episode), frames(episode, steps))
    meta = root / "meta"
    meta.mkdir(parents=True)
    (meta / "info.json").write_text(json.dumps(info(len(lengths))))
    words = "stack the blocks"
    rows = [{"episode_index": i, "tasks": [words], "length": n} for i, n in enumerate(lengths)]
    write_lines(meta / "episodes.jsonl", rows)
    write_lines(meta / "tasks.jsonl", [{"task_index": 0, "task": words}])


def info(episodes: int) -> dict[str, Any]:
    """`meta/info.json` for one camera, a state and an action with a two-valued gripper."""
    number = {"shape": [1], "names": None}
    return {
        "codebase_version": "v2.1",
        "robot_type": "toy",
        "fps": RATE,
        "total_episodes": episodes,
        "chunks_size": 1000,
        "data_path": TABLE,
        "video_path": VIDEO,
        "features": {
            "observation.state": {
                "dtype": "float32", "shape": [len(STATE_NAMES)], "names": list(STATE_NAMES),
            },
            CAMERA: {
                "dtype": "video", "shape": [HEIGHT, WIDTH, 3],
                "names": ["height", "width", "channel"],
            },
            "action": {
                "dtype": "float32", "shape": [len(ACTION_NAMES)],
                "names": {"motors": list(ACTION_NAMES)},
            },
            "timestamp": {"dtype": "float32", **number},
            **{n: {"dtype": "int64", **number}
               for n in ("frame_index", "episode_index", "index", "task_index")},
        },
    }  # fmt: skip


def columns(episode: int, steps: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
    """A table's columns: state and action (T, 3), a gripper of -1 and 1, and an uneven clock."""
    action = rng.normal(size=(steps, 3)).astype(np.float32)
    action[:, 2] = np.where(np.arange(steps) < steps // 2, -1, 1)
    return {
        "observation.state": np.cumsum(rng.normal(size=(steps, 3)), axis=0).astype(np.float32),
        "action": action,
        "timestamp": np.cumsum(rng.uniform(0.05, 0.35, steps)).astype(np.float32),
        "frame_index": np.arange(steps),
        "episode_index": np.full(steps, episode),
        "index": np.arange(steps),
        "task_index": np.zeros(steps, np.int64),
    }


def frames(episode: int, steps: int) -> NDArray[np.uint8]:
    """(T, H, W, 3): flat pictures; red tells the step, green the episode."""
    out = np.zeros((steps, HEIGHT, WIDTH, 3), np.uint8)
    out[..., 0] = (20 + 12 * np.arange(steps))[:, None, None] % 256
    out[..., 1] = (60 + 40 * episode) % 256
    return out


def write_table(path: Path, data: Mapping[str, NDArray[Any] | pa.Array]) -> None:
    """One parquet file; (T, D) columns become lists."""
    path.parent.mkdir(parents=True, exist_ok=True)
    made = {
        name: pa.array(list(values)) if getattr(values, "ndim", 1) == 2 else pa.array(values)
        for name, values in data.items()
    }
    pq.write_table(pa.table(made), path)


def write_video(path: Path, images: NDArray[np.uint8], codec: str = "libx264") -> None:
    """An mp4 with its index in front, as it is published."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=RATE)
        stream.height, stream.width = images.shape[1:3]
        stream.pix_fmt = "yuv420p"
        stream.options = {"g": "2", "crf": "18"}
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        container.mux(stream.encode())


def write_lines(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """JSON lines."""
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def table_path(root: Path, episode: int) -> Path:
    """Where an episode's table lies."""
    return root / TABLE.format(episode_chunk=0, episode_index=episode)


def video_path(root: Path, episode: int) -> Path:
    """Where an episode's video of the only camera lies."""
    return root / VIDEO.format(episode_chunk=0, episode_index=episode, video_key=CAMERA)
